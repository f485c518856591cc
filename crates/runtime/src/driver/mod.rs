//! The driver: carries the machine's effects out in the real world and feeds their ends back.
//! It does not know the rules of the language; what happens next is the machine's to say.

mod backlog;
mod carry;
mod error;
mod keep;
mod people;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::clock::Clock;
use super::http::HttpClient;
use super::inbox::{Person, RunInbox};
use super::journal::{Journal, JournalError, Record};
use super::locks::{Locks, OwnLocks};
use super::logs::Logs;
use super::process::{Spawner, Stop};
use super::secrets::Vault;
use super::writer::Writer;
use backlog::Backlog;
pub use error::DriveError;
use keep::Held;
use lockstep_base::source::{FileId, Name};
use lockstep_base::value::Value;
use lockstep_engine::notice::{Happened, Queue, RunEvent, Status, Stream};
use lockstep_engine::{Answer, Command, EffectId, Event, Kept, Machine, Outcome, Question};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{Plan, RunFacts};
use lockstep_verify::audit::{Audit, Violation};

/// What a run needs to know beside its plan.
pub struct Settings {
    /// The run's id, user and start.
    pub run: RunFacts,
    /// Decides the jitter of retries.
    pub seed: u64,
    /// The most commands that run at once; the others wait their turn.
    pub max: usize,
    /// The folder in which a source file lies: commands start there.
    pub folder: Box<dyn Fn(FileId) -> PathBuf>,
}

/// What a run touches the world with.
#[derive(Clone)]
pub struct Platform {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Starts its commands.
    pub spawner: Arc<dyn Spawner>,
    /// Makes its requests.
    pub http: Arc<dyn HttpClient>,
}

/// What a run keeps outside of this process, so that it outlives it and others can look. By
/// default it keeps nothing.
pub struct Keeping {
    /// Where it writes down what happens.
    pub journal: Option<Box<dyn Journal>>,
    /// What it has written down before, where it is continued.
    pub past: Past,
    /// What the run that it retries has done.
    pub kept: Kept,
    /// Its locks.
    pub locks: Box<dyn Locks>,
    /// Where the output of its commands goes.
    pub logs: Option<Logs>,
    /// Where its questions lie open, and others ask something of it.
    pub desk: Option<Box<dyn RunInbox>>,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            journal: None,
            past: Past::default(),
            kept: Kept::default(),
            locks: Box::new(OwnLocks::default()),
            logs: None,
            desk: None,
        }
    }
}

/// What has happened to a run that is continued.
#[derive(Debug, Default)]
pub struct Past {
    /// Its journal.
    pub records: Vec<Record>,
    /// How far the machine's clock is known to have come, in milliseconds. It stands still while
    /// nobody drives the run.
    pub clock: i64,
}

/// How the driver let go of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The run has ended.
    Ended(Status),
    /// It was stopped at once; where it has a journal it can be continued.
    Stopped,
    /// It cannot go on, and was stopped; where it has a journal it can be continued.
    Broken(DriveError),
}

/// What is asked of a run from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Cancel it: what runs is stopped and rolled back.
    Cancel,
    /// Stop at once: every command is killed and nothing is rolled back.
    Kill,
}

/// The program around a run: it hears of every event, answers questions and provides actions.
pub trait Host {
    /// Something happened.
    fn observe(&mut self, event: &RunEvent);

    /// Something happened before the run was continued; it has been told then.
    fn remember(&mut self, event: &RunEvent) {
        let _ = event;
    }

    /// Nothing happens for the moment: what has been held back can be said now.
    fn idle(&mut self) {}

    /// Some time has passed; called about ten times a second while the run goes on.
    fn tick(&mut self) {}

    /// A question. The answer may come at any time, or never.
    fn ask(&mut self, node: &Name, question: &Question, answer: Answerer);

    /// The run is being cancelled, which may take a while.
    fn cancelling(&mut self) {}

