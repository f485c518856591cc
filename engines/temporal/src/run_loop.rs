//! A run as it is decided, without anything that acts: which events the machine takes next, what
//! has been recorded of them, and which of its effects are to be carried out now. It is told the
//! time and what has happened; the workflow around it knows timers, activities and signals.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::Status;
use lockstep_engine::{
    ActionCall, CommandRequest, Effect, EffectId, EffectOutcome, Event, Machine, PendingEffects,
    PendingWindow, Question, Respondent,
};
use lockstep_lang::ir::FailureClass;
use lockstep_lang::ir::window::WindowState;
use lockstep_plan::{Plan, RunFacts};

use crate::run_locks::RunLocks;
use crate::used_secrets::UsedSecrets;
use crate::wire::{
    AnswerSignal, GrantSignal, JournalLine, LockLeave, LockWant, Packed, QueuedSignal, RunInput,
    StepWork, VERSION,
};

/// The most steps under way at once in one run: a server takes no more than 2,000 of a workflow,
/// and each one that waits costs it memory.
pub const MAX_OPEN_STEPS: usize = 500;

/// So many journal lines are kept together.
const LINES_PER_PIECE: usize = 512;

/// A command that is lost with its worker is started again so often, unless it may run only once.
pub const MAX_RESTARTS: u32 = 3;

/// A command of which no worker was heard is started again so often: a server goes on to hand out
/// steps to a worker that is cut off, until it finds that the connection is dead.
pub const MAX_UNHEARD: u32 = 10;

/// Why a workflow cannot carry a run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunLoopError {
    /// The run was begun by another version of this program.
    Version,
    /// The machine has violated one of its invariants: a bug of this program.
    Broken(String),
}

impl std::fmt::Display for RunLoopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version => f.write_str(
                "the run was begun by another version of Lockstep, which this worker does not know",
            ),
            Self::Broken(why) => write!(f, "internal error in Lockstep: {why}"),
        }
    }
}

impl std::error::Error for RunLoopError {}

/// What is to be done now, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Start this step in a pool.
    Start(StartStep),
    /// Ask this step to end.
    Stop(EffectId),
    /// Ask for a lock.
    Want(LockWant),
    /// Give a lock back, or wait for it no longer.
    Leave(LockLeave),
}

/// A step to start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartStep {
    /// The effect.
    pub id: EffectId,
    /// What is to be done.
    pub work: StepWork,
    /// The pool whose workers may do it; nothing for the default one.
    pub pool: Option<Name>,
    /// Whether it may run only once.
    pub once: bool,
    /// What makes the secrets that it may need.
    pub makers: Vec<(EffectId, StepWork)>,
    /// Whether the workflow wants to hear when it has begun.
    pub tells_begin: bool,
}

/// A step that is under way, or waits for its turn.
#[derive(Debug, Clone)]
struct OpenStep {
    work: StepWork,
    pool: Option<Name>,
    once: bool,
    /// The timer of its time limit, which does not run before it has begun, and after how many
    /// milliseconds it is due.
    held_limit: Option<(EffectId, i64)>,
}

/// A run.
pub struct RunLoop {
    machine: Machine,
    inbox: VecDeque<Event>,
    /// How many events have been recorded, and those that nobody has taken yet.
    recorded: u64,
    lines: Vec<JournalLine>,
    max: usize,
    open: BTreeMap<EffectId, OpenStep>,
    /// Steps that wait until fewer are under way.
    waiting: VecDeque<EffectId>,
    running: HashSet<EffectId>,
    /// When timers fire, by the machine's clock.
    timers: BTreeMap<(i64, EffectId), ()>,
    due: HashMap<EffectId, i64>,
    questions: HashMap<EffectId, Question>,
    windows: BTreeMap<EffectId, PendingWindow>,
    /// When they open, in milliseconds since 1970, as the machine was told.
    window_looks: BTreeMap<EffectId, Option<i64>>,
    /// What makes secrets.
    makers: BTreeMap<EffectId, StepWork>,
    /// How often a step was lost with its worker.
    lost: HashMap<EffectId, u32>,
    /// How often no worker was heard of a step that one had been given.
    unheard: HashMap<EffectId, u32>,
    locks: RunLocks,
    acts: Vec<Act>,
    /// The machine's clock when it last handled something, and the time of day then.
    clock_now: i64,
    time_now: i64,
    is_draining: bool,
    /// The machine's clock when this execution began, and the time of day then, in milliseconds.
    clock_base: i64,
    time_base: i64,
}

