//! The errors in the structure of statements: one diagnostic constructor for each.

use crate::types::errors::and_list;
use crate::types::{Parameter, Typed};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, Ident};

use super::body::StatementContext;
use super::calls::{PlaceBar, Placed};
use super::modifiers::ModifierTarget;

/// A secret that is made of something else.
pub fn secret_source(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::SECRET_SOURCE,
        at,
        "a secret comes from `env(…)`, `file(…)` or `command(…)`",
    )
    .here("none of these")
    .help(
        "write, for example, `env(\"TOKEN\")`; one that is made while running is a \
         `let NAME: secret = run \"…\"`, and a value that is not a secret a `let`",
    )
}

/// `env(name: "…")` as the source of a secret.
pub fn secret_argument_named(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::SECRET_SOURCE,
        at,
        "the arguments of a secret's source have no names",
    )
    .help("write the value alone")
}

/// A wrong number of arguments for the source of a secret.
pub fn secret_arguments(at: Span, word: &str, count: usize) -> Diagnostic {
    let wants = match word {
        "env" => "the name of one variable, and `none` where it may be missing",
        "file" => "the path of one file",
        _ => "a command and its arguments",
    };
    Diagnostic::error(
        codes::SECRET_SOURCE,
        at,
        format!("`{word}` takes {wants}, but {count} values are given"),
    )
}

/// `secret token = env("TOKEN", "abc")`
pub fn secret_default(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::SECRET_SOURCE,
        at,
        "a secret has no other default than `none`",
    )
    .here("text in the source is no secret")
    .help("with `none` the variable may be missing, and `if NAME != none` asks whether it is there")
}

/// `secret token: secret? = env("TOKEN")`
pub fn secret_never_missing(ty: Span, source: &ast::Expr) -> Diagnostic {
    let error = Diagnostic::error(
        codes::SECRET_SOURCE,
        source.span,
        "this secret is never `none`: without it, nothing runs",
    )
    .label(ty, "`none` is allowed here");
    match &source.kind {
        ast::ExprKind::Call(callee, args) if args.len() == 1 && is_env(callee) => {
            let end = Span {
                start: source.span.end - 1,
                ..source.span
            };
            let error = error.help("say that the variable may be missing: `env(\"…\", none)`");
            error.fix("add `none`", end, ", none)")
        }
        _ => error.help("write `secret`: only `env(\"…\", none)` may be missing"),
    }
}

/// `secret token: secret = env("TOKEN", none)`
pub fn secret_may_be_missing(ty: Span) -> Diagnostic {
    Diagnostic::error(
        codes::SECRET_SOURCE,
        ty,
        "this secret may be missing, and its type does not say so",
    )
    .fix("change it to `secret?`", ty, "secret?")
}

fn is_env(callee: &ast::Expr) -> bool {
    matches!(&callee.kind, ast::ExprKind::Name(name) if &*name.name == "env")
}

/// `fail "…" as cancelled`
pub fn class_of_lockstep(word: &Ident) -> Diagnostic {
    Diagnostic::error(
        codes::CLASS,
        word.span,
        format!("`fail` cannot say `{}`", word.name),
    )
    .here("a class that only Lockstep itself gives")
    .help(
        "choose one of `exit`, `signal`, `timeout`, `connection`, `authentication`, \
         `verification`, `approval`, `barrier`, `deadlock` and `failed`",
    )
}

/// `requires "kubectl >= 1.27"`
pub fn program_with_blanks(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::REQUIREMENT,
        at,
        "the name of a program has no blanks",
    )
    .here("one program is required")
    .help(
        "the version is a text of its own, and so is how to ask for it: \
               `requires \"kubectl\" \">= 1.27\" by \"kubectl version --client\"`",
    )
}

/// `requires "kubectl" "latest"`
pub fn version_rule(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error(
        codes::REQUIREMENT,
        at,
        format!("`{text}` is no rule for a version"),
    )
    .here("not understood")
    .help(
        "write a version, one of `>=`, `>`, `<=`, `<` before it, and commas between several: \
         `\">= 1.27, < 2\"`",
    )
}