    /// A run that is continued waits to get its locks back; others hold them. It may come again
    /// when that has changed.
    fn waits_again(&mut self, queue: &Queue) {
        let _ = queue;
    }

    /// Another process asked for something, and the run heeds it: `answer` is what was answered,
    /// or nothing where the run was asked to cancel.
    fn heeds(&mut self, person: &Person, answer: Option<&Answer>) {
        let _ = (person, answer);
    }

    /// The run has not kept to its plan, for the first time: a mistake of this program. It goes on.
    fn strays(&mut self, violation: &Violation) {
        let _ = violation;
    }

    /// A question that was asked does not matter any more.
    fn withdraw(&mut self, question: EffectId) {
        let _ = question;
    }

    /// Calls an action; its end is told through `done`.
    fn act(&mut self, node: &Name, action: &Name, args: Vec<Value>, done: Finisher) {
        let _ = (node, args);
        done.finish(Outcome::failed(
            FailureClass::Failed,
            format!("this program provides no action `{action}`"),
        ));
    }
}

/// Takes the answer to one question.
#[derive(Debug)]
pub struct Answerer(EffectId, mpsc::UnboundedSender<Message>);

impl Answerer {
    /// The question's id.
    pub fn question(&self) -> EffectId {
        self.0
    }

    /// Answers. An answer that comes too late changes nothing.
    pub fn answer(self, answer: Answer) {
        self.answer_as(Person::default(), answer);
    }

    /// Answers, and says who does.
    pub fn answer_as(self, person: Person, answer: Answer) {
        // The run may be over.
        let _ = self.1.send(Message::Answered(self.0, answer, person));
    }
}

/// Takes the end of one action.
pub struct Finisher(EffectId, mpsc::UnboundedSender<Message>);

impl Finisher {
    /// The action ended.
    pub fn finish(self, outcome: Outcome) {
        // The run may be over.
        let _ = self.1.send(Message::Event(Event::Ended {
            id: self.0,
            outcome,
        }));
    }
}

/// What tasks tell the driver.
#[derive(Debug)]
enum Message {
    Event(Event),
    Answered(EffectId, Answer, Person),
    Output {
        node: Name,
        lines: Lines,
    },
    /// A group of records is in the journal, or will never be.
    Written(Result<Vec<Record>, JournalError>),
}

/// What a command has written, line by line.
type Lines = Vec<(Stream, String)>;

/// So many messages are taken before other things get their turn.
const TURN: usize = 256;

/// When nothing was written down for so long, the clock is: others see that the run is driven.
const CLOCK: Duration = Duration::from_secs(5);

/// Where the driver's log lines come from, for filters.
const TARGET: &str = "lockstep::driver";

/// Runs a plan to its end, or continues it, until it has ended or is stopped.
pub async fn drive(
    plan: Arc<Plan>,
    vault: Arc<Vault>,
    platform: Platform,
    settings: Settings,
    keeping: Keeping,
    host: &mut dyn Host,
    control: mpsc::UnboundedReceiver<Control>,
) -> Ending {
    let span = tracing::info_span!(target: TARGET, "run", id = %settings.run.id);
    let run = async {
        let pipeline = &plan.bound.pipeline().name;
        tracing::info!(target: TARGET, %pipeline, records = keeping.past.records.len(), "begins");
        let ending = work_off(plan, vault, platform, settings, keeping, host, control).await;
        match &ending {
            Ending::Ended(status) => tracing::info!(target: TARGET, %status, "ended"),
            Ending::Stopped => tracing::info!(target: TARGET, "stopped"),
            Ending::Broken(error) => tracing::error!(target: TARGET, %error, "cannot go on"),
        }
        ending
    };
    run.instrument(span).await
}