/// What the machine has handled.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pieces: Vec<Packed<Vec<JournalLine>>>,
    last: Vec<JournalLine>,
    count: u64,
}

impl Journal {
    /// The journal of earlier executions.
    pub fn of(pieces: Vec<Packed<Vec<JournalLine>>>) -> Self {
        let last = pieces.last().and_then(|piece| piece.0.last());
        Self {
            count: last.map_or(0, |line| line.seq),
            pieces,
            last: Vec::new(),
        }
    }

    /// Appends a line.
    pub fn push(&mut self, line: JournalLine) {
        self.count = line.seq;
        self.last.push(line);
        if self.last.len() >= LINES_PER_PIECE {
            self.pieces.push(Packed(std::mem::take(&mut self.last)));
        }
    }

    /// How many lines it has.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Lines behind this one, at most as many as one answer should hold.
    pub fn after(&self, seq: u64) -> Vec<JournalLine> {
        let behind = |lines: &[JournalLine]| -> Vec<JournalLine> {
            lines
                .iter()
                .filter(|line| line.seq > seq)
                .cloned()
                .collect()
        };
        let full =
            |piece: &&Packed<Vec<JournalLine>>| piece.0.last().is_some_and(|line| line.seq > seq);
        match self.pieces.iter().find(full) {
            Some(piece) => behind(&piece.0),
            None => behind(&self.last),
        }
    }

    /// All of it, for the next execution.
    pub fn into_pieces(mut self) -> Vec<Packed<Vec<JournalLine>>> {
        if !self.last.is_empty() {
            self.pieces.push(Packed(self.last));
        }
        self.pieces
    }
}

impl RunLoop {
    /// A run at its beginning, or where an earlier execution has left it. `now` is the time of day
    /// in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// If another version of this program has begun it.
    pub fn new(input: &RunInput, now: i64) -> Result<Self, RunLoopError> {
        let start = &input.start;
        if start.version != VERSION {
            return Err(RunLoopError::Version);
        }
        let facts = start.facts.facts().ok_or(RunLoopError::Version)?;
        let facts_began = facts.started_at.as_millisecond();
        let plan = Plan::new(start.plan.0.clone()).map_err(|_| RunLoopError::Version)?;
        let machine = machine(Arc::new(plan), facts, input);
        let max = usize::try_from(start.max).unwrap_or(MAX_OPEN_STEPS);
        let mut run = Self {
            machine,
            inbox: VecDeque::new(),
            recorded: 0,
            lines: Vec::new(),
            max: max.clamp(1, MAX_OPEN_STEPS),
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            running: HashSet::new(),
            timers: BTreeMap::new(),
            due: HashMap::new(),
            questions: HashMap::new(),
            windows: BTreeMap::new(),
            window_looks: BTreeMap::new(),
            makers: BTreeMap::new(),
            lost: input.lost.iter().copied().collect(),
            unheard: HashMap::new(),
            locks: RunLocks::of(&start.facts.id, facts_began),
            acts: Vec::new(),
            clock_now: 0,
            time_now: now,
            is_draining: false,
            clock_base: 0,
            time_base: now,
        };
        match input.journal.is_empty() {
            true => run.inbox.push_back(Event::Start),
            false => run.replay(&input.journal)?,
        }
        Ok(run)
    }

