//! Runs commands: starts them in process groups of their own, reads their output, stops them on
//! request, and reports how they ended. Invariant: secrets are masked in every line and message
//! that leaves this module; results are values, and stay what they are.

mod child;
mod elsewhere;
mod explain;
pub(crate) mod left_output;
pub(crate) mod leftovers;
mod outputs;
mod prepare;
mod running;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod transfer;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::{Notify, watch};

use super::connection::{Connection, Masters, RemoteReport, ReportedCommand, Sessions, Trailer};
use super::guardian::dead_runner::{remove_folder, remove_too, sign};
use super::processes;
use super::secrets::SecretVault;
use child::Child;
pub(super) use explain::{StartProblem, exit_message, signal_message};
pub use left_output::LeftOutput;
use leftovers::{CommandProcesses, ProcessLooks};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_engine::OutputText;
use lockstep_engine::run_event::Stream;
use lockstep_lang::ir::command::Invocation;
use lockstep_lang::ir::{FailureClass, SIGTERM_GRACE_MS};
use outputs::OutputsError;
pub use prepare::PrepareError;
pub(super) use prepare::PreparedCommand;
pub(super) use running::ProcessExit;
use running::{ClosingClient, RunningCommand};

/// The target of the log events of commands.
const TARGET: &str = "lockstep::process";

/// The grace time between SIGTERM and SIGKILL, where a command has none of its own.
pub const SIGTERM_GRACE: Duration = Duration::from_millis(SIGTERM_GRACE_MS.unsigned_abs());

/// A command to run.
#[derive(Debug, Clone)]
pub struct SpawnRequest {
    /// What to execute.
    pub invocation: Invocation,
    /// Its `env { … }`: texts and secrets.
    pub env: Vec<(Name, Value)>,
    /// The folder of the source file.
    pub folder: PathBuf,
    /// The folder that the paths of a transfer on this machine are relative to.
    pub files: PathBuf,
    /// Its `in DIR`: relative to the folder, or to the home directory of another machine.
    pub dir: Option<String>,
    /// What it reads from its standard input: a text or a secret. Without it there is nothing.
    pub stdin: Option<Value>,
    /// How long it may take to end after SIGTERM, where that is said.
    pub grace: Option<Duration>,
    /// The path of its node.
    pub node: NodePath,
    /// The run's id.
    pub run: Name,
    /// Where it runs.
    pub connection: Connection,
    /// Whether its standard error goes where its standard output does.
    pub streams_joined: bool,
    /// Whether somebody uses what it writes; else only the end of it is kept, for its failure.
    pub has_value: bool,
    /// Told when it has begun, if it does not run here.
    pub begun: Option<Arc<Notify>>,
}

/// How a command is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// Gracefully, with SIGTERM; by force after its grace.
    Term,
    /// By force, with SIGKILL.
    Kill,
}

/// How a command ended. Secrets are masked in its message; what it wrote is as it wrote it, because
/// the run goes on with these values.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandResult {
    /// Successfully.
    Exited {
        /// Its output.
        stdout: OutputText,
        /// Its error output.
        stderr: OutputText,
        /// Its exit code: 0.
        code: i32,
        /// What it wrote to the file named by `$LOCKSTEP_OUTPUT`.
        outputs: IndexMap<String, String>,
    },
    /// It failed.
    Failed {
        /// The class: `exit`, `signal`, `cancelled` (it was asked to stop), `failed` (it could
        /// not be started, or its outputs are malformed), `connection` or `authentication`.
        class: FailureClass,
        /// What happened, in plain words.
        message: String,
        /// Its output.
        stdout: OutputText,
        /// Its error output.
        stderr: OutputText,
        /// Its exit code, where it has one.
        code: Option<i32>,
        /// What it wrote to the file named by `$LOCKSTEP_OUTPUT`.
        outputs: IndexMap<String, String>,
    },
}

/// A command that has ended, and what it has left.
#[derive(Debug)]
pub struct EndedCommand {
    /// How it ended.
    pub result: CommandResult,
    /// Its output, if others still write to it.
    pub left: Option<LeftOutput>,
    /// Whether it was asked to end, did not in its time, and was killed.
    pub killed: bool,
}

impl From<CommandResult> for EndedCommand {
    fn from(result: CommandResult) -> Self {
        Self {
            result,
            left: None,
            killed: false,
        }
    }
}

