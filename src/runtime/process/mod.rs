//! Runs commands: starts them in process groups of their own, reads what they write, stops them
//! when asked, and says how they ended.
//! It does not know why a command runs, nor what becomes of its result; what leaves this room has
//! no secrets in it.

mod explain;
mod outputs;
mod prepare;
mod stream;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indexmap::IndexMap;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::{Connection, Trailer};
use super::secrets::Vault;
use crate::engine::notice::Stream;
use crate::ir::FailureClass;
use crate::ir::command::Invocation;
use crate::source::Name;
use crate::value::Value;
pub(super) use explain::exit_message;
pub(super) use prepare::Prepared;
use stream::{Listener, Reading};

/// How long a command has to end after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long the output of a command that has ended is waited for: a process that it left behind
/// may keep its pipes open for ever.
const LINGER: Duration = Duration::from_millis(200);

/// How long the other side of a connection has to answer that it has killed a command.
const ANSWER: Duration = Duration::from_secs(2);

/// A command that is to be run.
#[derive(Debug, Clone)]
pub struct Spawn {
    /// What is to be executed.
    pub invocation: Invocation,
    /// Its `env { … }`: texts and secrets.
    pub env: Vec<(Name, Value)>,
    /// The folder of the source file.
    pub folder: PathBuf,
    /// What `in DIR` says: relative to the folder, or to the home folder of another machine.
    pub dir: Option<String>,
    /// The path of its node.
    pub node: Name,
    /// The run's id.
    pub run: Name,
    /// Where it runs.
    pub connection: Connection,
}

/// How a command is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Politely, with SIGTERM; by force after [`GRACE`].
    Term,
    /// By force, with SIGKILL.
    Kill,
}

/// How a command ended. No text in it has a secret in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// Well.
    Exited {
        /// The last 1 MiB of its output, less one final line end.
        stdout: String,
        /// The same of its error output.
        stderr: String,
        /// Its exit code: 0.
        code: i32,
        /// What it wrote to the file named by `$LOCKSTEP_OUTPUT`.
        outputs: IndexMap<String, String>,
    },
    /// Badly.
    Failed {
        /// The class: `exit`, `signal`, `cancelled` (it was asked to stop), `failed` (it could
        /// not be started, or its outputs are malformed), `connection` or `authentication`.
        class: FailureClass,
        /// What happened, in plain words.
        message: String,
        /// The last 1 MiB of its output, less one final line end.
        stdout: String,
        /// The same of its error output.
        stderr: String,
        /// Its exit code, where it has one.
        code: Option<i32>,
    },
}

/// Who is told which process groups live: a guardian that ends them when this program dies.
pub trait Groups: Send + Sync {
    /// A group began; its number is that of its first process.
    fn born(&self, group: u32);
    /// The group's first process has ended and will be forgotten.
    fn gone(&self, group: u32);
}

/// Starts commands. It owns a private folder for their output files and connections.
pub struct Spawner {
    scratch: PathBuf,
    grace: Duration,
    groups: Option<Box<dyn Groups>>,
    ssh: String,
    next: AtomicU64,
}

impl Spawner {
    /// A spawner with a new private folder in `parent`, such as `/tmp`. The folder is removed
    /// when the spawner is dropped.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made.
    pub fn new(parent: &Path) -> std::io::Result<Self> {
        Ok(Self {
            scratch: private_folder(parent)?,
            grace: GRACE,
            groups: None,
            ssh: String::from("ssh"),
            next: AtomicU64::new(0),
        })
    }

    /// Sets how long a command has to end after SIGTERM.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the program that makes `ssh` connections; it takes the arguments of OpenSSH.
    #[must_use]
    pub fn with_ssh(mut self, program: impl Into<String>) -> Self {
        self.ssh = program.into();
        self
    }