/// `requires "${x}"`
pub fn value_in_requirement(at: Span) -> Diagnostic {
    Diagnostic::error(codes::REQUIREMENT, at, "what is required can hold no value")
        .here("a text with a value")
        .help("write the text out: programs are looked for before the run begins")
}

/// `queue "${run.id}"`
pub fn late_queue(at: Span) -> Diagnostic {
    let message = "a run queues before it begins, but this is only known while it runs";
    Diagnostic::error(codes::PLANNING_ONLY, at, message)
        .here("known only while the pipeline runs")
        .help("make the name of the queue from inputs")
}

/// `queue ""`
pub fn no_queue_name(at: Span) -> Diagnostic {
    Diagnostic::error(codes::QUEUE, at, "a queue needs a name")
        .here("empty")
        .help("write what its runs have in common: `queue \"prod\"`")
}

/// `with { … }`
pub fn empty_with(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::EMPTY_WITH,
        at,
        "this `with` gives its commands nothing",
    )
    .here("neither a place, nor a folder, nor variables")
    .help("write `on …`, `in …` or `env { … }` before the body, or take the `with` out")
}

/// `let t: secret = run "…" once`
pub fn secret_made_again(at: Span, word: &str) -> Diagnostic {
    Diagnostic::error(
        codes::SECRET_MADE_AGAIN,
        at,
        format!("what makes a secret can have no `{word}`"),
    )
    .here("a secret is not stored: it is made again when the run is resumed")
    .help("let a command of its own change something, and another one make the secret")
}

/// `query "…" once`
pub fn query_changes(at: Span, word: &str) -> Diagnostic {
    let why = match word {
        "undo" => "there is nothing to take back",
        _ => "it may always run again",
    };
    Diagnostic::error(
        codes::QUERY_CHANGES,
        at,
        format!("a `query` changes nothing, so it can have no `{word}`"),
    )
    .here(why)
    .help(format!(
        "write `run` if it changes something, or take `{word}` out"
    ))
}

/// An override that can never apply.
pub fn override_kind(at: Span, of: &Type, to: &Type, kind: Span) -> Diagnostic {
    Diagnostic::error(
        codes::KINDS,
        at,
        format!("this is `{of}`, which is never deployed to `{to}`"),
    )
    .here("never deployed here")
    .label(kind, "the kind of the infrastructure")
    .help("remove the override, or put it where the service is deployed to")
}

/// A service and an infrastructure of different kinds.
pub fn kinds_differ((service, of): (Span, &Type), (target, to): (Span, &Type)) -> Diagnostic {
    Diagnostic::error(
        codes::KINDS,
        service.to(target),
        format!("`{of}` cannot be deployed to `{to}`"),
    )
    .label(service, format!("this is `{of}`"))
    .label(target, format!("this is `{to}`"))
    .help("a service is deployed to infrastructures of its own kind")
}

/// A deployment that no workflow executes.
pub fn no_workflow(at: Span, kind: &Ident) -> Diagnostic {
    Diagnostic::error(
        codes::NO_WORKFLOW,
        at,
        format!("no workflow deploys services of kind `{}`", kind.name),
    )
    .label(kind.span, "the kind has no `deploy using`")
    .help("name a workflow: `deploy … to … using WORKFLOW`")
}

/// A workflow whose first parameters do not take a deployment.
pub fn cannot_deploy(
    at: Span,
    name: &Ident,
    place: usize,
    param: Option<&Parameter>,
    have: &Type,
) -> Diagnostic {
    let (which, thing) = match place {
        0 => ("first", "the service"),
        _ => ("second", "the infrastructure"),
    };
    let error = Diagnostic::error(
        codes::DEPLOY_WORKFLOW,
        at,
        format!(
            "`{}` cannot deploy: its {which} parameter must take {thing}",
            name.name
        ),
    );
    let error = match param {
        Some(Parameter {
            ty,
            span: Some(span),
            ..
        }) => error.label(*span, format!("this is `{ty}`, but {thing} is `{have}`")),
        _ => error.label(name.span, format!("it has no {which} parameter")),
    };
    error.help(
        "a workflow that deploys begins `NAME(service: service<KIND>, \
         target: infrastructure<KIND>, …)`",
    )
}

