//! The engine as the command line and the library see it: begins runs as workflows, follows them,
//! and keeps a copy of what the server knows in a state directory.

use std::sync::{Arc, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::Timestamp;
use lockstep_api::state::{Recorded, file, inputs};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::FileId;
use lockstep_cli::{ConnectedEngine, EngineConnector, EngineRefusal};
use lockstep_engine::run_event::RunEvent;
use lockstep_engine::{CompletedWork, Question};
use lockstep_plan::Plan;
use lockstep_runtime::driver::{
    self, AnswerSender, RecordedRun, RemoteEngine, RemoteMessage, RemoteRecord, RemoteRequest,
    RemoteRun, RemoteStart, RunHost, RunSettings,
};
use lockstep_runtime::logs::LogError;
use lockstep_runtime::required_programs::FoundPrograms;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{NewRun, RunStatus, Store, StoredRun};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowQueryError, WorkflowStartError};
use temporalio_client::{
    Client, WorkflowDescribeOptions, WorkflowListOptions, WorkflowQueryOptions,
    WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_client::{WorkflowExecutionStatus, WorkflowIdReusePolicy};
use tokio::sync::mpsc;

use crate::address::EngineAddress;
use crate::log_store::{LogEnds, LogPiece, LogStore, PresentLog};
use crate::wire::{
    AnswerSignal, JournalLine, JournalPage, Packed, RunFactsWire, RunInput, RunStart, VERSION,
};
use crate::worker::RUN_QUEUE;
use crate::workflow::DeployRun;

/// The pause between two looks at a run. It grows where nothing happens: each look costs the server
/// and a worker that drives runs some of their time.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The longest pause.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A workflow that does not answer for so long is waited for, which is said.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that does not come in this time is asked for again.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// So long a command waits until a run is copied.
const MAX_COPY_TIME: Duration = Duration::from_secs(15);

/// An input is not larger: a server refuses what has more than 2 MB.
const MAX_INPUT_BYTES: usize = 1_800_000;

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
            logs: address.logs.clone().map(LogStore::new),
            runtime,
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

    /// Follows a run from behind an event.
    fn follow(&self, run: &str, known: u64) -> RemoteRun {
        let (sender, messages) = mpsc::unbounded_channel();
        let (requests, asked) = mpsc::unbounded_channel();
        let (client, logs) = (self.client.clone(), self.logs.clone());
        let feed = Feed {
            client: client.clone(),
            run: run.to_owned(),
            logs,
            ends: LogEnds::default(),
            known,
            sender,
        };
        self.runtime.spawn(feed.run());
        self.runtime.spawn(pass_on(client, run.to_owned(), asked));
        RemoteRun { messages, requests }
    }
}

impl RemoteEngine for TemporalEngine {
    fn open(&self, start: &RemoteStart) -> Result<RemoteRun, String> {
        let run = start.run.id.to_string();
        if start.way_back.is_some() {
            return Err(String::from(
                "taking a run back is not possible on this engine yet",
            ));
        }
        if start.known == 0 {
            let input = input(start)?;
            let client = self.client.clone();
            let id = run.clone();
            self.wait(async move { begin(&client, &id, input).await })??;
        }
        Ok(self.follow(&run, start.known))
    }
}

/// What a workflow is begun with.
fn input(start: &RemoteStart) -> Result<RunInput, String> {
    let completed = (start.completed_work != CompletedWork::default())
        .then(|| Packed(start.completed_work.clone()));
    let start = RunStart {
        version: VERSION,
        facts: RunFactsWire::of(&start.run),
        plan: Packed(start.plan.bound.clone()),
        seed: start.seed,
        max: u32::try_from(start.max).unwrap_or(u32::MAX),
        source_folders: start.source_folders.clone(),
        completed,
    };
    let input = RunInput {
        start,
        journal: Vec::new(),
        lost: Vec::new(),
    };
    let size = serde_json::to_vec(&input)
        .map_err(|error| error.to_string())?
        .len();
    match size > MAX_INPUT_BYTES {
        true => Err(format!(
            "its plan has {size} bytes when it is compressed, and a server takes {MAX_INPUT_BYTES}"
        )),
        false => Ok(input),
    }
}