    /// Sets who is told which process groups live.
    #[must_use]
    pub fn watched_by(mut self, groups: Box<dyn Groups>) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Runs a command to its end. `listener` is told of each line, without its end and without
    /// secrets (a line of more than 64 KiB comes in pieces). `stop` asks it to stop; a command
    /// that was asked fails with class `cancelled`, however it ended. Only when its process has
    /// been reaped is this ready; dropping it before kills the process group.
    pub async fn run(
        &self,
        spawn: Spawn,
        vault: &Vault,
        mut listener: impl FnMut(Stream, &str) + Send,
        stop: watch::Receiver<Option<Stop>>,
    ) -> Ended {
        let output = self.output_file();
        let command = match prepare::prepare(&spawn, vault, &output, self) {
            Ok(command) => command,
            Err(message) => return not_run(vault.mask(&message)),
        };
        if let Some(message) = explain::unusable(&command) {
            return not_run(vault.mask(&message));
        }
        let child = match start(&command).await {
            Ok(child) => child,
            Err(error) => return not_run(vault.mask(&explain::not_started(&command, &error))),
        };
        let mut running = Running::new(self, child, &command, vault, stop);
        let ending = running.wait(&mut listener).await;
        let trailer = running.out.trailer().cloned();
        let stderr = running.err.finish(&mut listener);
        let stdout = running.out.finish(&mut listener);
        let remote = trailer.as_ref().map(|trailer| trailer.report());
        let judged = match &remote {
            None => judge(
                &ending,
                matches!(spawn.invocation, Invocation::Shell { .. }),
            ),
            Some(report) => report.judge(&ending, &stderr, &command),
        };
        let outputs = match &remote {
            None => read_outputs(&output),
            Some(report) => Ok(report.outputs()),
        };
        let outputs = outputs.and_then(|text| outputs::parse(&vault.mask(&text)));
        match judged.and(outputs.map_err(|message| (FailureClass::Failed, message, Some(0)))) {
            Ok(outputs) => Ended::Exited {
                stdout,
                stderr,
                code: 0,
                outputs,
            },
            Err((class, message, code)) => Ended::Failed {
                class,
                message: vault.mask(&message),
                stdout,
                stderr,
                code,
            },
        }
    }

