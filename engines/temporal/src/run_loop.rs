//! A run as it is decided, without anything that acts: which events the machine takes next, what
//! has been recorded of them, and which of its effects are to be carried out now. It is told the
//! time and what has happened; the workflow around it knows timers, activities and signals.

mod replay;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use lockstep_api::state::queue_of;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::run_event::Status;
use lockstep_engine::way_back::WayBack;
use lockstep_engine::{
    ActionCall, CommandRequest, Effect, EffectId, EffectOutcome, Event, Machine, PendingWindow,
    Question, Respondent,
};
use lockstep_lang::ir::{FailureClass, QueueKeep};
use lockstep_plan::{Plan, RunFacts, RunQueue, queue_lock};

use crate::early::Early;
use crate::history_size::HistorySize;
use crate::run_locks::{Probed, RunLocks};
use crate::run_makers::RunMakers;
use crate::run_windows::RunWindows;
use crate::wire::{
    AnswerSignal, GiveWaySignal, GrantSignal, JournalLine, LockLeave, LockWant, NotBegun,
    ProbeSignal, PutAsideSignal, QueuedSignal, ResumedRun, RunInput, RunStart, StepWork,
    UndoneWire, VERSION, WaitingRequest,
};

/// The most steps under way at once in one run: a server takes no more than 2,000 of a workflow,
/// and each one that waits costs it memory.
pub const MAX_OPEN_STEPS: usize = 500;

/// A command that is lost with its worker is started again so often, unless it may run only once.
pub const MAX_RESTARTS: u32 = 3;

/// The request for a place in a queue: the machine's effects are numbered from 1.
const QUEUE_REQUEST: EffectId = EffectId(0);

