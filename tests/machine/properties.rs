//! Property tests for every program and every timing: runs end and leave nothing behind, order and
//! width are respected, a rollback undoes everything once and in reverse order, and the same events
//! give the same effects. The programs are random, and go through the real compiler.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::{RunEventKind, Status};
use lockstep_engine::{Answer, ApprovalAnswer, EffectOutcome, FailureChoice, Question};
use lockstep_lang::ir::FailureClass;
use lockstep_verify::deadlock::report;
use lockstep_verify::simulate::{EffectCourse, SimulationScript, StartedEffect, simulate};
use proptest::prelude::*;

use super::generate::{Flavour, Kind, Modifiers, Node, Program, Verdict, program};
use super::oracle::{
    Luck, Map, Record, Reference, check_locks, check_order, check_skipped, check_undo, check_width,
    named,
};
use super::play::{Play, try_plan};

/// A world with random timing.
struct World {
    luck: Luck,
    cancel_at: Option<i64>,
    asked: HashSet<NodePath>,
    heard: usize,
}

impl SimulationScript for World {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        let text = named(&started.text);
        let said = match self.luck.says_yes(text) {
            true => "yes",
            false => "no",
        };
        let value = lockstep_verify::simulate::command_value(said, 0, []);
        let failure = self.luck.fails_now(started);
        let failure = failure.then(|| (FailureClass::Exit, String::from("bad luck")));
        let salt = u64::from(started.before) + 3;
        let takes_ms = self.luck.number(text, salt) % 30;
        let stops_ms = self.luck.number(text, salt + 50) % 4;
        EffectCourse {
            stops_ms: stops_ms as i64,
            ..EffectCourse::new(
                takes_ms as i64,
                EffectOutcome {
                    value,
                    failure,
                    ending: Default::default(),
                },
            )
        }
    }

    fn answer(&mut self, node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        if let Question::Approve(request) = question {
            let answer = match self.luck.approves(&request.text) {
                true => ApprovalAnswer::Yes,
                false => ApprovalAnswer::No(String::new()),
            };
            return Some((3, answer.into()));
        }
        let answers = [
            FailureChoice::Ignore,
            FailureChoice::Rollback,
            FailureChoice::Abort,
            FailureChoice::Retry,
        ];
        let which = self.luck.number(node, 4);
        let answer = answers.into_iter().nth((which % 7) as usize)?;
        // A repeated question is answered by `ignore`, so that it is not retried for ever.
        let again = !self.asked.insert(node.clone());
        let answer = if again { FailureChoice::Ignore } else { answer };
        Some((3, answer.into()))
    }

    fn respondent(&mut self, _: &NodePath, _: &Question) -> Option<Name> {
        // Nobody counts twice.
        Some(Name::from(format!("person {}", self.heard)))
    }

    fn cancel_at(&self) -> Option<i64> {
        self.cancel_at
    }

    fn observe(&mut self, at: i64, _: &RunEventKind) -> bool {
        self.heard += 1;
        assert!(self.heard < 100_000, "it goes on and on, until {at}");
        true
    }

    fn records(&self) -> bool {
        true
    }
}