    /// Handles again what earlier executions have handled.
    fn replay(&mut self, pieces: &[Packed<Vec<JournalLine>>]) -> Result<(), RunLoopError> {
        let mut left = PendingEffects::default();
        for line in pieces.iter().flat_map(|piece| &piece.0) {
            let _ = left.answered(&line.event);
            let effects = self.machine.handle(line.clock, line.event.clone());
            self.check()?;
            for effect in effects {
                self.note_maker(&effect);
                if let Some(told) = left.requested(effect) {
                    self.locks.note(&told, line.at / 1_000_000);
                }
            }
            self.clock_base = self.clock_base.max(line.clock);
            self.clock_now = self.clock_base;
            self.recorded = line.seq;
        }
        for (id, at) in left.timers {
            self.set_timer(id, at);
        }
        for (id, (_, question)) in left.questions {
            self.questions.insert(id, question);
        }
        self.windows = left.windows;
        for id in self.windows.keys().copied().collect::<Vec<_>>() {
            self.look_at_window(id, true);
        }
        for (id, request) in left.locks {
            self.locks.restore(id, request);
        }
        self.acts.extend(self.locks.ask_again());
        // Nothing was under way when the execution before ended.
        for (id, (node, command)) in left.commands {
            self.queue_command(id, node, command);
        }
        for (id, call) in left.actions {
            self.queue_call(id, call);
        }
        self.start_waiting();
        Ok(())
    }

    // --- What goes in --------------------------------------------------------------------

    /// The machine's clock at a time of day, both in milliseconds.
    fn clock(&self, now: i64) -> i64 {
        self.clock_base + now.saturating_sub(self.time_base).max(0)
    }

    /// Something has happened.
    pub fn take(&mut self, event: Event) {
        self.inbox.push_back(event);
    }

    /// The run is to be cancelled.
    pub fn cancel(&mut self) {
        self.take(Event::Cancel);
    }

    /// A person has answered, at this time as RFC 3339. What does not count changes nothing.
    pub fn answer(&mut self, signal: AnswerSignal, at: String) {
        let AnswerSignal {
            id,
            answer,
            by,
            comment,
        } = signal;
        let Some(question) = self.questions.get_mut(&id) else {
            return;
        };
        if !answer.fits(question) || question.objection(&answer, by.as_deref()).is_some() {
            return;
        }
        let from = by.map(|by| {
            Box::new(Respondent {
                by: by.into(),
                at,
                comment,
            })
        });
        if question.take(&answer, from.as_deref()) {
            self.questions.remove(&id);
        }
        self.take(Event::Answered { id, answer, from });
    }

    /// A step has ended with this outcome.
    pub fn ended(&mut self, id: EffectId, outcome: EffectOutcome) {
        self.running.remove(&id);
        self.take(Event::Ended { id, outcome });
    }

    /// A step has begun at its place: its time limit begins to count.
    pub fn begun(&mut self, id: EffectId, now: i64) {
        let limit = self
            .open
            .get_mut(&id)
            .and_then(|step| step.held_limit.take());
        if let Some((timer, after)) = limit {
            self.set_timer(timer, self.clock(now) + after);
        }
    }

    /// A step was lost with its worker. The machine is told, unless it is started again. One that may
    /// run only once has not begun where nothing was heard of it.
    pub fn worker_lost(&mut self, id: EffectId, was_stopped: bool, was_heard: bool) {
        self.running.remove(&id);
        let Some(step) = self.open.get(&id) else {
            return;
        };
        let failed = |class, message: &str| EffectOutcome::failed(class, message);
        if was_stopped {
            let message = "its worker was lost while it was being stopped";
            return self.ended(id, failed(FailureClass::Cancelled, message));
        }
        if step.once && was_heard {
            let message = "its worker was lost, and it may run only once";
            return self.ended(id, failed(FailureClass::Interrupted, message));
        }
        let (counts, most) = match was_heard {
            true => (&mut self.lost, MAX_RESTARTS),
            false => (&mut self.unheard, MAX_UNHEARD),
        };
        let count = counts.entry(id).or_default();
        *count += 1;
        if *count > most {
            let message = format!("its worker was lost {count} times");
            return self.ended(id, failed(FailureClass::Interrupted, &message));
        }
        self.waiting.push_front(id);
        self.start_waiting();
    }

