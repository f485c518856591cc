//! What a host may supply to an engine in place of the system: files, variables, the clock, the
//! starting of commands, requests, journals and locks. All of it is plain data: texts, numbers,
//! paths.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use lockstep_runtime::process::{
    CommandResult, EndedCommand, Listener, OutputLine, PrepareError, SpawnRequest, StopSignal,
};
use lockstep_runtime::secrets::SecretVault;

pub use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_engine::OutputText;
use lockstep_engine::run_event::Stream;
pub use lockstep_engine::{EffectId, LockDemand, PendingLockRequest};
use lockstep_lang::ir::FailureClass;
pub use lockstep_runtime::clock::{Clock, Sleep};
pub use lockstep_runtime::connection::{Connection, SshTarget};
pub use lockstep_runtime::http::{HttpClient, HttpError, HttpIdentity, HttpRequest, HttpResponse};
pub use lockstep_runtime::journal::JournalError;
pub use lockstep_runtime::locks::{Locks, LocksError};
pub use lockstep_runtime::process::StopRequest;

/// A command that is to be run.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// The program: for a `run` that needs a shell `sh` or `bash`, with the script among the
    /// arguments.
    pub program: String,
    /// Its arguments. Values stand in variables, never in a script.
    pub arguments: Vec<String>,
    /// Variables beside those of this process. There may be secrets among them.
    pub env: Vec<(String, String)>,
    /// The folder of the source file.
    pub folder: PathBuf,
    /// What `in DIR` says: relative to the folder, or to the home folder of another machine.
    pub dir: Option<String>,
    /// What it reads from its standard input, if there is something to read. It may be a secret.
    pub stdin: Option<String>,
    /// How long it may take to end when it is asked to, where the pipeline says that.
    pub grace: Option<Duration>,
    /// Where it is to run.
    pub connection: Connection,
    /// The path of its node.
    pub node: String,
    /// The id of its run.
    pub run: String,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // There may be secrets in the variables.
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// What connects a command that runs with its run: takes its output, and asks it to stop.
pub struct CommandControl<'a> {
    vault: &'a SecretVault,
    listener: Listener<'a>,
    stop: StopSignal,
}

impl std::fmt::Debug for CommandControl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CommandControl")
    }
}

impl CommandControl<'_> {
    /// The command has written a line. Secrets in it are masked.
    pub fn line(&mut self, stream: Stream, text: &str) {
        let text = &*self.vault.mask(text);
        (self.listener)(OutputLine {
            stream,
            text,
            is_ended: true,
        });
    }

    /// Waits until the command is asked to stop, or is asked more urgently. It may never be.
    pub async fn stopped(&mut self) -> StopRequest {
        loop {
            if self.stop.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(stop) = *self.stop.borrow_and_update() {
                return stop;
            }
        }
    }
}

/// How a command ended. What it wrote is a value: secrets in it are masked only where it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandEnd {
    /// What it wrote.
    pub stdout: String,
    /// What it wrote as errors.
    pub stderr: String,
    /// Its exit code, where it has one.
    pub code: Option<i32>,
    /// What it wrote to the file named by `$LOCKSTEP_OUTPUT`: `outputs` of its result.
    pub outputs: BTreeMap<String, String>,
    /// Why it failed, if it did: the class and a sentence without a full stop. One that was asked
    /// to stop fails with class `cancelled`.
    pub failure: Option<(FailureClass, String)>,
}

impl CommandEnd {
    /// It ended well, with this output.
    pub fn succeeded(stdout: impl Into<String>) -> Self {
        Self {
            stdout: stdout.into(),
            code: Some(0),
            ..Self::default()
        }
    }

