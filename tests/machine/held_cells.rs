//! What begins is bounded by what may run: cells of large loops start some at a time, one event
//! leads to a bounded number of effects, and nothing that waits so waits for ever.

use std::collections::VecDeque;

use lockstep_base::value::Value;
use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_engine::{Effect, EffectId, EffectOutcome, Event, Machine};
use lockstep_lang::ir::FailureClass;
use lockstep_verify::simulate::run_facts;

use super::play::plan;

/// A run whose commands end in the order in which they were requested, `at_once` at a time.
struct SmallRun {
    machine: Machine,
    commands: VecDeque<EffectId>,
    timers: Vec<EffectId>,
    /// The most commands that were requested and had not ended.
    most_requested: usize,
    /// The most nodes and requests that the machine had.
    most_active: usize,
    /// The most effects of one event.
    most_effects: usize,
    /// How many cells have begun.
    cells: usize,
}

impl SmallRun {
    fn new(text: &str) -> Self {
        let facts = run_facts().with_max_commands(Some(8));
        Self {
            machine: Machine::new(plan(text, &[]), facts, 1),
            commands: VecDeque::new(),
            timers: Vec::new(),
            most_requested: 0,
            most_active: 0,
            most_effects: 0,
            cells: 0,
        }
    }

    fn handle(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            let effects = self.machine.handle(0, event);
            assert_eq!(self.machine.broken(), None);
            self.most_effects = self.most_effects.max(effects.len());
            for effect in effects {
                match effect {
                    Effect::Run { id, .. } => self.commands.push_back(id),
                    Effect::Stop { id } => {
                        if let Some(at) = self.commands.iter().position(|it| *it == id) {
                            self.commands.remove(at);
                            let outcome = EffectOutcome::failed(FailureClass::Cancelled, "stopped");
                            self.machine_ends(id, outcome);
                        }
                    }
                    Effect::SetTimer { id, .. } => self.timers.push(id),
                    Effect::Tell(RunEventKind::NodeStarted {
                        kind: NodeKind::Cell,
                        ..
                    }) => self.cells += 1,
                    _ => {}
                }
            }
            self.most_requested = self.most_requested.max(self.commands.len());
            self.most_active = self.most_active.max(self.machine.active_entries());
            next = self.machine.has_more().then_some(Event::GoOn);
        }
    }

    fn machine_ends(&mut self, id: EffectId, outcome: EffectOutcome) {
        self.handle(Event::Ended { id, outcome });
    }

    /// Ends one command after the other with what `outcome` says of its number.
    fn play(mut self, outcome: impl Fn(usize) -> EffectOutcome) -> Self {
        self.handle(Event::Start);
        let mut ended = 0;
        while let Some(id) = self.commands.pop_front() {
            self.machine_ends(id, outcome(ended));
            ended += 1;
        }
        assert!(self.machine.finished().is_some(), "it never ends");
        assert_eq!(self.machine.active_entries(), 0);
        self
    }
}

fn good(_: usize) -> EffectOutcome {
    EffectOutcome::good(Value::None)
}

#[test]
fn ten_thousand_cells_request_few_commands_at_once() {
    let text = "pipeline p { parallel n in range(0, 10000) { run \"/bin/true\" } }";
    let run = SmallRun::new(text).play(good);
    assert_eq!(run.machine.finished(), Some(Status::Succeeded));
    assert_eq!(run.cells, 10_000);
    assert!(run.most_requested < 100, "{}", run.most_requested);
    assert!(run.most_active < 400, "{}", run.most_active);
}

#[test]
fn a_cell_that_does_nothing_outside_holds_no_other_up_and_leads_to_few_effects() {
    for text in [
        "pipeline p { parallel n in range(0, 50000) { let m = n + 1 } }",
        "pipeline p { serial n in range(0, 50000) { let m = n + 1 } }",
        "pipeline p { matrix serial a in range(0, 200) parallel b in range(0, 200) { log \"x\" } }",
    ] {
        let run = SmallRun::new(text).play(good);
        assert_eq!(run.machine.finished(), Some(Status::Succeeded), "{text}");
        assert!(run.most_effects < 1_400, "{text}: {}", run.most_effects);
        assert!(run.most_active < 250, "{text}: {}", run.most_active);
    }
}