/// A stage where none may stand.
pub fn stage_misplaced(at: Span, place: StatementContext) -> Option<Diagnostic> {
    let error = |inside: &str| {
        Diagnostic::error(
            codes::STAGE,
            at,
            format!("a stage is not allowed inside {inside}"),
        )
    };
    if let Some(step) = place.step {
        return Some(
            error("a step")
                .label(step, "the step")
                .help("use `serial { … }`"),
        );
    }
    if let Some(stage) = place.stage {
        return Some(
            error("a stage")
                .label(stage, "the stage around it")
                .help("use `serial { … }`, or put the stages one after the other"),
        );
    }
    match place.handler {
        Some(("undo", handler)) => Some(
            error("`undo`")
                .label(handler, "the handler")
                .help("use `serial { … }`"),
        ),
        _ => None,
    }
}

/// A `return` where there is nothing to return from.
pub fn return_misplaced(
    at: Span,
    place: StatementContext,
    in_workflow: bool,
) -> Option<Diagnostic> {
    let what = match in_workflow {
        true => "workflow",
        false => "pipeline",
    };
    if let Some((word, handler)) = place.handler {
        return Some(
            Diagnostic::error(
                codes::RETURN,
                at,
                format!("`return` is not allowed inside `{word}`"),
            )
            .label(handler, "the handler")
            .help(format!("the {what} ends as the handler's statement ends")),
        );
    }
    place.parallel.map(|parallel| {
        Diagnostic::error(
            codes::RETURN,
            at,
            "`return` is not allowed where other statements run in parallel",
        )
        .label(parallel, "these run in parallel")
        .help("`yield` the values, and return after the block")
    })
}

/// `return` without a value from a workflow that has a result.
pub fn return_nothing(at: Span, want: &Type, declared: Option<Span>) -> Diagnostic {
    let error = Diagnostic::error(
        codes::MISMATCH,
        at,
        format!("the result must be `{want}`, but nothing is returned"),
    );
    match declared {
        Some(declared) => error.label(declared, "declared here"),
        None => error,
    }
}

/// `return E` from a workflow without a result.
pub fn return_something(at: Span, ty: &Type, in_workflow: bool) -> Diagnostic {
    let what = match in_workflow {
        true => "the workflow",
        false => "a pipeline",
    };
    let message = format!("{what} has no result, but a value is returned");
    let error = Diagnostic::error(codes::MISMATCH, at, message);
    match ty {
        _ if !in_workflow => error.help("write `return` alone; `fail` ends it with a failure"),
        Type::Any | Type::Nothing => error.help("declare the result: `-> TYPE`"),
        ty => error.help(format!("declare the result: `-> {ty}`")),
    }
}

/// A workflow that may end without its result.
pub fn no_return(name: &Ident, result: Option<Span>) -> Diagnostic {
    let error = Diagnostic::error(
        codes::NO_RETURN,
        name.span,
        format!("`{}` may end without `return`", name.name),
    );
    let error = match result {
        Some(result) => error.label(result, "it has a result"),
        None => error,
    };
    error.help("every way through the workflow must end with `return` or `fail`")
}

/// A `yield` that nothing takes.
pub fn yield_misplaced(at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::YIELD,
        at,
        "`yield` is only allowed inside a loop, a matrix or a step",
    )
    .here("nothing takes the value")
    .help("a workflow gives its value with `return`")
}

/// Values of different types that one loop or step yields.
pub fn mixed_yields(at: Span, ty: &Type, other: Span, of: &Type) -> Diagnostic {
    Diagnostic::error(
        codes::MIXED,
        at,
        format!("values of different types are yielded: `{of}` and `{ty}`"),
    )
    .here(format!("this is `{ty}`"))
    .label(other, format!("this is `{of}`"))
}

/// A loop whose value is named, but whose cells have none.
pub fn no_yield(at: Span) -> Diagnostic {
    Diagnostic::error(codes::NO_YIELD, at, "the cells yield nothing")
        .here("its value is the list of what its cells yield")
        .help("end the body with `yield …`, or remove the `let`")
}