    fn output_file(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.scratch.join(format!("output-{number}"))
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        // Nothing depends on it; what is left lies in a folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

/// How a command failed: the class, a message, the exit code.
pub(super) type Failing = (FailureClass, String, Option<i32>);

fn not_run(message: String) -> Ended {
    Ended::Failed {
        class: FailureClass::Failed,
        message,
        stdout: String::new(),
        stderr: String::new(),
        code: None,
    }
}

/// Makes a folder that only this user can enter, with a name that nobody has.
fn private_folder(parent: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut attempt = 0;
    loop {
        // The name is short, as the path of a connection's socket must be.
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

/// Reads and removes an output file. One that was never made holds nothing.
fn read_outputs(file: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let bytes = std::fs::File::open(file).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(outputs::LIMIT + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = match bytes {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        other => other,
    };
    // It may be gone already, or a folder; its scratch folder goes in the end anyway.
    let _ = std::fs::remove_file(file);
    match bytes {
        Err(error) => Err(format!("its outputs cannot be read: {error}")),
        Ok(bytes) if bytes.len() as u64 > outputs::LIMIT => {
            Err(String::from("its outputs are more than 1 MiB"))
        }
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Starts a process.
async fn start(command: &Prepared) -> std::io::Result<Child> {
    let mut pause = Duration::from_millis(1);
    loop {
        match command.tokio(&command.program, &command.arguments).spawn() {
            Err(error) if explain::is_busy(&error) && pause < Duration::from_millis(200) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) if explain::is_bare_script(&error) => {
                // A shell would run it itself, and so does POSIX `execvp`.
                let mut arguments = vec![command.script_path()];
                arguments.extend(command.arguments.iter().cloned());
                return command.tokio("sh", &arguments).spawn();
            }
            started => return started,
        }
    }
}

/// How a local process ended.
pub(super) struct Ending {
    /// Its status, or why it could not be had.
    pub(super) status: Result<ExitStatus, std::io::Error>,
    /// How it was asked to stop, if it was.
    pub(super) stopped: Option<Stop>,
}

/// A command that runs.
struct Running<'a> {
    spawner: &'a Spawner,
    child: Child,
    group: Group<'a>,
    out: Reading<ChildStdout>,
    err: Reading<ChildStderr>,
    /// What is still to be written to a connection, which is held open behind it.
    input: Option<ChildStdin>,
    unwritten: Vec<u8>,
    stop: watch::Receiver<Option<Stop>>,
    stopped: Option<Stop>,
}

impl<'a> Running<'a> {
    fn new(
        spawner: &'a Spawner,
        mut child: Child,
        command: &Prepared,
        vault: &Vault,
        stop: watch::Receiver<Option<Stop>>,
    ) -> Self {
        let group = Group::new(child.id(), spawner.groups.as_deref());
        let trailer = command.token.as_deref().map(Trailer::new);
        Self {
            spawner,
            group,
            out: Reading::new(child.stdout.take(), Stream::Stdout, vault.redactor())
                .with_trailer(trailer),
            err: Reading::new(child.stderr.take(), Stream::Stderr, vault.redactor()),
            input: child.stdin.take(),
            unwritten: command.input.clone().unwrap_or_default(),
            child,
            stop,
            stopped: None,
        }
    }

    /// Waits until the command has ended, has been reaped, and its output has been read.
    async fn wait(&mut self, listener: Listener<'_>) -> Ending {
        let status = match self.until_end(listener).await {
            Some(status) => status,
            None => self.end(listener).await,
        };
        self.group.reaped();
        let rest = async {
            while self.out.is_open() || self.err.is_open() {
                read(&mut self.out, &mut self.err, listener).await;
            }
        };
        // Whoever still holds the pipes is not the command.
        let _ = tokio::time::timeout(LINGER, rest).await;
        Ending {
            status,
            stopped: self.stopped,
        }
    }

    /// Reads and waits until the command ends, or is asked to stop, or its connection has reported
    /// its end.
    async fn until_end(
        &mut self,
        listener: Listener<'_>,
    ) -> Option<Result<ExitStatus, std::io::Error>> {
        loop {
            if self.is_reported() {
                // What a command left behind over there may keep the connection open.
                self.input = None;
                return match tokio::time::timeout(LINGER, self.child.wait()).await {
                    Ok(status) => Some(status),
                    Err(_) => None,
                };
            }
            tokio::select! {
                biased;
                wish = asked(&mut self.stop, None) => {
                    self.stopped = wish;
                    return None;
                }
                status = self.child.wait() => return Some(status),
                () = write(&mut self.input, &mut self.unwritten) => {}
                () = read(&mut self.out, &mut self.err, listener) => {}
            }
        }
    }

    /// Ends the command: politely, then by force. Until its group has been killed its process is
    /// not reaped, so that the group's number cannot become another's.
    async fn end(&mut self, listener: Listener<'_>) -> Result<ExitStatus, std::io::Error> {
        if self.stopped == Some(Stop::Term) {
            self.terminate(listener).await;
        }
        if self.out.trailer().is_some() {
            self.kill_remote(listener).await;
        }
        self.group.signal(Signal::KILL);
        self.child.wait().await
    }

    /// Has the other side of a connection kill the command, if it still answers. Without an answer
    /// the end of the connection does the same, a little later.
    async fn kill_remote(&mut self, listener: Listener<'_>) {
        self.unwritten.extend_from_slice(b"kill\n");
        let deadline = Instant::now() + ANSWER;
        while !self.is_reported() && self.out.is_open() {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline) => return,
                () = write(&mut self.input, &mut self.unwritten) => {}
                () = read(&mut self.out, &mut self.err, listener) => {}
            }
        }
    }

    fn is_reported(&self) -> bool {
        self.out.trailer().is_some_and(Trailer::is_complete)
    }

    async fn terminate(&mut self, listener: Listener<'_>) {
        let remote = self.out.trailer().is_some();
        let mut deadline = Instant::now() + self.spawner.grace;
        if remote {
            // The other side ends the command in the same time; its report needs a moment.
            self.unwritten.extend_from_slice(b"term\n");
            deadline += LINGER;
        } else {
            self.group.signal(Signal::TERM);
        }
        let mut pause = Duration::from_millis(1);
        loop {
            let ended = self.group.has_ended();
            let silent = !self.out.is_open() && !self.err.is_open();
            // As long as someone holds the pipes, someone of the group may still be tidying up.
            if ended && (silent || remote) || self.is_reported() {
                return;
            }
            tokio::select! {
                biased;
                wish = asked(&mut self.stop, self.stopped) => {
                    self.stopped = wish;
                    if self.stopped == Some(Stop::Kill) {
                        return;
                    }
                }
                () = tokio::time::sleep_until(deadline) => return,
                () = write(&mut self.input, &mut self.unwritten) => {}
                () = read(&mut self.out, &mut self.err, listener) => {}
                () = tokio::time::sleep(pause) => {
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
            }
        }
    }
}

/// Waits until there is a wish to stop other than the one that is `known`; for ever where nobody
/// can wish any more.
async fn asked(stop: &mut watch::Receiver<Option<Stop>>, known: Option<Stop>) -> Option<Stop> {
    let wish = stop.wait_for(|wish| wish.is_some() && *wish != known);
    let wish = wish.await.map(|wish| *wish).ok();
    match wish {
        Some(wish) => wish,
        None => std::future::pending().await,
    }
}

/// Reads from whichever stream has something; for ever where both have ended.
async fn read(
    out: &mut Reading<ChildStdout>,
    err: &mut Reading<ChildStderr>,
    listener: Listener<'_>,
) {
    std::future::poll_fn(|context| {
        let out = out.poll(context, listener);
        let err = err.poll(context, listener);
        if out.is_ready() { out } else { err }
    })
    .await;
}

/// Writes some of what is to be written; for ever where there is nothing.
async fn write(input: &mut Option<ChildStdin>, unwritten: &mut Vec<u8>) {
    let Some(open) = input.as_mut().filter(|_| !unwritten.is_empty()) else {
        return std::future::pending().await;
    };
    match open.write(unwritten).await {
        Ok(written) => {
            unwritten.drain(..written);
        }
        // The other side is gone: its end tells why.
        Err(_) => *input = None,
    }
}

/// The process group of a command. Whatever happens, it does not outlive the command's future.
struct Group<'a> {
    id: Option<Pid>,
    groups: Option<&'a dyn Groups>,
}

impl<'a> Group<'a> {
    fn new(id: Option<u32>, groups: Option<&'a dyn Groups>) -> Self {
        if let (Some(id), Some(groups)) = (id, groups) {
            groups.born(id);
        }
        let id = id.and_then(|id| i32::try_from(id).ok());
        Self {
            id: id.and_then(Pid::from_raw),
            groups,
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // It fails only where nobody is left.
            let _ = kill_process_group(id, signal);
        }
    }

    /// Whether its first process has ended. It is not reaped.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id
            .is_none_or(|id| !matches!(waitid(WaitId::Pid(id), options), Ok(None)))
    }

    /// Its first process has been reaped: its number may become another's.
    fn reaped(&mut self) {
        if let (Some(id), Some(groups)) = (self.id.take(), self.groups) {
            groups.gone(id.as_raw_nonzero().get().unsigned_abs());
        }
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.reaped();
    }
}

/// What a local command's end means.
fn judge(ending: &Ending, shell: bool) -> Result<(), Failing> {
    use std::os::unix::process::ExitStatusExt as _;
    let status = match &ending.status {
        Ok(status) => status,
        Err(error) => {
            let message = format!("how it ended cannot be told: {error}");
            return Err((FailureClass::Internal, message, None));
        }
    };
    if let Some(stop) = ending.stopped {
        let message = match stop {
            Stop::Term => "it was stopped",
            Stop::Kill => "it was stopped by force",
        };
        return Err((
            FailureClass::Cancelled,
            String::from(message),
            status.code(),
        ));
    }
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => {
            let message = explain::exit_message(code, shell);
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

impl Prepared {
    fn tokio(&self, program: &str, arguments: &[String]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .envs(self.env.iter().map(|(name, text)| (name, text)))
            .current_dir(&self.dir)
            .stdin(match self.input {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Not `pre_exec`, with which every start would copy this process.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

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
