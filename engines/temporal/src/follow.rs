//! The engine as the command line and the library see it: begins runs as workflows, follows them,
//! and keeps a copy of what the server knows in a state directory.

mod begin;
mod copy;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lockstep_base::node_path::NodePath;
use lockstep_cli::{ConnectedEngine, EngineConnector, EngineRefusal};
use lockstep_engine::run_event::Status;
use lockstep_runtime::driver::{
    ControlRequest, RemoteEngine, RemoteMessage, RemoteRecord, RemoteRequest, RemoteRun,
    RemoteStart,
};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowQueryError};
use temporalio_client::{
    Client, WorkflowDescribeOptions, WorkflowExecutionStatus, WorkflowIdReusePolicy,
    WorkflowQueryOptions, WorkflowSignalOptions,
};
use temporalio_common::protos::temporal::api::enums::v1::PendingActivityState;
use tokio::sync::mpsc;

use self::begin::{Beginning, Resumption, begin, input};
use crate::address::EngineAddress;
use crate::attributes;
use crate::log_store::{LogEnds, LogPiece, LogStore, LogStoreError, PresentLog};
use crate::wire::{AnswerSignal, JournalLine, JournalPage, NotBegun};
use crate::worker::pool_of_step;
use crate::workflow::DeployRun;

/// The pause between two looks at a run. It grows where nothing happens: each look costs the server
/// and a worker that drives runs some of their time.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The longest pause.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A workflow that does not answer for so long is waited for, which is said; one in which nothing
/// happens for so long may have been broken off.
const PATIENCE: Duration = Duration::from_secs(5);

/// A run in which nothing happens for so long is looked at: its workers may be missing.
const POOL_PATIENCE: Duration = Duration::from_secs(10);

/// An answer that does not come in this time is asked for again.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Nothing answers for a run.
const NO_RUN_WORKER: &str = "no worker drives it: start one with `lockstep worker --runs`";

/// Connects the command line to Temporal.
#[derive(Debug)]
pub struct TemporalConnector;

impl EngineConnector for TemporalConnector {
    fn connect(&self, url: &str) -> Result<Arc<dyn ConnectedEngine>, EngineRefusal> {
        let address = EngineAddress::read(url, &|name| std::env::var(name).ok())?;
        Ok(Arc::new(TemporalEngine::connect(&address)?))
    }
}

/// A connection to a server, with threads of its own.
pub struct TemporalEngine {
    client: Client,
    logs: Option<LogStore>,
    runtime: tokio::runtime::Runtime,
    /// The runs that are followed for the state directory alone.
    copies: Mutex<HashMap<String, CopiedRun>>,
}

/// A run that a thread follows.
struct CopiedRun {
    control: mpsc::UnboundedSender<ControlRequest>,
    thread: std::thread::JoinHandle<()>,
}

impl std::fmt::Debug for TemporalEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TemporalEngine")
    }
}

impl TemporalEngine {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, or refuses.
    pub fn connect(address: &EngineAddress) -> Result<Self, EngineRefusal> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| EngineRefusal {
                message: format!("the threads of the engine cannot be started: {error}"),
                help: String::from("see how many processes this user may have (`ulimit -u`)"),
            })?;
        let identity = format!("lockstep {}", std::process::id());
        let client = runtime.block_on(crate::client::connect(address, &identity))?;
        Ok(Self {
            client,
            logs: address.logs.clone(),
            runtime,
            copies: Mutex::default(),
        })
    }

    /// Waits for something on the threads of the engine, wherever this is called.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        let (done, waits) = std_mpsc::channel();
        self.runtime.spawn(async move {
            // Whoever waits may have gone.
            let _ = done.send(work.await);
        });
        waits
            .recv()
            .map_err(|_| String::from("the connection to the engine broke off"))
    }

    /// Follows a run from behind an event; one that was broken off is resumed before, if that is
    /// wanted.
    fn follow(&self, run: &str, known: u64, resumption: Option<Resumption>) -> RemoteRun {
        let (sender, messages) = mpsc::unbounded_channel();
        let (requests, asked) = mpsc::unbounded_channel();
        let (client, logs) = (self.client.clone(), self.logs.clone());
        let feed = Feed {
            client: client.clone(),
            run: run.to_owned(),
            logs,
            ends: LogEnds::default(),
            looked: None,
            known,
            sender,
        };
        self.runtime.spawn(feed.run(resumption));
        self.runtime.spawn(pass_on(client, run.to_owned(), asked));
        RemoteRun { messages, requests }
    }
}