/// A `limit` for several locks that are taken together.
pub fn limit_of_several(at: Span, names: Span) -> Diagnostic {
    Diagnostic::error(
        codes::LIMIT_OF_SEVERAL,
        at,
        "several locks that are taken together have no `limit`",
    )
    .here("this is for one name")
    .label(names, "a list of names")
    .help("give the shared resource a `lock` of its own, around this one")
}

/// A verdict where nothing has failed.
pub fn verdict_misplaced(at: Span, handler: Option<(&'static str, Span)>) -> Diagnostic {
    let error = Diagnostic::error(
        codes::VERDICT,
        at,
        "this may only be the last statement of `on failure`",
    )
    .here("decides how a failure is handled");
    match handler {
        Some(("on failure", handler)) => error
            .label(handler, "the handler")
            .help("move it to the end of the handler itself"),
        _ => error.help("write `on failure { … }` after the body of what may fail"),
    }
}

/// `rollback stage` without a stage.
pub fn rollback_stage(at: Span) -> Diagnostic {
    Diagnostic::error(codes::ROLLBACK_STAGE, at, "there is no stage around this")
        .help("write `rollback` for the block, or `rollback pipeline`")
}

/// A modifier or handler that the statement cannot have.
pub fn modifier(word: &str, at: Span, fits: ModifierTarget, places: &str) -> Diagnostic {
    Diagnostic::error(
        codes::MODIFIER,
        at,
        format!("{} cannot have `{word}`", fits.with_article()),
    )
    .here("does not belong here")
    .help(format!("`{word}` is allowed on {places}"))
}

/// A modifier or handler that stands twice.
pub fn modifier_twice(word: &str, at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(
        codes::MODIFIER_TWICE,
        at,
        format!("`{word}` is given twice"),
    )
    .label(first, "first here")
    .help("remove one of them")
}

/// `batches []`
pub fn no_batches(at: Span) -> Diagnostic {
    Diagnostic::error(codes::RANGE, at, "`batches` needs at least one size")
        .help("write, for example, `batches [1, 10%, 100%]`")
}

/// A value that is out of its range.
pub fn out_of_range(at: Span, what: &str, least: &str, shown: &str) -> Diagnostic {
    Diagnostic::error(
        codes::RANGE,
        at,
        format!("{what} must be {least}, but this is {shown}"),
    )
}

/// `every 5s..1s`
pub fn pauses_that_shrink(at: Span, first: Span, longest: &str, shortest: &str) -> Diagnostic {
    Diagnostic::error(
        codes::RANGE,
        at,
        format!("the longest pause must be at least {shortest}, but this is {longest}"),
    )
    .label(first, "the first pause")
    .help(format!(
        "pauses grow from the first to the longest: write `every {longest}..{shortest}`"
    ))
}

/// A shell that is none of those that are known.
pub fn unknown_shell(shell: &Ident) -> Diagnostic {
    let error = Diagnostic::error(
        codes::SHELL,
        shell.span,
        format!("commands cannot run in `{}`", shell.name),
    )
    .here("neither `sh` nor `bash`");
    error.help(
        "leave `using` out for `sh`, write `using bash`, or start the other program in the \
         text: `run \"python3 …\"`",
    )
}

/// `send PATH to PATH mode 0600`, `send text E to PATH replacing`
pub fn idle_clause(word: &str, at: Span) -> Diagnostic {
    let (message, help) = match word {
        "mode" => (
            "`mode` belongs to `send text`: a file keeps the mode that it has",
            "leave it out, or change the mode here before the file is sent",
        ),
        _ => (
            "`replacing` is for files and folders: a text replaces a file anyway",
            "leave it out",
        ),
    };
    Diagnostic::error(codes::MODIFIER, at, message).help(help)
}

/// A path of `send` or `fetch` without a text.
pub fn empty_path(at: Span) -> Diagnostic {
    Diagnostic::error(codes::RANGE, at, "this path is empty")
        .help("name the file or the folder; `\".\"` is the working folder")
}

/// A name that no variable can have.
pub fn variable_name(name: &Name, at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VARIABLE,
        at,
        format!("`{name}` cannot be the name of a variable"),
    )
    .help("letters, digits and `_`, beginning with a letter or `_`")
}

