//! The activities: commands and requests of runs, carried out by a worker. What a run was begun
//! with is asked of its workflow once; secrets are read here, and only those that a step needs.

#![allow(missing_docs, reason = "constants that the macros make have none")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use lockstep_base::node_path::NodePath;
use lockstep_base::source::FileId;
use lockstep_base::value::Value;
use lockstep_base::world::EnvironmentVariables;
use lockstep_engine::{ActionCall, CommandRequest, EffectId, EffectOutcome};
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{BoundInputs, EvalScope, Locals, RunFacts};
use lockstep_runtime::driver::Platform;
use lockstep_runtime::executor::{CommandWatch, EffectExecutor, SourceFolder};
use lockstep_runtime::process::{OutputLine, Spawner, StopRequest};
use lockstep_runtime::required_programs::FoundPrograms;
use lockstep_runtime::scratch::ScratchFolder;
use lockstep_runtime::secrets::{SecretReadError, SecretVault};
use temporalio_client::errors::WorkflowQueryError;
use temporalio_client::{Client, WorkflowQueryOptions, WorkflowSignalOptions};
use temporalio_common::error::ApplicationFailure;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::sync::{Mutex, Notify, OnceCell, watch};

use crate::lease::{BEGUN, ServerLink};
use crate::lock_workflow::{RunPresence, presence};
use crate::log_store::{LogStore, LogStoreError, LogWriter};
use crate::used_secrets::UsedSecrets;
use crate::wire::{Packed, RunStart, StepInput, StepOutput, StepWork, VERSION};
use crate::worker::STEP_HEARTBEAT_INTERVAL;
use crate::workflow::DeployRun;

/// An outcome is not larger than this: what is sent to a server is limited to 2 MB.
const MAX_OUTCOME_BYTES: usize = 1_500_000;

/// An answer of a workflow that does not come in this time is asked for again, after a pause.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const START_PAUSE: Duration = Duration::from_millis(500);

/// A run of which nothing has been done for so long is forgotten, with its secrets.
const RUN_IDLE_TIME: Duration = Duration::from_secs(600);

/// Carries out the steps of runs. Its clones are the same.
#[derive(Clone)]
pub struct Steps(Arc<StepRunner>);

struct StepRunner {
    platform: Platform,
    environment: Arc<dyn EnvironmentVariables + Send + Sync>,
    logs: Option<LogStore>,
    /// Who carries them out.
    name: String,
    link: Arc<ServerLink>,
    /// The folder of the files of runs on this machine, in place of those of who began them.
    folder: Option<PathBuf>,
    /// Where the files of secrets are made.
    scratch: PathBuf,
    runs: Mutex<HashMap<String, KnownCell>>,
    /// The folders of runs (`run.scratch`) on this machine: until they have ended.
    folders: Mutex<HashMap<String, ScratchFolder>>,
}

/// A run, once its workflow has said what it was begun with.
type KnownCell = Arc<OnceCell<Arc<KnownRun>>>;

/// What a worker needs besides the server.
pub struct StepsOptions {
    /// What starts commands and makes requests.
    pub platform: Platform,
    /// The variables that secrets are read from.
    pub environment: Arc<dyn EnvironmentVariables + Send + Sync>,
    /// Where output is kept.
    pub logs: Option<LogStore>,
    /// Who carries the steps out.
    pub name: String,
    /// Whether the server can be reached.
    pub link: Arc<ServerLink>,
    /// The folder of the files of runs.
    pub folder: Option<PathBuf>,
    /// A private folder.
    pub scratch: PathBuf,
}

/// A run of which this worker has carried something out.
struct KnownRun {
    facts: RunFacts,
    bound: BoundInputs,
    source_folders: Vec<PathBuf>,
    /// By the declared secrets that have been read for it.
    executors: Mutex<BTreeMap<BTreeSet<u32>, Arc<OnceCell<RunExecutor>>>>,
    used: std::sync::Mutex<Instant>,
}

/// What carries out steps that need the same secrets.
#[derive(Clone)]
struct RunExecutor {
    executor: EffectExecutor,
    vault: Arc<SecretVault>,
    /// The folder of the files of its secrets.
    secret_folder: String,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}

fn failed(why: impl std::fmt::Display) -> ActivityError {
    let why = std::io::Error::other(why.to_string());
    ActivityError::from(ApplicationFailure::new(why))
}

