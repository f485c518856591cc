//! Turns an invocation into the arguments of a process: a program, arguments, variables, a working
//! directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use super::super::connection::{
    self, Connection, RemoteScript, ScriptError, WorkingFolders, random,
};
use super::super::secrets::{SecretVault, TextError};
use super::transfer::{self, TransferPipes, TransferWork};
use super::{SpawnRequest, SystemSpawner};
use crate::transfer::TransferError;
use lockstep_base::source::Name;
use lockstep_lang::ir::command::Invocation;

/// A command in the form that the system takes.
#[derive(Default)]
pub(crate) struct PreparedCommand {
    /// The program, as written.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Variables in addition to those of the caller. They may contain secrets.
    pub(crate) env: Vec<(String, String)>,
    /// Variables of the caller that it is not given.
    pub(crate) withheld: Vec<Name>,
    /// The working directory.
    pub(crate) dir: PathBuf,
    /// Its input, that of a connection with the script before it; without it there is no input.
    pub(crate) input: Option<Vec<u8>>,
    /// The marker at the beginning of a connection's report.
    pub(crate) token: Option<String>,
    /// Whether its standard error goes where its standard output does.
    pub(crate) streams_joined: bool,
    /// Whether nobody uses more of what it writes than what says why it has failed.
    pub(crate) for_failure_only: bool,
    /// Told when a connection has reported its start.
    pub(crate) begun: Option<Arc<Notify>>,
    /// Whether it has ended once its connection has reported the end, while the client still
    /// closes: where others share the connection, and nothing of the command comes another way.
    pub(crate) ends_by_report: bool,
    /// Whether its input ends with those bytes. That of a connection stays open.
    pub(crate) input_ends: bool,
    /// The pipes of a transfer.
    pub(crate) pipes: TransferPipes,
    /// What is done on this side of a transfer.
    pub(crate) work: Option<TransferWork>,
}

/// Why a command cannot be prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrepareError {
    /// A value in it has no text.
    Text(TextError),
    /// The value of one of its variables is not text.
    Variable(Name, TextError),
    /// It has no words.
    Empty,
    /// The path of the file for its outputs is not UTF-8.
    OutputFile,
    /// It cannot be run over a connection.
    Script(ScriptError),
    /// What it is to read from its standard input has no text.
    StandardInput(TextError),
    /// What is to be transferred cannot be, and why.
    Transfer(String),
}