/// A variable that every command is given.
pub fn own_variable(name: &Name, at: Span) -> Diagnostic {
    Diagnostic::error(
        codes::VARIABLE,
        at,
        format!("`{name}` cannot be set: every command is given it"),
    )
    .help("choose a name that does not begin with `LOCKSTEP_`")
}

/// A variable that decides what is executed, with a value that the file does not decide.
pub fn code_variable(name: &Name, at: Span) -> Diagnostic {
    let message = format!("a value cannot be part of `{name}`, which decides what is executed");
    Diagnostic::error(codes::VALUE_AS_CODE, at, message)
        .here("would be read as code")
        .help("write its text out, or call the program by its whole path")
}

/// A pure function as a statement.
pub fn useless_call(at: Span, function: &str) -> Diagnostic {
    Diagnostic::error(
        codes::USELESS_CALL,
        at,
        format!("calling `{function}` as a statement has no effect"),
    )
    .here("its value is not used")
    .help("name the value, `let x = …`, or remove the statement")
}

/// A barrier in a handler: no strand can count on who gets there.
pub fn barrier_in_handler(word: &str, at: Span, handler: Span) -> Diagnostic {
    Diagnostic::error(
        codes::BARRIER_IN_HANDLER,
        at,
        format!("a barrier cannot stand in `{word}`"),
    )
    .here("no strand can count on this one to come")
    .label(
        handler,
        "this handler runs only where something has happened",
    )
    .help("pass the barrier in the statement's own body, or after it")
}

/// Something where it may not stand.
pub fn barred(at: Span, what: Placed, bar: &PlaceBar) -> Diagnostic {
    let message = format!("{} cannot stand in {}", what.words(), bar.words);
    Diagnostic::error(codes::BARRED, at, message)
        .label(bar.span, "in this")
        .help(bar_help(bar))
}

/// A call of a workflow in which something stands that may not stand here.
pub fn barred_call(
    at: Span,
    callee: &str,
    what: Placed,
    inside: Span,
    bar: &PlaceBar,
) -> Diagnostic {
    let message = format!(
        "`{callee}` cannot be called in {}: it has {}",
        bar.words,
        what.words()
    );
    Diagnostic::error(codes::BARRED, at, message)
        .label(inside, "this")
        .label(bar.span, "called in this")
        .help(bar_help(bar))
}

fn bar_help(bar: &PlaceBar) -> &'static str {
    match bar.words {
        "`watch`" => "a `watch` only looks: it runs beside the body, and is stopped with it",
        "`between`" => {
            "between two batches something is looked at, waited for or asked; put the rest before \
             or behind the loop"
        }
        _ => "a stage stands at the level of the pipeline: call the workflow there",
    }
}

/// A key of a barrier that cannot be shown.
pub fn barrier_key(typed: &Typed) -> Diagnostic {
    Diagnostic::error(
        codes::MISMATCH,
        typed.expr.span,
        format!("the key of a barrier cannot be `{}`", typed.ty),
    )
    .help("a key is what can be put into a text, a service, an environment or an infrastructure")
}

/// An added cell that is no record.
pub fn include_no_record(at: Span, axes: &[&Name]) -> Diagnostic {
    Diagnostic::error(codes::INCLUDE, at, "an added cell is a record of its axes")
        .help(format!("write {}", cell(axes)))
}

/// An added cell that names something that is no axis.
pub fn include_unknown(name: &Ident, axes: &[&Name]) -> Diagnostic {
    let names: Vec<&str> = axes.iter().map(|name| &***name).collect();
    Diagnostic::error(
        codes::INCLUDE,
        name.span,
        format!("the matrix has no axis `{}`", name.name),
    )
    .help(format!("write {}", cell(axes)))
    .suggest(&name.name, name.span, names)
}

/// An added cell that leaves out an axis.
pub fn include_incomplete(at: Span, missing: &[&Name], matrix: Span) -> Diagnostic {
    let word = if missing.len() == 1 { "axis" } else { "axes" };
    Diagnostic::error(
        codes::INCLUDE,
        at,
        format!("the added cell lacks {word} {}", and_list(missing)),
    )
    .label(matrix, "the matrix")
}

