//! The driver: executes the effects of the machine (the scheduler) in the real world and feeds
//! their results back as events. Must not implement rules of the language: what happens next is
//! decided by the machine.

mod backlog;
mod control;
mod effects;
mod error;
mod follow;
mod journaling;
mod quiet;
mod windows;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::clock::Clock;
use super::executor::{EffectExecutor, SourceFolder};
use super::http::HttpClient;
use super::inbox::{Responder, RunInbox};
use super::journal::{Journal, JournalError, JournalRecord};
use super::journal_writer::JournalWriter;
use super::locks::{LocalLocks, Locks};
use super::logs::RunLogs;
use super::output_lines::OutputLines;
use super::process::{LeftOutput, Spawner, StopRequest};
use super::replay::ReplayError;
use super::required_programs::FoundPrograms;
use super::scratch::ScratchFolder;
use super::secrets::SecretVault;
use super::shown_events::EventRedactor;
use backlog::OutputBacklog;
pub use error::DriveError;
pub use follow::{
    RemoteEngine, RemoteMessage, RemoteRecord, RemoteRequest, RemoteRun, RemoteStart, Resumer,
    RunSource, RunToTakeBack, follow,
};
use journaling::HeldEffect;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_engine::run_event::{LockQueuePosition, RunEvent, RunEventKind, Status};
use lockstep_engine::way_back::WayBack;
use lockstep_engine::{
    Answer, CommandRequest, CompletedWork, EffectId, EffectOutcome, Event, LockDependencies,
    Machine, Question,
};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Plan, RunFacts};
use quiet::QuietOutput;
use windows::AwaitedWindow;

/// The settings of a run besides its plan.
pub struct RunSettings {
    /// The run's id, user and start.
    pub run: RunFacts,
    /// The seed for the jitter of retries.
    pub seed: u64,
    /// The maximum number of commands that run at once; the others are queued.
    pub max: usize,
    /// The folder of a source file: the working directory of its commands.
    pub folder: SourceFolder,
    /// The programs that have been found before the run.
    pub found_programs: FoundPrograms,
}

/// The interfaces to the outside world.
#[derive(Clone)]
pub struct Platform {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Starts the commands.
    pub spawner: Arc<dyn Spawner>,
    /// Makes the HTTP requests.
    pub http: Arc<dyn HttpClient>,
}

/// The persistence of a run, so that it survives this process and other processes can see it. By
/// default nothing is persisted.
pub struct RunPersistence {
    /// The journal that records what happens.
    pub journal: Option<Box<dyn Journal>>,
    /// The journal so far, if the run is resumed.
    pub past: RecordedRun,
    /// The completed work of the run that it retries.
    pub completed_work: CompletedWork,
    /// What it takes back of another run, where it does nothing else.
    pub way_back: Option<WayBack>,
    /// The runs that it goes on from, for who drives it elsewhere.
    pub source: RunSource,
    /// Its locks.
    pub locks: Box<dyn Locks>,
    /// Where the output of its commands is written.
    pub logs: Option<RunLogs>,
    /// Where its questions are published and requests of other processes arrive.
    pub run_inbox: Option<Box<dyn RunInbox>>,
}

impl Default for RunPersistence {
    fn default() -> Self {
        Self {
            journal: None,
            past: RecordedRun::default(),
            completed_work: CompletedWork::default(),
            way_back: None,
            source: RunSource::default(),
            locks: Box::new(LocalLocks::default()),
            logs: None,
            run_inbox: None,
        }
    }
}

/// The past of a resumed run.
#[derive(Debug, Default)]
pub struct RecordedRun {
    /// Whether it was begun by another process. It may have been killed before anything was
    /// recorded.
    pub is_resumed: bool,
    /// Its journal.
    pub records: Vec<JournalRecord>,
    /// The last known value of the machine's clock, in milliseconds. It stands still while no
    /// process drives the run.
    pub clock: i64,
    /// The numbers of events up to this one may have been used.
    pub events: u64,
    /// The name of who resumes it, and the user id if it is known.
    pub resumed_by: Name,
    /// The user id of who resumes it.
    pub resumer_uid: Option<u32>,
}