/// Informed of the commands in flight: a guardian that ends them when this program dies.
pub trait GroupRegistry: Send + Sync {
    /// A command is about to be started. A `lasting` one may leave a process behind that serves
    /// other commands, and that must not outlive this program either.
    fn reserve(&self, lasting: bool) -> GuardianVariable;
    /// Its process has been started; the number of its group is that of its first process.
    fn register(&self, number: u64, group: u32);
    /// Its process has ended and been reaped, or was never started.
    fn unregister(&self, number: u64);
    /// Reads pipes to their ends, also after this program has ended where that is possible.
    fn drain(&self, pipes: Vec<OwnedFd>) {
        left_output::drain_in_threads(pipes);
    }
}

/// How a guardian identifies a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardianVariable {
    /// Its number.
    pub number: u64,
    /// A variable that its processes are to be given: name and text.
    pub variable: Option<(String, String)>,
}

impl GroupRegistry for &dyn GroupRegistry {
    fn reserve(&self, lasting: bool) -> GuardianVariable {
        (**self).reserve(lasting)
    }

    fn register(&self, number: u64, group: u32) {
        (**self).register(number, group);
    }

    fn unregister(&self, number: u64) {
        (**self).unregister(number);
    }

    fn drain(&self, pipes: Vec<OwnedFd>) {
        (**self).drain(pipes);
    }
}

impl GroupRegistry for Arc<dyn GroupRegistry> {
    fn reserve(&self, lasting: bool) -> GuardianVariable {
        (**self).reserve(lasting)
    }

    fn register(&self, number: u64, group: u32) {
        (**self).register(number, group);
    }

    fn unregister(&self, number: u64) {
        (**self).unregister(number);
    }

    fn drain(&self, pipes: Vec<OwnedFd>) {
        (**self).drain(pipes);
    }
}

/// A command that is guarded until this is dropped.
pub(crate) struct GuardedCommand<G: GroupRegistry> {
    groups: G,
    number: u64,
}

/// A command of a spawner that is guarded.
pub(crate) type SpawnedCare = GuardedCommand<Arc<dyn GroupRegistry>>;

impl<G: GroupRegistry> GuardedCommand<G> {
    /// Registers a command with a guardian before it is started. Its processes must be given the
    /// variable.
    pub(crate) fn of(groups: G, lasting: bool) -> (Self, Option<(String, String)>) {
        let GuardianVariable { number, variable } = groups.reserve(lasting);
        (Self { groups, number }, variable)
    }

    /// Its process has been started; the number of its group is that of its first process.
    pub(crate) fn set_group(&self, group: u32) {
        self.groups.register(self.number, group);
    }
}

impl<G: GroupRegistry> std::fmt::Debug for GuardedCommand<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedCommand")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl<G: GroupRegistry> Drop for GuardedCommand<G> {
    fn drop(&mut self) {
        self.groups.unregister(self.number);
    }
}

/// A line that a command has written, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLine<'a> {
    /// Where it was written.
    pub stream: Stream,
    /// Its text, without a line end and with secrets masked.
    pub text: &'a str,
    /// Whether it was ended; the line goes on in the next piece of the stream where it was not.
    pub is_ended: bool,
}

/// Receives the output of a command.
pub type Listener<'a> = Box<dyn FnMut(OutputLine<'_>) + Send + 'a>;

/// Asks a command to stop.
pub type StopSignal = watch::Receiver<Option<StopRequest>>;

/// Starts the commands of a run. A host may supply its own.
pub trait Spawner: Send + Sync {
    /// Runs a command to its end.
    ///
    /// `listener` receives each line (one of more than 64 KiB comes in pieces). A command that was
    /// stopped by `stop` fails with class `cancelled`, however it ended. No process of the command
    /// may be left when the future is ready, but for the client of a connection whose other side
    /// has reported the end; dropping the future ends the command immediately.
    /// Secrets in lines and messages are masked with `vault`; results stay as they are.
    fn spawn<'a>(
        &'a self,
        command: SpawnRequest,
        vault: &'a SecretVault,
        listener: Listener<'a>,
        stop: StopSignal,
    ) -> Pin<Box<dyn Future<Output = EndedCommand> + Send + 'a>>;

    /// Whether it tells when a command on another machine has begun ([`SpawnRequest::begun`]).
    /// Where it does not, the time limit of such a command counts from when it is to start.
    fn tells_begin(&self) -> bool {
        false
    }

    /// A folder that must not outlive this program: it is removed even if the program is killed,
    /// where that is possible.
    fn removes(&self, folder: &Path) {
        let _ = folder;
    }

    /// To be informed of commands that it does not start itself, such as those that read secrets.
    fn groups(&self) -> Option<&dyn GroupRegistry> {
        None
    }
}

