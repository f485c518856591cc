//! The engine as the command line and the library see it: begins runs as workflows, follows them,
//! and keeps a copy of what the server knows in a state directory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::Timestamp;
use lockstep_api::state::{Recorded, file, inputs, way_back_of};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::FileId;
use lockstep_cli::{ConnectedEngine, EngineConnector, EngineRefusal};
use lockstep_engine::run_event::{RunEvent, Status};
use lockstep_engine::{CompletedWork, Question};
use lockstep_plan::Plan;
use lockstep_runtime::driver::{
    self, AnswerSender, ControlRequest, RecordedRun, RemoteEngine, RemoteMessage, RemoteRecord,
    RemoteRequest, RemoteRun, RemoteStart, RunHost, RunSettings,
};
use lockstep_runtime::required_programs::FoundPrograms;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{NewRun, RunStatus, Store, StoredRun};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowQueryError, WorkflowStartError};
use temporalio_client::{
    Client, WorkflowDescribeOptions, WorkflowListOptions, WorkflowQueryOptions,
    WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_client::{WorkflowExecutionStatus, WorkflowIdReusePolicy};
use temporalio_common::protos::temporal::api::enums::v1::PendingActivityState;
use temporalio_common::search_attributes::SearchAttributes;
use tokio::sync::mpsc;

use crate::address::EngineAddress;
use crate::attributes;
use crate::log_store::{LogEnds, LogPiece, LogStore, LogStoreError, PresentLog};
use crate::wire::{
    AnswerSignal, JournalLine, JournalPage, NotBegun, Packed, RunFactsWire, RunInput, RunStart,
    UndoneWire, VERSION,
};
use crate::worker::{RUN_QUEUE, pool_of_step};
use crate::workflow::DeployRun;

/// The pause between two looks at a run. It grows where nothing happens: each look costs the server
/// and a worker that drives runs some of their time.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The longest pause.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A workflow that does not answer for so long is waited for, which is said.
const PATIENCE: Duration = Duration::from_secs(5);

/// A run in which nothing happens for so long is looked at: its workers may be missing.
const POOL_PATIENCE: Duration = Duration::from_secs(10);

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
            looked: None,
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
        if start.known == 0 {
            let input = input(start)?;
            let attributes = attributes::of(&start.plan);
            let client = self.client.clone();
            let id = run.clone();
            self.wait(async move { begin(&client, &id, input, attributes).await })??;
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
        has_attributes: false,
        retries: start.source.retries.as_ref().map(ToString::to_string),
        undone: start.source.undone.iter().map(UndoneWire::of).collect(),
        undo_part: start.source.part.clone(),
    };
    let input = RunInput {
        earlier: None,
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

async fn begin(
    client: &Client,
    run: &str,
    mut input: RunInput,
    attributes: SearchAttributes,
) -> Result<(), String> {
    let options = |attributes: Option<SearchAttributes>| {
        WorkflowStartOptions::new(RUN_QUEUE, run)
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .static_summary(format!("lockstep run {run}"))
            .maybe_search_attributes(attributes)
            .build()
    };
    input.start.has_attributes = true;
    let with = options(Some(attributes));
    let started = client
        .start_workflow(DeployRun::run, input.clone(), with)
        .await;
    let started = match started {
        Err(WorkflowStartError::Rpc(status)) if status.code() == tonic::Code::InvalidArgument => {
            // The namespace does not have the attributes.
            input.start.has_attributes = false;
            client
                .start_workflow(DeployRun::run, input, options(None))
                .await
        }
        started => started,
    };
    match started {
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
    /// When it was looked which logs there are.
    looked: Option<Instant>,
    known: u64,
    sender: mpsc::UnboundedSender<RemoteMessage>,
}

impl Feed {
    async fn run(mut self) {
        let mut heard = Instant::now();
        let mut is_said = false;
        let mut is_queued = false;
        let (mut seen, mut seen_at) = (self.known, Instant::now());
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
                        None => {}
                        Some(NotBegun::Queued { queue, behind }) if !is_queued => {
                            is_queued = true;
                            let behind = behind.join(", ");
                            let why = format!("queue `{queue}`, behind run {behind}");
                            self.send(RemoteMessage::Waiting(why));
                        }
                        Some(NotBegun::Queued { .. }) => {}
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
                    self.send(RemoteMessage::Current);
                    if last != seen {
                        (seen, seen_at) = (last, Instant::now());
                    } else if seen_at.elapsed() > POOL_PATIENCE {
                        // It is said once more when nothing happens for so long again.
                        seen_at = Instant::now() + POOL_PATIENCE * 6;
                        if let Some(why) = self.idle_pools().await {
                            self.send(RemoteMessage::Waiting(why));
                        }
                    }
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

    fn let_go(&self, run: &str) {
        let copied = self
            .copies
            .lock()
            .ok()
            .and_then(|mut copies| copies.remove(run));
        if let Some(CopiedRun { control, thread }) = copied {
            // It may have ended.
            let _ = control.send(ControlRequest::Kill);
            let _ = thread.join();
        }
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
        let number = |id: Option<&str>| match id.map(|id| store.run_by_id(id)) {
            Some(Ok(run)) => Ok(run.map(|run| run.number)),
            Some(Err(error)) => Err(error.message),
            None => Ok(None),
        };
        let retries = number(start.retries.as_deref())?;
        let completed = start
            .completed
            .map_or_else(CompletedWork::default, |it| it.0);
        let undoes = number(start.undone.first().map(|undone| &*undone.facts.id))?;
        let begun = store.begin(&NewRun {
            bound: &plan.bound,
            vault: &SecretVault::withheld(),
            facts,
            inputs: inputs(&plan),
            file: &file(&plan),
            folder: "",
            source_folders: &start.source_folders,
            seed: start.seed,
            parent: retries.map(|number| (number, completed)),
            undoes: undoes.map(|number| (number, start.undo_part.as_deref())),
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
        let id = run.id.to_string();
        let thread = std::thread::Builder::new().name(format!("copy {id}"));
        let (control, controls) = mpsc::unbounded_channel();
        let follow = move || {
            let recorded = Recorded::new(store, run);
            let vault = Arc::new(SecretVault::withheld());
            let way = way_back_of(recorded.store(), recorded.run(), &plan, &vault);
            let recorded = match way {
                Ok(way) => recorded.going_back(way),
                Err(error) => return drop(current.send(Err(error.message))),
            };
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
            if !matches!(exit, driver::DriverExit::Ended(_)) {
                recorded.release();
            }
            let said = match exit {
                driver::DriverExit::Broken(error) => Err(error.to_string()),
                driver::DriverExit::DidNotBegin(status, why) => {
                    recorded.does_not_begin(status, &why);
                    Ok(())
                }
                driver::DriverExit::Ended(_) | driver::DriverExit::Stopped => Ok(()),
            };
            host.tell(said);
        };
        let thread = thread.spawn(follow).map_err(|error| error.to_string())?;
        if let Ok(mut copies) = self.copies.lock() {
            copies.insert(id, CopiedRun { control, thread });
        }
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
