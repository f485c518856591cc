//! Begins the workflow of a run, and the next one of a run that was broken off.

use std::time::{Duration, SystemTime};

use lockstep_engine::CompletedWork;
use lockstep_runtime::driver::{RemoteStart, Resumer};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowStartError};
use temporalio_client::{
    Client, NamespacedClient as _, WorkflowDescribeOptions, WorkflowExecutionInfo, WorkflowHandle,
    WorkflowIdReusePolicy, WorkflowQueryOptions, WorkflowStartOptions,
};
use temporalio_common::search_attributes::SearchAttributes;

use super::{Feed, NO_RUN_WORKER, QUERY_TIMEOUT, broken_off};
use crate::lease::STEP_HEARTBEAT_TIMEOUT;
use crate::wire::{
    EarlierJournal, Packed, ResumedRun, RunFactsWire, RunInput, RunStart, UndoneWire, VERSION,
};
use crate::worker::RUN_QUEUE;
use crate::workflow::DeployRun;

/// An input is not larger: a server refuses what has more than 2 MB.
const MAX_INPUT_BYTES: usize = 1_800_000;

/// What the workflow of a run is begun with.
pub(super) struct Beginning {
    pub(super) input: RunInput,
    pub(super) attributes: SearchAttributes,
}

/// A run is resumed: it goes on where it was broken off.
pub(super) struct Resumption {
    /// What it was begun with.
    pub(super) beginning: Beginning,
    pub(super) resumer: Resumer,
}

/// The input of the workflow of a run that begins.
///
/// # Errors
///
/// If a server would not take it.
pub(super) fn input(start: &RemoteStart) -> Result<RunInput, String> {
    let completed = (start.completed_work != CompletedWork::default())
        .then(|| Packed(start.completed_work.clone()));
    let start = RunStart {
        version: VERSION,
        facts: RunFactsWire::of(&start.run),
        plan: Packed(start.plan.bound.clone()),
        seed: start.seed,
        max: u32::try_from(start.max).unwrap_or(u32::MAX),
        source_folders: start.source_folders.clone(),
        completed,
        has_attributes: false,
        retries: start.source.retries.as_ref().map(ToString::to_string),
        undone: start.source.undone.iter().map(UndoneWire::of).collect(),
        undo_part: start.source.part.clone(),
    };
    let input = RunInput {
        earlier: None,
        start,
        journal: Vec::new(),
        lost: Vec::new(),
        resumed: None,
    };
    let size = serde_json::to_vec(&input)
        .map_err(|error| error.to_string())?
        .len();
    match size > MAX_INPUT_BYTES {
        true => Err(format!(
            "its plan has {size} bytes when it is compressed, and a server takes {MAX_INPUT_BYTES}"
        )),
        false => Ok(input),
    }
}

/// Begins the workflow of a run; nothing to do where it is under way.
pub(super) async fn begin(
    client: &Client,
    run: &str,
    reuse: WorkflowIdReusePolicy,
    beginning: Beginning,
) -> Result<(), String> {
    let Beginning {
        mut input,
        attributes,
    } = beginning;
    let options = |attributes: Option<SearchAttributes>| {
        WorkflowStartOptions::new(RUN_QUEUE, run)
            .id_reuse_policy(reuse)
            .static_summary(format!("lockstep run {run}"))
            .maybe_search_attributes(attributes)
            .build()
    };
    input.start.has_attributes = true;
    let with = options(Some(attributes));
    let started = client
        .start_workflow(DeployRun::run, input.clone(), with)
        .await;
    let started = match started {
        Err(WorkflowStartError::Rpc(status)) if status.code() == tonic::Code::InvalidArgument => {
            // The namespace does not have the attributes.
            input.start.has_attributes = false;
            client
                .start_workflow(DeployRun::run, input, options(None))
                .await
        }
        started => started,
    };
    match started {
        // Its beginning was sent before.
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(error) => Err(format!("the engine does not begin it: {error}")),
    }
}

impl Feed {
    /// Begins the next execution of a run whose last one was broken off; nothing to do for one that
    /// goes on or has ended.
    pub(super) async fn resume(&self, resumption: Resumption) -> Result<(), String> {
        let Resumption { beginning, resumer } = resumption;
        let Beginning {
            mut input,
            attributes,
        } = beginning;
        let handle = self.client.get_workflow_handle::<DeployRun>(&self.run);
        let broken_off = match handle.describe(WorkflowDescribeOptions::default()).await {
            Ok(described) => broken_off(described.status()).map(|_| described),
            // It was never begun, or the engine has forgotten what is known here.
            Err(WorkflowInteractionError::NotFound(_)) if self.known == 0 => None,
            Err(WorkflowInteractionError::NotFound(_)) => {
                return Err(format!("the engine has no run {} any more", self.run));
            }
            Err(error) => return Err(format!("the engine does not answer: {error}")),
        };
        let reuse = WorkflowIdReusePolicy::AllowDuplicateFailedOnly;
        let Some(described) = broken_off else {
            let beginning = Beginning { input, attributes };
            return begin(&self.client, &self.run, reuse, beginning).await;
        };
        input.earlier = self.earlier(described.run_id()).await;
        if input.earlier.is_none() && self.known > 0 {
            // It must not begin from its start once more.
            return Err(String::from(
                "its last execution does not know what has happened before",
            ));
        }
        if input.earlier.is_some() {
            let closed = described.close_time().unwrap_or(SystemTime::UNIX_EPOCH);
            let ended = (closed + STEP_HEARTBEAT_TIMEOUT).duration_since(SystemTime::UNIX_EPOCH);
            let ended = ended.unwrap_or_default().as_millis();
            input.resumed = Some(ResumedRun {
                by: resumer.by.to_string(),
                uid: resumer.uid,
                not_before: i64::try_from(ended).unwrap_or(i64::MAX),
            });
        }
        let beginning = Beginning { input, attributes };
        begin(&self.client, &self.run, reuse, beginning).await
    }

    /// Where what has happened in an execution is recorded; nothing where nothing has.
    async fn earlier(&self, execution: &str) -> Option<EarlierJournal> {
        let info = WorkflowExecutionInfo::builder()
            .namespace(self.client.namespace())
            .workflow_id(self.run.clone())
            .run_id(execution.to_owned())
            .build();
        let handle = WorkflowHandle::<_, DeployRun>::new(self.client.clone(), info);
        let mut said = None;
        loop {
            let options = WorkflowQueryOptions::default();
            let asked = handle.query(DeployRun::journal, u64::MAX, options);
            let why = match tokio::time::timeout(QUERY_TIMEOUT, asked).await {
                Ok(Ok(page)) => {
                    let own = EarlierJournal {
                        execution: execution.to_owned(),
                        events: page.last,
                    };
                    return page.earlier.or((page.last > 0).then_some(own));
                }
                Ok(Err(error)) => format!("its workflow does not answer: {error}"),
                Err(_) => NO_RUN_WORKER.to_owned(),
            };
            self.wait_for(&mut said, why);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