async fn begin(client: &Client, run: &str, input: RunInput) -> Result<(), String> {
    let options = WorkflowStartOptions::new(RUN_QUEUE, run)
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .static_summary(format!("lockstep run {run}"))
        .build();
    match client.start_workflow(DeployRun::run, input, options).await {
        // Its beginning was sent before.
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(error) => Err(format!("the engine does not begin it: {error}")),
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
    known: u64,
    sender: mpsc::UnboundedSender<RemoteMessage>,
}

impl Feed {
    async fn run(mut self) {
        let mut heard = Instant::now();
        let mut is_said = false;
        let mut pause = POLL_INTERVAL;
        while !self.sender.is_closed() {
            // What a command has written by now, it has written after it has begun, which is in
            // the journal by now.
            let present = self.logs.as_ref().map(|logs| logs.present(&self.run));
            match self.page().await {
                Ok(page) => {
                    heard = Instant::now();
                    is_said = false;
                    let last = page.last;
                    let is_new = !page.lines.0.is_empty();
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
                    self.send(RemoteMessage::Current);
                    tokio::time::sleep(pause).await;
                }
                Err(Unheard::Over(why)) => return self.send(RemoteMessage::Lost(why)),
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

    fn send(&self, message: RemoteMessage) {
        // Whoever followed may have gone.
        let _ = self.sender.send(message);
    }

    /// Passes events on; what a command has written goes before its end.
    fn pass(&mut self, lines: Vec<JournalLine>) -> Result<(), LogError> {
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
    fn pass_present(&mut self, present: Vec<PresentLog>) -> Result<bool, LogError> {
        let mut is_new = false;
        for log in present {
            is_new |= self.pass_log(&log.node, log.length)?;
        }
        Ok(is_new)
    }

    /// Passes on what is new in a log, and says whether there was anything.
    fn pass_log(&mut self, node: &NodePath, limit: u64) -> Result<bool, LogError> {
        let Some(logs) = &self.logs else {
            return Ok(false);
        };
        let mut is_new = false;
        for piece in logs.new_pieces(&self.run, node, limit, &mut self.ends)? {
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
                Some(why) => Err(Unheard::Over(why)),
                None => Ok(page),
            },
            Ok(Err(WorkflowQueryError::NotFound(_))) => {
                let why = format!("the engine has no run {}", self.run);
                Err(Unheard::Over(why))
            }
            Ok(Err(error)) => Err(match self.why_over().await {
                Some(why) => Unheard::Over(why),
                None => Unheard::NotNow(format!("its workflow does not answer: {error}")),
            }),
            Err(_) => Err(Unheard::NotNow(String::from(
                "no worker drives it: start one with `lockstep worker --runs`",
            ))),
        }
    }

    /// Why a run will not go on, where its workflow has not ended by itself.
    async fn why_over(&self) -> Option<String> {
        let handle = self.client.get_workflow_handle::<DeployRun>(&self.run);
        let described = handle
            .describe(WorkflowDescribeOptions::default())
            .await
            .ok()?;
        let how = match described.status() {
            WorkflowExecutionStatus::Failed => "failed",
            WorkflowExecutionStatus::Terminated => "was terminated",
            WorkflowExecutionStatus::TimedOut => "ran out of time",
            _ => return None,
        };
        Some(format!(
            "its workflow {how}; `temporal workflow show -w {}` says why",
            self.run
        ))
    }
}

/// Why nothing is heard of a run.
enum Unheard {
    /// It will not be.
    Over(String),
    /// It may be later.
    NotNow(String),
}

impl ConnectedEngine for TemporalEngine {
    fn copy_to(&self, store: &Store, run: Option<&str>) -> Result<Vec<String>, String> {
        let client = self.client.clone();
        let listed = self.wait(async move { list(&client).await })??;
        let mut open = Vec::new();
        let mut silent = Vec::new();
        for id in listed {
            if run.is_some_and(|prefix| !id.starts_with(prefix)) {
                continue;
            }
            let known = store
                .run_by_id(&id)
                .map_err(|error| error.message.clone())?;
            let recorded = match known {
                // It has ended, or another process of this machine follows it.
                Some(known) if known.status != RunStatus::Stopped => continue,
                Some(known) => store.claim(known.number).map_err(|error| error.message)?,
                None => match self.adopt(store, &id)? {
                    Ok(adopted) => adopted,
                    Err(why) => {
                        silent.push(format!("run {id} is not shown: {why}"));
                        continue;
                    }
                },
            };
            open.push((id, self.copy(store, recorded)?));
        }
        let deadline = Instant::now() + MAX_COPY_TIME;
        for (id, copied) in open {
            let left = deadline.saturating_duration_since(Instant::now());
            let why = match copied.recv_timeout(left) {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => why,
                Err(_) => String::from("no worker that drives runs answers for it"),
            };
            silent.push(format!("what is shown of run {id} may be old: {why}"));
        }
        Ok(silent)
    }
}

impl TemporalEngine {
    /// Writes down a run that was begun elsewhere.
    fn adopt(&self, store: &Store, id: &str) -> Result<Result<StoredRun, String>, String> {
        let (client, run) = (self.client.clone(), id.to_owned());
        let asked = self.wait(async move {
            let handle = client.get_workflow_handle::<DeployRun>(&run);
            let options = WorkflowQueryOptions::default();
            let asked = handle.query(DeployRun::start, (), options);
            tokio::time::timeout(QUERY_TIMEOUT, asked).await
        })?;
        let start = match asked {
            Ok(Ok(Some(start))) => start,
            Ok(Ok(None)) => return Ok(Err(String::from("it has not begun"))),
            Err(_) => {
                return Ok(Err(String::from(
                    "no worker that drives runs answers for it",
                )));
            }
            Ok(Err(error)) => return Ok(Err(format!("its workflow does not answer: {error}"))),
        };
        let of_another = || String::from("it is of another version of this program");
        let Some(facts) = start.facts.facts().filter(|_| start.version == VERSION) else {
            return Ok(Err(of_another()));
        };
        let Ok(plan) = Plan::new(start.plan.0) else {
            return Ok(Err(of_another()));
        };
        let begun = store.begin(&NewRun {
            bound: &plan.bound,
            vault: &SecretVault::withheld(),
            facts,
            inputs: inputs(&plan),
            file: &file(&plan),
            folder: "",
            source_folders: &start.source_folders,
            seed: start.seed,
            parent: None,
            undoes: None,
        });
        begun.map(Ok).map_err(|error| error.message)
    }

    /// Follows a stored run on a thread of its own, and says when all is copied that there is.
    fn copy(
        &self,
        store: &Store,
        run: StoredRun,
    ) -> Result<std_mpsc::Receiver<Result<(), String>>, String> {
        let (current, copied) = std_mpsc::channel();
        let said = |error: lockstep_store::StoreError| error.message;
        let (bound, past) = lockstep_api::state::bound_and_past(store, &run).map_err(said)?;
        let plan = Arc::new(
            Plan::new(bound)
                .map_err(|_| format!("run {} is of another version of this program", run.id))?,
        );
        let known = past.records.len() as u64;
        let past = RecordedRun {
            is_resumed: known > 0,
            ..past
        };
        let remote = self.follow(&run.id, known);
        let settings = RunSettings {
            run: run.facts(),
            seed: run.seed,
            max: run.most.map_or(usize::MAX, |most| most as usize),
            folder: Arc::new(|_: FileId| Default::default()),
            found_programs: FoundPrograms::default(),
        };
        let store = store.reopen().map_err(said)?;
        let thread = std::thread::Builder::new().name(format!("copy {}", run.id));
        let follow = move || {
            let recorded = Recorded::new(store, run);
            let persistence = match recorded.persistence(past, false) {
                Ok(persistence) => persistence,
                Err(error) => return drop(current.send(Err(error.message))),
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(current.send(Err(error.to_string()))),
            };
            let mut host = CopyHost(Some(current));
            let (_control, controls) = mpsc::unbounded_channel();
            let vault = Arc::new(SecretVault::withheld());
            let followed = driver::follow(
                plan,
                vault,
                &settings,
                persistence,
                &mut host,
                controls,
                remote,
            );
            let exit = runtime.block_on(followed);
            let said = match exit {
                driver::DriverExit::Broken(error) => Err(error.to_string()),
                driver::DriverExit::Ended(_) | driver::DriverExit::Stopped => Ok(()),
            };
            if said.is_err() {
                recorded.release();
            }
            host.tell(said);
        };
        let started = thread.spawn(follow);
        started.map_err(|error| error.to_string())?;
        Ok(copied)
    }
}

/// The ids of all runs on a server, the first one first.
async fn list(client: &Client) -> Result<Vec<String>, String> {
    let query = "WorkflowType = 'DeployRun'";
    let mut stream = client.list_workflows(query, WorkflowListOptions::default());
    let mut found = Vec::new();
    while let Some(next) = stream.next().await {
        let next = next.map_err(|error| error.to_string())?;
        found.push((next.start_time(), next.id().to_owned()));
    }
    found.sort();
    // An execution for each time that a run has gone on as new.
    let mut seen = std::collections::HashSet::new();
    let ids = found.into_iter().map(|(_, id)| id);
    Ok(ids.filter(|id| seen.insert(id.clone())).collect())
}

/// Copies a run, and shows nothing.
struct CopyHost(Option<std_mpsc::Sender<Result<(), String>>>);

impl CopyHost {
    fn tell(&mut self, said: Result<(), String>) {
        if let Some(current) = self.0.take() {
            // Whoever waits may have gone.
            let _ = current.send(said);
        }
    }
}

impl RunHost for CopyHost {
    fn observe(&mut self, _: &RunEvent) {}

    fn ask(&mut self, _: &NodePath, _: &Question, _: AnswerSender) {}

    fn on_current(&mut self) {
        self.tell(Ok(()));
    }
}