/// What is never generated is never tested.
#[test]
fn programs_have_all_that_they_may_have() {
    let flavour = Flavour {
        lucky: true,
        timeouts: true,
        barriers: true,
        watches: true,
        people: true,
    };
    let mut text = String::new();
    for seed in 0..400_u64 {
        let luck = Luck {
            seed,
            failing: 0,
            flaky: false,
        };
        let bytes: Vec<u8> = (0..100).map(|at| luck.number("byte", at) as u8).collect();
        text += &program(&bytes, flavour).text;
    }
    for part in [
        "send text",
        "approve \"a",
        " count 2 except",
        "watch every",
        "between {",
        "lock [",
        "barrier b",
        "return",
        "query ",
        " stdin ",
        " by \"",
        "undo none",
        "tolerate",
        "batches",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

/// Whether a property holds for any part of a statement.
fn has(node: &Node, is_so: &dyn Fn(&Node) -> bool) -> bool {
    let handler = node.on_failure.iter().flat_map(|(body, _)| body);
    let inside = node
        .body
        .iter()
        .chain(handler)
        .chain(node.always.iter().flatten())
        .chain(&node.between);
    is_so(node) || inside.into_iter().any(|child| has(child, is_so))
}

fn tries_again(node: &Node) -> bool {
    let asks = |verdict: &Verdict| matches!(verdict, Verdict::Retry(_) | Verdict::Ask);
    node.modifiers.retry > 0 || node.on_failure.as_ref().is_some_and(|(_, it)| asks(it))
}

/// Runs a program once, with all assertions.
fn check(program: &Program, luck: Luck, cancel_at: Option<i64>) -> Result<(), TestCaseError> {
    let plan = match try_plan(&program.text, &[]) {
        Ok(plan) => plan,
        // A barrier may be one that nobody else arrives at.
        Err(said) if said.contains("E0801") || said.contains("E0810") => return Ok(()),
        Err(said) => panic!("{said}\n{}", program.text),
    };
    let mut world = World {
        luck,
        cancel_at,
        asked: HashSet::new(),
        heard: 0,
    };
    let trace = simulate(&plan, luck.seed, &mut world);
    let play = Play {
        trace,
        text: program.text.clone(),
    };
    let asserted = catch_unwind(AssertUnwindSafe(|| {
        assert!(play.trace.status.is_some(), "it never ends");
        assert_eq!(play.trace.left_over, 0, "something is left over");
        play.replay(&plan, luck.seed);
        play.audit(&plan);
        if has_deadlock(&play) && report::prove(&plan).is_err() {
            // What the proof refuses is never run.
            return;
        }
        hold(program, &play, luck, cancel_at.is_some());
    }));
    asserted.map_err(|why| {
        let said = why.downcast_ref::<String>().cloned();
        let said = said.or_else(|| why.downcast_ref::<&str>().map(ToString::to_string));
        let said = said.unwrap_or_default();
        let story = play.story();
        let text = &program.text;
        TestCaseError::fail(format!("{said}\n{luck:?} {cancel_at:?}\n{text}\n{story}"))
    })
}

fn has_deadlock(play: &Play) -> bool {
    let mut told = play.trace.events.iter().map(|(_, told)| told);
    told.any(|told| match told {
        RunEventKind::NodeFinished { failure, .. } => {
            (failure.as_ref()).is_some_and(|failure| failure.class == FailureClass::Deadlock)
        }
        _ => false,
    })
}

fn hold(program: &Program, play: &Play, luck: Luck, cancelled: bool) {
    let root = &program.root;
    let map = Map::of(root);
    let record = Record::of(&play.trace);
    let again = has(root, &tries_again) || has(root, &|node| node.kind == Kind::Verify);
    let goes_past_always = |node: &Node| {
        let verdict = node.on_failure.as_ref().map(|(_, verdict)| *verdict);
        verdict == Some(Verdict::RollbackPipeline)
    };
    check_order(&map, &record, again, has(root, &goes_past_always));
    check_width(&map, &record, again);
    check_locks(&record);
    let hidden = |node: &Node| {
        let rolls_back = node.modifiers.atomic
            || node
                .on_failure
                .as_ref()
                .is_some_and(|(_, it)| matches!(it, Verdict::Rollback | Verdict::Ask));
        rolls_back && matches!(node.kind, Kind::Grid(_))
    };
    check_undo(&map, &record, has(root, &hidden));
    if !again {
        check_skipped(&record);
    }
    let status = play.trace.status;
    if cancelled {
        return;
    }
    assert_ne!(status, Some(Status::Cancelled));
    let lucky = |node: &Node| {
        let Modifiers {
            batches,
            tolerate,
            fail_fast,
            atomic,
            timeout,
            ..
        } = &node.modifiers;
        let verdict = node.on_failure.as_ref().map(|(_, verdict)| *verdict);
        // A deployment starts nothing new after a failure in it that nothing can rescue.
        let splits = |it: &Node| matches!(it.kind, Kind::Grid(_) | Kind::Parallel);
        let in_doubt = (matches!(node.kind, Kind::Deploy(_)) && has(node, &splits))
            || (verdict == Some(Verdict::RollbackPipeline) && has(root, &splits));
        node.kind == Kind::Outcome
            || *batches
            || *tolerate > 0
            || *fail_fast
            || *atomic
            || timeout.is_some()
            || in_doubt
            || matches!(verdict, Some(Verdict::Abort | Verdict::Ask))
            || matches!(node.kind, Kind::Barrier(_))
    };
    if luck.flaky || has(root, &lucky) {
        return;
    }
    let (reference, good) = Reference::of(root, luck);
    let ran = record.ran.iter().filter(|ran| ran.word != 'u');
    let ran = ran.map(|ran| (ran.id, ran.seen.clone())).collect();
    assert_eq!(reference.runs, ran, "what ran is not what should have");
    if status != Some(Status::RollbackFailed) {
        let good_end = status == Some(Status::Succeeded);
        assert_eq!(good_end, good, "it ended {status:?}");
    }
}

fn luck() -> impl Strategy<Value = Luck> {
    (1..u64::MAX, 0..6_u64, any::<bool>()).prop_map(|(seed, failing, flaky)| Luck {
        seed,
        failing: failing * failing * 2,
        flaky,
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..160)
}

/// `HUNT=100` runs a hundred times as many cases.
fn config(cases: u32) -> ProptestConfig {
    let more = std::env::var("HUNT")
        .ok()
        .and_then(|more| more.parse().ok());
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases * more.unwrap_or(1))
    }
}

/// The pipeline deploys outside of a stage where it only knows in the run whether it does, so that
/// it has the lock to its end, and the stage in it can never have it.
#[test]
fn what_can_only_wait_for_itself_is_never_run() {
    let bytes = [
        0, 17, 3, 53, 29, 160, 56, 18, 0, 48, 5, 7, 0, 48, 34, 0, 86, 54, 0, 18, 15, 0, 18, 0, 48,
        5, 0, 165, 7, 126, 0, 0, 113, 0, 0, 49, 0, 0, 6, 234, 0, 221, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0,
        0, 78, 0, 48, 143, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 75, 0, 0, 0, 185, 0, 0, 0, 0, 0,
        0, 5, 0, 0, 121, 0, 65, 94,
    ];
    let flavour = Flavour {
        lucky: false,
        timeouts: false,
        barriers: false,
        watches: false,
        people: true,
    };
    let program = program(&bytes, flavour);
    let plan = try_plan(&program.text, &[]).unwrap_or_else(|said| panic!("{said}"));
    let said = report::prove(&plan).expect_err("a deadlock");
    assert_eq!(said[0].code.to_string(), "E0809");
    let luck = Luck {
        seed: 10_194_693_917_845_309_310,
        failing: 0,
        flaky: false,
    };
    check(&program, luck, None).unwrap_or_else(|why| panic!("{why}"));
}

/// The run is cancelled in what is done between batches, after it has been done once.
#[test]
fn what_is_between_batches_may_be_done_once_and_left_out_then() {
    let bytes = [
        0, 44, 29, 0, 0, 0, 0, 151, 0, 0, 96, 0, 29, 0, 0, 206, 49, 0, 221, 0, 100, 60, 0, 200, 26,
        83, 0, 3, 0, 0, 0, 0, 125, 32, 20, 52, 0, 21, 0, 0, 68, 40, 0, 0, 18, 0, 0, 44, 26, 0, 0,
        5, 0, 0, 6, 0, 0, 115, 0, 0, 0, 4, 23, 134, 78, 0, 0, 0, 5, 0, 17, 0, 0, 0, 47, 0, 0, 0, 0,
        1, 246,
    ];
    let flavour = Flavour {
        lucky: true,
        timeouts: true,
        barriers: false,
        watches: false,
        people: true,
    };
    let program = program(&bytes, flavour);
    assert!(program.text.contains("between {"), "{}", program.text);
    let luck = Luck {
        seed: 108_246_610_219_440_240,
        failing: 0,
        flaky: false,
    };
    check(&program, luck, Some(57)).unwrap_or_else(|why| panic!("{why}"));
}

proptest! {
    #![proptest_config(config(500))]

    /// What runs depends on the timing only through failures: an independent interpretation of the
    /// program finds the same commands and the same end.
    #[test]
    fn plain_programs_run_as_they_are_written(bytes in bytes(), luck in luck()) {
        let flavour = Flavour { lucky: false, timeouts: false, barriers: false, watches: false, people: true };
        check(&program(&bytes, flavour), luck, None)?;
    }

    #[test]
    fn programs_with_everything_keep_order_width_and_undo(bytes in bytes(), luck in luck()) {
        let flavour = Flavour { lucky: true, timeouts: false, barriers: false, watches: false, people: true };
        check(&program(&bytes, flavour), luck, None)?;
    }
}

proptest! {
    #![proptest_config(config(250))]

    #[test]
    fn programs_that_run_out_of_time_or_are_cancelled_end_cleanly(
        bytes in bytes(), luck in luck(), at in 0..200_i64
    ) {
        let flavour = Flavour { lucky: true, timeouts: true, barriers: false, watches: false, people: true };
        let program = program(&bytes, flavour);
        check(&program, luck, None)?;
        check(&program, luck, Some(at))?;
    }

    #[test]
    fn programs_with_barriers_end(bytes in bytes(), luck in luck(), at in 0..200_i64) {
        let flavour = Flavour { lucky: true, timeouts: true, barriers: true, watches: false, people: true };
        let program = program(&bytes, flavour);
        check(&program, luck, None)?;
        check(&program, luck, Some(at))?;
    }
}