#[test]
fn loops_beside_each_other_and_in_each_other_take_turns() {
    let text = "pipeline p {
      parallel {
        parallel a in range(0, 3000) { run \"a\" }
        parallel b in range(0, 3000) { run \"b\" }
        parallel c in range(0, 40) { parallel d in range(0, 60) { run \"c\" } }
      }
      run \"after\"
    }";
    let run = SmallRun::new(text).play(good);
    assert_eq!(run.machine.finished(), Some(Status::Succeeded));
    assert_eq!(run.cells, 3_000 + 3_000 + 40 + 40 * 60);
    assert!(run.most_requested < 200, "{}", run.most_requested);
}

#[test]
fn a_barrier_waits_for_the_cells_that_are_held_back() {
    let text = "pipeline p {
      parallel n in range(0, 2000) { run \"before\" barrier all run \"behind\" }
    }";
    let run = SmallRun::new(text).play(good);
    assert_eq!(run.machine.finished(), Some(Status::Succeeded));
}

#[test]
fn a_loop_that_fails_or_is_stopped_begins_no_more_cells() {
    let failing = |at: usize| match at {
        20 => EffectOutcome::failed(FailureClass::Exit, "no"),
        _ => EffectOutcome::good(Value::None),
    };
    let text = "pipeline p { parallel n in range(0, 5000) fail fast { run \"x\" } }";
    let run = SmallRun::new(text).play(failing);
    assert_eq!(run.machine.finished(), Some(Status::Failed));
    assert!(run.cells < 200, "{}", run.cells);

    // Its timeout comes while none of its cells runs: another loop has all the room.
    let text = "pipeline p {
      parallel {
        parallel a in range(0, 2000) { run \"a\" }
        step late timeout 1m { parallel b in range(0, 2000) { run \"b\" } }
      }
    }";
    let mut run = SmallRun::new(text);
    run.handle(Event::Start);
    let timers = std::mem::take(&mut run.timers);
    assert_eq!(timers.len(), 1);
    run.handle(Event::Fired { id: timers[0] });
    while let Some(id) = run.commands.pop_front() {
        run.machine_ends(id, good(0));
    }
    assert_eq!(run.machine.finished(), Some(Status::Failed));
    assert_eq!(run.machine.active_entries(), 0);
    assert!(run.cells < 2_200, "{}", run.cells);
}

#[test]
fn a_run_that_is_cancelled_in_the_middle_ends() {
    let text = "pipeline p { parallel n in range(0, 5000) { let m = n run \"x\" } }";
    for after in [0, 1, 100, 1_000] {
        let mut run = SmallRun::new(text);
        run.handle(Event::Start);
        for _ in 0..after {
            let id = run.commands.pop_front().expect("commands run");
            run.machine_ends(id, good(0));
        }
        run.handle(Event::Cancel);
        while let Some(id) = run.commands.pop_front() {
            run.machine_ends(id, good(0));
        }
        assert_eq!(run.machine.finished(), Some(Status::Cancelled));
        assert_eq!(run.machine.active_entries(), 0);
        assert!(run.cells <= after + 120, "{} after {after}", run.cells);
    }
}

/// What is held back depends on what has happened alone: another machine does the same.
#[test]
fn another_machine_holds_back_the_same() {
    let text = "pipeline p { parallel n in range(0, 3000) { log \"x\" run \"y\" } }";
    let plan = plan(text, &[]);
    let new = || Machine::new(plan.clone(), run_facts().with_max_commands(Some(2)), 1);
    let (mut one, mut other) = (new(), new());
    let mut events = VecDeque::from([Event::Start]);
    while let Some(event) = events.pop_front() {
        let effects = one.handle(0, event.clone());
        assert_eq!(effects, other.handle(0, event));
        assert_eq!(one.has_more(), other.has_more());
        assert_eq!(one.fingerprint(), other.fingerprint());
        if one.has_more() {
            events.push_front(Event::GoOn);
        }
        for effect in effects {
            if let Effect::Run { id, .. } = effect {
                let outcome = EffectOutcome::good(Value::None);
                events.push_back(Event::Ended { id, outcome });
            }
        }
    }
    assert_eq!(one.finished(), Some(Status::Succeeded));
}
