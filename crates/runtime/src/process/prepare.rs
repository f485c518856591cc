//! Turns an invocation into the arguments of a process: a program, arguments, variables, a working
//! directory.

use std::path::{Path, PathBuf};

use super::super::connection::{self, Connection, RemoteScript, ScriptError, random};
use super::super::secrets::{SecretVault, TextError};
use super::{SpawnRequest, SystemSpawner};
use lockstep_base::source::Name;
use lockstep_lang::ir::command::Invocation;

/// A command in the form that the system takes.
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
    /// The input for a connection; without it there is no input.
    pub(crate) input: Option<Vec<u8>>,
    /// The marker at the beginning of a connection's report.
    pub(crate) token: Option<String>,
    /// Whether its standard error goes where its standard output does.
    pub(crate) streams_joined: bool,
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
}

impl std::fmt::Display for PrepareError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(why) => why.fmt(f),
            Self::Variable(name, why) => write!(f, "the variable `{name}` has no text: {why}"),
            Self::Empty => f.write_str("the command is empty"),
            Self::OutputFile => f.write_str("the folder for outputs has no UTF-8 name"),
            Self::Script(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for PrepareError {}

impl From<TextError> for PrepareError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl From<ScriptError> for PrepareError {
    fn from(error: ScriptError) -> Self {
        Self::Script(error)
    }
}

/// Prepares a command.
pub(super) fn prepare(
    spawn: &SpawnRequest,
    vault: &SecretVault,
    output: &Path,
    spawner: &SystemSpawner,
) -> Result<PreparedCommand, PrepareError> {
    let (words, mut env) = spawn.words(vault)?;
    let folder = spawn.folder.as_path();
    // An empty path is this process's working directory.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
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
            input: None,
            token: None,
            streams_joined: spawn.streams_joined,
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
        env: &env,
        dir: spawn.dir.as_deref(),
        streams_joined: spawn.streams_joined,
    };
    let (program, arguments) =
        spawn
            .connection
            .client(&script.bootstrap(), &spawner.ssh, &spawner.scratch);
    Ok(PreparedCommand {
        program,
        arguments,
        env: Vec::new(),
        withheld: vault.variables().to_vec(),
        dir: folder.to_path_buf(),
        input: Some(script.input()?.into_bytes()),
        token: Some(token),
        // What the client writes as errors is about the connection.
        streams_joined: false,
    })
}

impl SpawnRequest {
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
        Invocation::Direct(words) => Ok((words.clone(), Vec::new())),
        Invocation::Shell {
            bash,
            script,
            variables,
        } => {
            let mut words: Vec<String> = match bash {
                true => ["bash", "-euo", "pipefail", "-c"]
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