#[activities]
impl Steps {
    /// Carries out one step.
    #[activity]
    pub async fn step(
        self: Arc<Self>,
        context: ActivityContext,
        input: StepInput,
    ) -> Result<StepOutput, ActivityError> {
        let taken = Instant::now();
        let link = &self.0.link;
        if !link.may_begin(&context, input.once).await {
            return Err(LostStep::NotBegun.error());
        }
        let (stop, stopped) = watch::channel(None);
        let is_lost = AtomicBool::new(false);
        let beats = beat(&context, link, &stop, &is_lost);
        let work = self.0.carry_out(&context, input, stopped);
        // Heartbeats go on until it has ended.
        let done = tokio::select! {
            biased;
            done = work => done,
            () = beats => Err(failed("the heartbeats have ended")),
        };
        match is_lost.load(Ordering::Relaxed) {
            true => Err(LostStep::Begun.error()),
            false => done.map(|output| StepOutput {
                ended_at: server_time(&context, taken),
                ..output
            }),
        }
    }
}

/// The time by the clock of the server, in milliseconds since 1970: it says when it has handed out
/// a step that was taken here at this moment.
fn server_time(context: &ActivityContext, taken: Instant) -> i64 {
    let handed_out = context.info().started_time;
    let since = handed_out.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let now = since.map(|since| since + taken.elapsed());
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or_default())
}

/// What a worker says of a step that it has given up, because it could not reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostStep {
    /// It had not begun.
    NotBegun,
    /// It had begun, and was ended.
    Begun,
}

impl LostStep {
    fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "lost-before-begin",
            Self::Begun => "lost",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::NotBegun, Self::Begun];
        all.into_iter().find(|it| it.name() == name)
    }

    fn error(self) -> ActivityError {
        let why = std::io::Error::other("its worker could not reach the server");
        let failure = ApplicationFailure::builder(why).type_name(self.name().to_owned());
        ActivityError::from(failure.build())
    }
}

/// Sends heartbeats, and asks the command to end where the run wants that, or the server is lost.
async fn beat(
    context: &ActivityContext,
    link: &ServerLink,
    stop: &watch::Sender<Option<StopRequest>>,
    is_lost: &AtomicBool,
) {
    let first = tokio::time::Instant::now() + STEP_HEARTBEAT_INTERVAL;
    let mut beats = tokio::time::interval_at(first, STEP_HEARTBEAT_INTERVAL);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_asked = false;
    loop {
        tokio::select! {
            _ = beats.tick() => {
                // What cannot be sent is found out by the link.
                let _ = context.record_heartbeat(BEGUN).await;
                if link.is_lost() {
                    // The server is about to give this worker up: nothing goes on unseen.
                    is_lost.store(true, Ordering::Relaxed);
                    stop.send_replace(Some(StopRequest::Kill));
                }
            }
            () = context.cancelled(), if !is_asked => {
                is_asked = true;
                let is_given_up = link.is_given_up(context).await;
                let request = match is_given_up {
                    // It may have begun elsewhere by now.
                    true => StopRequest::Kill,
                    false => StopRequest::Term,
                };
                stop.send_replace(Some(request));
            }
        }
    }
}

impl Steps {
    /// Carries out steps with these parts.
    pub fn new(options: StepsOptions) -> Self {
        let StepsOptions {
            platform,
            environment,
            logs,
            name,
            link,
            folder,
            scratch,
        } = options;
        Self(Arc::new(StepRunner {
            platform,
            environment,
            logs,
            name,
            link,
            folder,
            scratch,
            runs: Mutex::default(),
            folders: Mutex::default(),
        }))
    }
}

