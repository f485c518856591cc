//! The driver: carries the machine's effects out in the real world and feeds their ends back.
//! It does not know the rules of the language; what happens next is the machine's to say.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::Connection;
use super::http;
use super::process::{Ended, Spawn, Spawner, Stop};
use super::secrets::Vault;
use crate::engine::lock::LockTable;
use crate::engine::notice::{Happened, Queue, RunEvent, Status, Stream};
use crate::engine::{Answer, Command, Effect, EffectId, Event, Machine, Outcome, Question};
use crate::ir::FailureClass;
use crate::plan::{Plan, RunFacts};
use crate::source::{FileId, Name};
use crate::value::Value;

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

    /// Nothing happens for the moment: what has been held back can be said now.
    fn idle(&mut self) {}

    /// Some time has passed; called about ten times a second while the run goes on.
    fn tick(&mut self) {}

    /// A question. The answer may come at any time, or never.
    fn ask(&mut self, node: &Name, question: &Question, answer: Answerer);

    /// The run is being cancelled, which may take a while.
    fn cancelling(&mut self) {}

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
pub struct Answerer(EffectId, mpsc::UnboundedSender<Message>);

impl Answerer {
    /// The question's id.
    pub fn question(&self) -> EffectId {
        self.0
    }

    /// Answers. An answer that comes too late changes nothing.
    pub fn answer(self, answer: Answer) {
        // The run may be over.
        let _ = self
            .1
            .send(Message::Event(Event::Answered { id: self.0, answer }));
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
enum Message {
    Event(Event),
    Output { node: Name, lines: Lines },
}

/// What a command has written, line by line.
type Lines = Vec<(Stream, String)>;

/// So many messages are taken before other things get their turn.
const TURN: usize = 256;

/// Runs a plan to its end and returns how it ended; nothing where it was stopped at once.
pub async fn drive(
    plan: Arc<Plan>,
    vault: Arc<Vault>,
    spawner: Arc<Spawner>,
    settings: Settings,
    host: &mut dyn Host,
    mut control: mpsc::UnboundedReceiver<Control>,
) -> Option<Status> {
    let (sender, mut messages) = mpsc::unbounded_channel();
    let machine = Machine::new(plan, settings.run.clone(), settings.seed);
    let mut driver = Driver {
        machine,
        vault,
        spawner,
        settings,
        host,
        sender,
        begun: Instant::now(),
        timers: BTreeMap::new(),
        due: HashMap::new(),
        locks: LockTable::default(),
        commands: JoinSet::new(),
        stops: HashMap::new(),
        queue: VecDeque::new(),
        backlog: Arc::default(),
        seq: 0,
    };
    driver.happen(Event::Start);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut controlled = true;
    loop {
        for _ in 0..TURN {
            match messages.try_recv() {
                Ok(message) => driver.take(message),
                Err(_) => break,
            }
        }
        if driver.machine.finished().is_some() {
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
                Some(Control::Cancel) => {
                    driver.host.cancelling();
                    driver.happen(Event::Cancel);
                }
                Some(Control::Kill) => {
                    driver.kill().await;
                    return None;
                }
                None => controlled = false,
            },
            Some(message) = messages.recv() => driver.take(message),
            Some(_) = driver.commands.join_next(), if !driver.commands.is_empty() => {}
            () = sleep_until(next) => driver.fire(),
            _ = ticks.tick() => driver.host.tick(),
        }
    }
    while let Ok(message) = messages.try_recv() {
        driver.take(message);
    }
    driver.machine.finished()
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Driver<'h> {
    machine: Machine,
    vault: Arc<Vault>,
    spawner: Arc<Spawner>,
    settings: Settings,
    host: &'h mut dyn Host,
    sender: mpsc::UnboundedSender<Message>,
    begun: Instant,
    timers: BTreeMap<(i64, EffectId), ()>,
    due: HashMap<EffectId, i64>,
    locks: LockTable<EffectId>,
    commands: JoinSet<()>,
    stops: HashMap<EffectId, watch::Sender<Option<Stop>>>,
    /// Commands that wait for a place.
    queue: VecDeque<(EffectId, Name, Box<Command>)>,
    backlog: Arc<Backlog>,
    seq: u64,
}

impl Driver<'_> {
    /// Milliseconds since the run began: the machine's clock.
    fn now(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn moment(&self, at: i64) -> Instant {
        self.begun + Duration::from_millis(u64::try_from(at).unwrap_or(0))
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                if let Event::Ended { id, .. } = &event {
                    self.stops.remove(id);
                }
                self.happen(event);
                self.start_queued();
            }
            Message::Output { node, lines } => {
                self.backlog.done(lines.len());
                for (stream, text) in lines {
                    let node = node.clone();
                    self.tell(Happened::NodeOutput { node, stream, text });
                }
            }
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

    fn happen(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.machine.handle(self.now(), event) {
                self.carry_out(effect, &mut events);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::Tell(happened) => self.tell(happened),
            Effect::Run { id, node, command } => {
                self.queue.push_back((id, node, command));
                self.start_queued();
            }
            Effect::Act {
                id,
                node,
                action,
                args,
                ..
            } => {
                let done = Finisher(id, self.sender.clone());
                if http::is_built_in(&action) {
                    return self.request(action, args, done);
                }
                self.host.act(&node, &action, args, done);
            }
            Effect::Stop { id } => self.stop(id, events),
            Effect::SetTimer { id, at } => {
                self.timers.insert((at, id), ());
                self.due.insert(id, at);
            }
            Effect::ClearTimer { id } => {
                if let Some(at) = self.due.remove(&id) {
                    self.timers.remove(&(at, id));
                }
            }
            Effect::Acquire { id, wants, .. } => {
                self.locks.acquire(id, wants);
                self.grant(events);
                if self.locks.is_waiting(id) {
                    let queue = Queue::default();
                    events.push_back(Event::Queued { id, queue });
                }
            }
            Effect::Release { id, names } => {
                self.locks.release(id, &names);
                self.grant(events);
            }
            Effect::Ask { id, node, question } => {
                let answer = Answerer(id, self.sender.clone());
                self.host.ask(&node, &question, answer);
            }
            Effect::Unask { id } => self.host.withdraw(id),
        }
    }

    fn grant(&mut self, events: &mut VecDeque<Event>) {
        events.extend(
            self.locks
                .grant()
                .into_iter()
                .map(|id| Event::Acquired { id }),
        );
    }

    fn stop(&mut self, id: EffectId, events: &mut VecDeque<Event>) {
        let waiting = self.queue.len();
        self.queue.retain(|(queued, ..)| *queued != id);
        if self.queue.len() < waiting {
            let outcome = Outcome::failed(FailureClass::Cancelled, "it had not started");
            return events.push_back(Event::Ended { id, outcome });
        }
        if let Some(stop) = self.stops.get(&id) {
            stop.send_replace(Some(Stop::Term));
        }
    }

    fn tell(&mut self, what: Happened) {
        self.seq += 1;
        let now = jiff::Timestamp::now();
        let at = format!("{now:.3}");
        self.host.observe(&RunEvent {
            seq: self.seq,
            at,
            what,
        });
    }

    fn start_queued(&mut self) {
        while self.stops.len() < self.settings.max.max(1)
            && let Some((id, node, command)) = self.queue.pop_front()
        {
            self.start(id, node, *command);
        }
    }

    fn start(&mut self, id: EffectId, node: Name, command: Command) {
        let (stop, stopped) = watch::channel(None);
        self.stops.insert(id, stop);
        let (vault, spawner, sender) = (
            self.vault.clone(),
            self.spawner.clone(),
            self.sender.clone(),
        );
        let backlog = self.backlog.clone();
        let connection = command
            .connect
            .as_ref()
            .map_or(Ok(Connection::Local), Connection::from_value);
        let run = self.settings.run.id.clone();
        let folder = (self.settings.folder)(command.file);
        let task = async move {
            let outcome = match connection {
                Ok(connection) => {
                    let spawn = Spawn {
                        invocation: command.invocation,
                        env: command.env,
                        folder,
                        dir: command.dir,
                        node: node.clone(),
                        run,
                        connection,
                    };
                    let lines = Mutex::new(Lines::new());
                    let listener = |stream, line: &str| {
                        if let Ok(mut lines) = lines.lock() {
                            lines.push((stream, line.to_string()));
                        }
                    };
                    let ended = spawner.run(spawn, &vault, listener, stopped);
                    let tell = |lines| {
                        let node = node.clone();
                        // The run may be over.
                        let _ = sender.send(Message::Output { node, lines });
                    };
                    outcome(backlog.hold(ended, &lines, tell).await)
                }
                Err(message) => Outcome::failed(FailureClass::Connection, message),
            };
            let _ = sender.send(Message::Event(Event::Ended { id, outcome }));
        };
        self.commands.spawn(task);
    }

    /// Makes a request on a thread of its own. One that is stopped is not waited for.
    fn request(&mut self, action: Name, args: Vec<Value>, done: Finisher) {
        let (stop, mut stopped) = watch::channel(None);
        let (id, vault) = (done.0, self.vault.clone());
        self.stops.insert(id, stop);
        self.commands.spawn(async move {
            let asked = tokio::task::spawn_blocking(move || http::request(&action, &args, &vault));
            let outcome = tokio::select! {
                answered = asked => answered.unwrap_or_else(|_| {
                    Outcome::failed(FailureClass::Internal, "the request broke off")
                }),
                _ = stopped.changed() => Outcome::failed(FailureClass::Cancelled, "it was stopped"),
            };
            done.finish(outcome);
        });
    }

    /// Kills every command and waits until they are gone.
    async fn kill(&mut self) {
        self.queue.clear();
        self.backlog.open();
        for stop in self.stops.values() {
            stop.send_replace(Some(Stop::Kill));
        }
        while self.commands.join_next().await.is_some() {}
    }
}

/// The lines that commands have written and the driver has not told yet. While there are many, no
/// command is read: what writes faster than it can be told has to wait, as at any pipe.
#[derive(Default)]
struct Backlog(Mutex<Untold>);

#[derive(Default)]
struct Untold {
    lines: usize,
    /// The commands that wait.
    held: Vec<Waker>,
    /// Whether nobody waits any more.
    open: bool,
}

impl Backlog {
    const MOST: usize = 10_000;

