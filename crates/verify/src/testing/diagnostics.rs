//! The errors in a test and the failures that a test has found, as diagnostics.

#![deny(clippy::wildcard_enum_match_arm)]

use lockstep_base::diagnostic::suggest::{closest, or_list};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Span;
use lockstep_engine::Question;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{Failure, RunEventKind, Status};
use lockstep_lang::ir::Program;
use lockstep_plan::Plan;

use super::excluded::Excluded;
use super::expectations::{Expectation, ExpectationKind, is_not_reached};
use super::given::{GivenEffect, GivenTarget};
use super::nodes::TestNodes;
use super::pattern_suggestions;
use super::world::{TestWorld, UnansweredQuestion};

/// Why a pipeline cannot be planned with the inputs of a test.
pub(super) fn of_plan(all: Vec<Diagnostic>, program: &Program, start: Span) -> Vec<Diagnostic> {
    let input = |mistake: &Diagnostic| {
        let span = mistake.span()?;
        let found = program.globals.iter().find(|global| global.span == span)?;
        Some(found.name.clone())
    };
    let explained = |mistake: Diagnostic| {
        let named = input(&mistake).filter(|_| mistake.code == codes::MISSING_INPUT);
        let help = named.map(|name| format!("write `given {name} = …` in the test"));
        mistake.label(start, "started here").help_opt(help)
    };
    all.into_iter().map(explained).collect()
}

/// The run of a test does not end.
pub(super) fn never_ends(world: &TestWorld, pipeline: Span) -> Diagnostic {
    let diagnostic = |message: &str| Diagnostic::error(codes::TEST_NEVER_ENDS, pipeline, message);
    if world.is_endless() {
        let help = "look for a `retry` or an `ask` that repeats forever, or test a smaller part";
        return diagnostic("after a million events the run has not ended")
            .here("this pipeline")
            .help(help);
    }
    let Some(UnansweredQuestion { node, question }) = world.unanswered.first() else {
        return diagnostic("the run comes to a deadlock").here("this pipeline");
    };
    let asked = format!("`{node}` asks");
    let answers = match question {
        Question::Approve(request) if !request.yeses.is_empty() || request.missing() > 1 => {
            let missing = match request.missing() {
                1 => String::from("one more yes is"),
                more => format!("{more} more yeses are"),
            };
            let help = format!("name enough people in `given \"{node}\" approved by [...]`");
            return diagnostic("the run waits forever for an answer")
                .here(format!("{asked}, and {missing} needed"))
                .help(help);
        }
        Question::Approve(_) => "\"yes\"`, or \"no\"; or give the approval a `timeout`",
        Question::Failed { .. } => "\"retry\"`, or \"ignore\", \"rollback\", \"abort\"",
    };
    diagnostic("the run waits forever for an answer")
        .here(asked)
        .help(format!("answer it: `given \"{node}\" returns {answers}"))
}

/// The `given`s that made nothing happen.
pub(super) fn of_givens<'p>(
    world: &TestWorld,
    plan: &Plan,
    planned: &dyn Fn() -> &'p [NodePath],
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let excluded = std::cell::OnceCell::new();
    let excluded = || excluded.get_or_init(|| Excluded::of(plan));
    for (rule, used) in world.rules.iter().zip(&world.uses) {
        if let Some(why) = &used.wrong
            && !used.fits
        {
            let message = "the value of this `given` does not fit what it stands for";
            found.push(
                Diagnostic::error(codes::GIVEN_VALUE, rule.span, message).here(why.to_string()),
            );
            continue;
        }
        let is_excluded = || match &rule.what {
            GivenTarget::Command(glob) => excluded().has_command(glob),
            GivenTarget::Node(pattern) => excluded().has_node(pattern),
        };
        if used.fits || used.node.is_none() && is_excluded() {
            continue;
        }
        let unused = |message: String| Diagnostic::error(codes::GIVEN_UNUSED, rule.span, message);
        found.push(match (&rule.what, &used.node) {
            (GivenTarget::Command(glob), _) => {
                let texts = world.commands.iter().map(String::as_str);
                unused(format!("no command fits `{}`", glob.text))
                    .here("this changes nothing")
                    .help_opt(commands_near(&glob.text, texts))
            }
            (GivenTarget::Node(pattern), None)
                if planned().iter().any(|path| pattern.matches(path)) =>
            {
                unused(format!("`{}` is never reached here", pattern.as_str()))
                    .here("this changes nothing")
                    .help("no schedule of this test comes to it: give inputs that lead there")
            }
            (GivenTarget::Node(pattern), None) => {
                let known = world.nodes.paths().map(|path| &**path);
                let known = known.chain(planned().iter().map(NodePath::as_str));
                let help = pattern_suggestions::help(pattern, known);
                given_without_node(rule.span, pattern, help)
            }
            (GivenTarget::Node(_), Some(node)) => no_effect(&rule.then, node, rule.span),
        });
    }
    found
}