    /// A lock is held.
    pub fn granted(&mut self, grant: GrantSignal) {
        let (next, events) = self.locks.granted(grant);
        self.acts.extend(next);
        events.into_iter().for_each(|event| self.take(event));
    }

    /// Others are before the run at a lock.
    pub fn queued(&mut self, queued: QueuedSignal) {
        if let Some(event) = self.locks.queued(queued, self.time_now) {
            self.take(event);
        }
    }

    // --- What comes out ------------------------------------------------------------------

    /// Lets the machine handle what has happened until now, in milliseconds and nanoseconds since
    /// 1970.
    ///
    /// # Errors
    ///
    /// If the machine violates one of its invariants.
    pub fn work(&mut self, now: i64, at: i64) -> Result<(), RunLoopError> {
        self.time_now = now;
        self.fire_timers(now);
        self.look_at_windows();
        while let Some(event) = self.next_event() {
            let clock = self.clock(now);
            self.clock_now = clock;
            let node = match &event {
                Event::Ended { id, .. } => self.open.remove(id).map(|it| it.work.node().clone()),
                _ => None,
            };
            let effects = self.machine.handle(clock, event.clone());
            self.check()?;
            self.recorded += 1;
            self.lines.push(JournalLine {
                seq: self.recorded,
                at,
                clock,
                event,
                node,
            });
            for effect in effects {
                self.follow(effect);
            }
            self.start_waiting();
        }
        Ok(())
    }

    fn next_event(&mut self) -> Option<Event> {
        if self.machine.finished().is_some() {
            return None;
        }
        let next = self.inbox.pop_front();
        next.or_else(|| self.machine.has_more().then_some(Event::GoOn))
    }

    fn check(&self) -> Result<(), RunLoopError> {
        match self.machine.broken() {
            Some(broken) => Err(RunLoopError::Broken(broken.to_string())),
            None => Ok(()),
        }
    }

    /// Notes what makes a secret.
    fn note_maker(&mut self, effect: &Effect) {
        let (id, maker) = match effect {
            Effect::Run { id, node, command } => {
                let (node, command) = (node.clone(), command.clone());
                let is_secret = command.secret;
                (
                    *id,
                    is_secret.then_some(StepWork::Command { node, command }),
                )
            }
            Effect::Act {
                id,
                node,
                action,
                args,
                secret,
                ..
            } => {
                let request = || StepWork::Request {
                    node: node.clone(),
                    action: action.clone(),
                    args: args.clone(),
                    secret: true,
                };
                (*id, secret.then(request))
            }
            Effect::Stop { .. }
            | Effect::SetTimer { .. }
            | Effect::ClearTimer { .. }
            | Effect::Acquire { .. }
            | Effect::Release { .. }
            | Effect::AwaitWindow { .. }
            | Effect::LeaveWindow { .. }
            | Effect::Ask { .. }
            | Effect::Unask { .. }
            | Effect::Tell(_) => return,
        };
        if let Some(maker) = maker {
            self.makers.insert(id, maker);
        }
    }