    /// Waits for a command, and hands on what it writes, all lines of one look at it together.
    async fn hold<T>(
        &self,
        command: impl Future<Output = T>,
        lines: &Mutex<Lines>,
        tell: impl Fn(Lines),
    ) -> T {
        let mut command = std::pin::pin!(command);
        std::future::poll_fn(|context| {
            if self.is_full(context) {
                return Poll::Pending;
            }
            let ended = command.as_mut().poll(context);
            let written = lines.lock().map(|mut lines| std::mem::take(&mut *lines));
            if let Ok(written) = written
                && !written.is_empty()
            {
                self.add(written.len());
                tell(written);
            }
            ended
        })
        .await
    }

    fn is_full(&self, context: &Context<'_>) -> bool {
        let Ok(mut backlog) = self.0.lock() else {
            return false;
        };
        let full = backlog.lines >= Self::MOST && !backlog.open;
        if full {
            backlog.held.push(context.waker().clone());
        }
        full
    }

    fn add(&self, count: usize) {
        if let Ok(mut backlog) = self.0.lock() {
            backlog.lines += count;
        }
    }

    fn done(&self, count: usize) {
        let Ok(mut backlog) = self.0.lock() else {
            return;
        };
        backlog.lines = backlog.lines.saturating_sub(count);
        if backlog.lines < Self::MOST {
            backlog.held.drain(..).for_each(Waker::wake);
        }
    }

    /// Nobody tells anything any more, and nobody waits for it.
    fn open(&self) {
        if let Ok(mut backlog) = self.0.lock() {
            backlog.open = true;
            backlog.held.drain(..).for_each(Waker::wake);
        }
    }
}

/// What the machine is told of a command's end.
fn outcome(ended: Ended) -> Outcome {
    let value = |stdout: String, stderr: String, code: i64, outputs: Vec<(String, String)>| {
        let outputs = outputs
            .into_iter()
            .map(|(key, value)| (key, Value::string(value)));
        Value::map([
            ("stdout", Value::string(stdout)),
            ("stderr", Value::string(stderr)),
            ("code", Value::Int(code)),
            ("outputs", Value::map(outputs)),
        ])
    };
    match ended {
        Ended::Exited {
            stdout,
            stderr,
            code,
            outputs,
        } => Outcome::good(value(
            stdout,
            stderr,
            i64::from(code),
            outputs.into_iter().collect(),
        )),
        Ended::Failed {
            class,
            message,
            stdout,
            stderr,
            code,
        } => Outcome {
            value: value(stdout, stderr, i64::from(code.unwrap_or(-1)), Vec::new()),
            failure: Some((class, message)),
        },
    }
}
