//! An engine: what a host gives to all its compilations and runs.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lockstep_base::source::Name;
use lockstep_base::world::{EnvironmentVariables, FileError, Files};
use lockstep_runtime::clock::{Clock, SystemClock};
use lockstep_runtime::driver::RemoteEngine;
use lockstep_runtime::guardian::{self, Guardian};
use lockstep_runtime::http::HttpClient;
use lockstep_runtime::locks::Locks;
use lockstep_runtime::process::{SIGTERM_GRACE, Spawner, SystemSpawner};
use lockstep_runtime::text_file;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actions::{Action, ActionError, Actions, HOST_FILE};
use crate::files::{MemoryFiles, Variables};
use crate::host::{self, HostSpawner, Journal};
use crate::question::Question;

/// How many commands of one run are under way at once, unless the builder says otherwise.
const DEFAULT_MAX_COMMANDS: usize = 64;

type MakeJournal = Box<dyn Fn(&str) -> Box<dyn Journal> + Send + Sync>;
type MakeLocks = Box<dyn Fn(&str) -> Box<dyn Locks> + Send + Sync>;

/// Compiles, plans and runs pipelines. Its clones are the same engine, and many of its runs may go
/// on at once.
///
/// An engine prints nothing, never exits, and takes nothing of its process that its builder was
/// not given: files, variables, the user's name, the clock, processes, connections.
///
/// ```
/// # use lockstep_api as lockstep;
/// use lockstep::{Engine, MemoryFiles};
///
/// let files = MemoryFiles::new().with("a.deploy", "pipeline p { log \"hello\" }");
/// let engine = Engine::builder().files(files).user("ada").build();
/// let plan = engine.compile("a.deploy")?.plan().build()?;
/// assert_eq!(plan.pipeline(), "p");
/// # Ok::<(), lockstep::Diagnostics>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(crate) parts: Arc<Parts>,
    /// Whether what other runs have deployed does not matter.
    #[cfg(feature = "store")]
    pub(crate) is_forced: bool,
}

pub(crate) struct Parts {
    pub(crate) files: SourceFiles,
    pub(crate) environment: Box<dyn EnvironmentVariables + Send + Sync>,
    pub(crate) actions: Actions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) folder: PathBuf,
    pub(crate) user: Name,
    pub(crate) max_commands: usize,
    pub(crate) answer: Option<Box<dyn Fn(Question) + Send + Sync>>,
    pub(crate) journal: Option<MakeJournal>,
    pub(crate) locks: Option<MakeLocks>,
    pub(crate) remote: Option<Arc<dyn RemoteEngine>>,
    #[cfg(feature = "store")]
    pub(crate) store: Option<PathBuf>,
    /// Made when the first run begins.
    spawner: OnceLock<Arc<dyn Spawner>>,
    scratch: PathBuf,
    stop_grace: Duration,
    ssh_program: Option<String>,
    guarded: bool,
}

