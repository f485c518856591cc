//! The one way in which a run is begun or continued: by this library's [`Run`](crate::Run), and by
//! the command line, which draws a run itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::required_programs;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::{FileId, Name};
use lockstep_base::value::{Type, Value, convert, from_json};
use lockstep_engine::run_event::{LockQueuePosition, RunEvent, RunEventKind};
use lockstep_engine::{Answer, EffectId, EffectOutcome, Question};
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::visit::makes_secrets;
use lockstep_lang::ir::{FailureClass, Program, StmtKind};
use lockstep_plan::{BoundInputs, EvalScope, Locals, Plan, RunFacts, display};
use lockstep_runtime::driver::{
    self, ActionCompleter, AnswerSender, ControlRequest, DriveError, DriverExit, Platform,
    RecordedRun, RemoteStart, Resumer, RunHost, RunPersistence, RunSettings,
};
use lockstep_runtime::executor::SourceFolder;
use lockstep_runtime::inbox::Responder;
use lockstep_runtime::required_programs::{FoundPrograms, ProgramSearch};
use lockstep_runtime::sealed::UnsealError;
use lockstep_runtime::secrets::{SecretReadError, SecretVault};
use lockstep_verify::conformance::{ConformanceCheck, Violation};
use tokio::sync::mpsc;

use crate::actions::argument;
use crate::engine::Engine;
use crate::host::Journal;
use crate::journal::Lines;
use crate::program::Diagnostics;
use crate::run::StartError;

/// A run of which nothing has been started yet.
pub struct Session {
    engine: Engine,
    plan: Arc<Plan>,
    facts: RunFacts,
    seed: u64,
    max_commands: usize,
    source_folders: Vec<PathBuf>,
    platform: Platform,
    vault: Arc<SecretVault>,
    persistence: RunPersistence,
    /// The journal of the host, to which nothing has been written.
    host_journal: Option<Box<dyn Journal>>,
    /// The programs that are where they are required.
    found_programs: FoundPrograms,
}

/// What a session is about.
pub struct SessionOptions {
    /// The plan, which has been proved.
    pub plan: Arc<Plan>,
    /// The run's id, user and start.
    pub facts: RunFacts,
    /// Decides the jitter of retries.
    pub seed: u64,
    /// The most commands at once, in place of the engine's.
    pub max_commands: Option<usize>,
    /// The folder from which its files are named, in place of the engine's.
    pub folder: Option<PathBuf>,
    /// The folder of each source file, where that is known from before.
    pub source_folders: Option<Vec<PathBuf>>,
}

/// What a stored run goes on with, before its secrets are read.
pub struct StoredSession {
    /// The program, and what is known before the run: sealed.
    pub bound: BoundInputs,
    /// The run's id, user and start.
    pub facts: RunFacts,
    /// Decides the jitter of retries.
    pub seed: u64,
    /// The most commands at once, in place of the engine's.
    pub max_commands: Option<usize>,
    /// The folder from which its files are named, in place of the engine's.
    pub folder: Option<PathBuf>,
    /// The folder of each source file, where that is known.
    pub source_folders: Option<Vec<PathBuf>>,
}

impl StoredSession {
    /// Reads the secrets, and opens what was sealed.
    ///
    /// # Errors
    ///
    /// Where a secret cannot be read, or the stored plan does not fit this version or the secrets.
    pub async fn open(
        self,
        engine: &Engine,
    ) -> Result<(SessionOptions, Arc<SecretVault>), StartError> {
        let source_folders = self.source_folders.unwrap_or_else(|| {
            let here = self.folder.as_ref().unwrap_or(&engine.parts.folder);
            source_folders(&self.bound.program, here)
        });
        let read = read_secrets(engine, &self.bound, &self.facts, &source_folders).await;
        let sources = || self.bound.program.sources.clone();
        let vault =
            read.map_err(|failed| StartError::Secrets(Diagnostics::new(failed, sources())))?;
        let plan = open_plan(self.bound, &vault).map_err(StartError::Plan)?;
        let facts = open_facts(self.facts, &vault).map_err(StartError::Plan)?;
        let options = SessionOptions {
            plan,
            facts,
            seed: self.seed,
            max_commands: self.max_commands,
            folder: self.folder,
            source_folders: Some(source_folders),
        };
        Ok((options, vault))
    }
}

