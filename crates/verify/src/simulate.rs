//! A simulated world without processes, disks or waiting: runs the machine in virtual time, and
//! every effect ends as a script says.

#![deny(clippy::wildcard_enum_match_arm)]

mod trace;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_engine::lock::LockTable;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::RunEventKind;
use lockstep_engine::supposition::Answers;
use lockstep_engine::{
    Answer, ApprovalAnswer, CommandRequest, Effect, EffectId, EffectOutcome, Event, FailureChoice,
    LaterDeployment, Machine, OutputText, Question, Respondent, UnclearPlace,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Plan, RunFacts};
pub use trace::{HandledEvent, Trace};

/// What a script receives about a command or action that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedEffect {
    /// The path of its node.
    pub node: NodePath,
    /// The command's text, or the action's name.
    pub text: String,
    /// How often this node has started something before.
    pub before: u32,
}

/// How a command or action goes.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectCourse {
    /// How long it takes, in virtual milliseconds; after what it waits for, if it does.
    pub takes_ms: i64,
    /// How it ends.
    pub outcome: EffectOutcome,
    /// What has to happen before it can end.
    pub latch: Option<Latch>,
    /// How long it continues after a stop was requested.
    pub stops_ms: i64,
}

/// What has to happen before a command or action can end: a proof that others run concurrently.
#[derive(Debug, Clone, PartialEq)]
pub enum Latch {
    /// For each of these patterns a node that it matches has started a command or action.
    Started(Vec<PathPattern>),
    /// This many that wait at the latch of this name run at once.
    Together(NodePath, usize),
}

impl EffectCourse {
    /// It takes this long and ends well, without output.
    pub fn good(takes_ms: i64) -> Self {
        Self::new(takes_ms, EffectOutcome::good(command_value("", 0, [])))
    }

    /// It takes this long and exits with a code that is not zero.
    pub fn exit(takes_ms: i64, code: i64) -> Self {
        let failure = Some((FailureClass::Exit, format!("exit code {code}")));
        let value = command_value("", code, []);
        Self::new(
            takes_ms,
            EffectOutcome {
                value,
                failure,
                ending: Default::default(),
            },
        )
    }

    /// It takes this long and ends so.
    pub fn new(takes_ms: i64, outcome: EffectOutcome) -> Self {
        Self {
            takes_ms,
            outcome,
            latch: None,
            stops_ms: 0,
        }
    }

    /// The same, but it cannot end before this has happened.
    pub fn held(self, latch: Latch) -> Self {
        Self {
            latch: Some(latch),
            ..self
        }
    }
}

/// The value of a command.
pub fn command_value<const N: usize>(stdout: &str, code: i64, outputs: [(&str, &str); N]) -> Value {
    let outputs = outputs.map(|(key, value)| (key, Value::string(value)));
    let stdout = OutputText::whole(stdout);
    lockstep_engine::command_value(stdout, OutputText::default(), code, outputs)
}

/// The simulated world, as a script defines it.
pub trait SimulationScript {
    /// How a command or action goes.
    fn course(&mut self, started: &StartedEffect) -> EffectCourse;

    /// How a command goes, of which this is all that it is started with.
    fn command(&mut self, started: &StartedEffect, _command: &CommandRequest) -> EffectCourse {
        self.course(started)
    }

    /// How a call of an action of the host goes.
    fn action(&mut self, started: &StartedEffect, _args: &[Value]) -> EffectCourse {
        self.course(started)
    }

    /// Which of `of` things that happen at the same time is handled first, where
    /// [`SimulationScript::chooses`]; they are in the order in which they were begun.
    fn choose(&mut self, _of: usize) -> usize {
        0
    }

    /// Whether [`SimulationScript::choose`] decides on every step, and not the seed.
    fn chooses(&self) -> bool {
        false
    }

    /// How soon the end of an effect is handled, among things that happen at the same time: the
    /// lowest first. Nothing leaves it to the seed. Timers have no node.
    fn rank(&mut self, _node: Option<&NodePath>) -> Option<u64> {
        None
    }

    /// Whether these locks are granted at all.
    fn grants(&mut self, _node: &NodePath) -> bool {
        true
    }