impl StepRunner {
    async fn carry_out(
        &self,
        context: &ActivityContext,
        input: StepInput,
        stop: watch::Receiver<Option<StopRequest>>,
    ) -> Result<StepOutput, ActivityError> {
        let client = context.client();
        let mut is_stopped = stop.clone();
        let known = tokio::select! {
            known = self.run(&client, &input.run) => known?,
            _ = is_stopped.wait_for(Option::is_some) => {
                let why = "it had not started";
                return Ok(StepOutput {
                    outcome: Packed(EffectOutcome::failed(FailureClass::Cancelled, why)),
                    worker: self.name.clone(),
                    ended_at: 0,
                });
            }
        };
        let id = input.effect;
        let done = |outcome: EffectOutcome| StepOutput {
            outcome: Packed(outcome),
            worker: self.name.clone(),
            ended_at: 0,
        };
        let with = match self.executor(&known, &input).await {
            Ok(with) => with,
            Err(why) => return Ok(done(EffectOutcome::failed(FailureClass::Failed, why))),
        };
        let open = |work: StepWork| with.open(&known, work);
        for (maker, work) in input.makers {
            match open(work.0) {
                Ok(StepWork::Command { node, command }) => {
                    with.executor.know_command(maker, &node, &command);
                }
                Ok(request) => {
                    if let Some(call) = call_of(request) {
                        with.executor.know_request(maker, &call);
                    }
                }
                // What needs it says that it cannot be made.
                Err(_) => {}
            }
        }
        let work = match open(input.work.0) {
            Ok(work) => work,
            Err(why) => return Ok(done(EffectOutcome::failed(FailureClass::Failed, why))),
        };
        let outcome = match work {
            StepWork::Command { node, command } => {
                let begun = input.tells_begin.then(Arc::<Notify>::default);
                let told = begun
                    .clone()
                    .map(|begun| tell_begin(client, &input.run, id, begun));
                let carried = self.command(&with, &input.run, id, (node, *command), begun, stop);
                match told {
                    Some(told) => tokio::join!(carried, told).0,
                    None => carried.await,
                }
            }
            request => match call_of(request) {
                Some(call) => with.executor.request(id, call, stop).await,
                None => EffectOutcome::failed(FailureClass::Internal, "it is no request"),
            },
        };
        let outcome = with.vault.sealed(&outcome);
        let size = serde_json::to_vec(&outcome).map_or(0, |json| json.len());
        if size > MAX_OUTCOME_BYTES {
            let message = format!(
                "its result has {size} bytes, and an engine keeps at most {MAX_OUTCOME_BYTES}: \
                 write it to a file"
            );
            return Ok(done(EffectOutcome::failed(FailureClass::Failed, message)));
        }
        Ok(done(outcome))
    }

