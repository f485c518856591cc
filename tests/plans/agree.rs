//! Conformance of runs with their plans: every node that the plan shows runs and no other, never
//! more at once than it says, and never for longer.

use std::collections::BTreeSet;
use std::sync::Arc;

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_lang::ir::Order;
use lockstep_outline::{Item, ItemKind, Outline};
use lockstep_plan::{InputValue, Plan, RunRequest, bind};
use lockstep_verify::simulate::{EffectCourse, StartedEffect, Trace, simulate};

/// With how many seeds each pipeline is run.
const SEEDS: u64 = 8;

struct One<'a>(&'a str);

impl Files for One<'_> {
    fn read(&self, _: &str) -> Result<String, FileError> {
        Ok(self.0.to_string())
    }
}

struct Nothing;

impl EnvironmentVariables for Nothing {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// The families of the errors of pipelines that can hang, and of those that cannot go well.
const REFUSED: [&str; 2] = ["Barriers and locks", "Values"];

/// The plans of all pipelines of a file that cannot hang.
pub fn plans(text: &str) -> Vec<Arc<Plan>> {
    let compiled = lockstep_lang::compile::compile(&One(text), "plan.deploy");
    let program = compiled.program.expect("a file without mistakes");
    // There is no plan of what can hang, divides by 0 or deploys what the inputs do not give; the
    // corpus has the messages.
    let refuses = |it: &Diagnostic| {
        REFUSED.contains(&it.code.family()) || [codes::UNKNOWN, codes::KINDS].contains(&it.code)
    };
    let refused = |mistakes: &[Diagnostic]| mistakes.iter().all(refuses);
    let plan = |name: &str| {
        let mut asked = RunRequest {
            pipeline: Some(name.to_string()),
            ..RunRequest::default()
        };
        for input in lockstep_plan::missing(&program, &asked.clone()) {
            let given = InputValue::Text(String::from("v1"));
            asked.inputs.insert(input.name.to_string(), given);
        }
        let bound = bind(&program, &asked, &Nothing, &One(""));
        match bound.and_then(lockstep_verify::proved) {
            Ok(plan) => Some(Arc::new(plan)),
            Err(mistakes) => {
                assert!(refused(&mistakes), "{name}: {mistakes:?}");
                None
            }
        }
    };
    let pipelines = program.pipelines.iter();
    pipelines
        .filter_map(|pipeline| plan(&pipeline.name))
        .collect()
}

/// The content of an outline.
#[derive(Default)]
struct Shown {
    /// Nodes that run in any case.
    sure: BTreeSet<String>,
    /// Nodes that may run.
    all: BTreeSet<String>,
    /// Whether there are more.
    more: bool,
}

impl Shown {
    fn look(&mut self, items: &[Item], sure: bool) {
        for item in items {
            if let Some(path) = &item.path {
                self.all.insert(path.to_string());
                if sure {
                    self.sure.insert(path.to_string());
                }
            }
            let unknown = item.notes.iter().any(|note| note.contains("while running"));
            self.more |= item.unlisted > 0 || unknown;
            let sure = sure && !unknown && item.kind != ItemKind::If;
            self.look(&item.items, sure);
            for handler in &item.handlers {
                let sure = sure && handler.kind == ItemKind::Always;
                self.look(&handler.items, sure);
            }
        }
    }
}

fn started(trace: &Trace) -> BTreeSet<String> {
    let started = trace.events.iter().filter_map(|(_, what)| match what {
        RunEventKind::NodeStarted { node, .. } => Some(node.to_string()),
        RunEventKind::NodeWaiting { node, .. } => Some(node.to_string()),
        _ => None,
    });
    started.collect()
}

fn deployments(trace: &Trace) -> u64 {
    let deployments = trace.events.iter().filter_map(|(_, what)| match what {
        RunEventKind::NodeStarted { node, kind, .. } if *kind == NodeKind::Deploy => Some(node),
        _ => None,
    });
    deployments.collect::<BTreeSet<_>>().len() as u64
}

/// A run in which every command takes up to ten seconds and ends well.
fn run(plan: &Arc<Plan>, seed: u64) -> Trace {
    let mut luck = seed;
    let mut script = |_: &StartedEffect| {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let takes = match seed {
            0 => 10_000,
            _ => (luck >> 33) % 10_000,
        };
        EffectCourse::good(i64::try_from(takes).unwrap_or(0))
    };
    simulate(plan, seed, &mut script)
}

fn check(name: &str, plan: &Arc<Plan>, seed: u64) {
    let outline = Outline::with(plan, usize::MAX);
    let trace = run(plan, seed);
    assert!(trace.status.is_some(), "{name} ends");
    let most = outline.width.commands.unwrap_or(u64::MAX);
    assert!(
        trace.width as u64 <= most,
        "{name}: {} commands at once, planned {most}",
        trace.width
    );
    let took = trace.events.last().map_or(0, |(at, _)| *at);
    let longest = outline.longest_ms.unwrap_or(u64::MAX);
    assert!(
        u64::try_from(took).unwrap_or(0) <= longest,
        "{name}: took {took}, planned {longest}"
    );
    let went_well = trace.status == Some(Status::Succeeded);
    let shortest = outline.shortest_ms;
    assert!(
        !went_well || u64::try_from(took).unwrap_or(0) >= shortest,
        "{name}: took {took}, planned at least {shortest}"
    );
    let done = deployments(&trace);
    let planned = outline.deployments;
    assert!(
        planned.least <= done && done <= planned.most.unwrap_or(u64::MAX),
        "{name}: {done} deployments, planned {planned:?}"
    );
    let mut shown = Shown::default();
    shown.look(&outline.items, true);
    let started = started(&trace);
    let missing: Vec<_> = shown.sure.difference(&started).collect();
    assert!(
        missing.is_empty() || !went_well,
        "{name}: did not run: {missing:#?}"
    );
    if !shown.more {
        let mut other = started.difference(&shown.all);
        let root = other.next().map(String::as_str);
        assert_eq!(root, Some(name), "the pipeline itself");
        let other: Vec<_> = other.collect();
        assert!(other.is_empty(), "{name}: not in the plan: {other:#?}");
    }
}

#[test]
fn runs_keep_to_their_plans() {
    let mut seen = 0;
    insta::glob!("../corpus/plan", "*.deploy", |path| {
        let text = std::fs::read_to_string(path).expect("a file");
        for plan in plans(&text) {
            let name = plan.bound.pipeline().name.to_string();
            let outline = Outline::with(&plan, usize::MAX);
            if name == "big" || name == "odd" {
                // They are too large to be listed.
                continue;
            }
            for seed in 0..SEEDS {
                check(&outline.pipeline, &plan, seed);
            }
            seen += 1;
        }
    });
    assert!(seen > 20, "only {seen} pipelines");
}

/// Where nothing but commands is executed, as many run at once as the plan says.
#[test]
fn as_many_run_at_once_as_planned() {
    for (body, width) in [
        ("run \"a\" run \"b\"", 1),
        ("parallel { run \"a\" run \"b\" }", 2),
        ("parallel x in range(0, 7) { run \"a\" run \"b\" }", 7),
        ("parallel x in range(0, 7) max 3 { run \"a\" }", 3),
        (
            "parallel x in range(0, 7) max 3 { parallel { run \"a\" run \"b\" } }",
            6,
        ),
        ("parallel x in range(0, 9) batches [1, 4] { run \"a\" }", 4),
        (
            "matrix parallel x in [1, 2, 3] serial y in [1, 2] { run \"a\" }",
            3,
        ),
        (
            "matrix serial x in [1, 2, 3] parallel y in [1, 2] { run \"a\" }",
            2,
        ),
        (
            "matrix parallel x in [1, 2] parallel y in [1, 2] where x != y { run \"a\" }",
            2,
        ),
        (
            "parallel x in range(0, 5) { lock \"l\" limit 2 { run \"a\" } }",
            2,
        ),
        (
            "parallel x in range(0, 5) { run \"a\" lock \"l\" { run \"b\" } }",
            5,
        ),
        (
            "parallel x in range(0, 5) { lock \"l ${x}\" { run \"a\" } }",
            5,
        ),
        (
            "parallel { lock \"l\" { parallel { run \"a\" run \"b\" } } lock \"l\" { run \"c\" } }",
            2,
        ),
    ] {
        let text = format!("pipeline p {{ {body} }}");
        let plans = plans(&text);
        let outline = Outline::of(&plans[0]);
        assert_eq!(outline.width.commands, Some(width), "{text}");
        assert_eq!(run(&plans[0], 0).width as u64, width, "{text}");
    }
}

#[test]
fn the_order_of_parts_is_told() {
    let text = "pipeline p { matrix serial x in [1, 2] parallel y in [1, 2] { run \"a\" } }";
    let outline = Outline::of(&plans(text)[0]);
    assert_eq!(outline.items[0].order, Some(Order::Serial));
    assert_eq!(outline.items[0].items[1].order, Some(Order::Parallel));
    assert_eq!(
        outline.items[0].items[1].items[0].order,
        Some(Order::Serial)
    );
}