/// A stored plan cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredPlanError {
    /// It refers to secrets that are not what they were.
    Sealed(UnsealError),
    /// It is not compatible with this version of the program.
    Version,
}

impl std::fmt::Display for StoredPlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sealed(why) => write!(f, "its plan cannot be read: {why}"),
            Self::Version => {
                f.write_str("its plan is not compatible with this version of the program")
            }
        }
    }
}

impl std::error::Error for StoredPlanError {}

/// The plan of a stored run.
///
/// # Errors
///
/// Where it does not fit this version of the program, or the secrets.
pub fn open_plan(bound: BoundInputs, vault: &SecretVault) -> Result<Arc<Plan>, StoredPlanError> {
    let facts = Arc::unwrap_or_clone(bound.facts);
    let facts = vault.unsealed(facts).map_err(StoredPlanError::Sealed)?;
    // It was proved when the run began.
    let plan = Plan::new(BoundInputs {
        facts: Arc::new(facts),
        ..bound
    });
    Ok(Arc::new(plan.map_err(|_| StoredPlanError::Version)?))
}

/// The id, user and start of a stored run.
///
/// # Errors
///
/// As [`open_plan`].
pub fn open_facts(facts: RunFacts, vault: &SecretVault) -> Result<RunFacts, StoredPlanError> {
    let user = vault.unseal(&facts.user).map_err(StoredPlanError::Sealed)?;
    let user = Name::from(&*user);
    Ok(RunFacts { user, ..facts })
}

impl Session {
    /// A session that keeps nothing.
    ///
    /// # Errors
    ///
    /// Where the plan needs an action that nobody provides, or commands cannot be started here.
    pub fn new(engine: &Engine, options: SessionOptions) -> Result<Self, StartError> {
        let parts = &engine.parts;
        let missing: Vec<String> = (options.plan.bound.program.actions.iter())
            .filter(|action| parts.actions.get(&action.name).is_none())
            .filter(|action| !lockstep_runtime::http::is_built_in(&action.name))
            .filter(|action| calls(&options.plan, &action.name))
            .map(|action| action.name.to_string())
            .collect();
        if !missing.is_empty() {
            return Err(StartError::MissingActions(missing));
        }
        let spawner = engine.spawner().map_err(StartError::TemporaryFolder)?;
        let mut persistence = RunPersistence::default();
        let host_journal = (parts.journal.as_ref()).map(|journal| journal(&options.facts.id));
        if let Some(locks) = &parts.locks {
            persistence.locks = locks(&options.facts.id);
        }
        let source_folders = options.source_folders.unwrap_or_else(|| {
            let here = options.folder.as_ref().unwrap_or(&parts.folder);
            source_folders(&options.plan.bound.program, here)
        });
        let none = SecretVault::new(Vec::<String>::new());
        let vault = for_program(none, &options.plan.bound.program);
        Ok(Self {
            engine: engine.clone(),
            vault: Arc::new(vault),
            plan: options.plan,
            facts: (options.facts).with_temporary_files_in(&parts.temporary_folder()),
            seed: options.seed,
            max_commands: options.max_commands.unwrap_or(parts.max_commands).max(1),
            source_folders,
            platform: Platform {
                clock: parts.clock.clone(),
                spawner,
                http: parts.http.clone(),
            },
            persistence,
            host_journal,
            found_programs: FoundPrograms::default(),
        })
    }

    /// Reads those secrets for which nothing has to be run: what is stored of a run before it has
    /// its place in a queue holds none of them.
    pub fn preview_secrets(&mut self) {
        if self.engine.is_remote() {
            self.vault = Arc::new(SecretVault::withheld());
            return;
        }
        let bound = &self.plan.bound;
        let locals = Locals::default();
        let scope = EvalScope {
            program: &bound.program,
            facts: &bound.facts,
            locals: &locals,
            run: Some(&self.facts),
        };
        let mut value = |expr: &Expr| -> Result<Value, Halt> { scope.eval(expr) };
        let vault = SecretVault::preview(
            &bound.program.secrets,
            &mut value,
            &*folder_of(&self.source_folders),
            &*self.engine.parts.environment,
        );
        self.vault = Arc::new(for_program(vault, &bound.program));
    }

