//! `lockstep plan --query`: asks queries while planning, each once. One that cannot be asked,
//! because its place cannot be reached or it takes too long, stays as unknown as without it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::Engine;
use crate::session::folder_of;
use lockstep_engine::{CommandRequest, EffectOutcome};
use lockstep_lang::ir::FailureClass;
use lockstep_runtime::connection::Connection;
use lockstep_runtime::executor::{SourceFolder, outcome_of};
use lockstep_runtime::process::{OutputLine, SpawnRequest, Spawner};
use lockstep_runtime::secrets::SecretVault;
use lockstep_verify::what_if::QueryAnswers;

/// How long a query may take.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(60);

/// Asks queries, and remembers what they answered.
pub struct AskedQueries {
    spawner: Arc<dyn Spawner>,
    vault: SecretVault,
    folder: SourceFolder,
    runtime: Mutex<tokio::runtime::Runtime>,
    answers: Mutex<Vec<(CommandRequest, Option<EffectOutcome>)>>,
}

impl std::fmt::Debug for AskedQueries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AskedQueries")
    }
}

impl AskedQueries {
    /// Asks by what the engine starts commands with.
    ///
    /// # Errors
    ///
    /// Where commands cannot be started.
    pub fn new(engine: &Engine, source_folders: &[PathBuf]) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let spawner = engine.spawner()?;
        drop(entered);
        Ok(Self {
            spawner,
            vault: SecretVault::new(Vec::<String>::new()),
            folder: folder_of(source_folders),
            runtime: Mutex::new(runtime),
            answers: Mutex::default(),
        })
    }

    fn ask(&self, query: &CommandRequest) -> Option<EffectOutcome> {
        let connection = query.connect.as_ref();
        let connection = connection.map_or(Ok(Connection::Local), Connection::from_value);
        let request = SpawnRequest {
            begun: None,
            invocation: query.invocation.clone(),
            env: query.env.clone(),
            folder: (self.folder)(query.file),
            files: (self.folder)(query.written_in),
            dir: query.dir.clone(),
            stdin: query.stdin.clone(),
            grace: None,
            node: "query".into(),
            run: "plan".into(),
            connection: connection.ok()?,
            streams_joined: false,
            has_value: true,
        };
        let (_never, stop) = watch::channel(None);
        let silent = Box::new(|_: OutputLine<'_>| {});
        let runtime = self.runtime.lock().ok()?;
        let ended = runtime.block_on(async {
            let ended = self.spawner.spawn(request, &self.vault, silent, stop);
            tokio::time::timeout(MAX_ANSWER_TIME, ended).await
        });
        let ended = ended.ok()?;
        let outcome = outcome_of(ended.result, ended.killed);
        let class = outcome.failure.as_ref().map(|(class, _)| *class);
        let is_reached = !matches!(
            class,
            Some(FailureClass::Connection | FailureClass::Authentication)
        );
        is_reached.then_some(outcome)
    }
}

impl QueryAnswers for AskedQueries {
    fn answer(&self, query: &CommandRequest) -> Option<EffectOutcome> {
        let known = |answers: &Vec<(CommandRequest, Option<EffectOutcome>)>| {
            let mut known = answers.iter();
            known
                .find(|(asked, _)| asked == query)
                .map(|it| it.1.clone())
        };
        if let Some(answer) = self.answers.lock().ok().and_then(|all| known(&all)) {
            return answer;
        }
        let answer = self.ask(query);
        if let Ok(mut answers) = self.answers.lock() {
            answers.push((query.clone(), answer.clone()));
        }
        answer
    }
}