async fn work_off(
    plan: Arc<Plan>,
    vault: Arc<Vault>,
    platform: Platform,
    settings: Settings,
    keeping: Keeping,
    host: &mut dyn Host,
    mut control: mpsc::UnboundedReceiver<Control>,
) -> Ending {
    let (sender, mut messages) = mpsc::unbounded_channel();
    let mut driver = match Driver::new(plan, vault, platform, settings, keeping, host, sender) {
        Ok(driver) => driver,
        Err(error) => return Ending::Broken(error.into()),
    };
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let clock = driver.platform.clock.clone();
    let mut controlled = true;
    if !driver.get_locks_back(&mut control, &mut ticks).await {
        return match driver.broken.take() {
            Some(error) => Ending::Broken(error),
            None => Ending::Stopped,
        };
    }
    driver.go_on();
    loop {
        for _ in 0..TURN {
            match messages.try_recv() {
                Ok(message) if driver.broken.is_none() => driver.take(message),
                Ok(_) | Err(_) => break,
            }
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
                Some(Control::Cancel) => driver.cancel(),
                Some(Control::Kill) => {
                    driver.stop_all(Stop::Kill, &mut control).await;
                    driver.note_ends(&mut messages);
                    return Ending::Stopped;
                }
                None => controlled = false,
            },
            Some(message) = messages.recv() => driver.take(message),
            Some(_) = driver.commands.join_next(), if !driver.commands.is_empty() => {}
            () = sleep_until(&*clock, next) => driver.fire(),
            _ = ticks.tick() => driver.tick(),
        }
    }
    if let Some(error) = driver.broken.take() {
        driver.stop_all(Stop::Term, &mut control).await;
        driver.close();
        return Ending::Broken(error);
    }
    while let Ok(message) = messages.try_recv() {
        driver.take(message);
    }
    match driver.machine.finished() {
        Some(status) => Ending::Ended(status),
        None => Ending::Stopped,
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
    vault: Arc<Vault>,
    platform: Platform,
    settings: Settings,
    host: &'h mut dyn Host,
    sender: mpsc::UnboundedSender<Message>,
    /// When the machine's clock stood at `offset`.
    begun: Duration,
    offset: i64,
    timers: BTreeMap<(i64, EffectId), ()>,
    due: HashMap<EffectId, i64>,
    locks: Box<dyn Locks>,
    commands: JoinSet<()>,
    running: HashMap<EffectId, Running>,
    /// Commands that wait for a place.
    queue: VecDeque<(EffectId, Name, Box<Command>)>,
    backlog: Arc<Backlog>,
    /// What the machine has not been told yet.
    inbox: VecDeque<Event>,
    writer: Option<Writer>,
    /// How many records there are, and how many of them are in the journal.
    recorded: u64,
    written: u64,
    noted: Duration,
    /// What waits for its record to be written.
    held: VecDeque<Held>,
    /// Commands and actions that must not be started twice, and may have been.
    begun_once: HashSet<EffectId>,
    logs: Option<Logs>,
    desk: Option<Box<dyn RunInbox>>,
    /// The questions that wait for an answer.
    questions: HashMap<EffectId, (Name, Question)>,
    /// Locks that were held before the run was continued, and are held by others.
    lost: HashSet<EffectId>,
    cancelled: bool,
    /// Why the run cannot go on.
    broken: Option<DriveError>,
    seq: u64,
    /// When the last thing that was told happened.
    told_at: jiff::Timestamp,
    /// Checks that the run keeps to its plan.
    audit: Audit,
}

/// A command or request that is under way.
struct Running {
    stop: watch::Sender<Option<Stop>>,
    /// The node whose log it writes.
    node: Option<Name>,
}