impl RemoteEngine for TemporalEngine {
    fn open(&self, start: &RemoteStart) -> Result<RemoteRun, String> {
        let run = start.run.id.to_string();
        let beginning = Beginning {
            input: input(start)?,
            attributes: attributes::of(&start.plan),
        };
        if let Some(resumer) = start.resumer.clone() {
            let resumption = Resumption { beginning, resumer };
            return Ok(self.follow(&run, start.known, Some(resumption)));
        }
        let client = self.client.clone();
        let id = run.clone();
        let reuse = WorkflowIdReusePolicy::RejectDuplicate;
        self.wait(async move { begin(&client, &id, reuse, beginning).await })??;
        Ok(self.follow(&run, start.known, None))
    }
}

/// Passes what people ask for on to the workflow.
async fn pass_on(client: Client, run: String, mut asked: mpsc::UnboundedReceiver<RemoteRequest>) {
    let handle = client.get_workflow_handle::<DeployRun>(&run);
    while let Some(request) = asked.recv().await {
        loop {
            let options = WorkflowSignalOptions::default();
            let sent = match &request {
                RemoteRequest::Cancel => handle.signal(DeployRun::cancel, (), options).await,
                RemoteRequest::Answer { id, answer, from } => {
                    let answer = AnswerSignal {
                        id: *id,
                        answer: answer.clone(),
                        by: from.name.clone(),
                        comment: from.comment.clone(),
                    };
                    handle.signal(DeployRun::answer, answer, options).await
                }
            };
            match sent {
                // A workflow that has ended takes nothing any more.
                Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => break,
                Err(error) => {
                    tracing::warn!(target: "lockstep::engine", %error, "a request is sent again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

/// Reads what a run has recorded, and what its commands write.
struct Feed {
    client: Client,
    run: String,
    logs: Option<LogStore>,
    ends: LogEnds,
    /// When it was looked which logs there are.
    looked: Option<Instant>,
    known: u64,
    sender: mpsc::UnboundedSender<RemoteMessage>,
}

impl Feed {
    async fn run(mut self, resumption: Option<Resumption>) {
        if let Some(resumption) = resumption
            && let Err(why) = self.resume(resumption).await
        {
            return self.send(RemoteMessage::Lost(why));
        }
        let mut heard = Instant::now();
        let mut is_said = false;
        let mut waits_for = None;
        let (mut seen, mut seen_at) = (self.known, Instant::now());
        let mut looked_at: Option<Instant> = None;
        let mut over = None;
        let mut pause = POLL_INTERVAL;
        while !self.sender.is_closed() {
            // What a command has written by now, it has written after it has begun, which is in
            // the journal by now.
            let present = self.present();
            match self.page().await {
                Ok(page) => {
                    heard = Instant::now();
                    is_said = false;
                    let last = page.last;
                    let is_new = !page.lines.0.is_empty();
                    match page.not_begun {
                        None => waits_for = None,
                        Some(NotBegun::Queued { queue, behind }) => {
                            if waits_for.is_none() {
                                let behind = behind.join(", ");
                                let why = format!("queue `{queue}`, behind run {behind}");
                                self.wait_for(&mut waits_for, why);
                            }
                        }
                        Some(NotBegun::Ending) => {
                            let why = "what was running when it was broken off ends first";
                            self.wait_for(&mut waits_for, why.into());
                        }
                        Some(NotBegun::Regaining { lock, behind }) => {
                            let behind = behind.join(", ");
                            let why = format!("`{lock}`, which it had, is held by run {behind}");
                            self.wait_for(&mut waits_for, why);
                        }
                        Some(NotBegun::PutAside { by }) => {
                            let why = format!("the newer run {by} waits in its queue");
                            let status = Status::Superseded;
                            return self.send(RemoteMessage::DidNotBegin(status, why));
                        }
                        Some(NotBegun::Cancelled) => {
                            let why = "it was cancelled while it waited in its queue";
                            let status = Status::Cancelled;
                            return self.send(RemoteMessage::DidNotBegin(status, why.into()));
                        }
                    }
                    let passed = self.pass(page.lines.0).and_then(|()| match present {
                        Some(present) if self.known >= last => self.pass_present(present?),
                        _ => Ok(false),
                    });
                    let is_new = match passed {
                        Ok(has_output) => is_new || has_output,
                        Err(error) => {
                            return self.send(RemoteMessage::Lost(error.to_string()));
                        }
                    };
                    pause = match is_new {
                        true => POLL_INTERVAL,
                        false => (pause + pause / 4).min(MAX_POLL_INTERVAL),
                    };
                    if self.known < last {
                        continue;
                    }
                    if let Some(why) = over {
                        return self.send(RemoteMessage::BrokenOff(why));
                    }
                    if looked_at.is_none_or(|it| it.elapsed() > PATIENCE) {
                        looked_at = Some(Instant::now());
                        // It answers also where it was broken off; what came before that is read.
                        over = self.why_over().await;
                        if over.is_some() {
                            continue;
                        }
                    }
                    self.send(RemoteMessage::Current);
                    if last != seen {
                        (seen, seen_at) = (last, Instant::now());
                    }
                    if seen_at.elapsed() > POOL_PATIENCE {
                        // It is said once more when nothing happens for so long again.
                        seen_at = Instant::now() + POOL_PATIENCE * 6;
                        if let Some(why) = self.idle_pools().await {
                            self.send(RemoteMessage::Waiting(why));
                        }
                    }
                    tokio::time::sleep(pause).await;
                }
                Err(Unheard::BrokenOff(why)) => return self.send(RemoteMessage::BrokenOff(why)),
                Err(Unheard::Unknown(why)) => return self.send(RemoteMessage::Lost(why)),
                Err(Unheard::NotNow(why)) => {
                    if !is_said && heard.elapsed() > PATIENCE {
                        is_said = true;
                        self.send(RemoteMessage::Waiting(why));
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// Says what a run waits for, where that is new.
    fn wait_for(&self, said: &mut Option<String>, why: String) {
        if said.as_ref() != Some(&why) {
            self.send(RemoteMessage::Waiting(why.clone()));
            *said = Some(why);
        }
    }

    /// The logs that there are, where it is time to look.
    fn present(&mut self) -> Option<Result<Vec<PresentLog>, LogStoreError>> {
        let logs = self.logs.as_ref()?;
        if self
            .looked
            .is_some_and(|it| it.elapsed() < logs.look_interval())
        {
            return None;
        }
        self.looked = Some(Instant::now());
        Some(tokio::task::block_in_place(|| logs.present(&self.run)))
    }

    fn send(&self, message: RemoteMessage) {
        // Whoever followed may have gone.
        let _ = self.sender.send(message);
    }

    /// Passes events on; what a command has written goes before its end.
    fn pass(&mut self, lines: Vec<JournalLine>) -> Result<(), LogStoreError> {
        for line in lines {
            if let Some(node) = &line.node {
                self.pass_log(node, u64::MAX)?;
            }
            self.known = line.seq;
            let record = RemoteRecord {
                seq: line.seq,
                at: Timestamp::from_nanosecond(i128::from(line.at)).unwrap_or_default(),
                clock: line.clock,
                event: line.event,
            };
            self.send(RemoteMessage::Recorded(Box::new(record)));
        }
        Ok(())
    }

    /// Passes on what is new in logs, and says whether there was anything.
    fn pass_present(&mut self, present: Vec<PresentLog>) -> Result<bool, LogStoreError> {
        let mut is_new = false;
        for log in present {
            is_new |= self.pass_log(&log.node, log.length)?;
        }
        Ok(is_new)
    }

    /// Passes on what is new in a log, and says whether there was anything.
    fn pass_log(&mut self, node: &NodePath, limit: u64) -> Result<bool, LogStoreError> {
        let Some(logs) = &self.logs else {
            return Ok(false);
        };
        let ends = &mut self.ends;
        let pieces = || logs.new_pieces(&self.run, node, limit, ends);
        let mut is_new = false;
        for piece in tokio::task::block_in_place(pieces)? {
            is_new = true;
            let LogPiece {
                node,
                offset,
                bytes,
            } = piece;
            self.send(RemoteMessage::Log {
                node,
                offset,
                bytes,
            });
        }
        Ok(is_new)
    }

    async fn page(&self) -> Result<JournalPage, Unheard> {
        let handle = self.client.get_workflow_handle::<DeployRun>(&self.run);
        let options = WorkflowQueryOptions::default();
        let asked = handle.query(DeployRun::journal, self.known, options);
        match tokio::time::timeout(QUERY_TIMEOUT, asked).await {
            Ok(Ok(page)) if page.last > 0 || !page.lines.0.is_empty() => Ok(page),
            Ok(Ok(page)) => match self.why_over().await {
                Some(why) => Err(Unheard::BrokenOff(why)),
                None => Ok(page),
            },
            Ok(Err(WorkflowQueryError::NotFound(_))) => {
                let why = format!("the engine has no run {}", self.run);
                Err(Unheard::Unknown(why))
            }
            Ok(Err(error)) => Err(match self.why_over().await {
                Some(why) => Unheard::BrokenOff(why),
                None => Unheard::NotNow(format!("its workflow does not answer: {error}")),
            }),
            Err(_) => Err(Unheard::NotNow(NO_RUN_WORKER.to_owned())),
        }
    }

    /// Which pools have commands that no worker takes up.
    async fn idle_pools(&self) -> Option<String> {
        let handle = self.client.get_workflow_handle::<DeployRun>(&self.run);
        let described = handle
            .describe(WorkflowDescribeOptions::default())
            .await
            .ok()?;
        let mut pools = BTreeMap::new();
        for step in &described.raw().pending_activities {
            if step.state == PendingActivityState::Scheduled as i32 {
                *pools
                    .entry(pool_of_step(&step.activity_id))
                    .or_insert(0_usize) += 1;
            }
        }
        let say = |(pool, count): (&Option<&str>, &usize)| {
            let what = match count {
                1 => String::from("a command"),
                count => format!("{count} commands"),
            };
            match pool {
                Some(pool) => format!(
                    "no worker of pool `{pool}` takes up {what} (`lockstep worker --pool {pool}`)"
                ),
                None => format!("no worker takes up {what} (`lockstep worker`)"),
            }
        };
        let said: Vec<String> = pools.iter().map(say).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Why a run will not go on, where its workflow has not ended by itself.
    async fn why_over(&self) -> Option<String> {
        let handle = self.client.get_workflow_handle::<DeployRun>(&self.run);
        let described = handle
            .describe(WorkflowDescribeOptions::default())
            .await
            .ok()?;
        let how = broken_off(described.status())?;
        Some(format!(
            "its workflow {how}: `temporal workflow show -w {}` says why",
            self.run
        ))
    }
}

/// How an execution was broken off, if it was.
fn broken_off(status: WorkflowExecutionStatus) -> Option<&'static str> {
    match status {
        WorkflowExecutionStatus::Failed => Some("failed"),
        WorkflowExecutionStatus::Terminated => Some("was terminated"),
        WorkflowExecutionStatus::TimedOut => Some("ran out of time"),
        WorkflowExecutionStatus::Canceled => Some("was cancelled"),
        _ => None,
    }
}

/// Why nothing is heard of a run.
enum Unheard {
    /// It was broken off.
    BrokenOff(String),
    /// The engine does not know it.
    Unknown(String),
    /// It may be later.
    NotNow(String),
}