    /// It failed.
    pub fn failed(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            failure: Some((class, message.into())),
            ..Self::default()
        }
    }

    fn result(self, vault: &SecretVault) -> CommandResult {
        let [stdout, stderr] = [self.stdout, self.stderr].map(OutputText::whole);
        let outputs = self.outputs.into_iter().collect();
        match self.failure {
            None => CommandResult::Exited {
                stdout,
                stderr,
                code: self.code.unwrap_or(0),
                outputs,
            },
            Some((class, message)) => CommandResult::Failed {
                class,
                message: vault.mask(&message),
                stdout,
                stderr,
                // What has failed with class `exit` has a code.
                code: (self.code).or((class == FailureClass::Exit).then_some(1)),
                outputs,
            },
        }
    }
}

/// A future that the trait [`Spawner`] hands out.
pub type CommandFuture<'a> = Pin<Box<dyn Future<Output = CommandEnd> + Send + 'a>>;

/// Runs the commands of runs in place of the system. (The commands of `secret … = command(…)` are
/// the system's; `send` and `fetch` fail with it.)
///
/// ```
/// # use lockstep_api as lockstep;
/// use lockstep::host::{Command, CommandControl, CommandEnd, CommandFuture, Spawner};
///
/// /// Says what would be run, and runs nothing.
/// struct DryRun;
///
/// impl Spawner for DryRun {
///     fn spawn<'a>(&'a self, command: Command, _: CommandControl<'a>) -> CommandFuture<'a> {
///         Box::pin(async move { CommandEnd::succeeded(format!("{command:?}")) })
///     }
/// }
/// ```
pub trait Spawner: Send + Sync {
    /// Runs a command to its end. Nothing of it may be left when the future is ready; dropping the
    /// future ends the command at once. A command that [`CommandControl::stopped`] asks to stop
    /// has to end, with class `cancelled`.
    fn spawn<'a>(&'a self, command: Command, control: CommandControl<'a>) -> CommandFuture<'a>;
}

/// The host's spawner, as the driver asks it.
pub(crate) struct HostSpawner<S>(pub(crate) S);

impl<S: Spawner> lockstep_runtime::process::Spawner for HostSpawner<S> {
    fn spawn<'a>(
        &'a self,
        command: SpawnRequest,
        vault: &'a SecretVault,
        listener: Listener<'a>,
        stop: StopSignal,
    ) -> Pin<Box<dyn Future<Output = EndedCommand> + Send + 'a>> {
        let control = CommandControl {
            vault,
            listener,
            stop,
        };
        let stdin = command.stdin.as_ref().map(|text| vault.text(text));
        let stdin = stdin.transpose().map_err(PrepareError::StandardInput);
        let read = command.words(vault);
        let read = read.and_then(|(words, env)| Ok((words, env, stdin?)));
        let (words, env, stdin) = match read {
            Ok(read) => read,
            Err(error) => {
                let end = CommandEnd::failed(FailureClass::Failed, error.to_string());
                return Box::pin(std::future::ready(end.result(vault).into()));
            }
        };
        let mut words = words.into_iter();
        let Some(program) = words.next() else {
            // `send` and `fetch` are no programs.
            let message = "the spawner of this host runs commands and does not transfer files";
            let end = CommandEnd::failed(FailureClass::Failed, message);
            return Box::pin(std::future::ready(end.result(vault).into()));
        };
        let command = Command {
            program,
            arguments: words.collect(),
            env,
            folder: command.folder,
            dir: command.dir,
            stdin,
            grace: command.grace,
            connection: command.connection,
            node: command.node.to_string(),
            run: command.run.to_string(),
        };
        Box::pin(async move { self.0.spawn(command, control).await.result(vault).into() })
    }
}

/// Keeps the journal of one run, in place of a store. Its lines are JSON, each without a line end;
/// [`Engine::resume_from`](crate::Engine::resume_from) continues a run from them.
///
/// Secrets are not in them: where a value holds one, a reference to it is written.
pub trait Journal: Send {
    /// Appends lines. When this returns they outlive a crash. It is called on a thread of its own
    /// and may wait; nothing that follows from the lines is done before.
    ///
    /// # Errors
    ///
    /// Where they cannot be kept: the run stops.
    fn append(&mut self, lines: &[String]) -> Result<(), JournalError>;
}