/// How the driver finished.
#[derive(Debug, Clone, PartialEq)]
pub enum DriverExit {
    /// The run has ended.
    Ended(Status),
    /// It was stopped immediately; with a journal it can be resumed.
    Stopped,
    /// It is driven elsewhere, and has ended like this without having begun: a sentence for people,
    /// without a full stop.
    DidNotBegin(Status, String),
    /// It cannot go on, and was stopped; with a journal it can be resumed.
    Broken(DriveError),
}

/// A control request from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRequest {
    /// Cancel: running commands are stopped and the run is rolled back.
    Cancel,
    /// Stop immediately: every command is killed and nothing is rolled back.
    Kill,
}

/// The program that embeds a run: it observes every event, answers questions and provides actions.
pub trait RunHost {
    /// An event of the run, with its secrets masked.
    fn observe(&mut self, event: &RunEvent);

    /// The same as it is to the machine, for a check of the run against its plan. It may hold
    /// secrets and must not be shown.
    fn check(&mut self, event: &RunEventKind) {
        let _ = event;
    }

    /// An event from before the run was resumed; it was observed by the earlier process.
    fn on_replayed_event(&mut self, event: &RunEvent) {
        let _ = event;
    }

    /// A command of a resumed run starts once more: the machine has told that before.
    fn on_restart(&mut self, event: &RunEvent) {
        self.observe(event);
    }

    /// Whether it must be known which stream a command has written a line to. Where nobody needs
    /// to know, both are one, in the order in which the command wrote to them.
    fn needs_streams_apart(&self) -> bool {
        true
    }

    /// No event is due: buffered output can be written now.
    fn idle(&mut self) {}

    /// A timer tick, about ten times a second while the run is active.
    fn tick(&mut self) {}

    /// A question. The answer may come at any time, or never.
    fn ask(&mut self, node: &NodePath, question: &Question, answer: AnswerSender);

    /// The run is being cancelled, which may take a while.
    fn cancelling(&mut self) {}

    /// A resumed run waits to reacquire its locks, which others hold. Called again when the queue
    /// has changed.
    fn on_lock_reacquire(&mut self, queue: &LockQueuePosition) {
        let _ = queue;
    }

    /// A request of another process was accepted: `answer` is the answer that it gave, or nothing
    /// where it asked to cancel.
    fn on_external_request(&mut self, person: &Responder, answer: Option<&Answer>) {
        let _ = (person, answer);
    }

    /// The run is driven elsewhere, and all that has been recorded of it by now has been observed.
    fn on_current(&mut self) {}

    /// The run is driven elsewhere, and nothing is heard of it; the sentence says why.
    fn on_engine_silent(&mut self, why: &str) {
        let _ = why;
    }

    /// A question has become obsolete.
    fn withdraw(&mut self, question: EffectId) {
        let _ = question;
    }

    /// Calls an action; its outcome is reported through `done`.
    fn act(&mut self, node: &NodePath, action: &Name, args: Vec<Value>, done: ActionCompleter) {
        let _ = (node, args);
        done.finish(EffectOutcome::failed(
            FailureClass::Failed,
            format!("this program provides no action `{action}`"),
        ));
    }
}

/// Receives the answer to one question.
#[derive(Debug)]
pub struct AnswerSender(EffectId, mpsc::UnboundedSender<DriverMessage>);

impl AnswerSender {
    /// The id of the question.
    pub fn question(&self) -> EffectId {
        self.0
    }

    /// Answers. An answer that comes too late, or to another kind of question, changes nothing.
    pub fn answer(self, answer: impl Into<Answer>) {
        self.answer_as(Responder::default(), answer);
    }

    /// Answers, and says who does.
    pub fn answer_as(self, person: Responder, answer: impl Into<Answer>) {
        // The run may be over.
        let _ = (self.1).send(DriverMessage::Answered(self.0, answer.into(), person));
    }
}

