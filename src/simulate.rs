//! A world without processes, disks or waiting: runs the machine in virtual time, with every
//! effect ending as a script says. It does not know what is tested with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::lock::LockTable;
use crate::engine::notice::{Happened, Status};
use crate::engine::state::Transitions;
use crate::engine::{Answer, Effect, EffectId, Event, Machine, Outcome, Question};
use crate::plan::{Plan, RunFacts};
use crate::source::Name;
use crate::value::Value;

/// What a script is told of a command or action that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The path of its node.
    pub node: Name,
    /// The command's text, or the action's name.
    pub text: String,
    /// How often this node has started something before.
    pub before: u32,
}

/// How a command or action goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// How long it takes, in virtual milliseconds.
    pub takes_ms: i64,
    /// How it ends.
    pub outcome: Outcome,
}

impl Course {
    /// It takes this long and ends well, without output.
    pub fn good(takes_ms: i64) -> Self {
        Self {
            takes_ms,
            outcome: Outcome::good(command_value("", 0, [])),
        }
    }

    /// It takes this long and exits with a code that is not zero.
    pub fn exit(takes_ms: i64, code: i64) -> Self {
        let failure = Some((crate::ir::FailureClass::Exit, format!("exit code {code}")));
        Self {
            takes_ms,
            outcome: Outcome {
                value: command_value("", code, []),
                failure,
            },
        }
    }
}

/// The value of a command.
pub fn command_value<const N: usize>(stdout: &str, code: i64, outputs: [(&str, &str); N]) -> Value {
    Value::map([
        ("stdout", Value::string(stdout)),
        ("stderr", Value::string("")),
        ("code", Value::Int(code)),
        (
            "outputs",
            Value::map(outputs.map(|(key, value)| (key, Value::string(value)))),
        ),
    ])
}

/// The world that a script makes.
pub trait Script {
    /// How a command or action goes.
    fn course(&mut self, started: &Started) -> Course;

    /// What a person answers, and after how many milliseconds; nothing if nobody does.
    fn answer(&mut self, _node: &Name, _question: &Question) -> Option<(i64, Answer)> {
        Some((0, Answer::Yes))
    }

    /// When the run is cancelled, in milliseconds.
    fn cancel_at(&self) -> Option<i64> {
        None
    }
}

/// Scripts may be plain functions.
impl<F: FnMut(&Started) -> Course> Script for F {
    fn course(&mut self, started: &Started) -> Course {
        self(started)
    }
}

/// What happened in a simulated run.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What was told, and when, in virtual milliseconds.
    pub told: Vec<(i64, Happened)>,
    /// How it ended; nothing if it came to a stop before its end.
    pub status: Option<Status>,
    /// Which transitions happened.
    pub transitions: Transitions,
    /// The most commands and actions that ran at once.
    pub width: usize,
}

/// Runs a plan in a scripted world. `seed` decides the jitter of retries and, among things that
/// end at the same time, which is heard of first.
pub fn simulate(plan: &Arc<Plan>, seed: u64, script: &mut dyn Script) -> Trace {
    let run = RunFacts {
        id: "run".into(),
        user: "test".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
    };
    let mut world = World {
        machine: Machine::new(plan.clone(), run, seed),
        script,
        now: 0,
        chance: seed,
        agenda: BTreeMap::new(),
        due: BTreeMap::new(),
        locks: LockTable::default(),
        started: BTreeMap::new(),
        running: 0,
        trace: Trace {
            told: Vec::new(),
            status: None,
            transitions: Transitions::default(),
            width: 0,
        },
    };
    if let Some(at) = world.script.cancel_at() {
        world.plan_event(at, EffectId(0), Event::Cancel);
    }
    world.happen(Event::Start);
    while world.trace.status.is_none() {
        let Some((key, (id, event))) = world.agenda.pop_first() else {
            break;
        };
        world.now = world.now.max(key.0);
        world.due.remove(&id);
        if matches!(event, Event::Ended { .. }) {
            world.running -= 1;
        }
        world.happen(event);
    }
    world.trace.transitions = world.machine.transitions();
    world.trace
}

