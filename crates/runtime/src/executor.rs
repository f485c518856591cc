//! Carries out commands and requests of a run, each from what it needs before (files of secrets,
//! secrets that are made, programs that are required) to its outcome. It is told what the machine
//! asks for and answers what has come of it; it knows no machine, no order and no journal. The
//! driver of this process uses it, and so does a worker for runs that are driven elsewhere.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::Notify;

use super::connection::{Connection, ConnectionError};
use super::driver::Platform;
use super::http;
use super::made_secrets::{SecretMaker, SecretMakers, take_body, take_output};
use super::process::{CommandResult, LeftOutput, Listener, OutputLine, SpawnRequest, StopSignal};
use super::required_programs::{FoundPrograms, ProgramSearch};
use super::secret_files::{SecretFileError, SecretFiles};
use super::secrets::SecretVault;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::{FileId, Name};
use lockstep_base::value::{MadeSecret, Value};
use lockstep_engine::{
    ActionCall, CommandEnding, CommandRequest, EffectId, EffectOutcome, command_value, end_of,
    transfer_value,
};
use lockstep_lang::ir::command::{Invocation, TransferSource};
use lockstep_lang::ir::{FailureClass, Secret};
use lockstep_plan::RunFacts;

/// The folder of a source file: the working directory of its commands.
pub type SourceFolder = Arc<dyn Fn(FileId) -> PathBuf + Send + Sync>;

/// Carries out the commands and requests of one run. Its clones are the same one.
#[derive(Clone)]
pub struct EffectExecutor {
    run: Name,
    vault: Arc<SecretVault>,
    platform: Platform,
    folder: SourceFolder,
    found_programs: FoundPrograms,
    /// The files of the secrets, removed with the last clone.
    secret_files: Arc<SecretFiles>,
    /// What makes secrets.
    makers: Arc<SecretMakers>,
}

/// How a command is to be carried out.
pub struct CommandWatch<'a> {
    /// Receives what it writes, unless that is a secret.
    pub listener: Listener<'a>,
    /// Whether it must be known which stream a line was written to.
    pub streams_apart: bool,
    /// Told when it has begun, if it does not run here.
    pub begun: Option<Arc<Notify>>,
    /// Asks it to stop.
    pub stop: StopSignal,
}

/// What has come of a command.
#[derive(Debug)]
pub struct ExecutedCommand {
    /// Its outcome.
    pub outcome: EffectOutcome,
    /// Its output, if others still write to it.
    pub left: Option<LeftOutput>,
}

impl ExecutedCommand {
    fn failed(class: FailureClass, why: String) -> Self {
        Self {
            outcome: EffectOutcome::failed(class, why),
            left: None,
        }
    }
}

impl EffectExecutor {
    /// An executor for a run of a program with these secrets, which have been read.
    pub fn new(
        run: &RunFacts,
        secrets: &[Secret],
        vault: Arc<SecretVault>,
        platform: Platform,
        folder: SourceFolder,
        found_programs: FoundPrograms,
    ) -> Self {
        let names = secrets.iter().map(|secret| secret.name.clone()).collect();
        let makers = SecretMakers::new(
            vault.clone(),
            platform.spawner.clone(),
            platform.http.clone(),
        );
        Self {
            run: run.id.clone(),
            vault,
            platform,
            folder,
            found_programs,
            secret_files: Arc::new(SecretFiles::new(&run.secret_folder, names)),
            makers: Arc::new(makers),
        }
    }

    /// The secret that an effect of this run makes.
    fn made(&self, id: EffectId) -> MadeSecret {
        MadeSecret {
            run: self.run.clone(),
            effect: id.0,
        }
    }

    /// Notes a command that makes a secret. One without a connection fails when it is started.
    pub fn know_command(&self, id: EffectId, node: &NodePath, command: &CommandRequest) {
        let apart = command.has_value || command.secret;
        if let Ok(spawn) = self.spawn_request(node.clone(), command.clone(), apart, None) {
            let maker = SecretMaker::Command(Box::new(spawn));
            self.makers.know(self.made(id), maker);
        }
    }