/// Receives the outcome of one action.
pub struct ActionCompleter(EffectId, mpsc::UnboundedSender<DriverMessage>);

impl ActionCompleter {
    /// The action ended.
    pub fn finish(self, outcome: EffectOutcome) {
        // The run may be over.
        let _ = self.1.send(DriverMessage::Event(Event::Ended {
            id: self.0,
            outcome,
        }));
    }
}

/// Messages of tasks to the driver.
#[derive(Debug)]
enum DriverMessage {
    Event(Event),
    /// A command on another machine has begun.
    Begun(EffectId),
    Answered(EffectId, Answer, Responder),
    Output {
        node: NodePath,
        lines: OutputLines,
    },
    /// A command has ended, and others still write to its output.
    Left {
        node: NodePath,
        left: Box<LeftOutput>,
    },
    /// The machine had held something back.
    GoOn,
    /// A group of records is in the journal, or could not be written.
    Written(Result<Vec<JournalRecord>, JournalError>),
}

/// At most so many messages are handled before other sources get their turn.
const MAX_MESSAGES_PER_TURN: usize = 256;

/// So long other sources wait at most while output is being shown.
const MAX_TURN_TIME: Duration = Duration::from_millis(20);

/// The heartbeat: if nothing was recorded for so long, the clock is, so that others see that the
/// run is alive.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// After so many events the journal is told of their number, so that none is used twice.
const NOTE_EVENTS_EVERY: u64 = 2_000;

/// The target of the driver's log events.
const TARGET: &str = "lockstep::driver";

/// Runs a plan, or resumes it, until it has ended or is stopped.
pub async fn drive(
    plan: Arc<Plan>,
    vault: Arc<SecretVault>,
    platform: Platform,
    settings: RunSettings,
    persistence: RunPersistence,
    host: &mut dyn RunHost,
    control: mpsc::UnboundedReceiver<ControlRequest>,
) -> DriverExit {
    let span = tracing::info_span!(target: TARGET, "run", id = %settings.run.id);
    let run = async {
        let pipeline = &plan.bound.pipeline().name;
        let records = persistence.past.records.len();
        tracing::info!(target: TARGET, %pipeline, records, "begins");
        let ending = work_off(plan, vault, platform, settings, persistence, host, control).await;
        match &ending {
            DriverExit::Ended(status) => tracing::info!(target: TARGET, %status, "ended"),
            DriverExit::Stopped => tracing::info!(target: TARGET, "stopped"),
            DriverExit::DidNotBegin(_, why) => tracing::info!(target: TARGET, why, "unstarted"),
            DriverExit::Broken(error) => tracing::error!(target: TARGET, %error, "cannot go on"),
        }
        ending
    };
    run.instrument(span).await
}

async fn work_off(
    plan: Arc<Plan>,
    vault: Arc<SecretVault>,
    platform: Platform,
    settings: RunSettings,
    persistence: RunPersistence,
    host: &mut dyn RunHost,
    mut control: mpsc::UnboundedReceiver<ControlRequest>,
) -> DriverExit {
    let (sender, mut messages) = mpsc::unbounded_channel();
    let scratch = match ScratchFolder::of_run(&plan.bound.program, &settings.run) {
        Ok(scratch) => scratch,
        Err(error) => return DriverExit::Broken(DriveError::NoScratch(error.to_string())),
    };
    let mut driver = match Driver::new(plan, vault, platform, settings, persistence, host, sender) {
        Ok(driver) => driver,
        Err(error) => return DriverExit::Broken(error),
    };
    let exit = until_exit(&mut driver, &mut messages, &mut control).await;
    // What commands have left writes to nothing from now on.
    driver.left.shutdown().await;
    driver.log_late_output(&mut messages);
    if let (Some(scratch), DriverExit::Ended(_)) = (scratch, &exit) {
        scratch.remove();
    }
    exit
}