fn cell(axes: &[&Name]) -> String {
    let entries: Vec<String> = axes.iter().map(|name| format!("{name}: …")).collect();
    format!("`{{ {} }}`", entries.join(", "))
}

/// Workflows that call each other: their names, and where each calls the next.
pub fn recursion(links: &[(&str, Span)]) -> Diagnostic {
    let first = links.first().map_or("", |(name, _)| name);
    let at = links.first().map_or_else(
        || Span::start_of(lockstep_base::source::FileId(0)),
        |link| link.1,
    );
    let chain: Vec<String> = links
        .iter()
        .map(|(name, _)| *name)
        .chain([first])
        .map(|name| format!("`{name}`"))
        .collect();
    let message = match links.len() {
        1 => format!("`{first}` calls itself"),
        _ => format!("workflows call each other: {}", chain.join(" → ")),
    };
    let next = |at: usize| links[(at + 1) % links.len()].0;
    let mut error = Diagnostic::error(codes::RECURSION, at, message);
    for (place, (name, span)) in links.iter().enumerate() {
        let text = format!("`{name}` calls `{}`", next(place));
        error = if place == 0 {
            error.here(text)
        } else {
            error.label(*span, text)
        };
    }
    error.help("a run must be known to end: repeat with a loop or with `retry`")
}

/// A deployment that another deployment's workflow reaches: the workflows on the way, and where
/// each is named.
pub fn nested_deployment(at: Span, way: &[(&str, Span)]) -> Diagnostic {
    let chain: Vec<String> = way.iter().map(|(name, _)| format!("`{name}`")).collect();
    let mut error = Diagnostic::error(
        codes::DEPLOY_INSIDE,
        at,
        format!(
            "a deployment is nested inside another one, through {}",
            chain.join(" → ")
        ),
    )
    .here("the inner deployment");
    for (place, (name, span)) in way.iter().enumerate() {
        error = error.label(
            *span,
            if place == 0 {
                format!("`{name}` carries out a deployment")
            } else {
                format!("`{name}` is called here")
            },
        );
    }
    error.help(
        "a deployment is one service on one infrastructure: deploy the other one from \
         the pipeline",
    )
}

/// A test without `start`.
pub fn starts_nothing(at: Span) -> Diagnostic {
    Diagnostic::error(codes::TEST, at, "the test starts nothing")
        .help("write `start PIPELINE` after what is given")
}

/// A test with two `start`.
pub fn starts_twice(at: Span, first: Span) -> Diagnostic {
    Diagnostic::error(codes::TEST, at, "the test starts twice")
        .label(first, "first here")
        .help("a test starts one pipeline: write another test")
}

/// An interpolation in a pattern.
pub fn computed_pattern(at: Span) -> Diagnostic {
    Diagnostic::error(codes::COMPUTED, at, "this text cannot be computed")
        .here("has an interpolation")
        .help("write the text out")
}

/// A group that names an infrastructure twice.
pub fn twice_in_group(at: Span, group: &Name, item: &str) -> Diagnostic {
    Diagnostic::error(
        codes::REPEATED_IN_GROUP,
        at,
        format!("group `{group}` names `{item}` twice"),
    )
    .help("name each infrastructure once; `.*` names all of an environment")
}

/// A default that breaks the rule of its input.
pub fn default_breaks_rule(default: Span, rule: Span, name: &Name) -> Diagnostic {
    Diagnostic::error(
        codes::RULE,
        default,
        format!("the default of `{name}` breaks its own rule"),
    )
    .here("not allowed by the rule")
    .label(rule, "the rule")
}

/// What is declared from data depends on what is known only when that is.
pub fn template_of_late(at: Span, part: Span, what: &str) -> Diagnostic {
    let message = "which services and infrastructures there are must be known before they are";
    let error = Diagnostic::error(codes::ELEMENT_NAME_LATE, at, message);
    let error = if at.file == part.file && at.start <= part.start && part.end <= at.end {
        Diagnostic::error(codes::ELEMENT_NAME_LATE, part, message).here(format!("this is {what}"))
    } else {
        error.label(part, format!("it is made of {what}"))
    };
    error.help("make the list of inputs, `let`s and files alone")
}