impl Parts {
    /// The folder for temporary files, from wherever it is looked at.
    pub(crate) fn temporary_folder(&self) -> String {
        let folder = std::path::absolute(&self.scratch);
        let folder = folder.unwrap_or_else(|_| self.scratch.clone());
        folder.to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("folder", &self.parts.folder)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// A builder: without files, variables, actions or a store, and with the clock and the
    /// processes of the system.
    pub fn builder() -> EngineBuilder {
        EngineBuilder(Parts {
            files: SourceFiles {
                host: Box::new(MemoryFiles::new()),
                declarations: String::new(),
                folder: PathBuf::from("."),
            },
            environment: Box::new(Variables::new()),
            actions: Actions::default(),
            clock: Arc::new(SystemClock::new()),
            http: default_http(),
            folder: PathBuf::from("."),
            user: Name::from("unknown"),
            max_commands: DEFAULT_MAX_COMMANDS,
            answer: None,
            journal: None,
            locks: None,
            remote: None,
            #[cfg(feature = "store")]
            store: None,
            spawner: OnceLock::new(),
            scratch: PathBuf::from("/tmp"),
            stop_grace: SIGTERM_GRACE,
            ssh_program: None,
            guarded: false,
        })
    }

    /// The declarations of the host's actions, as the language writes them. Files of the engine
    /// import them by `from "./host.deploy" import …`.
    pub fn declarations(&self) -> &str {
        &self.parts.files.declarations
    }

    /// The same engine, whose runs deploy and roll back whatever other runs have deployed since,
    /// also where those have left a place half done; as `--force` does.
    #[cfg(feature = "store")]
    #[must_use = "the engine itself is not changed"]
    pub fn forced(&self) -> Self {
        Self {
            parts: self.parts.clone(),
            is_forced: true,
        }
    }

    /// Whether its runs are driven elsewhere.
    pub fn is_remote(&self) -> bool {
        self.parts.remote.is_some()
    }

    /// What starts commands.
    pub(crate) fn spawner(&self) -> std::io::Result<Arc<dyn Spawner>> {
        if let Some(spawner) = self.parts.spawner.get() {
            return Ok(spawner.clone());
        }
        guardian::remove_left_folders(&self.parts.scratch);
        let mut system = SystemSpawner::new(&self.parts.scratch)?.with_grace(self.parts.stop_grace);
        if let Some(program) = &self.parts.ssh_program {
            system = system.with_ssh(program);
        }
        if self.parts.guarded {
            let guardian = Guardian::of_this_program().removing(system.scratch());
            system = system.watched_by(Arc::new(guardian));
        }
        // Where two runs begin at the same time, one of the two folders goes at once.
        Ok(self.parts.spawner.get_or_init(|| Arc::new(system)).clone())
    }
}

#[cfg(feature = "http")]
fn default_http() -> Arc<dyn HttpClient> {
    Arc::new(lockstep_runtime::http::SystemHttp)
}

#[cfg(not(feature = "http"))]
fn default_http() -> Arc<dyn HttpClient> {
    Arc::new(lockstep_runtime::http::NoHttp)
}

/// Makes an [`Engine`].
#[must_use = "an engine is made by `build`"]
pub struct EngineBuilder(Parts);

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineBuilder")
    }
}

impl EngineBuilder {
    /// Where `.deploy` files, and files that are read while planning, come from.
    pub fn files(mut self, files: impl Files + Send + Sync + 'static) -> Self {
        self.0.files.host = Box::new(files);
        self
    }

    /// The variables that `env("NAME")` sees.
    pub fn environment(
        mut self,
        environment: impl EnvironmentVariables + Send + Sync + 'static,
    ) -> Self {
        self.0.environment = Box::new(environment);
        self
    }

