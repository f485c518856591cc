//! Audits of manipulated traces: each kind of violation is found, and an unmodified trace has none.

use std::sync::Arc;

use super::*;
use crate::simulate::{EffectCourse, StartedEffect, simulate};
use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_engine::EffectOutcome;
use lockstep_lang::compile::compile;
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{RunRequest, bind};

struct SingleRun(&'static str);

impl Files for SingleRun {
    fn read(&self, _: &str) -> Result<String, FileError> {
        Ok(self.0.to_string())
    }
}

impl EnvironmentVariables for SingleRun {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

const WORLD: &str = "
kind app {}
service a: app using w() {}
service b: app using w() {}
environment e { infrastructure x: app {} infrastructure y: app {} }
workflow w(s: service<app>, i: infrastructure<app>) {
  step put { run \"put ${s.name}\" } undo { run \"take ${s.name}\" }
}
";

/// The plan of a pipeline, and the events of a run of it; commands with `bad` in them fail.
fn play(pipeline: &'static str) -> (Arc<Plan>, Vec<RunEventKind>) {
    let text: &'static str = Box::leak(format!("{WORLD}{pipeline}").into_boxed_str());
    let compiled = compile(&SingleRun(text), "case.deploy");
    let program = compiled
        .program
        .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let bound = bind(
        &program,
        &RunRequest::default(),
        &SingleRun(text),
        &SingleRun(text),
    );
    let plan = bound
        .and_then(Plan::new)
        .unwrap_or_else(|all| panic!("{all:?}"));
    let plan = Arc::new(plan);
    let mut course = |started: &StartedEffect| match started.text.contains("bad") {
        true => EffectCourse::new(10, EffectOutcome::failed(FailureClass::Exit, "bad")),
        false => EffectCourse::good(10),
    };
    let trace = simulate(&plan, 0, &mut course);
    (
        plan,
        trace.events.into_iter().map(|(_, told)| told).collect(),
    )
}

/// An event as a few words: `p/a starts`, `p/a succeeded`.
fn words(happened: &RunEventKind) -> String {
    match happened {
        RunEventKind::NodeStarted { node, .. } => format!("{node} starts"),
        RunEventKind::NodeWaiting { node, .. } => format!("{node} waits"),
        RunEventKind::NodeFinished { node, status, .. } => format!("{node} {status}"),
        RunEventKind::RunStarted { .. } => "run starts".into(),
        RunEventKind::RunResumed { .. } => "run is resumed".into(),
        RunEventKind::RunFinished { status, .. } => format!("run {status}"),
        RunEventKind::NodeOutput { node, .. } => format!("{node} says"),
        RunEventKind::WindowOpen { node, .. } => format!("{node} has its windows"),
        RunEventKind::NoWayBack { node, .. } => format!("{node} has no way back"),
    }
}

/// Where an event stands in a trace.
#[track_caller]
fn at(told: &[RunEventKind], what: &str) -> usize {
    let found = told.iter().position(|it| words(it) == what);
    found.unwrap_or_else(|| {
        let all: Vec<String> = told.iter().map(words).collect();
        panic!("no `{what}` in\n{}", all.join("\n"))
    })
}

fn audit(plan: &Arc<Plan>, told: &[RunEventKind]) -> Result<ConformanceReport, Vec<String>> {
    let mut audit = ConformanceCheck::new(plan.clone());
    for happened in told {
        audit.observe(happened);
    }
    let result = audit.result();
    result.map_err(|all| all.iter().map(ToString::to_string).collect())
}

/// A change of a trace.
enum TraceChange {
    /// The first event comes before the second one.
    Before(&'static str, &'static str),
    /// The event is missing.
    Without(&'static str),
    /// The event happens twice.
    Twice(&'static str),
    /// The node ends so.
    Ends(&'static str, Status),
}

use TraceChange::{Before, Ends, Twice, Without};

fn tamper(told: &mut Vec<RunEventKind>, change: &TraceChange) {
    match change {
        Before(moved, before) => {
            let event = told.remove(at(told, moved));
            let place = at(told, before);
            told.insert(place, event);
        }
        Without(what) => drop(told.remove(at(told, what))),
        Twice(what) => {
            let place = at(told, what);
            told.insert(place, told[place].clone());
        }
        Ends(what, to) => {
            let place = at(told, what);
            if let RunEventKind::NodeFinished { status, .. } = &mut told[place] {
                *status = *to;
            }
        }
    }
}

/// The trace of a pipeline is fine as it is, and with these changes it is not.
#[track_caller]
fn check(pipeline: &'static str, changes: &[(TraceChange, &str)]) {
    let (plan, told) = play(pipeline);
    let untouched = audit(&plan, &told);
    assert!(untouched.is_ok_and(|report| report.ended), "{pipeline}");
    for (change, wanted) in changes {
        let mut told = told.clone();
        tamper(&mut told, change);
        let said = audit(&plan, &told).expect_err("it is tampered with");
        assert!(
            said.iter().any(|it| it.contains(wanted)),
            "`{wanted}` is not said:\n{}",
            said.join("\n")
        );
    }
}

#[test]
fn statements_and_their_states() {
    check(
        "pipeline p { step a { run \"a\" } run \"b\" run \"c\" }",
        &[
            (
                Before("p/run starts", "p/a succeeded"),
                "`p/run` started before",
            ),
            (
                Before("p/run#2 starts", "p/run succeeded"),
                "`p/run#2` started before",
            ),
            (Twice("p/run starts"), "`p/run` started although it runs"),
            (
                Twice("p/run succeeded"),
                "`p/run` ended without having started",
            ),
            (
                Without("p/run starts"),
                "`p/run` ended without having started",
            ),
            (Without("p/a starts"), "what it is in does not run"),
            (Without("p/run succeeded"), "`p/run#2` started before"),
            (
                Before("p/a succeeded", "p/a/run succeeded"),
                "ended while something in it ran",
            ),
            (
                Ends("p/run succeeded", Status::Failed),
                "a statement before it had failed",
            ),
            (
                Ends("p/run succeeded", Status::RolledBack),
                "became `rolled-back` while it ran",
            ),
            (Ends("p/run succeeded", Status::Running), "became `running`"),
            (
                Ends("p succeeded", Status::Failed),
                "did not succeed, but the run did",
            ),
            (
                Before("run succeeded", "p succeeded"),
                "had not ended when the run did",
            ),
            (Twice("run starts"), "began a second time"),
        ],
    );
}

#[test]
fn what_was_skipped_does_not_start() {
    let (plan, mut told) = play("pipeline p { step s { run \"bad\" run \"b\" } }");
    let skipped = at(&told, "p/s/run#2 skipped");
    let mut start = told[at(&told, "p/s/run starts")].clone();
    if let RunEventKind::NodeStarted { node, .. } = &mut start {
        *node = "p/s/run#2".into();
    }
    told.insert(skipped + 1, start);
    let said = audit(&plan, &told).expect_err("it started");
    assert_eq!(said[0], "`p/s/run#2` started after it had been skipped");
    let (plan, mut told) = play("pipeline p { run \"a\" }");
    if let RunEventKind::NodeStarted { node, .. } = &mut told[2] {
        *node = "p/other".into();
    }
    let said = audit(&plan, &told).expect_err("there is none");
    assert_eq!(said[0], "`p/other` has no place in the plan");
}

#[test]
fn width() {
    check(
        "pipeline p { parallel max 1 { run \"a\" run \"b\" } \
         parallel x in [1, 2, 3] max 2 { run \"c\" } }",
        &[
            (
                Before("p/parallel/run#2 starts", "p/parallel/run succeeded"),
                "`max` is 1",
            ),
            (
                Before("p/parallel#2[3] starts", "p/parallel#2[1] succeeded"),
                "`max` is 2",
            ),
        ],
    );
}

#[test]
fn cells_in_order_and_in_waves() {
    check(
        "pipeline p { \
           matrix serial x in [1, 2] parallel y in [3, 4] { run \"a\" } \
           parallel z in [1, 2, 3] batches [1, 2] { run \"b\" } }",
        &[
            (
                Before("p/matrix[2, 3] starts", "p/matrix[1, 4] succeeded"),
                "a cell before it",
            ),
            (
                Before("p/parallel[2] starts", "p/parallel[1] succeeded"),
                "the wave before it",
            ),
        ],
    );
    let (plan, mut told) = play("pipeline p { parallel z in [1, 2] { run \"b\" } }");
    for happened in &mut told {
        if let RunEventKind::NodeStarted { node, .. } | RunEventKind::NodeFinished { node, .. } =
            happened
        {
            *node = node.replace("[2]", "[7]").into();
        }
    }
    let said = audit(&plan, &told).expect_err("there is no such cell");
    assert_eq!(said[0], "`p/parallel[7]` is not a cell of its loop");
}

#[test]
fn barriers_are_met_together() {
    check(
        "pipeline p { parallel { \
           serial { run \"a\" barrier m run \"b\" } \
           serial { run \"a\" run \"a\" run \"a\" barrier m run \"b\" } } }",
        &[
            (
                Before(
                    "p/parallel/serial/barrier[m] succeeded",
                    "p/parallel/serial#2/run#2 starts",
                ),
                "1 of 2 had come",
            ),
            (
                Ends("p/parallel/serial/barrier[m] succeeded", Status::Failed),
                "failed at a barrier that had opened",
            ),
        ],
    );
}

#[test]
fn who_comes_to_a_broken_barrier_does_not_open_it() {
    check(
        "pipeline p { parallel x in [1, 2, 3] max 2 tolerate 2 { barrier m } }",
        &[(
            Ends("p/parallel[3]/barrier[m] failed", Status::Succeeded),
            "passed a barrier that was broken",
        )],
    );
}

#[test]
fn infrastructures_and_locks_are_not_shared() {
    check(
        "pipeline p { parallel { \
           stage one { deploy a to e.x deploy b to e.y } \
           stage two { deploy b to e.x deploy b to e.y } } }",
        &[(
            Before(
                "p/parallel/one/deploy[a, e.x] succeeded",
                "p/parallel/two/deploy[b, e.x] succeeded",
            ),
            "uses `e.x` while `p/parallel/one` holds it",
        )],
    );
    check(
        "pipeline p { parallel { \
           serial { lock \"db\" { run \"a\" } } serial { lock \"db\" { run \"b\" } } } }",
        &[(
            Before(
                "p/parallel/serial/lock[db] succeeded",
                "p/parallel/serial#2/lock[db] succeeded",
            ),
            "holds `db` together with 1 others",
        )],
    );
}

#[test]
fn rollbacks() {
    check(
        "pipeline p { stage s atomic { deploy a to e.x run \"bad\" } }",
        &[
            (
                Before("p/s/deploy[a, e.x]/put/undo starts", "p/s/run starts"),
                "nothing around it",
            ),
            (
                Without("p/s/deploy[a, e.x] rolling-back"),
                "without having begun to be",
            ),
            (Without("p/s rolling-back"), "nothing around it"),
            (
                Ends("p/s rolled-back", Status::Succeeded),
                "became `succeeded` while it was rolling",
            ),
        ],
    );
}

#[test]
fn events_are_numbered() {
    let (plan, told) = play("pipeline p { run \"a\" }");
    let events = |skip: usize| {
        let numbered = told.iter().enumerate();
        let events = numbered.map(move |(at, what)| RunEvent {
            seq: at as u64 + 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            what: what.clone(),
        });
        events
            .filter(move |it| it.seq != skip as u64)
            .collect::<Vec<_>>()
    };
    assert!(check_events(&plan, &events(0)).is_ok());
    let last_but_one = told.len() - 1;
    let said = check_events(&plan, &events(last_but_one)).expect_err("one is missing");
    assert!(said[0].what.contains("missing or out of order"), "{said:?}");
}

fn check_events(
    plan: &Arc<Plan>,
    events: &[RunEvent],
) -> Result<ConformanceReport, Vec<Violation>> {
    super::check(plan, events)
}

#[test]
fn loops_with_equal_values_are_not_told_apart() {
    for pipeline in [
        "pipeline p { parallel x in [1, 1] { run \"a\" } }",
        "pipeline p { serial x in [1, 1] { step s { run \"a\" } } }",
    ] {
        let (plan, told) = play(pipeline);
        assert_eq!(audit(&plan, &told).map(|report| report.ended), Ok(true));
    }
}

/// Any event that is left out, doubled or exchanged with the next one is found, or does not
/// change what may happen.
#[test]
fn single_changes_are_mostly_found() {
    let (plan, told) = play(
        "pipeline p { stage s atomic { \
           matrix serial t in e.* parallel s in [a, b] { deploy s to t } run \"bad\" } \
         always { run \"c\" } }",
    );
    let (mut found, mut all) = (0, 0);
    for place in 0..told.len() {
        for double in [false, true] {
            let mut told = told.clone();
            let event = told.remove(place);
            if double {
                told.insert(place, event.clone());
                told.insert(place, event);
            }
            all += 1;
            found += usize::from(audit(&plan, &told).is_err());
        }
    }
    assert!(found * 10 >= all * 9, "{found} of {all}");
}

#[test]
fn no_more_is_undone_at_once_than_may_run() {
    let (plan, _) = play(
        "pipeline p {
           parallel x in [1, 2] max 1 { step s { run \"s\" } undo { run \"u\" } }
           parallel y in [1, 2] { lock \"l\" { step s { run \"s\" } undo { run \"u\" } } }
           parallel {
             step a { run \"a\" } undo { run \"u\" }
             step b { run \"b\" } undo { run \"u\" }
           }
         }",
    );
    for (one, other, both) in [
        ("p/parallel[1]/s", "p/parallel[2]/s", false),
        (
            "p/parallel#2[1]/lock[l]/s",
            "p/parallel#2[2]/lock[l]/s",
            false,
        ),
        ("p/parallel#3/a", "p/parallel#3/b", true),
    ] {
        let mut undos = live_undos::LiveUndos::default();
        let mut begin = |step: &str| {
            let undo = NodePath::from(format!("{step}/undo"));
            (undos.begin(&plan, &undo, step), undo)
        };
        let (first, undo) = begin(one);
        assert_eq!(first, Ok(()));
        assert_eq!(begin(other).0.is_ok(), both, "{one} and {other}");
        let mut undos = live_undos::LiveUndos::default();
        assert_eq!(undos.begin(&plan, &undo, one), Ok(()));
        undos.end(&undo);
        assert_eq!(undos.begin(&plan, &NodePath::from("again"), other), Ok(()));
    }
}