/// The machine of a run at its beginning.
fn machine_of(
    plan: Arc<Plan>,
    settings: &RunSettings,
    vault: &SecretVault,
    way_back: Option<WayBack>,
    completed: CompletedWork,
) -> Result<Machine, ReplayError> {
    let (run, seed) = (settings.run.clone(), settings.seed);
    let machine = match way_back {
        Some(way) => Machine::going_back(plan, run, seed, way),
        None => Machine::new(plan, run, seed),
    };
    let unread = |why| ReplayError {
        record: 0,
        unread: Some(why),
    };
    let completed = vault.unsealed(completed).map_err(unread)?;
    Ok(machine.with_completed_work(completed))
}

async fn until_exit(
    driver: &mut Driver<'_>,
    messages: &mut mpsc::UnboundedReceiver<DriverMessage>,
    control: &mut mpsc::UnboundedReceiver<ControlRequest>,
) -> DriverExit {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let clock = driver.platform.clock.clone();
    let mut controlled = true;
    if !driver.reacquire_locks(control, &mut ticks).await {
        return match driver.broken.take() {
            Some(error) => DriverExit::Broken(error),
            None => DriverExit::Stopped,
        };
    }
    driver.apply_journaled();
    loop {
        let turn = Instant::now();
        let mut is_busy = false;
        for _ in 0..MAX_MESSAGES_PER_TURN {
            match messages.try_recv() {
                Ok(message) if driver.broken.is_none() => driver.handle_message(message),
                Ok(_) | Err(_) => break,
            }
            is_busy = turn.elapsed() >= MAX_TURN_TIME;
            if is_busy {
                break;
            }
        }
        if is_busy {
            // However much the commands write: signals are heard, and commands are stopped.
            tokio::task::yield_now().await;
        }
        if driver.has_ended() || driver.broken.is_some() {
            break;
        }
        driver.host.idle();
        let next = driver
            .timers
            .keys()
            .next()
            .map(|(at, _)| driver.moment(*at));
        tokio::select! {
            biased;
            asked = control.recv(), if controlled => match asked {
                Some(ControlRequest::Cancel) => driver.cancel(),
                Some(ControlRequest::Kill) => {
                    driver.stop_all(StopRequest::Kill, control).await;
                    driver.record_ends(messages);
                    // What was recorded may have been its end.
                    return match driver.machine.finished() {
                        Some(status) if driver.written == driver.recorded => {
                            DriverExit::Ended(status)
                        }
                        Some(_) | None => DriverExit::Stopped,
                    };
                }
                None => controlled = false,
            },
            Some(message) = messages.recv() => driver.handle_message(message),
            Some(_) = driver.commands.join_next(), if !driver.commands.is_empty() => {}
            Some(_) = driver.left.join_next(), if !driver.left.is_empty() => {}
            () = sleep_until(&*clock, next) => driver.fire_timers(),
            _ = ticks.tick() => driver.tick(),
        }
    }
    if let Some(error) = driver.broken.take() {
        driver.stop_all(StopRequest::Term, control).await;
        driver.close();
        return DriverExit::Broken(error);
    }
    match driver.machine.finished() {
        Some(status) => DriverExit::Ended(status),
        None => DriverExit::Stopped,
    }
}