    /// Whether the run is to continue; called before every event.
    fn continues(&mut self) -> bool {
        true
    }

    /// What a person answers, and after how many milliseconds; nothing if nobody does.
    fn answer(&mut self, _node: &NodePath, question: &Question) -> Option<(i64, Answer)> {
        let answer = match question {
            Question::Approve { .. } => ApprovalAnswer::Yes.into(),
            Question::Failed { .. } => FailureChoice::Retry.into(),
        };
        Some((0, answer))
    }

    /// Who gives the answer to this question, where that matters.
    fn respondent(&mut self, _node: &NodePath, _question: &Question) -> Option<Name> {
        None
    }

    /// When the run is cancelled, in milliseconds.
    fn cancel_at(&self) -> Option<i64> {
        None
    }

    /// What other runs have deployed, and when, in milliseconds.
    fn later_deployments(&self) -> Vec<(i64, LaterDeployment)> {
        Vec::new()
    }

    /// The places that other runs have left half done, and when, in milliseconds.
    fn unclear_places(&self) -> Vec<(i64, UnclearPlace)> {
        Vec::new()
    }

    /// Observes a reported event; returns whether it is to be recorded in the trace.
    fn observe(&mut self, _at: i64, _happened: &RunEventKind) -> bool {
        true
    }

    /// Whether every event and its effects are to be recorded in the trace.
    fn records(&self) -> bool {
        false
    }

    /// Whether it is to be recorded where each node comes from.
    fn records_origins(&self) -> bool {
        false
    }

    /// The answers to open questions, where this is a foresight: then what only the run knows is
    /// supposed.
    fn supposes(&self) -> Option<Answers> {
        None
    }
}

/// Scripts may be plain functions.
impl<F: FnMut(&StartedEffect) -> EffectCourse> SimulationScript for F {
    fn course(&mut self, started: &StartedEffect) -> EffectCourse {
        self(started)
    }
}

/// The state of a simulated run.
pub fn run_facts() -> RunFacts {
    // The year 2026 begins.
    let started_at = jiff::Timestamp::constant(1_767_225_600, 0);
    RunFacts::new("run".into(), "test".into(), started_at)
}

/// Runs a plan in a scripted world. `seed` decides the jitter of retries and, among things that end
/// at the same time, which is handled first; 0 leaves them in the order they were begun.
pub fn simulate(plan: &Arc<Plan>, seed: u64, script: &mut dyn SimulationScript) -> Trace {
    let mut machine = match script.supposes() {
        Some(answers) => {
            let mut machine = Machine::new(plan.clone(), run_facts().supposing(), seed);
            machine.suppose(answers);
            machine
        }
        None => Machine::new(plan.clone(), run_facts(), seed),
    };
    if script.records_origins() {
        machine.record_origins();
    }
    let mut world = SimulatedWorld {
        machine,
        records: script.records(),
        script,
        now: 0,
        chance: seed,
        agenda: BTreeMap::new(),
        due: HashMap::new(),
        nodes: HashMap::new(),
        held: BTreeMap::new(),
        locks: LockTable::default(),
        started: HashMap::new(),
        running: HashMap::new(),
        trace: Trace::default(),
    };
    if let Some(at) = world.script.cancel_at() {
        world.plan_event(at, EffectId(0), Event::Cancel);
    }
    world.plan_later_deployments();
    world.deliver(Event::Start);
    while world.trace.status.is_none()
        && world.machine.broken().is_none()
        && world.script.continues()
    {
        let Some((key, (id, event))) = world.next_event() else {
            break;
        };
        world.now = world.now.max(key.0);
        world.due.remove(&id);
        if matches!(event, Event::Ended { .. }) {
            world.running.remove(&id);
        }
        world.deliver(event);
    }
    let SimulatedWorld {
        machine,
        locks,
        mut trace,
        running,
        now,
        ..
    } = world;
    trace.open_questions = machine.open_questions().clone();
    trace.transitions = machine.transitions();
    trace.broken = machine.broken().cloned();
    trace.left_over = machine.active_entries() + running.len() + usize::from(!locks.is_empty());
    trace.ended_at = now;
    trace.origins = machine.into_origins();
    trace
}

