//! Looks for a program that is required, on this machine or over a connection: `command -v`, and
//! the first version in what it says of itself. A place that cannot be reached is not judged.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::connection::Connection;
use super::process::{CommandResult, OutputLine, SpawnRequest, Spawner};
use super::secrets::SecretVault;
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_engine::ProgramDemand;
use lockstep_lang::ir::command::Invocation;
use lockstep_lang::ir::{FailureClass, Requirement, Version, VersionRule};

/// How long a program may take to say its version.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(30);

/// What was found of a program at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// It is there, in a version that will do.
    Fine,
    /// It is not there.
    Missing,
    /// It does not say its version.
    Silent,
    /// It is there in another version.
    Other(Version),
    /// The place cannot be reached yet.
    Unreachable,
}

impl Finding {
    /// What is wrong with it at a place; nothing where nothing is.
    pub fn complaint(&self, place: &str) -> Option<String> {
        match self {
            Self::Fine | Self::Unreachable => None,
            Self::Missing => Some(format!("not found on {place}")),
            Self::Silent => Some(format!("its version is not known on {place}")),
            Self::Other(version) => Some(format!("version {version} on {place}")),
        }
    }
}

/// The programs that have been found, by where their `requires` stands and by where they are;
/// shared by who looks before the run and who looks while it goes on.
#[derive(Debug, Clone, Default)]
pub struct FoundPrograms(Arc<Mutex<HashSet<FoundProgram>>>);

type FoundProgram = (Span, Option<InfrastructureId>);

impl FoundPrograms {
    /// Remembers one that is fine.
    pub fn add(&self, requirement: &Requirement, place: Option<InfrastructureId>) {
        if let Ok(mut found) = self.0.lock() {
            found.insert((requirement.span, place));
        }
    }

    fn has(&self, demand: &ProgramDemand) -> bool {
        let key = (demand.requirement.span, Some(demand.place));
        self.0.lock().is_ok_and(|found| found.contains(&key))
    }
}

/// Where programs are looked for, and by what.
#[derive(Clone)]
pub struct ProgramSearch {
    /// What starts the commands that look.
    pub spawner: Arc<dyn Spawner>,
    /// The secrets, for connections.
    pub vault: Arc<SecretVault>,
    /// The run.
    pub run: Name,
    /// The folder of the commands on this machine.
    pub folder: PathBuf,
}

impl ProgramSearch {
    /// What is wrong with the programs that a command needs and that have not been found yet.
    pub(crate) async fn complaint(
        &self,
        demands: &[ProgramDemand],
        found: &FoundPrograms,
    ) -> Option<String> {
        for demand in demands.iter().filter(|demand| !found.has(demand)) {
            let requirement = &demand.requirement;
            let connection = demand.connect.as_ref();
            let connection = connection.map_or(Ok(Connection::Local), Connection::from_value);
            let Ok(connection) = connection else {
                continue;
            };
            let finding = self.look(connection, requirement.clone()).await;
            if let Some(wrong) = finding.complaint(&demand.name) {
                return Some(format!("`{}` is required: {wrong}", requirement.program));
            }
            if finding == Finding::Fine {
                found.add(requirement, Some(demand.place));
            }
        }
        None
    }

    /// Looks for one program at one place.
    pub fn look(
        &self,
        connection: Connection,
        requirement: Requirement,
    ) -> impl Future<Output = Finding> + Send + use<> {
        let (spawner, vault) = (self.spawner.clone(), self.vault.clone());
        let request = move |invocation, run: &Name, folder: &PathBuf| SpawnRequest {
            begun: None,
            invocation,
            env: Vec::new(),
            folder: folder.clone(),
            files: folder.clone(),
            dir: None,
            stdin: None,
            grace: None,
            node: "requires".into(),
            run: run.clone(),
            connection: connection.clone(),
            streams_joined: true,
            has_value: true,
        };
        let program = Value::String(requirement.program.clone());
        let there = Invocation::Shell {
            bash: false,
            script: String::from("command -v \"${LOCKSTEP_VALUE_1}\" >/dev/null"),
            variables: vec![(String::from("LOCKSTEP_VALUE_1"), program)],
        };
        let says = match &requirement.by {
            Some(script) => Invocation::Shell {
                bash: false,
                script: script.to_string(),
                variables: Vec::new(),
            },
            None => Invocation::Direct(vec![
                requirement.program.to_string(),
                String::from("--version"),
            ]),
        };
        let there = request(there, &self.run, &self.folder);
        let says = request(says, &self.run, &self.folder);
        async move {
            match answer(&*spawner, &vault, there).await {
                Some(CommandResult::Exited { .. }) if requirement.version.is_empty() => {
                    Finding::Fine
                }
                Some(CommandResult::Exited { .. }) => match answer(&*spawner, &vault, says).await {
                    Some(CommandResult::Exited { stdout, stderr, .. }) => {
                        version_of(&requirement, &format!("{}\n{}", stdout.text, stderr.text))
                    }
                    Some(CommandResult::Failed { .. }) | None => Finding::Silent,
                },
                Some(CommandResult::Failed {
                    class: FailureClass::Exit,
                    ..
                }) => Finding::Missing,
                Some(CommandResult::Failed { .. }) | None => Finding::Unreachable,
            }
        }
    }
}

/// How a command ends that only looks; nothing if it takes too long.
async fn answer(
    spawner: &dyn Spawner,
    vault: &SecretVault,
    request: SpawnRequest,
) -> Option<CommandResult> {
    let (_never, stop) = watch::channel(None);
    let silent = Box::new(|_: OutputLine<'_>| {});
    let ended = spawner.spawn(request, vault, silent, stop);
    let ended = tokio::time::timeout(MAX_ANSWER_TIME, ended).await;
    ended.ok().map(|ended| ended.result)
}

fn version_of(requirement: &Requirement, said: &str) -> Finding {
    match Version::first_in(said) {
        None => Finding::Silent,
        Some(version) => {
            let is_met = |rule: &VersionRule| rule.is_met_by(&version);
            match requirement.version.iter().all(is_met) {
                true => Finding::Fine,
                false => Finding::Other(version),
            }
        }
    }
}