async fn sleep_until(clock: &dyn Clock, at: Option<Duration>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Driver<'h> {
    machine: Machine,
    vault: Arc<SecretVault>,
    /// Carries out commands and requests.
    executor: EffectExecutor,
    /// Masks what the machine says before anybody else hears of it.
    redactor: EventRedactor,
    platform: Platform,
    settings: RunSettings,
    host: &'h mut dyn RunHost,
    sender: mpsc::UnboundedSender<DriverMessage>,
    /// When the machine's clock was at `offset`.
    begun: Duration,
    offset: i64,
    /// How much earlier the system's clock is than what the run has recorded.
    set_back: jiff::SignedDuration,
    timers: BTreeMap<(i64, EffectId), ()>,
    due: HashMap<EffectId, i64>,
    /// The time limits of commands that have not begun on their machines yet, by their commands:
    /// the timer, and after how many milliseconds it is due.
    limits: HashMap<EffectId, (EffectId, i64)>,
    locks: Box<dyn Locks>,
    commands: JoinSet<()>,
    /// The outputs of commands that have ended, to which others still write.
    left: JoinSet<()>,
    running: HashMap<EffectId, RunningEffect>,
    /// What the commands have written whose output is shown only where they fail.
    quiet: HashMap<NodePath, QuietOutput>,
    /// Commands that wait for a slot.
    queue: VecDeque<(EffectId, NodePath, Box<CommandRequest>)>,
    backlog: Arc<OutputBacklog>,
    /// Events that the machine has not handled yet.
    inbox: VecDeque<Event>,
    writer: Option<JournalWriter>,
    /// The number of records, and how many of them are in the journal.
    recorded: u64,
    written: u64,
    /// Whether the machine has gone on with what it held back since others had their turn.
    has_gone_on: bool,
    noted: Duration,
    /// Effects that wait for their record to be written.
    held: VecDeque<HeldEffect>,
    /// Commands and actions marked `once` that may have been started already.
    begun_once: HashSet<EffectId>,
    logs: Option<RunLogs>,
    run_inbox: Option<Box<dyn RunInbox>>,
    /// The questions that wait for an answer.
    questions: HashMap<EffectId, (NodePath, Question)>,
    /// The questions that need no more answers.
    settled: HashSet<EffectId>,
    /// What the locks wait for inside the run, as they were last told.
    lock_dependencies: LockDependencies,
    /// The windows that the machine waits for.
    windows: BTreeMap<EffectId, AwaitedWindow>,
    /// Locks that were held before the run was resumed, and are held by others now.
    lease_lost: HashSet<EffectId>,
    cancelled: bool,
    /// Why the run cannot go on.
    broken: Option<DriveError>,
    seq: u64,
    /// How many events the journal was last told of.
    told_events: u64,
    /// A run is being resumed: the record after which it goes on, and what is held until then.
    resuming: Option<(u64, VecDeque<HeldEffect>)>,
    /// The time of the last emitted event.
    last_recorded_at: jiff::Timestamp,
}

/// A command or request in flight.
struct RunningEffect {
    stop: watch::Sender<Option<StopRequest>>,
    /// The node whose log it writes to.
    node: Option<NodePath>,
}