impl Spawner for SystemSpawner {
    fn spawn<'a>(
        &'a self,
        command: SpawnRequest,
        vault: &'a SecretVault,
        listener: Listener<'a>,
        stop: StopSignal,
    ) -> Pin<Box<dyn Future<Output = EndedCommand> + Send + 'a>> {
        Box::pin(self.run_and_leave(command, vault, listener, stop))
    }

    fn tells_begin(&self) -> bool {
        true
    }

    fn removes(&self, folder: &Path) {
        // Without it the folder stays behind if this program and its guardian are killed.
        let _ = remove_too(&self.scratch, folder);
    }

    fn groups(&self) -> Option<&dyn GroupRegistry> {
        self.groups.as_deref()
    }
}

/// Starts commands as processes of the system. It owns a private folder for their output files and
/// connections.
pub struct SystemSpawner {
    scratch: PathBuf,
    grace: Duration,
    groups: Option<Arc<dyn GroupRegistry>>,
    ssh: String,
    next: AtomicU64,
    /// The marks of commands where nobody else gives them any.
    token: String,
    inherited: Option<String>,
    looks: ProcessLooks,
    sessions: Sessions,
    masters: Masters,
}

impl SystemSpawner {
    /// A spawner with a new private folder in `parent`, such as `/tmp`. The folder is removed when
    /// the spawner is dropped.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created.
    pub fn new(parent: &Path) -> std::io::Result<Self> {
        let scratch = signed_folder(parent)?;
        Ok(Self {
            scratch,
            grace: SIGTERM_GRACE,
            groups: None,
            ssh: String::from("ssh"),
            next: AtomicU64::new(1),
            token: processes::new_token(),
            inherited: std::env::var(processes::COMMAND_VARIABLE).ok(),
            looks: ProcessLooks::new(),
            sessions: Sessions::default(),
            masters: Masters::default(),
        })
    }

    /// Sets the grace time between SIGTERM and SIGKILL.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the program for `ssh` connections; it takes the arguments of OpenSSH.
    #[must_use]
    pub fn with_ssh(mut self, program: impl Into<String>) -> Self {
        self.ssh = program.into();
        self
    }

    /// The private folder for the output files and connections of commands.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Sets who is informed of the commands in flight.
    #[must_use]
    pub fn watched_by(mut self, groups: Arc<dyn GroupRegistry>) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Runs a command to its end. `listener` receives each line, without its end and with secrets
    /// masked (a line of more than 64 KiB comes in pieces). `stop` asks it to stop; a stopped
    /// command fails with class `cancelled`, however it ended. This is ready only when its process
    /// has been reaped, or, over a connection that others share, when the other side has reported
    /// its end; dropping it before kills the process group.
    pub async fn run(
        &self,
        spawn: SpawnRequest,
        vault: &SecretVault,
        mut listener: impl FnMut(Stream, &str) + Send,
        stop: watch::Receiver<Option<StopRequest>>,
    ) -> CommandResult {
        let listener = |line: OutputLine<'_>| listener(line.stream, line.text);
        (self.run_and_leave(spawn, vault, listener, stop).await).result
    }