/// When, in which order among things of the same time, and what.
type Agenda = BTreeMap<(i64, u64, EffectId), (EffectId, Event)>;

struct World<'s> {
    machine: Machine,
    script: &'s mut dyn Script,
    now: i64,
    chance: u64,
    agenda: Agenda,
    /// Where an effect stands in the agenda.
    due: BTreeMap<EffectId, (i64, u64, EffectId)>,
    locks: LockTable<EffectId>,
    started: BTreeMap<Name, u32>,
    running: usize,
    trace: Trace,
}

impl World<'_> {
    fn plan_event(&mut self, at: i64, id: EffectId, event: Event) {
        // Seed 0 keeps things of the same time in the order they were begun.
        let order = if self.trace_seeded() {
            self.next_chance()
        } else {
            0
        };
        let key = (at, order, id);
        self.due.insert(id, key);
        self.agenda.insert(key, (id, event));
    }

    fn trace_seeded(&self) -> bool {
        self.chance != 0
    }

    fn next_chance(&mut self) -> u64 {
        // An xorshift generator: never zero once seeded.
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    fn forget(&mut self, id: EffectId) -> Option<Event> {
        let key = self.due.remove(&id)?;
        self.agenda.remove(&key).map(|(_, event)| event)
    }

    fn happen(&mut self, event: Event) {
        let effects = self.machine.handle(self.now, event);
        for effect in effects {
            self.carry_out(effect);
        }
        if self.machine.finished().is_some() {
            self.trace.status = self.machine.finished();
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Run { id, node, command } => self.begin(id, node, command.text.clone()),
            Effect::Act {
                id, node, action, ..
            } => self.begin(id, node, action.to_string()),
            Effect::Stop { id } => {
                if self.forget(id).is_some() {
                    let outcome = Outcome::failed(crate::ir::FailureClass::Cancelled, "stopped");
                    self.plan_event(self.now, id, Event::Ended { id, outcome });
                }
            }
            Effect::SetTimer { id, at } => self.plan_event(at, id, Event::Fired { id }),
            Effect::ClearTimer { id } | Effect::Unask { id } => {
                self.forget(id);
            }
            Effect::Acquire { id, wants, .. } => {
                self.locks.acquire(id, wants);
                if !self.grant().contains(&id) {
                    self.plan_event(self.now, id, Event::Queued { id });
                }
            }
            Effect::Release { id, names } => {
                self.locks.release(id, &names);
                self.grant();
            }
            Effect::Ask { id, node, question } => {
                if let Some((after, answer)) = self.script.answer(&node, &question) {
                    self.plan_event(self.now + after, id, Event::Answered { id, answer });
                }
            }
            Effect::Tell(happened) => self.trace.told.push((self.now, happened)),
        }
    }

    fn begin(&mut self, id: EffectId, node: Name, text: String) {
        let times = self.started.entry(node.clone()).or_default();
        let before = *times;
        *times += 1;
        let course = self.script.course(&Started { node, text, before });
        self.running += 1;
        self.trace.width = self.trace.width.max(self.running);
        let event = Event::Ended {
            id,
            outcome: course.outcome,
        };
        self.plan_event(self.now + course.takes_ms, id, event);
    }

    fn grant(&mut self) -> Vec<EffectId> {
        let granted = self.locks.grant();
        for id in &granted {
            self.forget(*id);
            self.plan_event(self.now, *id, Event::Acquired { id: *id });
        }
        granted
    }
}

impl Trace {
    /// The last status that was told of a node.
    pub fn status_of(&self, path: &str) -> Option<Status> {
        self.told
            .iter()
            .rev()
            .find_map(|(_, happened)| match happened {
                Happened::NodeFinished { node, status, .. } if **node == *path => Some(*status),
                _ => None,
            })
    }
}