impl std::fmt::Display for PrepareError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(why) => why.fmt(f),
            Self::Variable(name, why) => write!(f, "the variable `{name}` has no text: {why}"),
            Self::Empty => f.write_str("the command is empty"),
            Self::OutputFile => f.write_str("the folder for outputs has no UTF-8 name"),
            Self::Script(why) => why.fmt(f),
            Self::StandardInput(why) => write!(f, "its standard input has no text: {why}"),
            Self::Transfer(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PrepareError {}

impl From<TextError> for PrepareError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl From<TransferError> for PrepareError {
    fn from(error: TransferError) -> Self {
        Self::Transfer(error.to_string())
    }
}

impl From<ScriptError> for PrepareError {
    fn from(error: ScriptError) -> Self {
        Self::Script(error)
    }
}

/// Prepares a command. `socket` is that of a connection to share.
pub(super) fn prepare(
    spawn: &SpawnRequest,
    vault: &SecretVault,
    output: &Path,
    spawner: &SystemSpawner,
    socket: Option<&Path>,
) -> Result<PreparedCommand, PrepareError> {
    if let Invocation::Transfer(transfer) = &spawn.invocation {
        return transfer::prepare(spawn, transfer, vault, spawner, socket);
    }
    let (words, mut env) = spawn.words(vault)?;
    let stdin = (spawn.stdin.as_ref()).map(|text| vault.text(text));
    let stdin = stdin.transpose().map_err(PrepareError::StandardInput)?;
    let folder = spawn.source_folder();
    if let Connection::Local = spawn.connection {
        let output = output.to_str().ok_or(PrepareError::OutputFile)?;
        env.push((String::from("LOCKSTEP_OUTPUT"), String::from(output)));
        let mut words = words.into_iter();
        return Ok(PreparedCommand {
            program: words.next().ok_or(PrepareError::Empty)?,
            arguments: words.collect(),
            env,
            withheld: vault.variables().to_vec(),
            dir: match &spawn.dir {
                Some(dir) => folder.join(dir),
                None => folder.to_path_buf(),
            },
            input: stdin.map(String::into_bytes),
            streams_joined: spawn.streams_joined,
            for_failure_only: !spawn.has_value,
            input_ends: true,
            ..PreparedCommand::default()
        });
    }
    let (kind, to) = spawn.connection.shown();
    let to = || vault.mask(to);
    tracing::debug!(
        target: connection::TARGET, kind, to = to(),
        "a command goes over a connection"
    );
    let token = random();
    let script = RemoteScript {
        token: &token,
        words: &words,
        checks_program: spawn.program().is_some(),
        env: &env,
        dir: spawn.dir_there(),
        stdin_bytes: stdin.as_ref().map(String::len),
        grace: spawn.grace.unwrap_or(spawner.grace),
        streams_joined: spawn.streams_joined,
    };
    let (program, arguments) = spawn.connection.client(
        connection::bootstrap(),
        &spawner.ssh,
        socket,
        &spawn.folders(),
    );
    Ok(PreparedCommand {
        program,
        arguments,
        withheld: vault.variables().to_vec(),
        dir: folder.to_path_buf(),
        input: Some(
            [script.input()?, stdin.unwrap_or_default()]
                .concat()
                .into_bytes(),
        ),
        token: Some(token),
        // What the client writes as errors is about the connection: its streams stay apart.
        begun: spawn.begun.clone(),
        ends_by_report: socket.is_some() && spawn.streams_joined,
        for_failure_only: !spawn.has_value,
        ..PreparedCommand::default()
    })
}

impl SpawnRequest {
    /// The folder of the source file.
    pub(super) fn source_folder(&self) -> &Path {
        match self.folder.as_os_str().is_empty() {
            // An empty path is this process's working directory.
            true => Path::new("."),
            false => &self.folder,
        }
    }

    /// The folders of the command on this machine.
    pub(super) fn folders(&self) -> WorkingFolders {
        WorkingFolders::new(self.source_folder(), self.dir.as_deref())
    }

    /// The program that is started without a shell.
    pub(super) fn program(&self) -> Option<&str> {
        match &self.invocation {
            Invocation::Direct(words) => words.first().map(String::as_str),
            Invocation::Shell { .. } | Invocation::Transfer(_) => None,
        }
    }

    /// The folder to change to on the other side. A container of an image starts in its folder.
    pub(super) fn dir_there(&self) -> Option<&str> {
        match self.connection {
            Connection::Image { .. } => None,
            _ => self.dir.as_deref(),
        }
    }

    /// The words to execute and the variables beside those of the caller. There may be secrets
    /// among the variables' texts.
    ///
    /// # Errors
    ///
    /// Where one of its values has no text.
    pub fn words(&self, vault: &SecretVault) -> Result<(Vec<String>, Variables), PrepareError> {
        let (words, mut env) = words(&self.invocation, vault)?;
        for (name, value) in &self.env {
            let text = vault
                .text(value)
                .map_err(|why| PrepareError::Variable(name.clone(), why))?;
            env.push((name.to_string(), text));
        }
        env.push((String::from("LOCKSTEP_RUN_ID"), self.run.to_string()));
        env.push((String::from("LOCKSTEP_NODE"), self.node.to_string()));
        // A delimiter for outputs that no value can know.
        env.push((String::from("LOCKSTEP_END"), format!("end-{}", random())));
        Ok((words, env))
    }
}

/// Names and texts of variables.
type Variables = Vec<(String, String)>;

/// The words to execute and the variables that they need.
fn words(
    invocation: &Invocation,
    vault: &SecretVault,
) -> Result<(Vec<String>, Variables), TextError> {
    match invocation {
        Invocation::Direct(words) => {
            let words: Result<Vec<String>, TextError> =
                words.iter().map(|word| vault.opened(word)).collect();
            Ok((words?, Vec::new()))
        }
        // It has a script of its own.
        Invocation::Transfer(_) => Ok((Vec::new(), Vec::new())),
        Invocation::Shell {
            bash,
            script,
            variables,
        } => {
            let mut words: Vec<String> = match bash {
                // As a child of `sshd` it would read `.bashrc`, whatever it is given to execute,
                // and under these options it ends with the first variable there that is not set.
                true => ["bash", "--norc", "--noprofile", "-euo", "pipefail", "-c"]
                    .map(String::from)
                    .to_vec(),
                false => ["sh", "-eu", "-c"].map(String::from).to_vec(),
            };
            // A script that begins like an option would be parsed as one.
            let blank = if script.starts_with(['-', '+']) {
                " "
            } else {
                ""
            };
            words.push(format!("{blank}{script}"));
            let env = variables
                .iter()
                .map(|(name, value)| Ok((name.clone(), vault.text(value)?)))
                .collect::<Result<_, TextError>>()?;
            Ok((words, env))
        }
    }
}
