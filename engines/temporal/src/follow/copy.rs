//! The copy of what a server knows in a state directory, from which all commands read.

use std::sync::{Arc, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use lockstep_api::state::{Recorded, file, inputs, way_back_of};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::FileId;
use lockstep_cli::ConnectedEngine;
use lockstep_engine::run_event::RunEvent;
use lockstep_engine::{CompletedWork, Question};
use lockstep_plan::Plan;
use lockstep_runtime::driver::{
    self, AnswerSender, ControlRequest, RecordedRun, RunHost, RunSettings,
};
use lockstep_runtime::required_programs::FoundPrograms;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{NewRun, RunStatus, Store, StoredRun};
use temporalio_client::{Client, WorkflowListOptions, WorkflowQueryOptions};
use tokio::sync::mpsc;

use super::{CopiedRun, QUERY_TIMEOUT, TemporalEngine};
use crate::wire::VERSION;
use crate::workflow::DeployRun;

/// So long a command waits until a run is copied.
const MAX_COPY_TIME: Duration = Duration::from_secs(15);

impl ConnectedEngine for TemporalEngine {
    fn copy_to(&self, store: &Store, run: Option<&str>) -> Result<Vec<String>, String> {
        let client = self.client.clone();
        let listed = self.wait(async move { list(&client).await })??;
        let mut open = Vec::new();
        let mut silent = Vec::new();
        for id in listed {
            if run.is_some_and(|prefix| !id.starts_with(prefix)) {
                continue;
            }
            let known = store
                .run_by_id(&id)
                .map_err(|error| error.message.clone())?;
            let recorded = match known {
                // It has ended, or another process of this machine follows it.
                Some(known) if known.status != RunStatus::Stopped => continue,
                Some(known) => store.claim(known.number).map_err(|error| error.message)?,
                None => match self.adopt(store, &id)? {
                    Ok(adopted) => adopted,
                    Err(why) => {
                        silent.push(format!("run {id} is not shown: {why}"));
                        continue;
                    }
                },
            };
            open.push((id, self.copy(store, recorded)?));
        }
        let deadline = Instant::now() + MAX_COPY_TIME;
        for (id, copied) in open {
            let left = deadline.saturating_duration_since(Instant::now());
            let why = match copied.recv_timeout(left) {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => why,
                Err(_) => String::from("no worker that drives runs answers for it"),
            };
            silent.push(format!("what is shown of run {id} may be old: {why}"));
        }
        Ok(silent)
    }

    fn let_go(&self, run: &str) {
        let copied = self
            .copies
            .lock()
            .ok()
            .and_then(|mut copies| copies.remove(run));
        if let Some(CopiedRun { control, thread }) = copied {
            // It may have ended.
            let _ = control.send(ControlRequest::Kill);
            let _ = thread.join();
        }
    }
}

impl TemporalEngine {
    /// Writes down a run that was begun elsewhere.
    fn adopt(&self, store: &Store, id: &str) -> Result<Result<StoredRun, String>, String> {
        let (client, run) = (self.client.clone(), id.to_owned());
        let asked = self.wait(async move {
            let handle = client.get_workflow_handle::<DeployRun>(&run);
            let options = WorkflowQueryOptions::default();
            let asked = handle.query(DeployRun::start, (), options);
            tokio::time::timeout(QUERY_TIMEOUT, asked).await
        })?;
        let start = match asked {
            Ok(Ok(Some(start))) => start,
            Ok(Ok(None)) => return Ok(Err(String::from("it has not begun"))),
            Err(_) => {
                return Ok(Err(String::from(
                    "no worker that drives runs answers for it",
                )));
            }
            Ok(Err(error)) => return Ok(Err(format!("its workflow does not answer: {error}"))),
        };
        let of_another = || String::from("it is of another version of this program");
        let Some(facts) = start.facts.facts().filter(|_| start.version == VERSION) else {
            return Ok(Err(of_another()));
        };
        let Ok(plan) = Plan::new(start.plan.0) else {
            return Ok(Err(of_another()));
        };
        let number = |id: Option<&str>| match id.map(|id| store.run_by_id(id)) {
            Some(Ok(run)) => Ok(run.map(|run| run.number)),
            Some(Err(error)) => Err(error.message),
            None => Ok(None),
        };
        let retries = number(start.retries.as_deref())?;
        let completed = start
            .completed
            .map_or_else(CompletedWork::default, |it| it.0);
        let undoes = number(start.undone.first().map(|undone| &*undone.facts.id))?;
        let begun = store.begin(&NewRun {
            bound: &plan.bound,
            vault: &SecretVault::withheld(),
            facts,
            inputs: inputs(&plan),
            file: &file(&plan),
            folder: "",
            source_folders: &start.source_folders,
            seed: start.seed,
            parent: retries.map(|number| (number, completed)),
            undoes: undoes.map(|number| (number, start.undo_part.as_deref())),
        });
        begun.map(Ok).map_err(|error| error.message)
    }

    /// Follows a stored run on a thread of its own, and says when all is copied that there is.
    fn copy(
        &self,
        store: &Store,
        run: StoredRun,
    ) -> Result<std_mpsc::Receiver<Result<(), String>>, String> {
        let (current, copied) = std_mpsc::channel();
        let said = |error: lockstep_store::StoreError| error.message;
        let (bound, past) = lockstep_api::state::bound_and_past(store, &run).map_err(said)?;
        let plan = Arc::new(
            Plan::new(bound)
                .map_err(|_| format!("run {} is of another version of this program", run.id))?,
        );
        let known = past.records.len() as u64;
        let past = RecordedRun {
            is_resumed: known > 0,
            ..past
        };
        let remote = self.follow(&run.id, known, None);
        let settings = RunSettings {
            run: run.facts(),
            seed: run.seed,
            max: run.most.map_or(usize::MAX, |most| most as usize),
            folder: Arc::new(|_: FileId| Default::default()),
            found_programs: FoundPrograms::default(),
        };
        let store = store.reopen().map_err(said)?;
        let id = run.id.to_string();
        let thread = std::thread::Builder::new().name(format!("copy {id}"));
        let (control, controls) = mpsc::unbounded_channel();
        let follow = move || {
            let recorded = Recorded::new(store, run);
            let vault = Arc::new(SecretVault::withheld());
            let way = way_back_of(recorded.store(), recorded.run(), &plan, &vault);
            let recorded = match way {
                Ok(way) => recorded.going_back(way),
                Err(error) => return drop(current.send(Err(error.message))),
            };
            let persistence = match recorded.persistence(past, false) {
                Ok(persistence) => persistence,
                Err(error) => return drop(current.send(Err(error.message))),
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(current.send(Err(error.to_string()))),
            };
            let mut host = CopyHost(Some(current));
            let followed = driver::follow(
                plan,
                vault,
                &settings,
                persistence,
                &mut host,
                controls,
                remote,
            );
            let exit = runtime.block_on(followed);
            if !matches!(exit, driver::DriverExit::Ended(_)) {
                recorded.release();
            }
            let said = match exit {
                // All that there is has been copied, and its status says the rest.
                driver::DriverExit::Broken(driver::DriveError::BrokenOff(_)) => Ok(()),
                driver::DriverExit::Broken(error) => Err(error.to_string()),
                driver::DriverExit::DidNotBegin(status, why) => {
                    recorded.does_not_begin(status, &why);
                    Ok(())
                }
                driver::DriverExit::Ended(_) | driver::DriverExit::Stopped => Ok(()),
            };
            host.tell(said);
        };
        let thread = thread.spawn(follow).map_err(|error| error.to_string())?;
        if let Ok(mut copies) = self.copies.lock() {
            copies.insert(id, CopiedRun { control, thread });
        }
        Ok(copied)
    }
}

/// The ids of all runs on a server, the first one first.
async fn list(client: &Client) -> Result<Vec<String>, String> {
    let query = "WorkflowType = 'DeployRun'";
    let mut stream = client.list_workflows(query, WorkflowListOptions::default());
    let mut found = Vec::new();
    while let Some(next) = stream.next().await {
        let next = next.map_err(|error| error.to_string())?;
        found.push((next.start_time(), next.id().to_owned()));
    }
    found.sort();
    // An execution for each time that a run has gone on as new.
    let mut seen = std::collections::HashSet::new();
    let ids = found.into_iter().map(|(_, id)| id);
    Ok(ids.filter(|id| seen.insert(id.clone())).collect())
}

/// Copies a run, and shows nothing.
struct CopyHost(Option<std_mpsc::Sender<Result<(), String>>>);

impl CopyHost {
    fn tell(&mut self, said: Result<(), String>) {
        if let Some(current) = self.0.take() {
            // Whoever waits may have gone.
            let _ = current.send(said);
        }
    }
}

impl RunHost for CopyHost {
    fn observe(&mut self, _: &RunEvent) {}

    fn ask(&mut self, _: &NodePath, _: &Question, _: AnswerSender) {}

    fn on_current(&mut self) {
        self.tell(Ok(()));
    }
}