/// A `given` whose pattern stands for nothing.
pub(super) fn given_without_node(
    at: Span,
    pattern: &PathPattern,
    help: Option<String>,
) -> Diagnostic {
    let message = format!("no node fits `{}`", pattern.as_str());
    Diagnostic::error(codes::GIVEN_UNUSED, at, message)
        .here("this changes nothing")
        .help_opt(help)
}

/// An `expect` with a pattern that stands for nothing.
pub(super) fn expect_without_node(
    at: Span,
    pattern: &PathPattern,
    help: Option<String>,
) -> Diagnostic {
    let message = format!("no node fits `{}`", pattern.as_str());
    Diagnostic::error(codes::EXPECT_NOTHING, at, message)
        .here("nothing can be expected of it")
        .help_opt(help)
}

/// A `given` matches a node that cannot have the specified outcome.
fn no_effect(then: &GivenEffect, node: &NodePath, span: Span) -> Diagnostic {
    let diagnostic = |message: String| Diagnostic::error(codes::GIVEN_UNUSED, span, message);
    match then {
        GivenEffect::Refused => diagnostic(format!("`{node}` is not an approval"))
            .here("this changes nothing")
            .help("only an approval can be refused"),
        GivenEffect::Approved(_) => diagnostic(format!("`{node}` is not an approval"))
            .here("this changes nothing")
            .help("only an approval can be approved"),
        GivenEffect::Returns(_) => {
            diagnostic(format!("`{node}` is neither a command nor an action"))
                .here("this changes nothing")
                .help("say what a command in it returns")
        }
        GivenEffect::Fails(_) => {
            diagnostic(format!("no command runs in `{node}`, so nothing can fail"))
                .here("this changes nothing")
                .help("a node fails by a command, an action or a question in it")
        }
    }
}

/// The commands that a pattern was probably meant for.
fn commands_near<'t>(pattern: &str, texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let lines = |text: &'t str| text.trim().lines().next().unwrap_or_default();
    let texts: Vec<&str> = texts.map(lines).collect();
    let near = closest(pattern, texts.iter().copied());
    if !near.is_empty() {
        return Some(format!("did you mean {}?", or_list(&near)));
    }
    let word = pattern.split([' ', '*']).find(|word| !word.is_empty());
    let like = texts
        .iter()
        .filter(|text| word.is_some_and(|word| text.contains(word)));
    let mut like: Vec<&str> = like.copied().collect();
    like.dedup();
    like.truncate(3);
    match like.is_empty() {
        true if texts.is_empty() => Some(String::from("the pipeline starts no command")),
        true => None,
        false => Some(format!(
            "there {} {}; `*` stands for any text",
            if like.len() == 1 { "is" } else { "are" },
            or_list(&like).replace(" or ", " and ")
        )),
    }
}