    /// Runs a command once. `socket` is that of a connection to share.
    async fn try_once(
        &self,
        spawn: &SpawnRequest,
        socket: Option<&Path>,
        vault: &SecretVault,
        mut listener: impl FnMut(OutputLine<'_>) + Send,
        stop: StopSignal,
    ) -> Tried {
        let output = self.output_file();
        let mut command = match prepare::prepare(spawn, vault, &output, self, socket) {
            Ok(command) => command,
            Err(error) => return Tried::in_vain(vault.mask(&error.to_string())),
        };
        // Neither arguments nor variables are logged: they may contain secrets.
        let program = || vault.mask(&command.program);
        tracing::debug!(target: TARGET, program = program(), "starts");
        if let Some(message) = explain::unusable(&command) {
            return Tried::in_vain(vault.mask(&message));
        }
        let care = self.care(&mut command);
        let child = match start(&command).await {
            Ok(child) => child,
            Err(error) => {
                let message = explain::not_started(&command, &error);
                return Tried::in_vain(vault.mask(&message));
            }
        };
        tracing::debug!(target: TARGET, pid = child.id(), "started");
        // The other end of the pipe must see when the client has ended.
        command.pipes.input = None;
        let work = command.work.take();
        let grace = spawn.grace.unwrap_or(self.grace);
        let mut running = RunningCommand::new(grace, child, care, &mut command, vault, stop);
        let ending = running.wait(&mut listener).await;
        tracing::debug!(
            target: TARGET, status = ?ending.status, stopped = ?ending.stopped,
            "ended"
        );
        let remote = running.out.trailer().map(Trailer::report);
        let outputs = match &remote {
            None => read_outputs(&output),
            Some(report) => Ok(report.outputs()),
        };
        let outputs = outputs.and_then(|text| outputs::parse(&text));
        let (outputs, unread) = match outputs {
            Ok(outputs) => (outputs, None),
            Err(error) => (IndexMap::new(), Some(error.to_string())),
        };
        if remote.is_none() && unread.is_some() {
            running.end_leftovers(&mut listener).await;
        }
        let stderr = running.err.finish(&mut listener);
        let stdout = running.out.finish(&mut listener);
        let judged = match &remote {
            None => classify_exit(
                &ending,
                matches!(spawn.invocation, Invocation::Shell { .. }),
                [&stdout.text, &stderr.text],
            ),
            Some(report) => {
                let last_words = match report.is_lost() && ending.stopped.is_none() {
                    true => self.masters.last_words(&spawn.connection).await,
                    false => None,
                };
                let written = [&*stdout.text, &*stderr.text];
                let reported = ReportedCommand {
                    program: spawn.program(),
                    dir: spawn.dir_there(),
                    client: &command.program,
                };
                report.result(&ending, written, last_words.as_deref(), &reported)
            }
        };
        let is_unstarted = remote.as_ref().is_some_and(RemoteReport::is_unstarted)
            && matches!(judged, Err((FailureClass::Connection, ..)));
        // Outputs that cannot be read are not silently missing, however the command ended.
        let judged = match (judged, unread) {
            (judged, None) => judged,
            (Ok(()), Some(unread)) => Err((FailureClass::Failed, unread, Some(0))),
            (Err((FailureClass::Exit, message, _)), Some(unread)) => {
                Err((FailureClass::Failed, format!("{message}; {unread}"), None))
            }
            (judged, Some(_)) => judged,
        };
        let result = match judged {
            Ok(()) => CommandResult::Exited {
                stdout,
                stderr,
                code: 0,
                outputs,
            },
            Err((class, message, code)) => CommandResult::Failed {
                class,
                message: vault.mask(&message),
                stdout,
                stderr,
                code,
                outputs,
            },
        };
        let killed = (remote.as_ref()).map_or(ending.forced, |report| report.is_forced(&ending));
        let (out, err, closing) = running.into_parts();
        let left = match remote {
            None => LeftOutput::of(out, err, self.groups.as_ref()),
            Some(_) => None,
        };
        let result = match work {
            Some(work) => transfer::ended(result, work, vault, &mut listener).await,
            None => result,
        };
        let ended = EndedCommand {
            result,
            left,
            killed,
        };
        Tried {
            ended,
            is_unstarted,
            closing,
        }
    }

    /// Registers a command that is about to be started with the guardian, if there is one, and
    /// marks its processes.
    fn care(&self, command: &mut PreparedCommand) -> (Option<SpawnedCare>, CommandProcesses<'_>) {
        // What serves others, too, may be left behind, as its configuration says.
        let lasting = command.token.is_some();
        let (care, variable) = match &self.groups {
            None => (None, None),
            Some(groups) => {
                let (care, variable) = GuardedCommand::of(groups.clone(), lasting);
                (Some(care), variable)
            }
        };
        let variable = variable.unwrap_or_else(|| self.variable(lasting));
        let mark = (!lasting).then_some(&*variable.1);
        let processes = CommandProcesses::new(&self.looks, mark);
        command.env.push(variable);
        (care, processes)
    }

    /// The variable that marks the processes of a command.
    fn variable(&self, lasting: bool) -> (String, String) {
        let number = match lasting {
            true => 0,
            false => self.next.fetch_add(1, Ordering::Relaxed),
        };
        processes::variable(self.inherited.as_deref(), &self.token, number)
    }

    fn output_file(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.scratch.join(format!("output-{number}"))
    }
}

impl Drop for SystemSpawner {
    fn drop(&mut self) {
        // They end before their sockets are gone.
        self.masters = Masters::default();
        // Nothing depends on it; leftovers are in a folder for temporary files.
        let _ = remove_folder(&self.scratch);
    }
}

/// What came of one try to run a command.
struct Tried {
    ended: EndedCommand,
    /// Whether it has never begun because of its connection, so that another try is right.
    is_unstarted: bool,
    /// Its client, where that is still closing.
    closing: Option<ClosingClient>,
}

impl Tried {
    /// It cannot be started.
    fn in_vain(message: String) -> Self {
        Self {
            ended: not_run(message).into(),
            is_unstarted: false,
            closing: None,
        }
    }
}

/// How a command failed: the class, a message, the exit code.
pub(super) type CommandFailure = (FailureClass, String, Option<i32>);

fn not_run(message: String) -> CommandResult {
    tracing::debug!(target: TARGET, message, "cannot be started");
    failed(FailureClass::Failed, message)
}

/// The failure of a command that was not started.
fn failed(class: FailureClass, message: String) -> CommandResult {
    CommandResult::Failed {
        class,
        message,
        stdout: OutputText::default(),
        stderr: OutputText::default(),
        code: None,
        outputs: IndexMap::new(),
    }
}

/// Creates a private folder, and says in it whose it is.
fn signed_folder(parent: &Path) -> std::io::Result<PathBuf> {
    let mut attempt = 0;
    loop {
        let folder = private_folder(parent)?;
        match sign(&folder) {
            // Another process took it for one that was left, because a clock was set.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && attempt < 100 => {
                attempt += 1;
            }
            // Unsigned it is not removed if this program and its guardian are killed.
            _ => return Ok(folder),
        }
    }
}

