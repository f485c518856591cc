//! Runs a transfer: its script with a client, and a thread at the other end of its pipe.

use std::io::{PipeReader, PipeWriter, Write as _};
use std::path::Path;

use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::prepare::{PrepareError, PreparedCommand};
use super::{CommandResult, OutputLine, SpawnRequest, SystemSpawner};
use crate::connection::{Connection, bootstrap, random};
use crate::secrets::SecretVault;
use crate::transfer::{
    Arrived, Payload, TransferError, TransferScript, TransferSummary, TransferTask, receive,
};
use lockstep_base::value::Value;
use lockstep_engine::run_event::Stream;
use lockstep_lang::ir::FailureClass;
use lockstep_lang::ir::command::{TransferDirection, TransferInvocation, TransferSource};

/// The pipes of a transfer.
#[derive(Default)]
pub(crate) struct TransferPipes {
    /// The client's standard input, in place of that of a command.
    pub(crate) input: Option<PipeReader>,
    /// Where its standard output goes, in place of what is kept of it.
    pub(crate) output: Option<PipeWriter>,
}

/// What a thread does while the client of a transfer runs.
pub(crate) enum TransferWork {
    Sending(JoinHandle<Result<TransferSummary, TransferError>>),
    Fetching {
        thread: JoinHandle<Result<Arrived, TransferError>>,
        replacing: bool,
    },
}

/// Prepares a transfer, and starts its thread. `socket` is that of a connection to share.
pub(super) fn prepare(
    spawn: &SpawnRequest,
    transfer: &TransferInvocation,
    vault: &SecretVault,
    spawner: &SystemSpawner,
    socket: Option<&Path>,
) -> Result<PreparedCommand, PrepareError> {
    let mark = mark(spawn);
    let here = |path: &str| match path {
        "" => Err(TransferError::EmptyPath),
        path => Ok(spawn.files.join(path)),
    };
    let (path, payload) = match (transfer.direction, &transfer.source) {
        (TransferDirection::Send, TransferSource::Path(path)) => {
            (&transfer.to, Some(Payload::open(&here(path)?)?))
        }
        (TransferDirection::Send, TransferSource::Text { text, mode }) => {
            let is_secret = matches!(text, Value::Secret(_));
            let text = vault.text(text)?;
            (&transfer.to, Some(Payload::text(text, *mode, is_secret)))
        }
        (TransferDirection::Fetch, TransferSource::Path(path)) => (path, None),
        // Nothing can be fetched into a text.
        (TransferDirection::Fetch, TransferSource::Text { .. }) => return Err(PrepareError::Empty),
    };
    let script = TransferScript {
        path,
        mark: &mark,
        task: match &payload {
            Some(payload) => TransferTask::Store {
                payload,
                replacing: transfer.replacing,
            },
            None => TransferTask::Write,
        },
    };
    let mut command = client(spawn, &script, vault, spawner, socket);
    match payload {
        Some(payload) => {
            let (reader, mut writer) = pipe()?;
            let head = command.input.take().unwrap_or_default();
            command.pipes.input = Some(reader);
            let thread = tokio::task::spawn_blocking(move || {
                let headed = writer.write_all(&head);
                headed.map_err(|error| TransferError::Io(String::from("the connection"), error))?;
                payload.write(writer, &mark)
            });
            command.work = Some(TransferWork::Sending(thread));
        }
        None => {
            let (reader, writer) = pipe()?;
            let to = here(&transfer.to)?;
            command.pipes.output = Some(writer);
            command.work = Some(TransferWork::Fetching {
                thread: tokio::task::spawn_blocking(move || receive(reader, &to, &mark)),
                replacing: transfer.replacing,
            });
        }
    }
    Ok(command)
}

fn pipe() -> Result<(PipeReader, PipeWriter), TransferError> {
    std::io::pipe().map_err(|error| TransferError::Io(String::from("a pipe"), error))
}

/// The client that runs the script.
fn client(
    spawn: &SpawnRequest,
    script: &TransferScript<'_>,
    vault: &SecretVault,
    spawner: &SystemSpawner,
    socket: Option<&Path>,
) -> PreparedCommand {
    let folder = spawn.source_folder();
    let withheld = vault.variables().to_vec();
    let mut command = PreparedCommand {
        program: String::from("sh"),
        withheld,
        dir: folder.to_path_buf(),
        input_ends: true,
        ..PreparedCommand::default()
    };
    if spawn.connection == Connection::Local {
        command.arguments = vec![String::from("-c"), script.local()];
        if let Some(dir) = &spawn.dir {
            command.dir = folder.join(dir);
        }
        return command;
    }
    let token = random();
    let line = script.remote(&token, spawn.dir_there());
    (command.program, command.arguments) =
        (spawn.connection).client(bootstrap(), &spawner.ssh, socket, &spawn.folders());
    command.input = Some(line.into_bytes());
    command.token = Some(token);
    command.begun = spawn.begun.clone();
    command
}

/// The name of what is unfinished: the same whenever this is tried again, and no other's.
fn mark(spawn: &SpawnRequest) -> String {
    let sum = Sha256::digest(format!("{}\n{}", spawn.run, spawn.node));
    format!(".lockstep-{:.16}", format!("{sum:x}"))
}

/// The result of a transfer whose client has ended. What this side says has precedence: it is why
/// the other one has failed.
pub(super) async fn ended(
    result: CommandResult,
    work: TransferWork,
    vault: &SecretVault,
    listener: &mut (impl FnMut(OutputLine<'_>) + Send),
) -> CommandResult {
    let good = matches!(result, CommandResult::Exited { .. });
    let done = match work {
        TransferWork::Sending(thread) => joined(thread.await),
        TransferWork::Fetching { thread, replacing } => match joined(thread.await) {
            Ok(arrived) if good => {
                let put = tokio::task::spawn_blocking(move || arrived.put(replacing));
                joined(put.await)
            }
            // It is not known to be complete.
            Ok(_) => Err(TransferError::Incomplete),
            Err(error) => Err(error),
        },
    };
    match (result, done) {
        (
            CommandResult::Exited {
                stdout,
                stderr,
                code,
                ..
            },
            Ok(summary),
        ) => {
            listener(OutputLine {
                stream: Stream::Stdout,
                text: &summary.shown(),
                is_ended: true,
            });
            let outputs = [
                ("files", summary.files.to_string()),
                ("bytes", summary.bytes.to_string()),
                ("sha256", summary.sha256),
            ];
            CommandResult::Exited {
                stdout,
                stderr,
                code,
                outputs: outputs
                    .map(|(name, text)| (String::from(name), text))
                    .into(),
            }
        }
        (CommandResult::Exited { .. }, Err(error)) => {
            super::failed(FailureClass::Failed, vault.mask(&error.to_string()))
        }
        (
            CommandResult::Failed {
                class: FailureClass::Exit | FailureClass::Signal,
                message,
                stdout,
                stderr,
                ..
            },
            done,
        ) => {
            let own = done.err().filter(|error| !error.is_of_other_side());
            let said = stderr.text.lines().rfind(|line| !line.trim().is_empty());
            let said = said.map_or(message, |line| vault.mask(line.trim()));
            CommandResult::Failed {
                class: FailureClass::Failed,
                message: own.map_or(said, |error| vault.mask(&error.to_string())),
                stdout,
                stderr,
                code: None,
                outputs: IndexMap::new(),
            }
        }
        (failed, _) => failed,
    }
}

fn joined<T>(
    thread: Result<Result<T, TransferError>, tokio::task::JoinError>,
) -> Result<T, TransferError> {
    thread.unwrap_or(Err(TransferError::Incomplete))
}