impl Driver<'_> {
    /// The machine's clock: milliseconds during which the run was driven.
    fn now(&self) -> i64 {
        let since = i64::try_from((self.elapsed() - self.begun).as_millis()).unwrap_or(i64::MAX);
        self.offset.saturating_add(since)
    }

    fn time(&self) -> jiff::Timestamp {
        self.platform.clock.now()
    }

    /// The time since some moment before the run.
    fn elapsed(&self) -> Duration {
        self.platform.clock.elapsed()
    }

    /// When the clock of the host shows what the machine's shows at `at`.
    fn moment(&self, at: i64) -> Duration {
        let after = u64::try_from(at.saturating_sub(self.offset)).unwrap_or(0);
        self.begun + Duration::from_millis(after)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(mut event) => {
                self.mask(&mut event);
                if let Event::Ended { id, .. } = &event
                    && let Some(Running {
                        node: Some(node), ..
                    }) = self.running.remove(id)
                    && let Some(logs) = &mut self.logs
                {
                    let closed = logs.close(&node);
                    self.note(closed);
                }
                self.happen(event);
                self.start_queued();
            }
            Message::Output { node, lines } => {
                self.backlog.done(lines.len());
                let at = self.time();
                for (stream, text) in lines {
                    if let Some(logs) = &mut self.logs {
                        let kept = logs.line(&node, &text);
                        self.note(kept);
                    }
                    let node = node.clone();
                    self.tell(Happened::NodeOutput { node, stream, text }, at);
                }
            }
            Message::Answered(id, answer, person) => {
                self.answer(id, answer, &person);
            }
            Message::Written(Ok(records)) => self.release(records),
            Message::Written(Err(error)) => self.note(Err(error)),
        }
    }

    /// What an action of the host returns may hold a secret. What commands and requests return
    /// does not.
    fn mask(&self, event: &mut Event) {
        let Event::Ended { id, outcome } = event else {
            return;
        };
        if self.running.contains_key(id) {
            return;
        }
        outcome.value = masked(&outcome.value, &self.vault);
        if let Some((_, message)) = &mut outcome.failure {
            *message = self.vault.mask(message);
        }
    }

    fn fire(&mut self) {
        let now = self.now();
        while let Some(entry) = self
            .timers
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let (_, id) = entry.remove_entry().0;
            self.due.remove(&id);
            self.happen(Event::Fired { id });
        }
    }

    fn tick(&mut self) {
        self.host.tick();
        self.take_granted();
        self.look_at_desk();
        if let Some(logs) = &mut self.logs {
            let flushed = logs.flush();
            self.note(flushed);
        }
        self.say_alive(self.now());
        self.work();
    }

    /// Notes the clock where nothing else has been written down for long.
    fn say_alive(&mut self, clock: i64) {
        if let Some(writer) = &self.writer
            && self.elapsed() - self.noted >= CLOCK
        {
            writer.note_clock(clock);
            self.noted = self.elapsed();
        }
    }

    /// Something could not be kept: the run stops.
    fn note(&mut self, kept: Result<(), impl Into<DriveError>>) {
        if let Err(error) = kept {
            self.broken.get_or_insert(error.into());
        }
    }

    /// Whether the machine has broken a rule of its own: then the run stops.
    fn is_machine_broken(&mut self) -> bool {
        let Some(broken) = self.machine.broken() else {
            return false;
        };
        let broken = Box::new(broken.clone());
        self.broken.get_or_insert(DriveError::Machine(broken));
        true
    }

    fn tell(&mut self, what: Happened, at: jiff::Timestamp) {
        self.seq += 1;
        // Output is told at once, other things when they are written down; nobody is to see the
        // time run backwards for that, nor when the system's clock is set.
        let at = at.max(self.told_at);
        self.told_at = at;
        if let Some(stray) = self.audit.first_stray(&what) {
            tracing::error!(
                target: TARGET, event = stray.event,
                "the run does not keep to its plan"
            );
            self.host.strays(&stray);
        }
        self.host.observe(&RunEvent {
            seq: self.seq,
            at,
            what,
        });
    }
}

/// A value without secrets in its texts.
fn masked(value: &Value, vault: &Vault) -> Value {
    match value {
        Value::String(text) => Value::string(vault.mask(text)),
        Value::List(items) => Value::list(items.iter().map(|item| masked(item, vault))),
        Value::Map(fields) => {
            let field = |(name, value): (&Name, &Value)| (name.clone(), masked(value, vault));
            Value::map(fields.iter().map(field))
        }
        other => other.clone(),
    }
}