/// An expectation whose pattern matches nothing in any run, or whose second pattern matches
/// something that never starts.
pub(super) fn of_expect<'p>(
    expect: &Expectation,
    nodes: &TestNodes,
    planned: &dyn Fn() -> &'p [NodePath],
) -> Option<Diagnostic> {
    let paths = match &expect.what {
        ExpectationKind::Status { path, .. } => vec![path],
        ExpectationKind::Order { first, second } => vec![first, second],
    };
    for (pattern, number) in paths {
        let in_plan = || planned().iter().any(|path| pattern.matches(path));
        if nodes.any(*number) || in_plan() {
            continue;
        }
        let known = nodes.paths().map(|path| &**path);
        let known = known.chain(planned().iter().map(NodePath::as_str));
        let help = pattern_suggestions::help(pattern, known);
        return Some(expect_without_node(expect.span, pattern, help));
    }
    match &expect.what {
        ExpectationKind::Order { second, .. } if !nodes.ever_started(second.1) => {
            let message = format!("`{}` never starts", second.0.as_str());
            Some(
                Diagnostic::error(codes::EXPECT_NOTHING, expect.span, message)
                    .here("nothing can come before it")
                    .help("write what becomes of it instead, such as `expect … skipped`"),
            )
        }
        ExpectationKind::Order { .. } | ExpectationKind::Status { .. } => None,
    }
}

/// An expectation that does not hold in the present run.
pub(super) fn broken(
    expect: &Expectation,
    nodes: &TestNodes,
    run: Option<Status>,
    events: &[(i64, RunEventKind)],
) -> Diagnostic {
    let diagnostic =
        |message: String| Diagnostic::error(codes::EXPECT_BROKEN, expect.span, message);
    match &expect.what {
        ExpectationKind::Status {
            path,
            status,
            run: is_run,
        } => {
            let wrong = |found: Option<Status>| found != Some(*status);
            let mut others = nodes.of(path.1).filter(|(_, state)| wrong(state.status));
            let Some((node, state)) = others.next() else {
                let message = format!("`{}` was never reached", path.0.as_str());
                return diagnostic(message).here(format!("expected to be `{status}`"));
            };
            let found = match run {
                Some(run) if *is_run && !is_not_reached(run) => run,
                _ => state.status.unwrap_or(Status::Pending),
            };
            let more = match others.count() {
                0 => String::new(),
                1 => String::from(", and another one is not either"),
                more => format!(", and {more} others are not either"),
            };
            let message = format!("`{node}` is `{found}`, not `{status}`{more}");
            diagnostic(message).here(why(node, found, events))
        }
        ExpectationKind::Order { first, second } => {
            let starts = nodes
                .of(second.1)
                .filter_map(|(node, it)| Some((it.first_start?, node)));
            let (start, after) = match starts.min() {
                Some((start, node)) => (start, node.to_string()),
                None => (0, second.0.as_str().to_string()),
            };
            let late = |end: Option<u32>| end.is_none_or(|end| end >= start);
            let mut late = nodes
                .of(first.1)
                .filter(|(_, it)| it.first_start.is_some() && late(it.last_end));
            match late.next() {
                None => diagnostic(format!("`{}` never started", first.0.as_str()))
                    .here(format!("but `{after}` did")),
                Some((node, state)) if state.first_start > Some(start) => {
                    diagnostic(format!("`{after}` started before `{node}`"))
                        .here("the other way round")
                }
                Some((node, _)) => {
                    diagnostic(format!("`{after}` started before `{node}` had ended"))
                        .here("one after the other")
                }
            }
        }
    }
}

/// Why a node ended as it did, in a few words.
fn why(node: &NodePath, status: Status, events: &[(i64, RunEventKind)]) -> String {
    let failures = events
        .iter()
        .rev()
        .filter_map(|(_, happened)| match happened {
            RunEventKind::NodeFinished {
                node: of,
                failure: Some(failure),
                ..
            } if of == node => Some(failure),
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::RunFinished { .. } => None,
        });
    let failures: Vec<&Failure> = failures.collect();
    match failures.first() {
        Some(failure) if failure.node == *node => failure.message.clone(),
        Some(failure) => format!("`{}` failed: {}", failure.node, failure.message),
        None if status.is_good() => String::from("nothing in it failed"),
        None if status == Status::Skipped => String::from("it never started"),
        None => String::new(),
    }
}