    /// The folder from which relative paths are named: commands of `a/b.deploy` start in its
    /// folder `a`. By default the current folder of the process.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.0.folder = folder.into();
        self
    }

    /// Provides an action. Its parameters are the fields of `A`, its result is `R`; fields that
    /// are `Option`s may be left out. A secret reaches it as its text.
    ///
    /// The function runs on the thread of its run: what it waits for, it must `await`. It is not
    /// stopped when the run is cancelled; the run waits for its end. Where it panics, the call
    /// fails with class `internal`.
    ///
    /// ```
    /// # use lockstep_api as lockstep;
    /// use lockstep::{ActionError, Engine};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Ticket { title: String, urgent: Option<bool> }
    ///
    /// let engine = Engine::builder()
    ///     .action("open-ticket", |ticket: Ticket| async move {
    ///         if ticket.title.is_empty() {
    ///             return Err(ActionError::new("a ticket needs a title"));
    ///         }
    ///         Ok(format!("T-{}", ticket.title.len()))
    ///     })
    ///     .build();
    /// assert_eq!(
    ///     engine.declarations(),
    ///     "action open-ticket(title: string, urgent: bool? = none) -> string\n"
    /// );
    /// ```
    pub fn action<A, R, F, Fut>(mut self, name: impl Into<String>, action: F) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize + JsonSchema,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ActionError>> + Send + 'static,
    {
        self.0.actions.add(name.into(), Action::new(action));
        self
    }

    /// What is called with each question of a run, on the thread of the run. It may hand the
    /// question on and return. Without it, questions stay open for other processes.
    pub fn on_question(mut self, answer: impl Fn(Question) + Send + Sync + 'static) -> Self {
        self.0.answer = Some(Box::new(answer));
        self
    }

    /// What tells the time.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// What starts commands, in place of the system.
    pub fn spawner(mut self, spawner: impl host::Spawner + 'static) -> Self {
        self.0.spawner = OnceLock::from(Arc::new(HostSpawner(spawner)) as Arc<dyn Spawner>);
        self
    }

    /// What makes requests, in place of the built-in client.
    pub fn http(mut self, http: impl HttpClient + 'static) -> Self {
        self.0.http = Arc::new(http);
        self
    }

    /// The state directory in which runs are kept: they can be resumed, and share locks with those
    /// of other processes. It is made when the first run begins.
    #[cfg(feature = "store")]
    pub fn store(mut self, folder: impl Into<PathBuf>) -> Self {
        self.0.store = Some(folder.into());
        self
    }

    /// Where each run, by its id, writes down what happens, in place of a store.
    pub fn journal(
        mut self,
        journal: impl Fn(&str) -> Box<dyn Journal> + Send + Sync + 'static,
    ) -> Self {
        self.0.journal = Some(Box::new(journal));
        self
    }

    /// The locks of each run, by its id, in place of a store's.
    pub fn locks(mut self, locks: impl Fn(&str) -> Box<dyn Locks> + Send + Sync + 'static) -> Self {
        self.0.locks = Some(Box::new(locks));
        self
    }

    /// Who drives the runs in place of this process, which follows them: it needs neither their
    /// secrets nor the programs that they require. Actions of the host cannot be called then.
    // Hidden: what it speaks of is the inside of this workspace, for the engines that belong to it.
    #[doc(hidden)]
    pub fn remote(mut self, remote: Arc<dyn RemoteEngine>) -> Self {
        self.0.remote = Some(remote);
        self
    }

    /// Who begins the runs: `run.user`. By default `unknown`.
    pub fn user(mut self, user: impl AsRef<str>) -> Self {
        self.0.user = Name::from(user.as_ref());
        self
    }

    /// How many commands of one run may be under way at once; at least 1, by default 64.
    pub fn max_commands(mut self, max: usize) -> Self {
        self.0.max_commands = max.max(1);
        self
    }

    /// The folder in which commands get a private folder for their outputs. By default `/tmp`.
    pub fn temporary_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.0.scratch = folder.into();
        self
    }

    /// How long a command that is asked to stop has until it is killed. By default 10 seconds.
    pub fn stop_grace(mut self, grace: Duration) -> Self {
        self.0.stop_grace = grace;
        self
    }

    /// The program that makes `ssh` connections; it takes the arguments of OpenSSH. By default
    /// `ssh`.
    pub fn ssh_program(mut self, program: impl Into<String>) -> Self {
        self.0.ssh_program = Some(program.into());
        self
    }

    /// Ends the commands of a run when this process dies, also when it is killed. A second process
    /// of this very program does that: `main` must begin with [`guard`](crate::guard).
    pub fn guarded(mut self) -> Self {
        self.0.guarded = true;
        self
    }

    /// The engine.
    pub fn build(mut self) -> Engine {
        self.0.files.declarations = self.0.actions.declarations();
        self.0.files.folder.clone_from(&self.0.folder);
        Engine {
            parts: Arc::new(self.0),
            #[cfg(feature = "store")]
            is_forced: false,
        }
    }
}

/// The files of the host, and the file that declares its actions.
pub(crate) struct SourceFiles {
    host: Box<dyn Files + Send + Sync>,
    declarations: String,
    /// The folder from which relative paths are named.
    folder: PathBuf,
}

impl Files for SourceFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match self.host.read(path) {
            Err(FileError::NotFound) if path.rsplit('/').next() == Some(HOST_FILE) => {
                Ok(self.declarations.clone())
            }
            read => read,
        }
    }

    fn real(&self, path: &str) -> Option<String> {
        self.host.real(path)
    }

    /// Where the commands of a file in this folder start, also where the files are in memory.
    fn folder(&self, name: &str) -> Option<String> {
        text_file::folder(&self.folder.join(name))
    }
}
