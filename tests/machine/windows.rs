//! Deployment windows: what the machine asks, when, and what it does with the answers.

use lockstep_engine::run_event::{RunEventKind, Status, WaitReason};
use lockstep_engine::{Effect, EffectId, EffectOutcome, Event, Machine, PendingEffects};
use lockstep_lang::ir::FailureClass;
use lockstep_verify::conformance::ConformanceCheck;
use lockstep_verify::simulate::{command_value, run_facts};

use super::play::plan;

const MINUTE: u64 = 60_000;

/// A program with this pipeline, whose infrastructures have windows.
fn program(pipeline: &str) -> String {
    format!(
        "window office {{ open = [\"mon-fri 09:00-16:00\"] }}
window night {{ open = [\"daily 22:00-02:00\"] outside = \"refuse\" }}
kind app {{ deploy using roll }}
workflow roll(s: service<app>, i: infrastructure<app>) {{
  run \"roll ${{s.name}} ${{i.name}}\" timeout 10m undo {{ run \"back\" timeout 1h }}
}}
service web: app {{}}
service api: app {{}}
environment prod {{
  window = office
  infrastructure eu: app {{}}
  infrastructure us: app {{}}
  infrastructure open: app {{ exclusive = false }}
  infrastructure late: app {{ window = night }}
}}
environment qa {{ infrastructure a: app {{}} }}
pipeline p {{ {pipeline} }}"
    )
}

/// A run in which every effect without an answer is known.
struct Played {
    machine: Machine,
    left: PendingEffects,
    now: i64,
}

impl Played {
    fn begun(pipeline: &str) -> (Self, Vec<Effect>) {
        Self::begun_as(pipeline, None)
    }

    fn begun_as(pipeline: &str, outside: Option<&str>) -> (Self, Vec<Effect>) {
        let facts = run_facts().with_outside_window(outside.map(Into::into));
        let mut played = Self {
            machine: Machine::new(plan(&program(pipeline), &[]), facts, 1),
            left: PendingEffects::default(),
            now: 0,
        };
        let effects = played.takes(Event::Start);
        (played, effects)
    }

    #[track_caller]
    fn takes(&mut self, event: Event) -> Vec<Effect> {
        assert!(self.left.answered(&event), "{event:?} answers nothing");
        let effects = self.machine.handle(self.now, event);
        assert_eq!(self.machine.broken(), None);
        for effect in effects.clone() {
            let _ = self.left.requested(effect);
        }
        effects
    }

    /// The one question about windows that is open.
    #[track_caller]
    fn asked(&self) -> EffectId {
        let ids: Vec<_> = self.left.windows.keys().copied().collect();
        let [id] = ids.as_slice() else {
            panic!("{ids:?}");
        };
        *id
    }

    /// The one request for locks that is not granted.
    #[track_caller]
    fn requested(&self) -> EffectId {
        let open = self.left.locks.iter().filter(|(_, it)| !it.granted);
        let ids: Vec<_> = open.map(|(id, _)| *id).collect();
        let [id] = ids.as_slice() else {
            panic!("{ids:?}");
        };
        *id
    }

    #[track_caller]
    fn opens(&mut self) -> Vec<Effect> {
        let id = self.asked();
        self.takes(Event::WindowOpen { id })
    }

    #[track_caller]
    fn is_closed(&mut self, refused: bool) -> Vec<Effect> {
        let id = self.asked();
        let opens_at = Some(1_796_634_000_000);
        self.takes(Event::WindowClosed {
            id,
            opens_at,
            refused,
        })
    }

    #[track_caller]
    fn acquires(&mut self) -> Vec<Effect> {
        let id = self.requested();
        self.takes(Event::Acquired { id })
    }

    /// All commands that run end so.
    fn commands_end(&mut self, failing: &str) -> Vec<Effect> {
        let mut all = Vec::new();
        for (id, (_, command)) in self.left.commands.clone() {
            let outcome = match !failing.is_empty() && command.text.contains(failing) {
                true => EffectOutcome::failed(FailureClass::Exit, "exit code 1"),
                false => EffectOutcome::good(command_value("", 0, [])),
            };
            all.extend(self.takes(Event::Ended { id, outcome }));
        }
        all
    }
}

fn has(effects: &[Effect], wanted: impl Fn(&Effect) -> bool) -> bool {
    effects.iter().any(wanted)
}

fn asks(effect: &Effect) -> bool {
    matches!(effect, Effect::AwaitWindow { .. })
}

fn acquires(effect: &Effect) -> bool {
    matches!(effect, Effect::Acquire { .. })
}

fn runs(effect: &Effect) -> bool {
    matches!(effect, Effect::Run { .. })
}

/// What a pipeline says that it needs, in minutes and milliseconds.
#[track_caller]
fn needs(pipeline: &str) -> (u64, u64) {
    let (mut played, _) = Played::begun(pipeline);
    for _ in 0..10 {
        if let Some(window) = played.left.windows.values().next() {
            return (window.needs_ms / MINUTE, window.needs_ms % MINUTE);
        }
        played.commands_end("");
    }
    panic!("it asks nothing");
}

#[test]
fn a_stage_needs_the_longest_that_it_can_take_from_its_locks_on() {
    // A command that is stopped has 10 s to end.
    assert_eq!(needs("stage s { deploy web to prod.eu }"), (10, 10_000));
    let grace = "stage s grace 1m { deploy web to prod.eu }";
    assert_eq!(needs(grace), (11, 0));
    let two = "stage s { deploy web to prod.eu deploy api to prod.eu }";
    assert_eq!(needs(two), (20, 20_000));
    let beside = "stage s { parallel i in [prod.eu, prod.us] { deploy web to i } }";
    assert_eq!(needs(beside), (10, 10_000));
    let by_max = "stage s { parallel i in [prod.eu, prod.us] max 1 { deploy web to i } }";
    assert_eq!(needs(by_max), (20, 20_000));
    let again = "stage s { deploy web to prod.eu retry 2 every 1m }";
    assert_eq!(needs(again), (32, 30_000));
    let waits = "stage s { deploy web to prod.eu wait 5m }";
    assert_eq!(needs(waits), (15, 10_000));
    let checked = "stage s { deploy web to prod.eu verify for 5m every 1m { log \"x\" } }";
    assert_eq!(needs(checked), (15, 10_000));
    let limited = "stage s timeout 5m { deploy web to prod.eu }";
    assert_eq!(needs(limited), (5, 10_000));
    let asked = "stage s { deploy web to prod.eu approve \"go on?\" timeout 30m }";
    assert_eq!(needs(asked), (40, 10_000));
    // What comes before the locks does not count, nor does the way back.
    let before = "stage s { run \"build\" deploy web to prod.eu }";
    assert_eq!(needs(before), (10, 10_000));
    let cleaned = "stage s { deploy web to prod.eu } always { run \"clean\" timeout 1m }";
    assert_eq!(needs(cleaned), (11, 20_000));
    // Outside of a stage it is up to the last deployment.
    let loose = "run \"a\" deploy web to prod.eu run \"b\"";
    assert_eq!(needs(loose), (10, 10_000));
    let wide = "deploy web to prod.eu wait 3m deploy api to prod.eu run \"b\"";
    assert_eq!(needs(wide), (23, 20_000));
}

#[test]
fn it_is_asked_before_locks_are_taken_and_time_limits_begin_behind_the_wait() {
    let (mut played, begun) =
        Played::begun("stage s timeout 30m { run \"build\" deploy web to prod.eu }");
    assert!(!has(&begun, asks), "{begun:?}");
    played.now = 60_000;
    let effects = played.commands_end("");
    assert!(has(&effects, asks) && !has(&effects, acquires));
    let waits = played.is_closed(false);
    let limit = |it: &Effect| matches!(it, Effect::ClearTimer { .. });
    assert!(has(&waits, limit), "{waits:?}");
    let told = waits.iter().find_map(|it| match it {
        Effect::Tell(RunEventKind::NodeWaiting { node, waiting, .. }) => Some((node, waiting)),
        _ => None,
    });
    let (node, waiting) = told.expect("it waits");
    assert_eq!(&**node, "p/s/deploy[web, prod.eu]");
    let WaitReason::Window { windows, opens, .. } = waiting else {
        panic!("{waiting:?}");
    };
    assert_eq!(
        (&*windows[0].window, &*windows[0].of),
        ("office", "prod.eu")
    );
    assert_eq!(opens.as_deref(), Some("Mon 2026-12-07 09:00 UTC"));
    assert!(played.left.timers.is_empty());
    played.now = 10_000_000;
    let open = played.opens();
    assert!(has(&open, acquires) && !has(&open, runs));
    let times: Vec<i64> = played.left.timers.values().copied().collect();
    assert_eq!(times, [10_000_000 + 30 * 60_000]);
    assert!(has(&played.acquires(), runs));
    played.commands_end("");
    assert_eq!(played.machine.finished(), Some(Status::Succeeded));
    assert_eq!(played.machine.active_entries(), 0);
}

#[test]
fn locks_that_took_time_are_given_back_where_it_does_not_fit_any_more() {
    let (mut played, _) = Played::begun("stage s { deploy web to prod.eu }");
    played.opens();
    let first = played.requested();
    played.takes(Event::queued(first));
    let held = played.acquires();
    assert!(has(&held, asks) && !has(&held, runs), "{held:?}");
    let back = played.is_closed(false);
    let released = |it: &Effect| matches!(it, Effect::Release { id, .. } if *id == first);
    assert!(has(&back, released));
    played.opens();
    assert_ne!(played.requested(), first);
    // At once this time.
    assert!(has(&played.acquires(), runs));
    played.commands_end("");
    assert_eq!(played.machine.finished(), Some(Status::Succeeded));
    assert_eq!(played.machine.active_entries(), 0);
}

#[test]
fn locks_that_took_time_are_used_where_it_still_fits() {
    let (mut played, _) = Played::begun("stage s { deploy web to prod.eu }");
    played.opens();
    played.takes(Event::queued(played.requested()));
    assert!(!has(&played.acquires(), runs));
    assert!(has(&played.opens(), runs));
}

#[test]
fn a_run_that_is_resumed_asks_again() {
    let (mut played, _) = Played::begun("stage s { deploy web to prod.eu }");
    played.opens();
    let by = "ada".into();
    played.takes(Event::Resumed { by, uid: None });
    let held = played.acquires();
    assert!(has(&held, asks) && !has(&held, runs), "{held:?}");
    assert!(has(&played.opens(), runs));
}

#[test]
fn what_is_refused_fails_at_once_and_may_be_handled() {
    let (mut played, _) = Played::begun("stage s { deploy web to prod.late }");
    let effects = played.is_closed(true);
    let failure = effects.iter().find_map(|it| match it {
        Effect::Tell(RunEventKind::RunFinished { failure, .. }) => failure.clone(),
        _ => None,
    });
    let failure = failure.expect("it fails");
    assert_eq!(failure.class, FailureClass::Failed);
    assert_eq!(&*failure.node, "p/s/deploy[web, prod.late]");
    assert_eq!(
        failure.message,
        "it may take 10m10s, which does not fit into window `night` of prod.late now: it opens \
         Mon 2026-12-07 09:00 UTC"
    );
    assert_eq!(played.machine.active_entries(), 0);
    let (mut handled, _) =
        Played::begun("stage s { deploy web to prod.late on failure { ignore } }");
    handled.is_closed(true);
    assert_eq!(handled.machine.finished(), Some(Status::Succeeded));
}

#[test]
fn a_run_that_waits_for_a_window_can_be_cancelled() {
    let (mut played, _) = Played::begun("stage s { deploy web to prod.eu }");
    played.is_closed(false);
    let effects = played.takes(Event::Cancel);
    assert!(has(&effects, |it| matches!(it, Effect::LeaveWindow { .. })));
    assert_eq!(played.machine.finished(), Some(Status::Cancelled));
    assert_eq!(played.machine.active_entries(), 0);
    assert_eq!(played.left, PendingEffects::default());
}

#[test]
fn a_rollback_is_never_held_up() {
    let pipeline = "stage s atomic { deploy web to prod.eu run \"bad\" timeout 1m }";
    let (mut played, _) = Played::begun(pipeline);
    played.opens();
    played.acquires();
    played.commands_end("");
    let effects = played.commands_end("bad");
    assert!(has(&effects, runs) && !has(&effects, asks), "{effects:?}");
    let ended = played.commands_end("");
    assert!(!has(&ended, asks));
    assert_eq!(played.machine.finished(), Some(Status::Failed));
}

#[test]
fn a_run_outside_of_windows_asks_nothing_and_says_so() {
    let pipeline = "stage s { deploy web to prod.eu }";
    let (_, begun) = Played::begun_as(pipeline, Some("the shop is down"));
    assert!(!has(&begun, asks) && has(&begun, acquires));
    let said = |it: &Effect| {
        matches!(it, Effect::Tell(RunEventKind::RunStarted { outside_window: Some(why), .. })
            if &**why == "the shop is down")
    };
    assert!(has(&begun, said));
}

#[test]
fn an_infrastructure_without_a_lock_has_a_window_all_the_same() {
    let (mut played, begun) = Played::begun("stage s { deploy web to prod.open }");
    assert!(has(&begun, asks) && !has(&begun, acquires));
    let open = played.opens();
    assert!(has(&open, runs) && !has(&open, acquires), "{open:?}");
    played.commands_end("");
    assert_eq!(played.machine.finished(), Some(Status::Succeeded));
    assert_eq!(played.machine.active_entries(), 0);
    let (_, without) = Played::begun("stage s { deploy web to qa.a }");
    assert!(!has(&without, asks) && has(&without, acquires));
}

#[test]
fn windows_of_several_infrastructures_are_asked_together() {
    let pipeline = "stage s { parallel { deploy web to prod.eu deploy web to prod.late } }";
    let (played, _) = Played::begun(pipeline);
    let window = played.left.windows.values().next().expect("a question");
    let names: Vec<&str> = window.windows.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["office", "night"]);
}

#[test]
fn a_deployment_that_begins_before_the_answer_does_not_keep_to_the_plan() {
    let pipeline = "stage s { deploy web to prod.eu }";
    let (mut played, mut effects) = Played::begun(pipeline);
    effects.extend(played.opens());
    effects.extend(played.acquires());
    effects.extend(played.commands_end(""));
    let told = effects.into_iter().filter_map(|it| match it {
        Effect::Tell(happened) => Some(happened),
        _ => None,
    });
    let told: Vec<RunEventKind> = told.collect();
    let violation = |told: Vec<&RunEventKind>| {
        let mut audit = ConformanceCheck::new(plan(&program(pipeline), &[]));
        told.into_iter().find_map(|it| audit.first_violation(it))
    };
    assert_eq!(violation(told.iter().collect()), None);
    let opens = |it: &&RunEventKind| matches!(it, RunEventKind::WindowOpen { .. });
    let wrong = violation(told.iter().filter(|it| !opens(it)).collect());
    assert_eq!(
        wrong.map(|it| it.what),
        Some(String::from("began before a window of `prod.eu` was open"))
    );
}
