//! The journal of a run in its next execution. A small one goes along in its input, which a server
//! limits; a large one stays with the execution before, which is asked for it, piece by piece.

#![allow(missing_docs, reason = "constants that the macros make have none")]

use std::time::Duration;

use temporalio_client::{
    WorkflowExecutionInfo, WorkflowHandle, WorkflowQueryOptions, errors::WorkflowQueryError,
};
use temporalio_common::error::ApplicationFailure;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{LocalActivityOptions, WorkflowCancellationToken, WorkflowContext};

use crate::journal::Journal;
use crate::wire::{EarlierJournal, EarlierPage, JournalLine, JournalPage, Packed, RunInput};
use crate::workflow::DeployRun;

/// A journal goes along as long as it is not larger, as it is in the input: a server takes 2 MB.
const MAX_TAKEN_BYTES: usize = 1_000_000;

/// An execution that does not answer in this time is asked again.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// It is asked for so long.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The activities that a next execution needs, on the workers that drive runs.
#[derive(Debug, Clone, Copy)]
pub struct JournalSteps;

#[activities]
impl JournalSteps {
    /// A piece of the journal of an execution that has ended.
    #[activity]
    pub async fn earlier(
        context: ActivityContext,
        page: EarlierPage,
    ) -> Result<JournalPage, ActivityError> {
        let info = WorkflowExecutionInfo::builder()
            .namespace(context.info().namespace.clone())
            .workflow_id(page.run)
            .run_id(page.execution)
            .build();
        let handle = WorkflowHandle::<_, DeployRun>::new(context.client(), info);
        let options = WorkflowQueryOptions::default();
        let asked = handle.query(DeployRun::journal, page.after, options).await;
        asked.map_err(|error: WorkflowQueryError| {
            let why = std::io::Error::other(error.to_string());
            ActivityError::from(ApplicationFailure::new(why))
        })
    }
}

/// Pieces of a journal, or where it is.
pub type HandedOn = (Vec<Packed<Vec<JournalLine>>>, Option<EarlierJournal>);

/// What the next execution is given of the journal of this one.
///
/// # Errors
///
/// If it cannot be written as JSON.
pub fn hand_on(journal: Journal, execution: &str) -> Result<HandedOn, String> {
    let events = journal.count();
    let pieces = journal.into_pieces();
    let bytes = serde_json::to_string(&pieces).map_err(|error| error.to_string())?;
    if bytes.len() <= MAX_TAKEN_BYTES {
        return Ok((pieces, None));
    }
    let execution = execution.to_owned();
    Ok((Vec::new(), Some(EarlierJournal { execution, events })))
}

/// The journal that the execution before this one has handed on, whole.
///
/// # Errors
///
/// If that execution does not know it any more.
pub async fn take_up(ctx: &WorkflowContext<DeployRun>, input: &mut RunInput) -> Result<(), String> {
    let Some(earlier) = input.earlier.take() else {
        return Ok(());
    };
    let mut known = 0;
    while known < earlier.events {
        let options = LocalActivityOptions::builder()
            .schedule_to_close_timeout(PATIENCE)
            .start_to_close_timeout(PAGE_TIMEOUT)
            .cancellation_token(WorkflowCancellationToken::new())
            .build();
        let wanted = EarlierPage {
            run: ctx.workflow_id().to_owned(),
            execution: earlier.execution.clone(),
            after: known,
        };
        let page = ctx.execute_local_activity(JournalSteps::earlier, wanted, options);
        let page = page.await.map_err(|error| error.to_string())?;
        known = match page.lines.0.last() {
            Some(last) if last.seq > known => last.seq,
            _ => {
                let why = "the execution before this one does not know all that has happened";
                return Err(String::from(why));
            }
        };
        input.journal.push(page.lines);
    }
    Ok(())
}
