//! What makes secrets while a run goes on. A run that is resumed makes them again when something
//! needs them: their texts are stored nowhere.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turn, watch};

use super::http::{self, HttpClient};
use super::process::{CommandResult, SpawnRequest, Spawner, StopSignal};
use super::secrets::SecretVault;
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_base::value::{MadeSecret, Value};
use lockstep_engine::EffectOutcome;
use lockstep_lang::ir::FailureClass;
use lockstep_lang::ir::command::{Invocation, TransferSource};

/// What makes a secret.
#[derive(Debug, Clone)]
pub(crate) enum SecretMaker {
    /// A command.
    Command(Box<SpawnRequest>),
    /// A request: its node, the action and the arguments.
    Request(NodePath, Name, Vec<Value>),
}

/// What makes the secrets of a run.
pub(crate) struct SecretMakers {
    vault: Arc<SecretVault>,
    spawner: Arc<dyn Spawner>,
    http: Arc<dyn HttpClient>,
    known: Mutex<HashMap<MadeSecret, SecretMaker>>,
    /// Of those that need one secret, the first one makes it.
    turn: Turn<()>,
}

impl SecretMakers {
    pub(crate) fn new(
        vault: Arc<SecretVault>,
        spawner: Arc<dyn Spawner>,
        http: Arc<dyn HttpClient>,
    ) -> Self {
        Self {
            vault,
            spawner,
            http,
            known: Mutex::default(),
            turn: Turn::default(),
        }
    }

    /// Notes what makes a secret.
    pub(crate) fn know(&self, made: MadeSecret, maker: SecretMaker) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(made, maker);
    }

    /// Makes secrets again that something needs, each with those that it needs itself.
    ///
    /// # Errors
    ///
    /// Why one cannot be made again.
    pub(crate) async fn make_again(&self, needed: BTreeSet<MadeSecret>) -> Result<(), String> {
        if needed.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let mut waiting: Vec<MadeSecret> = needed.into_iter().collect();
        while let Some(next) = waiting.last().cloned() {
            let mut missing = BTreeSet::new();
            self.vault.missing_in(&as_value(&next), &mut missing);
            if missing.is_empty() {
                waiting.pop();
                continue;
            }
            let maker = {
                let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.get(&next).cloned()
            };
            let Some(maker) = maker else {
                return Err(String::from("a secret that it needs cannot be made again"));
            };
            let mut first = BTreeSet::new();
            maker.needs(&self.vault, &mut first);
            // What made a secret was started after those that it needs had been made.
            if first.is_empty() || waiting.len() > self.count() {
                self.make(next, maker).await?;
            }
            waiting.extend(first);
        }
        Ok(())
    }

    /// The same for a command that is about to start, and may be stopped before.
    ///
    /// # Errors
    ///
    /// As [`SecretMakers::make_again`], with a class.
    pub(crate) async fn make_ready(
        &self,
        spawn: &SpawnRequest,
        stop: StopSignal,
    ) -> Result<(), (FailureClass, String)> {
        let mut needed = BTreeSet::new();
        spawn.missing(&self.vault, &mut needed);
        self.make_or_stop(needed, stop).await
    }

    /// The same for the arguments of a request.
    ///
    /// # Errors
    ///
    /// As [`SecretMakers::make_again`], with a class.
    pub(crate) async fn make_values(
        &self,
        values: &[Value],
        stop: StopSignal,
    ) -> Result<(), (FailureClass, String)> {
        let mut needed = BTreeSet::new();
        for value in values {
            self.vault.missing_in(value, &mut needed);
        }
        self.make_or_stop(needed, stop).await
    }

    async fn make_or_stop(
        &self,
        needed: BTreeSet<MadeSecret>,
        mut stop: StopSignal,
    ) -> Result<(), (FailureClass, String)> {
        if needed.is_empty() {
            return Ok(());
        }
        tokio::select! {
            biased;
            made = self.make_again(needed) => made.map_err(|why| (FailureClass::Failed, why)),
            Ok(_) = stop.wait_for(Option::is_some) => {
                Err((FailureClass::Cancelled, String::from("it had not started")))
            }
        }
    }

    fn count(&self) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.len()
    }

    async fn make(&self, made: MadeSecret, maker: SecretMaker) -> Result<(), String> {
        let (node, outcome) = match maker {
            SecretMaker::Command(spawn) => {
                let node = spawn.node.clone();
                let (_never, stop) = watch::channel(None);
                let silent = Box::new(|_: super::process::OutputLine<'_>| {});
                let ended = self.spawner.spawn(*spawn, &self.vault, silent, stop).await;
                (node, take_output(&self.vault, made, ended.result))
            }
            SecretMaker::Request(node, action, args) => {
                let (client, vault) = (self.http.clone(), self.vault.clone());
                let asked = tokio::task::spawn_blocking(move || {
                    let outcome = http::request(&*client, &action, &args, &vault);
                    take_body(&vault, made, outcome)
                });
                let broke_off =
                    |_| EffectOutcome::failed(FailureClass::Internal, "the request broke off");
                (node, asked.await.unwrap_or_else(broke_off))
            }
        };
        match outcome.failure {
            None => Ok(()),
            Some((_, why)) => {
                let node = self.vault.mask(&node);
                Err(format!(
                    "the secret that `{node}` makes could not be made again: {why}"
                ))
            }
        }
    }
}