/// When, and in which order among things of the same time.
type AgendaKey = (i64, u64, EffectId);

/// What comes when.
type Agenda = BTreeMap<AgendaKey, (EffectId, Event)>;

struct SimulatedWorld<'s> {
    machine: Machine,
    script: &'s mut dyn SimulationScript,
    records: bool,
    now: i64,
    chance: u64,
    agenda: Agenda,
    /// Where an effect stands in the agenda.
    due: HashMap<EffectId, AgendaKey>,
    /// Which node requested locks.
    nodes: HashMap<EffectId, NodePath>,
    /// What cannot end yet.
    held: BTreeMap<EffectId, (Latch, i64, EffectOutcome)>,
    locks: LockTable<EffectId>,
    /// How often a node has started something.
    started: HashMap<NodePath, u32>,
    /// What runs, and how long it takes to stop it.
    running: HashMap<EffectId, i64>,
    trace: Trace,
}

impl SimulatedWorld<'_> {
    /// The event that is handled next, with its place in the agenda.
    fn next_event(&mut self) -> Option<(AgendaKey, (EffectId, Event))> {
        if !self.script.chooses() {
            return self.agenda.pop_first();
        }
        let at = self.agenda.first_key_value()?.0.0;
        let until = (at, u64::MAX, EffectId(u64::MAX));
        let of = self.agenda.range(..=until).count();
        let chosen = match of {
            1 => 0,
            _ => self.script.choose(of).min(of - 1),
        };
        let key = *self.agenda.range(..=until).nth(chosen)?.0;
        Some((key, self.agenda.remove(&key)?))
    }

    /// Each time all that has been deployed by then is told.
    fn plan_later_deployments(&mut self) {
        let (later, unclear) = (
            self.script.later_deployments(),
            self.script.unclear_places(),
        );
        let times: BTreeSet<i64> = (later.iter().map(|(at, _)| *at))
            .chain(unclear.iter().map(|(at, _)| *at))
            .collect();
        for (count, at) in times.into_iter().enumerate() {
            let told = Event::DeployedMeanwhile {
                later: known_at(&later, at),
                unclear: known_at(&unclear, at),
            };
            self.plan_event(at, EffectId(u64::MAX - 1 - count as u64), told);
        }
    }

    fn plan_event(&mut self, at: i64, id: EffectId, event: Event) {
        self.plan_event_of(at, id, event, None);
    }

    fn plan_event_of(&mut self, at: i64, id: EffectId, event: Event, node: Option<&NodePath>) {
        let order = match self.script.rank(node) {
            Some(rank) => rank,
            None if self.is_seeded() => self.next_chance(),
            None => 0,
        };
        let key = (at, order, id);
        self.due.insert(id, key);
        self.agenda.insert(key, (id, event));
    }

    fn is_seeded(&self) -> bool {
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

    fn deliver(&mut self, event: Event) {
        self.deliver_one(event);
        while self.machine.has_more() {
            self.deliver_one(Event::GoOn);
        }
    }

    fn deliver_one(&mut self, event: Event) {
        let recorded = self.records.then(|| event.clone());
        let effects = self.machine.handle(self.now, event);
        if let Some(event) = recorded {
            self.trace.handled.push(HandledEvent {
                at: self.now,
                event,
                effects: effects.clone(),
            });
        }
        for effect in effects {
            self.carry_out(effect);
        }
        self.open_latches();
        self.trace.status = self.machine.finished();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Run { id, node, command } => {
                let started = self.started(node, command.text.clone());
                let course = self.script.command(&started, &command);
                self.begin(id, &started.node, course);
            }
            Effect::Act { id, call } => {
                let started = self.started(call.node, call.action.to_string());
                let course = self.script.action(&started, &call.args);
                self.begin(id, &started.node, course);
            }
            Effect::Stop { id } => {
                if self.forget(id).is_some() || self.held.remove(&id).is_some() {
                    let after = self.running.get(&id).copied().unwrap_or(0);
                    let outcome = EffectOutcome::failed(FailureClass::Cancelled, "stopped");
                    self.plan_event(self.now + after, id, Event::Ended { id, outcome });
                }
            }
            Effect::SetTimer { id, at } => self.plan_event(at, id, Event::Fired { id }),
            Effect::ClearTimer { id } | Effect::Unask { id } => {
                self.forget(id);
            }
            Effect::Acquire { id, node, wants } => {
                if !self.script.grants(&node) {
                    return self.plan_event_of(self.now, id, Event::queued(id), Some(&node));
                }
                self.locks.acquire(id, wants);
                if !self.grant().contains(&id) {
                    self.plan_event_of(self.now, id, Event::queued(id), Some(&node));
                    self.nodes.insert(id, node);
                }
            }
            Effect::Release { id, names } => {
                self.nodes.remove(&id);
                if names.is_empty() {
                    // It may have been granted without the machine having been notified.
                    self.forget(id);
                }
                self.locks.release(id, &names);
                self.grant();
            }
            // Windows are open.
            Effect::AwaitWindow { id, node, .. } => {
                self.plan_event_of(self.now, id, Event::WindowOpen { id }, Some(&node));
            }
            Effect::LeaveWindow { id } => {
                self.forget(id);
            }
            Effect::Ask { id, node, question } => {
                if let Some((after, answer)) = self.script.answer(&node, &question) {
                    let by = self.script.respondent(&node, &question);
                    let from = by.map(|by| Box::new(Respondent::at_start(by, &run_facts())));
                    let event = Event::Answered { id, answer, from };
                    self.plan_event_of(self.now + after, id, event, Some(&node));
                }
            }
            Effect::Tell(happened) => {
                if self.script.observe(self.now, &happened) {
                    self.trace.events.push((self.now, happened));
                }
            }
        }
    }

    fn started(&mut self, node: NodePath, text: String) -> StartedEffect {
        let times = self.started.entry(node.clone()).or_default();
        let before = *times;
        *times += 1;
        StartedEffect { node, text, before }
    }

    fn begin(&mut self, id: EffectId, node: &NodePath, course: EffectCourse) {
        self.running.insert(id, course.stops_ms);
        self.trace.width = self.trace.width.max(self.running.len());
        let (takes_ms, outcome) = (course.takes_ms, course.outcome);
        match course.latch {
            Some(latch) => {
                self.held.insert(id, (latch, takes_ms, outcome));
            }
            None => {
                let event = Event::Ended { id, outcome };
                self.plan_event_of(self.now + takes_ms, id, event, Some(node));
            }
        }
    }

    /// Lets those end that have waited for others, once the others are there.
    fn open_latches(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let opens = |latch: &Latch| match latch {
            Latch::Started(patterns) => patterns
                .iter()
                .all(|pattern| self.started.keys().any(|node| pattern.matches(node))),
            Latch::Together(name, count) => {
                let same = |held: &Latch| match held {
                    Latch::Together(other, _) => other == name,
                    Latch::Started(_) => false,
                };
                self.held.values().filter(|(held, ..)| same(held)).count() >= *count
            }
        };
        let open: Vec<EffectId> = self
            .held
            .iter()
            .filter(|(_, (latch, ..))| opens(latch))
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            if let Some((_, takes_ms, outcome)) = self.held.remove(&id) {
                self.plan_event(self.now + takes_ms, id, Event::Ended { id, outcome });
            }
        }
    }

    fn grant(&mut self) -> Vec<EffectId> {
        let granted = self.locks.grant();
        for id in &granted {
            self.forget(*id);
            let node = self.nodes.remove(id);
            let event = Event::Acquired { id: *id };
            self.plan_event_of(self.now, *id, event, node.as_ref());
        }
        granted
    }
}

/// What is known at some time of what becomes known at others.
fn known_at<T: Clone>(all: &[(i64, T)], at: i64) -> Vec<T> {
    let mut known: Vec<&(i64, T)> = all.iter().filter(|(then, _)| *then <= at).collect();
    known.sort_by_key(|(then, _)| *then);
    known.into_iter().map(|(_, it)| it.clone()).collect()
}