    fn follow(&mut self, effect: Effect) {
        self.note_maker(&effect);
        match effect {
            Effect::Run { id, node, command } => self.queue_command(id, node, command),
            Effect::Act {
                id,
                node,
                action,
                args,
                once,
                secret,
                pool,
            } => {
                let call = ActionCall {
                    node,
                    action,
                    args,
                    once,
                    secret,
                    pool,
                };
                self.queue_call(id, call);
            }
            Effect::Stop { id } => self.stop(id),
            Effect::SetTimer { id, at } => self.set_timer(id, at),
            Effect::ClearTimer { id } => {
                self.clear_timer(id);
                for step in self.open.values_mut() {
                    step.held_limit.take_if(|(timer, _)| *timer == id);
                }
            }
            Effect::Acquire { id, node, wants } => {
                let acts = self.locks.acquire(id, &node, wants);
                self.acts.extend(acts);
            }
            Effect::Release { id, names } => {
                let acts = self.locks.release(id, &names);
                self.acts.extend(acts);
            }
            Effect::AwaitWindow {
                id,
                node,
                windows,
                needs_ms,
            } => {
                let window = PendingWindow {
                    node,
                    windows,
                    needs_ms,
                };
                self.windows.insert(id, window);
                self.look_at_window(id, true);
            }
            Effect::LeaveWindow { id } => drop(self.windows.remove(&id)),
            Effect::Ask { id, question, .. } => {
                // It is asked again after each yes that is not enough.
                self.questions.entry(id).or_insert(question);
            }
            Effect::Unask { id } => drop(self.questions.remove(&id)),
            // Whoever follows the run is told by a machine of their own.
            Effect::Tell(told) => self.locks.note(&told, self.time_now),
        }
    }

    /// Says whether what is waited for is open, the first time or where that has changed.
    fn look_at_window(&mut self, id: EffectId, is_first: bool) {
        let Some(window) = self.windows.get(&id) else {
            return;
        };
        let now = Timestamp::from_millisecond(self.time_now).unwrap_or_default();
        match WindowState::of(&window.windows, window.needs_ms, now) {
            WindowState::Open => {
                self.windows.remove(&id);
                self.window_looks.remove(&id);
                self.take(Event::WindowOpen { id });
            }
            WindowState::Closed { opens_at, refused } => {
                let opens_at = opens_at.map(Timestamp::as_millisecond);
                let known = self.window_looks.insert(id, opens_at);
                if refused || opens_at.is_none() {
                    self.windows.remove(&id);
                    self.window_looks.remove(&id);
                }
                if is_first || known != Some(opens_at) {
                    self.take(Event::WindowClosed {
                        id,
                        opens_at,
                        refused,
                    });
                }
            }
        }
    }

    /// Looks at windows that are due to open.
    fn look_at_windows(&mut self) {
        let due = |(id, opens_at): (&EffectId, &Option<i64>)| {
            opens_at
                .is_some_and(|at| at <= self.time_now)
                .then_some(*id)
        };
        let due: Vec<EffectId> = self.window_looks.iter().filter_map(due).collect();
        for id in due {
            self.look_at_window(id, false);
        }
    }

    fn queue_command(&mut self, id: EffectId, node: NodePath, command: Box<CommandRequest>) {
        let limit = command.timeout.filter(|_| command.connect.is_some());
        let held_limit = limit.and_then(|timer| {
            let at = self.due.get(&timer).copied()?;
            self.clear_timer(timer);
            Some((timer, at - self.clock_now))
        });
        let (once, pool) = (command.once, command.pool.clone());
        let work = StepWork::Command { node, command };
        self.queue(
            id,
            OpenStep {
                work,
                pool,
                once,
                held_limit,
            },
        );
    }

    fn queue_call(&mut self, id: EffectId, call: ActionCall) {
        let (once, pool) = (call.once, call.pool.clone());
        let work = StepWork::request(call);
        let held_limit = None;
        self.queue(
            id,
            OpenStep {
                work,
                pool,
                once,
                held_limit,
            },
        );
    }

    fn queue(&mut self, id: EffectId, step: OpenStep) {
        self.open.insert(id, step);
        self.waiting.push_back(id);
    }