    /// Notes a request that makes a secret.
    pub fn know_request(&self, id: EffectId, call: &ActionCall) {
        let ActionCall {
            node, action, args, ..
        } = call.clone();
        let maker = SecretMaker::Request(node, action, args);
        self.makers.know(self.made(id), maker);
    }

    /// What looks for programs.
    fn search(&self) -> ProgramSearch {
        ProgramSearch {
            spawner: self.platform.spawner.clone(),
            vault: self.vault.clone(),
            run: self.run.clone(),
            folder: (self.folder)(FileId(0)),
        }
    }

    fn spawn_request(
        &self,
        node: NodePath,
        command: CommandRequest,
        streams_apart: bool,
        begun: Option<Arc<Notify>>,
    ) -> Result<SpawnRequest, ConnectionError> {
        let connection = command.connect.as_ref();
        let connection = connection.map_or(Ok(Connection::Local), Connection::from_value)?;
        let grace = command.grace_ms;
        Ok(SpawnRequest {
            invocation: command.invocation,
            env: command.env,
            folder: (self.folder)(command.file),
            files: (self.folder)(command.written_in),
            dir: command.dir,
            stdin: command.stdin,
            grace: grace.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs())),
            node,
            run: self.run.clone(),
            connection,
            streams_joined: !streams_apart,
            has_value: command.has_value,
            begun,
        })
    }

    /// Carries out a command.
    pub async fn command(
        &self,
        id: EffectId,
        node: NodePath,
        mut command: CommandRequest,
        watch: CommandWatch<'_>,
    ) -> ExecutedCommand {
        let used =
            self.secret_files
                .of_command(&command.invocation, &command.env, command.stdin.as_ref());
        let made = command.secret.then(|| self.made(id));
        let required = std::mem::take(&mut command.requires);
        let apart = command.has_value || command.secret || watch.streams_apart;
        let spawn = match self.spawn_request(node, command, apart, watch.begun) {
            Ok(spawn) => spawn,
            Err(error) => {
                return ExecutedCommand::failed(FailureClass::Connection, error.to_string());
            }
        };
        if let Err((class, why)) = self.make_ready(&spawn, &used, &watch.stop).await {
            return ExecutedCommand::failed(class, why);
        }
        let search = self.search();
        let mut given_up = watch.stop.clone();
        let wrong = tokio::select! {
            wrong = search.complaint(&required, &self.found_programs) => wrong,
            // A command that is stopped before it starts says so itself.
            _ = given_up.wait_for(Option::is_some) => None,
        };
        if let Some(why) = wrong {
            return ExecutedCommand::failed(FailureClass::Failed, why);
        }
        let is_transfer = matches!(spawn.invocation, Invocation::Transfer(_));
        let listener: Listener<'_> = match &made {
            None => watch.listener,
            Some(_) => Box::new(|_: OutputLine<'_>| {}),
        };
        let spawner = &*self.platform.spawner;
        let ended = spawner
            .spawn(spawn, &self.vault, listener, watch.stop)
            .await;
        ExecutedCommand {
            left: ended.left.filter(|_| made.is_none()),
            outcome: match made {
                Some(made) => take_output(&self.vault, made, ended.result),
                None if is_transfer => transferred(ended.result, ended.killed),
                None => outcome_of(ended.result, ended.killed),
            },
        }
    }

    /// Makes the files and secrets that a command needs.
    async fn make_ready(
        &self,
        spawn: &SpawnRequest,
        used: &BTreeSet<usize>,
        stop: &StopSignal,
    ) -> Result<(), (FailureClass, String)> {
        let is_sent = matches!(&spawn.invocation, Invocation::Transfer(transfer)
            if matches!(transfer.source, TransferSource::Path(_)));
        let made = match spawn.connection {
            // A file that is sent is read on this machine.
            _ if is_sent => self.make_files(used),
            Connection::Local => self.make_files(used),
            Connection::Ssh(_)
            | Connection::Container { .. }
            | Connection::Image { .. }
            | Connection::Pod { .. } => self.secret_files.refuse_elsewhere(used),
        };
        made.map_err(|error| (FailureClass::Failed, self.vault.mask(&error.to_string())))?;
        self.makers.make_ready(spawn, stop.clone()).await
    }

    /// Makes the files of secrets that something uses. Before that it is arranged who removes them
    /// if this program is killed.
    fn make_files(&self, used: &BTreeSet<usize>) -> Result<(), SecretFileError> {
        if used.is_empty() {
            return Ok(());
        }
        self.platform.spawner.removes(self.secret_files.folder());
        self.secret_files.make(used, &self.vault)
    }

    /// Makes the files of secrets that the arguments of an action of the host name.
    ///
    /// # Errors
    ///
    /// The failure of the action, where one cannot be made.
    pub(crate) fn make_files_of(&self, args: &[Value]) -> Result<(), EffectOutcome> {
        let made = self.make_files(&self.secret_files.of_values(args));
        made.map_err(|error| {
            let message = self.vault.mask(&error.to_string());
            EffectOutcome::failed(FailureClass::Failed, message)
        })
    }

    /// Makes a request on a thread of its own. A cancelled one is not waited for.
    pub async fn request(
        &self,
        id: EffectId,
        call: ActionCall,
        mut stop: StopSignal,
    ) -> EffectOutcome {
        let ActionCall { action, args, .. } = call;
        let made = call.secret.then(|| self.made(id));
        if let Err((class, why)) = self.makers.make_values(&args, stop.clone()).await {
            return EffectOutcome::failed(class, why);
        }
        let (vault, client) = (self.vault.clone(), self.platform.http.clone());
        let inside = tracing::Span::current();
        let asked = tokio::task::spawn_blocking(move || {
            let outcome = inside.in_scope(|| http::request(&*client, &action, &args, &vault));
            match made {
                Some(made) => take_body(&vault, made, outcome),
                None => outcome,
            }
        });
        tokio::select! {
            answered = asked => answered.unwrap_or_else(|_| {
                EffectOutcome::failed(FailureClass::Internal, "the request broke off")
            }),
            _ = stop.changed() => EffectOutcome::failed(FailureClass::Cancelled, "it was stopped"),
        }
    }
}