impl SecretMaker {
    /// Adds the secrets that must be made before.
    fn needs(&self, vault: &SecretVault, to: &mut BTreeSet<MadeSecret>) {
        match self {
            Self::Command(spawn) => spawn.missing(vault, to),
            Self::Request(_, _, args) => args.iter().for_each(|arg| vault.missing_in(arg, to)),
        }
    }
}

impl SpawnRequest {
    /// Adds the secrets that must be made before it starts.
    pub(crate) fn missing(&self, vault: &SecretVault, to: &mut BTreeSet<MadeSecret>) {
        match &self.invocation {
            Invocation::Direct(words) => {
                words
                    .iter()
                    .for_each(|word| vault.missing_in_text(word, to));
            }
            Invocation::Shell { variables, .. } => {
                variables
                    .iter()
                    .for_each(|(_, value)| vault.missing_in(value, to));
            }
            Invocation::Transfer(transfer) => match &transfer.source {
                TransferSource::Text { text, .. } => vault.missing_in(text, to),
                TransferSource::Path(path) => vault.missing_in_text(path, to),
            },
        }
        self.env
            .iter()
            .for_each(|(_, value)| vault.missing_in(value, to));
        self.stdin
            .iter()
            .for_each(|value| vault.missing_in(value, to));
        self.dir
            .iter()
            .for_each(|dir| vault.missing_in_text(dir, to));
    }
}

fn as_value(made: &MadeSecret) -> Value {
    let part = lockstep_base::value::SecretPart::Made(made.clone());
    Value::Secret(Arc::new(vec![part]))
}

/// Takes what a command has written as a secret. Nothing of it is in the outcome.
pub(crate) fn take_output(
    vault: &SecretVault,
    made: MadeSecret,
    ended: CommandResult,
) -> EffectOutcome {
    let unusable = |why: String| EffectOutcome::failed(FailureClass::Failed, why);
    match ended {
        CommandResult::Exited { stdout, .. } if stdout.is_cut => {
            unusable(String::from("it wrote more than 1 MiB, which is no secret"))
        }
        CommandResult::Exited { stdout, .. } => match vault.add_made(made, stdout.text) {
            Ok(()) => EffectOutcome::good(Value::None),
            Err(why) => unusable(format!("what it wrote {why}")),
        },
        CommandResult::Failed {
            class,
            message,
            code,
            ..
        } => {
            let message = match (class, code) {
                // They may repeat what it wrote.
                (FailureClass::Connection | FailureClass::Authentication, _) => {
                    String::from("the connection failed")
                }
                // It repeats a line of them.
                _ if message.contains("of its outputs") => {
                    String::from("its outputs cannot be read")
                }
                _ => message,
            };
            EffectOutcome::failed(class, format!("{message}; what it wrote is not shown"))
        }
    }
}

/// Takes the body of an answer as a secret. Nothing of the answer is in the outcome.
pub(crate) fn take_body(
    vault: &SecretVault,
    made: MadeSecret,
    outcome: EffectOutcome,
) -> EffectOutcome {
    if let Some((class, message)) = outcome.failure {
        return EffectOutcome::failed(class, message);
    }
    let body = outcome.value.as_map().and_then(|fields| fields.get("body"));
    let body = body.and_then(Value::as_str).unwrap_or_default();
    match vault.add_made(made, body.to_string()) {
        Ok(()) => EffectOutcome::good(Value::None),
        Err(why) => EffectOutcome::failed(FailureClass::Failed, format!("what was answered {why}")),
    }
}