    async fn command(
        &self,
        with: &RunExecutor,
        run: &str,
        id: EffectId,
        (node, command): (NodePath, CommandRequest),
        begun: Option<Arc<Notify>>,
        stop: watch::Receiver<Option<StopRequest>>,
    ) -> EffectOutcome {
        let log = StepLog(self.logs.as_ref().map(|logs| {
            let writer = logs.writer(run, &node);
            Arc::new(std::sync::Mutex::new((writer, None)))
        }));
        let written = log.clone();
        let watch = CommandWatch {
            listener: Box::new(move |line: OutputLine<'_>| written.line(line)),
            streams_apart: false,
            begun,
            stop,
        };
        let ended = with.executor.command(id, node, command, watch);
        let mut ended = std::pin::pin!(ended);
        let mut flushes = tokio::time::interval(LOG_FLUSH_INTERVAL);
        flushes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ended = loop {
            tokio::select! {
                ended = &mut ended => break ended,
                _ = flushes.tick() => log.flush().await,
            }
        };
        if let Some(left) = ended.left {
            // It writes on, which nobody follows.
            tokio::spawn(async move { left.pass_on(&mut |_: OutputLine<'_>| {}).await });
        }
        log.flush().await;
        match log.failure() {
            Some(error) if ended.outcome.failure.is_none() => {
                // As where a run is driven by a process that cannot write its logs.
                let message = format!("its output could not be kept: {error}");
                EffectOutcome::failed(FailureClass::Internal, message)
            }
            _ => ended.outcome,
        }
    }

    /// What is known of a run; the first time, its workflow is asked.
    async fn run(&self, client: &Client, id: &str) -> Result<Arc<KnownRun>, ActivityError> {
        let cell = {
            let mut runs = self.runs.lock().await;
            runs.retain(|_, run| run.get().is_none_or(|run| run.is_used()));
            runs.entry(id.to_owned()).or_default().clone()
        };
        // Steps of other runs do not wait for this one's workflow.
        let known = cell.get_or_try_init(|| async {
            let start = ask_start(client, id).await?;
            let known = KnownRun::of(start).ok_or_else(|| {
                failed("the run was begun by a version of Lockstep that this worker does not know")
            })?;
            self.make_folder(client, &known).await?;
            Ok::<_, ActivityError>(Arc::new(known))
        });
        let known = known.await?;
        known.touch();
        Ok(known.clone())
    }

    /// What carries out a step, with the secrets that it needs.
    async fn executor(&self, run: &KnownRun, input: &StepInput) -> Result<RunExecutor, String> {
        let folder = &run.facts.secret_folder;
        let mut needed = UsedSecrets::of(&input.work.0, folder).declared;
        for (_, maker) in &input.makers {
            needed.extend(UsedSecrets::of(&maker.0, folder).declared);
        }
        let cell = {
            let mut executors = run.executors.lock().await;
            executors.entry(needed.clone()).or_default().clone()
        };
        let made = cell
            .get_or_try_init(|| self.new_executor(run, &needed))
            .await;
        made.cloned()
    }

    async fn new_executor(
        &self,
        run: &KnownRun,
        needed: &BTreeSet<u32>,
    ) -> Result<RunExecutor, String> {
        let folders = self.source_folders(run);
        let folder_of: SourceFolder = Arc::new(move |file: FileId| {
            let found = folders.get(file.0 as usize).or(folders.first());
            found.cloned().unwrap_or_default()
        });
        let program = &run.bound.program;
        let reading = SecretReading {
            bound: run.bound.clone(),
            facts: run.facts.clone(),
            needed: needed.iter().copied().collect(),
            folder_of: folder_of.clone(),
            environment: self.environment.clone(),
            spawner: self.platform.spawner.clone(),
        };
        // It may have to wait for a command, and keeps to its thread.
        let handle = tokio::runtime::Handle::current();
        let vault = tokio::task::spawn_blocking(move || handle.block_on(reading.read())).await;
        let vault = vault
            .map_err(|error| error.to_string())?
            .map_err(|failed| {
                let said: Vec<String> = failed.iter().map(ToString::to_string).collect();
                format!("on worker {}: {}", self.name, said.join("; "))
            })?;
        let vault = match lockstep_lang::ir::visit::makes_secrets(program) {
            true => vault.for_secrets_that_are_made(),
            false => vault,
        };
        let vault = Arc::new(vault);
        let names: Vec<String> = needed.iter().map(ToString::to_string).collect();
        let own = format!("{}.{}", run.facts.id, names.join("-"));
        let secret_folder = self.scratch.join(own).to_string_lossy().into_owned();
        let mut facts = run.facts.clone();
        facts.secret_folder = secret_folder.as_str().into();
        let executor = EffectExecutor::new(
            &facts,
            &program.secrets,
            vault.clone(),
            self.platform.clone(),
            folder_of,
            FoundPrograms::default(),
        );
        Ok(RunExecutor {
            executor,
            vault,
            secret_folder,
        })
    }

    /// Makes the folder of a run, and removes those of runs that have ended.
    async fn make_folder(&self, client: &Client, run: &KnownRun) -> Result<(), ActivityError> {
        let made = ScratchFolder::of_run(&run.bound.program, &run.facts);
        let made = made
            .map_err(|error| format!("on worker {}: the folder of the run: {error}", self.name))
            .map_err(failed)?;
        let mut folders = self.folders.lock().await;
        for id in folders.keys().cloned().collect::<Vec<_>>() {
            if presence(client, &id).await == RunPresence::Ended
                && let Some(folder) = folders.remove(&id)
            {
                folder.remove();
            }
        }
        folders.extend(made.map(|folder| (run.facts.id.to_string(), folder)));
        Ok(())
    }

    /// The folders of the source files on this machine.
    fn source_folders(&self, run: &KnownRun) -> Vec<PathBuf> {
        let Some(here) = &self.folder else {
            return run.source_folders.clone();
        };
        let sources = run.bound.program.sources.iter();
        let folder = |name: &str| match name.starts_with("std/") {
            true => here.clone(),
            false => here.join(Path::new(name).parent().unwrap_or(Path::new(""))),
        };
        sources.map(|(_, source)| folder(&source.name)).collect()
    }
}

/// The log of a step, and why it cannot be written, if it cannot.
#[derive(Clone)]
struct StepLog(Option<Arc<std::sync::Mutex<OpenStepLog>>>);

type OpenStepLog = (LogWriter, Option<LogStoreError>);

impl StepLog {
    fn note(&self, write: impl FnOnce(&mut LogWriter) -> Result<(), LogStoreError>) {
        let Some(Ok(mut log)) = self.0.as_ref().map(|log| log.lock()) else {
            return;
        };
        if log.1.is_none() {
            log.1 = write(&mut log.0).err();
        }
    }

    fn line(&self, line: OutputLine<'_>) {
        self.note(|log| log.line(line));
    }

    async fn flush(&self) {
        let log = self.clone();
        // It may have to wait for the network. It does not stop half-way.
        let _ = tokio::task::spawn_blocking(move || log.note(LogWriter::flush)).await;
    }

    fn failure(&self) -> Option<LogStoreError> {
        self.0.as_ref()?.lock().ok()?.1.clone()
    }
}

/// What is needed to read secrets.
struct SecretReading {
    bound: BoundInputs,
    facts: RunFacts,
    needed: HashSet<u32>,
    folder_of: SourceFolder,
    environment: Arc<dyn EnvironmentVariables + Send + Sync>,
    spawner: Arc<dyn Spawner>,
}

impl SecretReading {
    async fn read(self) -> Result<SecretVault, Vec<SecretReadError>> {
        let program = &self.bound.program;
        let locals = Locals::default();
        let scope = EvalScope {
            program,
            facts: &self.bound.facts,
            locals: &locals,
            run: Some(&self.facts),
        };
        let mut value = |expr: &Expr| -> Result<Value, Halt> { scope.eval(expr) };
        SecretVault::read(
            (&program.secrets, &self.needed),
            &mut value,
            &*self.folder_of,
            &*self.environment,
            self.spawner.groups(),
        )
        .await
    }
}

/// The time between two writes of a log.
const LOG_FLUSH_INTERVAL: Duration = Duration::from_millis(250);

impl RunExecutor {
    /// A step with its secrets where they belong, and the folders of this machine.
    fn open(&self, run: &KnownRun, work: StepWork) -> Result<StepWork, String> {
        let work = match run.facts.secret_folder.is_empty() {
            true => work,
            false => with_folder(work, &run.facts.secret_folder, &self.secret_folder),
        };
        self.vault.unsealed(work).map_err(|why| why.to_string())
    }
}

/// A step in which one folder has been replaced by another one.
fn with_folder(work: StepWork, from: &str, to: &str) -> StepWork {
    let text = |text: &str| {
        let json = serde_json::to_string(text).unwrap_or_default();
        // The folder of the run begins with the same name.
        format!("{}/", json.trim_matches('"'))
    };
    let Ok(json) = serde_json::to_string(&work) else {
        return work;
    };
    let (from, to) = (text(from), text(to));
    if !json.contains(&from) {
        return work;
    }
    serde_json::from_str(&json.replace(&from, &to)).unwrap_or(work)
}

impl KnownRun {
    fn of(start: RunStart) -> Option<Self> {
        if start.version != VERSION {
            return None;
        }
        Some(Self {
            facts: start.facts.facts()?,
            bound: start.plan.0,
            source_folders: start.source_folders,
            executors: Mutex::default(),
            used: std::sync::Mutex::new(Instant::now()),
        })
    }

    fn touch(&self) {
        if let Ok(mut used) = self.used.lock() {
            *used = Instant::now();
        }
    }

    /// Whether something has been done of it lately.
    fn is_used(&self) -> bool {
        self.used
            .lock()
            .is_ok_and(|used| used.elapsed() < RUN_IDLE_TIME)
    }
}

fn call_of(work: StepWork) -> Option<ActionCall> {
    match work {
        StepWork::Request {
            node,
            action,
            args,
            secret,
        } => Some(ActionCall {
            node,
            action,
            args,
            once: false,
            secret,
            pool: None,
        }),
        StepWork::Command { .. } => None,
    }
}

/// Asks the workflow of a run what it was begun with, until a worker that drives runs answers.
async fn ask_start(client: &Client, id: &str) -> Result<RunStart, ActivityError> {
    let handle = client.get_workflow_handle::<DeployRun>(id);
    loop {
        let asked = handle.query(DeployRun::start, (), WorkflowQueryOptions::default());
        match tokio::time::timeout(START_TIMEOUT, asked).await {
            Ok(Ok(Some(start))) => return Ok(start),
            Ok(Err(WorkflowQueryError::NotFound(_))) => {
                return Err(failed(format!("there is no run {id} any more")));
            }
            // It is just starting, or nobody drives it just now.
            Ok(Ok(None) | Err(_)) | Err(_) => tokio::time::sleep(START_PAUSE).await,
        }
    }
}

/// Tells the workflow that a command has begun at its place.
async fn tell_begin(client: Client, run: &str, id: EffectId, begun: Arc<Notify>) {
    begun.notified().await;
    let handle = client.get_workflow_handle::<DeployRun>(run);
    let told = handle
        .signal(DeployRun::begun, id, WorkflowSignalOptions::default())
        .await;
    if let Err(error) = told {
        // Its time limit does not count then.
        tracing::warn!(target: "lockstep::worker", %error, "that a command has begun is not told");
    }
}