    fn start_waiting(&mut self) {
        while self.running.len() < self.max
            && !self.is_draining
            && let Some(id) = self.waiting.pop_front()
        {
            let Some(step) = self.open.get(&id) else {
                continue;
            };
            self.running.insert(id);
            self.acts.push(Act::Start(StartStep {
                id,
                work: step.work.clone(),
                pool: step.pool.clone(),
                once: step.once,
                makers: self.makers_of(&step.work),
                tells_begin: step.held_limit.is_some(),
            }));
        }
    }

    /// What makes the secrets that a step needs, with what they need themselves.
    fn makers_of(&self, work: &StepWork) -> Vec<(EffectId, StepWork)> {
        if self.makers.is_empty() {
            return Vec::new();
        }
        let mut found = BTreeMap::new();
        let mut looked = vec![work];
        while let Some(next) = looked.pop() {
            for made in UsedSecrets::of(next, "").made {
                let id = EffectId(made.effect);
                if let Some(maker) = self.makers.get(&id)
                    && found.insert(id, maker.clone()).is_none()
                {
                    looked.push(maker);
                }
            }
        }
        found.into_iter().collect()
    }

    fn stop(&mut self, id: EffectId) {
        let before = self.waiting.len();
        self.waiting.retain(|it| *it != id);
        if self.waiting.len() < before {
            let outcome = EffectOutcome::failed(FailureClass::Cancelled, "it had not started");
            return self.take(Event::Ended { id, outcome });
        }
        if self.running.contains(&id) {
            self.acts.push(Act::Stop(id));
        }
    }

    fn set_timer(&mut self, id: EffectId, at: i64) {
        self.timers.insert((at, id), ());
        self.due.insert(id, at);
    }

    fn clear_timer(&mut self, id: EffectId) {
        if let Some(at) = self.due.remove(&id) {
            self.timers.remove(&(at, id));
        }
    }

    fn fire_timers(&mut self, now: i64) {
        let clock = self.clock(now);
        while let Some(entry) = self.timers.first_entry().filter(|it| it.key().0 <= clock) {
            let (_, id) = entry.remove_entry().0;
            self.due.remove(&id);
            self.take(Event::Fired { id });
        }
    }

    /// What is to be done now.
    pub fn acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }

    /// In how many milliseconds the next timer fires; nothing where there is none.
    pub fn next_timer(&self, now: i64) -> Option<i64> {
        let timer = self.timers.first_key_value();
        let timer = timer.map(|((at, _), ())| at - self.clock(now));
        let window = self.window_looks.values().flatten().min();
        let window = window.map(|at| at - now);
        let next = timer.into_iter().chain(window).min();
        next.map(|wait| wait.max(0))
    }

    /// How the run has ended, once it has.
    pub fn finished(&self) -> Option<Status> {
        self.machine.finished()
    }

    /// How many steps are under way.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether something has happened that has not been handled.
    pub fn has_events(&self) -> bool {
        self.machine.finished().is_none() && (!self.inbox.is_empty() || self.machine.has_more())
    }

    /// What has been handled since the last call.
    pub fn take_lines(&mut self) -> Vec<JournalLine> {
        std::mem::take(&mut self.lines)
    }

    /// Sets whether nothing more is started, so that the run can go on in a new execution.
    pub fn drain(&mut self, is_draining: bool) {
        self.is_draining = is_draining;
    }

    /// Commands that were lost with their workers, and how often each: the next execution goes on
    /// with them. It has to wait until nothing is under way.
    pub fn lost(&self) -> Vec<(EffectId, u32)> {
        let mut lost: Vec<_> = self.lost.iter().map(|(id, count)| (*id, *count)).collect();
        lost.sort_unstable();
        lost
    }
}

/// The machine of a run at its beginning.
fn machine(plan: Arc<Plan>, facts: RunFacts, input: &RunInput) -> Machine {
    let machine = Machine::new(plan, facts, input.start.seed);
    match &input.start.completed {
        Some(completed) => machine.with_completed_work(completed.0.clone()),
        None => machine,
    }
}