impl Driver<'_> {
    /// The machine's clock: milliseconds during which the run was driven.
    fn now(&self) -> i64 {
        let since = i64::try_from((self.elapsed() - self.begun).as_millis()).unwrap_or(i64::MAX);
        self.offset.saturating_add(since)
    }

    /// The time of day. In one run it never goes backwards, whoever sets a clock.
    fn time(&self) -> jiff::Timestamp {
        let now = self.platform.clock.now();
        now.checked_add(self.set_back).unwrap_or(now)
    }

    /// The run has recorded that time, perhaps by another process.
    fn go_on_from(&mut self, last: Option<jiff::Timestamp>) {
        let now = self.time();
        if let Some(last) = last.filter(|last| *last > now) {
            self.set_back += last.duration_since(now);
        }
    }

    /// The time since some moment before the run.
    fn elapsed(&self) -> Duration {
        self.platform.clock.elapsed()
    }

    /// The host clock's time that corresponds to the machine's time `at`.
    fn moment(&self, at: i64) -> Duration {
        let after = u64::try_from(at.saturating_sub(self.offset)).unwrap_or(0);
        self.begun + Duration::from_millis(after)
    }

    fn handle_message(&mut self, message: DriverMessage) {
        match message {
            DriverMessage::Event(event) => {
                let ended = match &event {
                    Event::Ended { id, .. } => self.running.remove(id).and_then(|it| it.node),
                    _ => None,
                };
                if let Some(node) = &ended
                    && let Some(logs) = &mut self.logs
                {
                    let closed = logs.close(node);
                    self.note(closed);
                }
                if let Event::Ended { outcome, .. } = &event
                    && let Some(node) = &ended
                {
                    self.end_quiet(node, outcome.failure.is_some());
                }
                self.journal_event(event);
                self.start_queued();
            }
            DriverMessage::Output { node, lines } => {
                self.backlog.done(lines.count());
                if let Some(logs) = &mut self.logs {
                    let written = logs.lines(&node, &lines);
                    self.note(written);
                }
                match self.quiet.get_mut(&node) {
                    Some(held) => lines.iter().for_each(|line| held.add(line)),
                    None => self.publish_lines(node, lines.iter(), self.time()),
                }
            }
            DriverMessage::Begun(id) => self.command_has_begun(id),
            DriverMessage::Left { node, left } => self.pass_on(node, *left),
            DriverMessage::Answered(id, answer, person) => {
                self.answer(id, answer, &person);
            }
            DriverMessage::GoOn => {
                self.work();
                self.start_queued();
            }
            DriverMessage::Written(Ok(records)) => self.release(records),
            DriverMessage::Written(Err(error)) => self.note(Err(error)),
        }
    }

    /// The run has ended: what was written meanwhile is still in its logs.
    fn log_late_output(&mut self, messages: &mut mpsc::UnboundedReceiver<DriverMessage>) {
        let Some(mut logs) = self.logs.take() else {
            return;
        };
        while let Ok(message) = messages.try_recv() {
            if let DriverMessage::Output { node, lines } = message {
                // It is no part of the run any more.
                let _ = logs.lines(&node, &lines);
            }
        }
        let _ = logs.flush();
    }

    fn fire_timers(&mut self) {
        let now = self.now();
        while let Some(entry) = self
            .timers
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let (_, id) = entry.remove_entry().0;
            self.due.remove(&id);
            self.journal_event(Event::Fired { id });
        }
    }

    fn tick(&mut self) {
        self.host.tick();
        self.update_lock_dependencies();
        self.hear_of_other_deployments();
        self.handle_granted_locks();
        self.look_at_windows();
        self.poll_inbox();
        if let Some(logs) = &mut self.logs {
            let flushed = logs.flush();
            self.note(flushed);
        }
        self.send_heartbeat(self.now());
        self.work();
    }

    /// Heartbeat: records the clock if nothing else has been recorded for long.
    fn send_heartbeat(&mut self, clock: i64) {
        if let Some(writer) = &self.writer
            && self.elapsed() - self.noted >= HEARTBEAT_INTERVAL
        {
            writer.note_clock(clock);
            writer.note_events(self.seq, true);
            self.told_events = self.seq;
            self.noted = self.elapsed();
        }
    }

    /// If something could not be persisted, the run stops.
    fn note(&mut self, written: Result<(), impl Into<DriveError>>) {
        if let Err(error) = written {
            self.broken.get_or_insert(error.into());
        }
    }

    /// Whether the machine has violated one of its invariants: then the run stops.
    fn is_machine_broken(&mut self) -> bool {
        let Some(broken) = self.machine.broken() else {
            return false;
        };
        let broken = Box::new(broken.clone());
        self.broken.get_or_insert(DriveError::Machine(broken));
        true
    }

    fn publish(&mut self, what: RunEventKind, at: jiff::Timestamp) {
        let event = self.numbered(what, at);
        self.host.observe(&event);
    }

    /// An event with the next number.
    fn numbered(&mut self, what: RunEventKind, at: jiff::Timestamp) -> RunEvent {
        let (seq, at) = self.next_number(at);
        RunEvent { seq, at, what }
    }

    /// The number of the next event, and its time.
    fn next_number(&mut self, at: jiff::Timestamp) -> (u64, jiff::Timestamp) {
        self.seq += 1;
        if self.seq >= self.told_events + NOTE_EVENTS_EVERY
            && let Some(writer) = &self.writer
        {
            writer.note_events(self.seq, true);
            self.told_events = self.seq;
        }
        // Output is emitted immediately, other events when they are recorded; the times must not
        // run backwards because of that, nor when the system's clock is set.
        let at = at.max(self.last_recorded_at);
        self.last_recorded_at = at;
        (self.seq, at)
    }
}