    /// Reads the secrets, and looks for the programs that are required. Dropping the future ends
    /// the commands that were begun for it.
    ///
    /// # Errors
    ///
    /// All secrets that could not be read; else all programs that are missing.
    pub async fn read_secrets(&mut self) -> Result<(), Vec<Diagnostic>> {
        self.vault = read_secrets(
            &self.engine,
            &self.plan.bound,
            &self.facts,
            &self.source_folders,
        )
        .await?;
        self.find_programs().await
    }

    /// Looks for the programs that are required, where the secrets have been read.
    ///
    /// # Errors
    ///
    /// All that are missing.
    pub async fn find_programs(&self) -> Result<(), Vec<Diagnostic>> {
        if self.engine.is_remote() {
            // They are looked for where the commands run, before each command that needs them.
            return Ok(());
        }
        let search = ProgramSearch {
            spawner: self.platform.spawner.clone(),
            vault: self.vault.clone(),
            run: self.facts.id.clone(),
            folder: folder_of(&self.source_folders)(FileId(0)),
        };
        let missing = required_programs::missing(&search, &self.plan, &self.found_programs).await;
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    }

    /// Gives it the secrets, where they have been read.
    pub fn use_secrets(&mut self, vault: Arc<SecretVault>) {
        self.vault = vault;
    }

    /// Sets where the run is kept, and what has happened to it.
    pub fn persist_to(&mut self, persistence: RunPersistence) {
        // Elsewhere there is no such folder: each worker has one of its own then.
        if let Some(logs) = &persistence.logs
            && !self.engine.is_remote()
        {
            let facts = self.facts.clone();
            self.facts = facts.with_scratch_in(&logs.state().to_string_lossy());
        }
        self.persistence = persistence;
        self.host_journal = None;
    }

    /// Continues a run that the engine's journal holds.
    pub(crate) fn go_on(&mut self, past: RecordedRun) {
        if let Some(journal) = self.host_journal.take() {
            self.persistence.journal = Some(Box::new(Lines::go_on(journal)));
        }
        self.persistence.past = past;
    }

    /// The texts of the secrets that have been read.
    pub fn vault(&self) -> &Arc<SecretVault> {
        &self.vault
    }

    /// What an engine elsewhere is to know of the run.
    fn remote_start(&self) -> RemoteStart {
        let past = &self.persistence.past;
        let resumer = past.is_resumed.then(|| Resumer {
            by: past.resumed_by.clone(),
            uid: past.resumer_uid,
        });
        RemoteStart {
            plan: self.plan.clone(),
            run: self.facts.clone(),
            seed: self.seed,
            max: self.max_commands,
            known: past.records.len() as u64,
            resumer,
            source: self.persistence.source.clone(),
            completed_work: self.persistence.completed_work.clone(),
            source_folders: self.source_folders.clone(),
        }
    }

    /// Drives the run until it has ended or is stopped. It needs a tokio runtime with timers and
    /// I/O.
    pub async fn drive(
        mut self,
        host: &mut dyn SessionHost,
        control: mpsc::UnboundedReceiver<ControlRequest>,
    ) -> DriverExit {
        if let Some(journal) = self.host_journal.take() {
            let beginning = Lines::begin(journal, &self.plan, &self.facts, self.seed, &self.vault);
            self.persistence.journal = Some(Box::new(beginning));
        }
        let remote = match &self.engine.parts.remote {
            None => None,
            Some(remote) => match remote.open(&self.remote_start()) {
                Ok(remote) => Some(remote),
                Err(why) => return DriverExit::Broken(DriveError::NotBegun(why)),
            },
        };
        let settings = RunSettings {
            run: self.facts.clone(),
            seed: self.seed,
            max: self.max_commands,
            folder: folder_of(&self.source_folders),
            found_programs: self.found_programs.clone(),
        };
        // A run that takes another back does nothing that its plan says.
        let follows_plan = self.persistence.way_back.is_none();
        let mut host = WithActions {
            inner: host,
            engine: &self.engine,
            plan: &self.plan,
            vault: &self.vault,
            check: follows_plan.then(|| ConformanceCheck::new(self.plan.clone())),
        };
        if let Some(remote) = remote {
            let (plan, vault) = (self.plan.clone(), self.vault.clone());
            let persistence = self.persistence;
            return driver::follow(
                plan,
                vault,
                &settings,
                persistence,
                &mut host,
                control,
                remote,
            )
            .await;
        }
        driver::drive(
            self.plan.clone(),
            self.vault.clone(),
            self.platform.clone(),
            settings,
            self.persistence,
            &mut host,
            control,
        )
        .await
    }
}