/// Creates a folder with a unique name that only this user can enter.
fn private_folder(parent: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut attempt = 0;
    loop {
        // The name is short, since the path of a connection's socket must be.
        let name = super::connection::random();
        let folder = parent.join(format!("lockstep-{}", &name[..8]));
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempt < 100 => {
                attempt += 1;
            }
            made => return made.map(|()| folder),
        }
    }
}

/// Reads and removes an output file. A missing one counts as empty.
fn read_outputs(file: &Path) -> Result<String, OutputsError> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| OutputsError::Unreadable(error.to_string());
    let what = match std::fs::symlink_metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        other => other.map_err(unreadable)?,
    };
    if !what.is_file() {
        // Reading a pipe could block for ever. It is removed with the scratch folder.
        return Err(OutputsError::NotFile);
    }
    let bytes = std::fs::File::open(file).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(outputs::MAX_OUTPUTS_BYTES + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    // It may be gone already.
    let _ = std::fs::remove_file(file);
    match bytes {
        Err(error) => Err(unreadable(error)),
        Ok(bytes) if bytes.len() as u64 > outputs::MAX_OUTPUTS_BYTES => Err(OutputsError::TooLarge),
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Starts a process.
async fn start(command: &PreparedCommand) -> std::io::Result<Child> {
    let mut pause = Duration::from_millis(1);
    loop {
        match Child::start(command, &command.program, &command.arguments) {
            Err(error) if explain::is_busy(&error) && pause < Duration::from_millis(200) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) if explain::is_bare_script(&error) => {
                // A shell would run it itself, and so does POSIX `execvp`.
                let mut arguments = vec![command.script_path()];
                arguments.extend(command.arguments.iter().cloned());
                return Child::start(command, "sh", &arguments);
            }
            started => return started,
        }
    }
}

/// The end of a command that was asked to stop.
pub(super) fn stopped(stop: StopRequest, forced: bool, code: Option<i32>) -> CommandFailure {
    let message = match stop {
        StopRequest::Term if forced => "it did not end in time after SIGTERM, and was killed",
        StopRequest::Term => "it was stopped",
        StopRequest::Kill => "it was stopped by force",
    };
    (FailureClass::Cancelled, String::from(message), code)
}

/// The meaning of a local command's end.
fn classify_exit(
    ending: &ProcessExit,
    shell: bool,
    written: [&str; 2],
) -> Result<(), CommandFailure> {
    use std::os::unix::process::ExitStatusExt as _;
    let status = match &ending.status {
        Ok(status) => status,
        Err(error) => {
            let message = format!("its exit status is unknown: {error}");
            return Err((FailureClass::Internal, message, None));
        }
    };
    if let Some(stop) = ending.stopped {
        return Err(stopped(stop, ending.forced, status.code()));
    }
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => {
            let message = explain::exit_message(code, shell, written);
            Err((FailureClass::Exit, message, Some(code)))
        }
        (None, Some(signal)) => {
            let message = explain::signal_message(signal, status.core_dumped());
            Err((FailureClass::Signal, message, None))
        }
        (None, None) => {
            let message = format!("it ended with {status}");
            Err((FailureClass::Signal, message, None))
        }
    }
}

impl PreparedCommand {
    /// The path of the program as a script for a shell.
    fn script_path(&self) -> String {
        if self.program.contains('/') {
            return self.program.clone();
        }
        let path = (self.env.iter().rev())
            .find(|(name, _)| name == "PATH")
            .map(|(_, path)| path.clone())
            .or_else(|| std::env::var("PATH").ok())
            .unwrap_or_default();
        let found = explain::on_path(&self.program, &path);
        found.map_or_else(|| self.program.clone(), |path| path.display().to_string())
    }
}