/// The outcome of a transfer.
fn transferred(ended: CommandResult, killed: bool) -> EffectOutcome {
    let CommandResult::Exited { outputs, .. } = &ended else {
        let outcome = outcome_of(ended, killed);
        // What its script wrote is no value.
        return EffectOutcome {
            value: Value::None,
            ..outcome
        };
    };
    let number = |name| outputs.get(name)?.parse::<i64>().ok();
    match (number("files"), number("bytes"), outputs.get("sha256")) {
        (Some(files), Some(bytes), Some(sha256)) => {
            EffectOutcome::good(transfer_value(files, bytes, sha256))
        }
        _ => EffectOutcome::failed(
            FailureClass::Internal,
            "what starts the commands of this run cannot transfer files",
        ),
    }
}

/// The outcome of a command, as an event for the machine.
pub fn outcome_of(ended: CommandResult, killed: bool) -> EffectOutcome {
    let value = |stdout, stderr, code: i32, outputs: IndexMap<String, String>| {
        let outputs = outputs.into_iter();
        let outputs = outputs.map(|(key, value)| (key, Value::string(value)));
        command_value(stdout, stderr, i64::from(code), outputs)
    };
    match ended {
        CommandResult::Exited {
            stdout,
            stderr,
            code,
            outputs,
        } => EffectOutcome::good(value(stdout, stderr, code, outputs)),
        CommandResult::Failed {
            class,
            message,
            stdout,
            stderr,
            code,
            outputs,
        } => {
            let mut ending = CommandEnding {
                killed,
                output: String::new(),
            };
            let value = match code {
                Some(code) => value(stdout, stderr, code, outputs),
                // Without a code there is no result.
                None => {
                    let written = [&*stdout.text, &*stderr.text];
                    let written: Vec<&str> = (written.into_iter())
                        .filter(|text| !text.is_empty())
                        .collect();
                    ending.output = end_of(&written.join("\n")).to_string();
                    Value::None
                }
            };
            EffectOutcome {
                value,
                failure: Some((class, message)),
                ending,
            }
        }
    }
}