/// Reads the secrets of a run. Dropping the future ends the commands that were begun for it. Of a
/// stored run, what is known before the run may still be sealed.
///
/// # Errors
///
/// All secrets that could not be read.
pub async fn read_secrets(
    engine: &Engine,
    bound: &BoundInputs,
    run: &RunFacts,
    source_folders: &[PathBuf],
) -> Result<Arc<SecretVault>, Vec<Diagnostic>> {
    if engine.is_remote() {
        return Ok(Arc::new(SecretVault::withheld()));
    }
    let locals = Locals::default();
    let scope = EvalScope {
        program: &bound.program,
        facts: &bound.facts,
        locals: &locals,
        run: Some(run),
    };
    let mut value = |expr: &Expr| -> Result<Value, Halt> { scope.eval(expr) };
    let folder = folder_of(source_folders);
    // Without a spawner the run cannot begin, which it says itself.
    let spawner = engine.spawner().ok();
    // A place that is not deployed to needs no token. What cannot be planned needs all.
    let all = || (0..bound.program.secrets.len() as u32).collect();
    let plan = Plan::new(bound.clone());
    let needed = plan.map_or_else(|_| all(), |plan| plan.secrets());
    let read = SecretVault::read(
        (&bound.program.secrets, &needed),
        &mut value,
        &*folder,
        &*engine.parts.environment,
        spawner.as_ref().and_then(|spawner| spawner.groups()),
    );
    let unreadable = |secret: SecretReadError| {
        let message = format!(
            "secret `{}` could not be read: {}",
            secret.secret, secret.message
        );
        Diagnostic::error(codes::SECRET_UNREADABLE, secret.span, message)
    };
    match read.await {
        Ok(vault) => Ok(Arc::new(for_program(vault, &bound.program))),
        Err(failed) => Err(failed.into_iter().map(unreadable).collect()),
    }
}

/// The vault of a program, which may make further secrets while it runs.
fn for_program(vault: SecretVault, program: &Program) -> SecretVault {
    match makes_secrets(program) {
        true => vault.for_secrets_that_are_made(),
        false => vault,
    }
}

/// Whether a plan has a call of an action.
fn calls(plan: &Plan, action: &str) -> bool {
    let actions = &plan.bound.program.actions;
    plan.tree.iter().any(|(_, node)| {
        let StmtKind::Action { action: at, .. } = &node.stmt.kind else {
            return false;
        };
        (actions.get(*at as usize)).is_some_and(|it| *it.name == *action)
    })
}

/// The real folder of each source file of a program; `here` is the folder from which files are
/// named. A run keeps them from its beginning on: a link in a path, such as `current`, may be
/// turned while it runs.
pub fn source_folders(program: &Program, here: &Path) -> Vec<PathBuf> {
    let folder = |name: &str| {
        let folder = Path::new(name).parent().map(Path::to_path_buf);
        let folder = here.join(folder.unwrap_or_default());
        std::fs::canonicalize(&folder).unwrap_or(folder)
    };
    let sources = &program.sources;
    let root = folder(sources.iter().next().map_or("", |(_, source)| &source.name));
    sources
        .iter()
        .map(|(_, source)| match source.name.starts_with("std/") {
            // The library has no folder of its own: its commands start where the file is.
            true => root.clone(),
            false => folder(&source.name),
        })
        .collect()
}

/// The folder of each source file.
pub(crate) fn folder_of(folders: &[PathBuf]) -> SourceFolder {
    let folders = folders.to_vec();
    Arc::new(move |file| {
        let found = folders.get(file.0 as usize).or(folders.first());
        found.cloned().unwrap_or_default()
    })
}

/// A host that is told where a run deviates from its plan.
pub trait SessionHost: RunHost {
    /// The run has deviated from its plan, for the first time: a bug of this program. The run goes
    /// on.
    fn on_plan_violation(&mut self, violation: &Violation);
}