/// So long it is waited until it is asked again whether a run waits in a circle; twice as long each
/// time, up to the longest.
const FIRST_PROBE_WAIT_MS: i64 = 5_000;
const MAX_PROBE_WAIT_MS: i64 = 600_000;
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
    /// Ask another run whether runs wait for each other in a circle.
    Probe {
        /// The run.
        to: String,
        /// The question.
        probe: ProbeSignal,
    },
    /// Tell another run that its request has to give way.
    GiveWay(GiveWaySignal),
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
    run: String,
    /// The queue of its pipeline, in which it has or wants a place.
    queue: Option<RunQueue>,
    not_begun: Option<NotBegun>,
    /// When it is asked again whether it waits in a circle, and how long after that.
    next_probe: Option<i64>,
    probe_wait_ms: i64,
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
    windows: RunWindows,
    /// What makes secrets.
    makers: RunMakers,
    /// How often a step was lost with its worker.
    lost: HashMap<EffectId, u32>,
    /// How often no worker was heard of a step that one had been given.
    unheard: HashMap<EffectId, u32>,
    locks: RunLocks,
    early: Early,
    acts: Vec<Act>,
    size: HistorySize,
    /// The machine's clock when it last handled something, and the time of day then.
    clock_now: i64,
    time_now: i64,
    is_draining: bool,
    /// The run is resumed after it was broken off, which the machine hears of when it has regained
    /// its locks. Until then, its clock stands still.
    resumption: Option<ResumedRun>,
    /// The machine's clock when this execution began, and the time of day then, in milliseconds.
    clock_base: i64,
    time_base: i64,
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
        let queue = queue_of(&plan, !start.undone.is_empty());
        let run_id = start.facts.id.clone();
        let machine = machine(Arc::new(plan), facts, start)?;
        let max = usize::try_from(start.max).unwrap_or(MAX_OPEN_STEPS);
        let mut run = Self {
            run: run_id,
            queue,
            not_begun: None,
            next_probe: None,
            probe_wait_ms: FIRST_PROBE_WAIT_MS,
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
            windows: RunWindows::default(),
            makers: RunMakers::default(),
            lost: input.lost.iter().copied().collect(),
            unheard: HashMap::new(),
            early: Early::default(),
            locks: RunLocks::of(&start.facts.id, facts_began),
            acts: Vec::new(),
            size: HistorySize::at(now),
            clock_now: 0,
            time_now: now,
            is_draining: false,
            resumption: None,
            clock_base: 0,
            time_base: now,
        };
        if !input.journal.is_empty() {
            run.replay(&input.journal, input.resumed.as_ref())?;
            return Ok(run);
        }
        match &run.queue {
            None => run.inbox.push_back(Event::Start),
            Some(queue) => run.acts.push(Act::Want(LockWant {
                run: run.run.clone(),
                request: QUEUE_REQUEST,
                name: queue_lock(&queue.name).to_string(),
                node: String::new(),
                limit: 1,
                run_began: facts_began,
                keeps_latest: queue.keep == QueueKeep::Latest,
                attempt: 0,
            })),
        }
        Ok(run)
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
        match self.is_waiting_to_begin() {
            true => self.not_begun = Some(NotBegun::Cancelled),
            false => self.take(Event::Cancel),
        }
    }

    /// A person has answered, at this time as RFC 3339. What does not count changes nothing.
    pub fn answer(&mut self, signal: AnswerSignal, at: String) {
        let Some((signal, at)) = self.early.answer(signal, at) else {
            return;
        };
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
        self.size.ends(&outcome);
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

    /// A step was lost with its worker. The machine is told, unless it is started again. One that
    /// may run only once has not begun where nothing was heard of it.
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
        if grant.request == QUEUE_REQUEST && !self.locks.is_regaining() {
            if self.is_waiting_to_begin() && self.unstarted().is_none() {
                self.not_begun = None;
                self.take(Event::Start);
            }
            return;
        }
        let Some(grant) = self.early.grant(grant) else {
            return;
        };
        let come = self.locks.granted(grant, self.time_now);
        self.take_from_locks(come);
    }

    fn take_from_locks(&mut self, (acts, events): (Vec<Act>, Vec<Event>)) {
        self.acts.extend(acts);
        events.into_iter().for_each(|event| self.take(event));
    }

    /// Others are before the run at a lock, or in its queue.
    pub fn queued(&mut self, queued: QueuedSignal) {
        if self.locks.is_regaining() {
            let acts = self.locks.gives_back(&queued);
            self.acts.extend(acts);
            return;
        }
        if let Some(queue) = self
            .queue
            .as_ref()
            .filter(|_| queued.request == QUEUE_REQUEST)
        {
            self.not_begun = Some(NotBegun::Queued {
                queue: queue.name.to_string(),
                behind: queued.holders.into_iter().map(|it| it.run).collect(),
            });
            return;
        }
        if let Some(event) = self.locks.queued(queued, self.time_now) {
            self.take(event);
            self.probe_wait_ms = FIRST_PROBE_WAIT_MS;
            self.next_probe = Some(self.time_now);
        }
    }

    /// A newer run has put this one aside, which waits in its queue.
    pub fn put_aside(&mut self, aside: PutAsideSignal) {
        if self.is_waiting_to_begin() {
            self.not_begun = Some(NotBegun::PutAside { by: aside.by });
        }
    }

    /// Another run waits for this one.
    pub fn probed(&mut self, probe: &ProbeSignal) {
        let dependencies = self.machine.lock_dependencies();
        match self.locks.probed(probe, &dependencies) {
            Probed::On(acts) => self.acts.extend(acts),
            Probed::Circle => self.break_circle(&probe.path),
        }
    }

    /// Runs wait for each other, this one first: who goes forward gives way before one that rolls
    /// back.
    fn break_circle(&mut self, path: &[WaitingRequest]) {
        let victim = path.iter().find(|it| !it.rolls_back).or(path.first());
        let Some(victim) = victim else {
            return;
        };
        let signal = GiveWaySignal {
            run: victim.run.clone(),
            request: victim.request,
            path: path.to_vec(),
        };
        match path.first().is_some_and(|first| first == victim) {
            true => self.give_way(&signal),
            false => self.acts.push(Act::GiveWay(signal)),
        }
    }

    /// A request of this run has to give way.
    pub fn give_way(&mut self, signal: &GiveWaySignal) {
        if let Some(event) = self.locks.give_way(signal.request, &signal.path) {
            self.take(event);
        }
    }

    /// Asks again from time to time: what a lock waits for changes inside the runs.
    fn probe(&mut self) {
        if self.next_probe.is_none_or(|at| at > self.time_now) {
            return;
        }
        self.next_probe = None;
        if self.locks.waits() {
            let dependencies = self.machine.lock_dependencies();
            self.acts.extend(self.locks.probes(&dependencies));
            self.next_probe = Some(self.time_now + self.probe_wait_ms);
            self.probe_wait_ms = (2 * self.probe_wait_ms).min(MAX_PROBE_WAIT_MS);
        }
    }

    // --- The queue of its pipeline -------------------------------------------------------

    fn is_waiting_to_begin(&self) -> bool {
        self.queue.is_some() && self.recorded == 0 && self.inbox.is_empty()
    }

    /// Why the run has not begun, or does not go on.
    pub fn not_begun(&self) -> Option<NotBegun> {
        match self.locks.regains() {
            Some((lock, behind)) if !behind.is_empty() => {
                Some(NotBegun::Regaining { lock, behind })
            }
            _ => self.not_begun.clone(),
        }
    }

    /// How the run has ended without having begun.
    fn unstarted(&self) -> Option<Status> {
        match self.not_begun.as_ref()? {
            NotBegun::Queued { .. } | NotBegun::Ending | NotBegun::Regaining { .. } => None,
            NotBegun::PutAside { .. } => Some(Status::Superseded),
            NotBegun::Cancelled => Some(Status::Cancelled),
        }
    }

    /// The place in the queue of its pipeline is given back.
    pub fn leave_queue(&mut self) -> Option<Act> {
        let queue = self.queue.take()?;
        Some(Act::Leave(LockLeave {
            run: self.run.clone(),
            request: QUEUE_REQUEST,
            name: queue_lock(&queue.name).to_string(),
            deployed: Vec::new(),
            attempt: None,
        }))
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
        self.resume(now, at)?;
        if self.resumption.is_some() {
            return Ok(());
        }
        self.fire_timers(now);
        self.inbox.extend(self.windows.look(now));
        if self.unstarted().is_some() {
            return Ok(());
        }
        while let Some(event) = self.next_event() {
            self.handle(event, now, at)?;
        }
        self.start_waiting();
        self.probe();
        Ok(())
    }

    fn handle(&mut self, event: Event, now: i64, at: i64) -> Result<(), RunLoopError> {
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
            self.early.note(&effect);
            self.follow(effect);
        }
        let (grants, answers) = (self.early.due_grants(), self.early.due_answers());
        grants.into_iter().for_each(|grant| self.granted(grant));
        answers.into_iter().for_each(|(it, at)| self.answer(it, at));
        self.start_waiting();
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

    fn follow(&mut self, effect: Effect) {
        self.makers.note(&effect);
        match effect {
            Effect::Run { id, node, command } => self.queue_command(id, node, command),
            Effect::Act { id, call } => self.queue_call(id, *call),
            Effect::Stop { id } => self.stop(id),
            Effect::SetTimer { id, at } => self.set_timer(id, at),
            Effect::ClearTimer { id } => {
                self.clear_timer(id);
                for step in self.open.values_mut() {
                    step.held_limit.take_if(|(timer, _)| *timer == id);
                }
            }
            Effect::Acquire { id, node, wants } => {
                let come = self.locks.acquire(id, &node, wants, self.time_now);
                self.take_from_locks(come);
            }
            Effect::Release { id, names } => {
                let come = self.locks.release(id, &names, self.time_now);
                self.take_from_locks(come);
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
                let event = self.windows.await_window(id, window, self.time_now);
                self.inbox.extend(event);
            }
            Effect::LeaveWindow { id } => self.windows.leave(id),
            Effect::Ask { id, question, .. } => {
                // It is asked again after each yes that is not enough.
                self.questions.entry(id).or_insert(question);
            }
            Effect::Unask { id } => drop(self.questions.remove(&id)),
            // Whoever follows the run is told by a machine of their own.
            Effect::Tell(told) => self.locks.note(&told, self.time_now),
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

    fn may_start(&self) -> bool {
        self.running.len() < self.max && !self.is_draining && self.resumption.is_none()
    }

    fn start_waiting(&mut self) {
        while self.may_start()
            && !self.size.is_burst_full()
            && let Some(id) = self.waiting.pop_front()
        {
            let Some(step) = self.open.get(&id) else {
                continue;
            };
            self.running.insert(id);
            let makers = self.makers.of(&step.work);
            self.size.begins(&(&step.work, &makers));
            self.acts.push(Act::Start(StartStep {
                id,
                work: step.work.clone(),
                pool: step.pool.clone(),
                once: step.once,
                makers,
                tells_begin: step.held_limit.is_some(),
            }));
        }
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
        if self.resumption.is_some() {
            return None;
        }
        let timer = self.timers.first_key_value();
        let timer = timer.map(|((at, _), ())| at - self.clock(now));
        let window = self.windows.next().map(|at| at - now);
        let probe = self.next_probe.map(|at| at - now);
        let burst = (self.may_start() && !self.waiting.is_empty()).then_some(1);
        let next = timer.into_iter().chain(window).chain(probe).chain(burst);
        let next = next.min();
        next.map(|wait| wait.max(0))
    }

    /// How the run has ended, once it has.
    pub fn finished(&self) -> Option<Status> {
        self.machine.finished().or_else(|| self.unstarted())
    }

    /// What this execution has written so far.
    pub fn size(&self) -> &HistorySize {
        &self.size
    }

    /// The server gives the worker something to do, at this time in milliseconds since 1970.
    pub fn begin_task(&mut self, at: i64) {
        self.size.begin_task(at);
    }

    /// How many steps are under way.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether something has happened that has not been handled.
    pub fn has_events(&self) -> bool {
        self.resumption.is_none()
            && self.machine.finished().is_none()
            && (!self.inbox.is_empty() || self.machine.has_more())
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
fn machine(plan: Arc<Plan>, facts: RunFacts, start: &RunStart) -> Result<Machine, RunLoopError> {
    if start.undone.is_empty() {
        let machine = Machine::new(plan, facts, start.seed);
        return Ok(match &start.completed {
            Some(completed) => machine.with_completed_work(completed.0.clone()),
            None => machine,
        });
    }
    let runs: Option<Vec<_>> = start.undone.iter().map(UndoneWire::run).collect();
    let runs = runs.ok_or(RunLoopError::Version)?;
    let way = WayBack::of(&plan, &runs, &mut |at, machine| {
        let events = start.undone.get(at).into_iter().flat_map(|it| &it.events.0);
        for (clock, event) in events {
            let _ = machine.handle(*clock, event.clone());
        }
        match machine.broken() {
            Some(broken) => Err(RunLoopError::Broken(broken.to_string())),
            None => Ok(()),
        }
    })?;
    let way = way.only_part(start.undo_part.as_deref());
    Ok(Machine::going_back(plan, facts, start.seed, way))
}