/// A host with the actions of the engine, and with the check that the run keeps to its plan.
struct WithActions<'a> {
    inner: &'a mut dyn SessionHost,
    engine: &'a Engine,
    plan: &'a Plan,
    vault: &'a Arc<SecretVault>,
    check: Option<ConformanceCheck>,
}

impl WithActions<'_> {
    fn judge(&mut self, event: &RunEventKind) {
        let check = self.check.as_mut();
        if let Some(violation) = check.and_then(|check| check.first_violation(event)) {
            tracing::error!(
                target: "lockstep::driver", event = violation.event,
                "the run does not keep to its plan"
            );
            self.inner.on_plan_violation(&violation);
        }
    }
}

impl RunHost for WithActions<'_> {
    fn act(&mut self, node: &NodePath, action: &Name, args: Vec<Value>, done: ActionCompleter) {
        let program = &self.plan.bound.program;
        let declared = program.actions.iter().find(|it| it.name == *action);
        let (Some(provided), Some(declared)) = (self.engine.parts.actions.get(action), declared)
        else {
            return self.inner.act(node, action, args, done);
        };
        let params: Vec<&str> = declared.params.iter().map(|param| &*param.name).collect();
        let name = |value: &Value| display(program, value);
        let argument = |value: Value| match &value {
            Value::Secret(_) => self.vault.text(&value).map_or_else(
                |error| Err(error.to_string()),
                |text| Ok(serde_json::Value::String(text)),
            ),
            value => Ok(argument(value, &name)),
        };
        let arguments: Result<Vec<_>, String> = args.into_iter().map(argument).collect();
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(error) => return done.finish(EffectOutcome::failed(FailureClass::Failed, error)),
        };
        let called = tokio::spawn(provided.call(&params, arguments));
        let result = declared.result.clone();
        let files: &dyn lockstep_base::world::Files = &self.engine.parts.files;
        let folder = files.folder("").unwrap_or_default();
        tokio::spawn(async move {
            done.finish(match called.await {
                Ok(Ok(json)) => outcome(json, &result, &folder),
                Ok(Err(error)) => EffectOutcome::failed(FailureClass::Failed, error.to_string()),
                Err(_) => EffectOutcome::failed(FailureClass::Internal, "the action broke off"),
            });
        });
    }

    fn check(&mut self, event: &RunEventKind) {
        self.judge(event);
    }

    fn observe(&mut self, event: &RunEvent) {
        self.inner.observe(event);
    }

    fn on_replayed_event(&mut self, event: &RunEvent) {
        self.inner.on_replayed_event(event);
    }

    fn on_restart(&mut self, event: &RunEvent) {
        self.inner.on_restart(event);
    }

    fn needs_streams_apart(&self) -> bool {
        self.inner.needs_streams_apart()
    }

    fn idle(&mut self) {
        self.inner.idle();
    }

    fn tick(&mut self) {
        self.inner.tick();
    }

    fn ask(&mut self, node: &NodePath, question: &Question, answer: AnswerSender) {
        self.inner.ask(node, question, answer);
    }

    fn cancelling(&mut self) {
        self.inner.cancelling();
    }

    fn on_lock_reacquire(&mut self, queue: &LockQueuePosition) {
        self.inner.on_lock_reacquire(queue);
    }

    fn on_current(&mut self) {
        self.inner.on_current();
    }

    fn on_engine_silent(&mut self, why: &str) {
        self.inner.on_engine_silent(why);
    }

    fn on_external_request(&mut self, person: &Responder, answer: Option<&Answer>) {
        self.inner.on_external_request(person, answer);
    }

    fn withdraw(&mut self, question: EffectId) {
        self.inner.withdraw(question);
    }
}

/// How an action ended that returned this. Its paths are relative to the host's folder.
fn outcome(json: serde_json::Value, result: &Type, folder: &str) -> EffectOutcome {
    if *result == Type::Nothing {
        return EffectOutcome::good(Value::None);
    }
    let value = from_json(json, result).and_then(|value| match result.has_path() {
        true => convert(value, result, folder),
        false => Ok(value),
    });
    match value {
        Ok(value) => EffectOutcome::good(value),
        Err(error) => {
            let message = format!("the action's result does not match its declaration: {error}");
            EffectOutcome::failed(FailureClass::Failed, message)
        }
    }
}
