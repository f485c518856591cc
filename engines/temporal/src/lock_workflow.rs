//! A lock that runs share, as a workflow of its own for each name: asked by signals, and answering
//! by signals to the runs. A run that is gone without giving it back loses it.

#![allow(missing_docs, reason = "constants that the macros make have none")]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::{
    Client, WorkflowDescribeOptions, WorkflowExecutionStatus, WorkflowIdConflictPolicy,
    WorkflowStartOptions,
};
use temporalio_common::error::ApplicationFailure;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{
    ContinueAsNewOptions, LocalActivityOptions, SignalWorkflowOptions, SyncWorkflowContext,
    WorkflowContext, WorkflowContextView, WorkflowResult,
};

use crate::lease::STEP_HEARTBEAT_TIMEOUT;
use crate::lock_queue::LockQueue;
use crate::wire::{LockAnswer, LockLeave, LockWant};
use crate::worker::RUN_QUEUE;
use crate::workflow::DeployRun;

/// So often it is looked whether those who hold a lock are still there.
const LEASE_INTERVAL: Duration = Duration::from_secs(30);

/// A lock of which nobody has wanted anything for so long, and that remembers nothing, ends.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// From so many events of history on it goes on in a new execution.
const CONTINUE_AT_EVENTS: u32 = 4_000;

/// The id of the workflow of a lock.
pub fn lock_workflow(name: &str) -> String {
    format!("lockstep-lock {name}")
}

/// What others have sent to a lock.
#[derive(Debug)]
enum Sent {
    Want(LockWant),
    Leave(LockLeave),
}

/// The workflow of a lock.
#[workflow]
#[derive(Default)]
pub struct SharedLock {
    sent: VecDeque<Sent>,
    lock: LockQueue,
}

/// What a future of a lock comes to.
enum Came {
    /// An answer has been sent, or this run is not there any more.
    Told(Option<String>),
    /// These runs were not there any more at this time, in milliseconds since 1970.
    Gone(Vec<String>, i64),
    Timer,
}

type Coming<'a> = Pin<Box<dyn Future<Output = Came> + 'a>>;

#[workflow_methods]
impl SharedLock {
    /// Keeps a lock.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, lock: LockQueue) -> WorkflowResult<()> {
        let ctx = &*ctx;
        ctx.state_mut(|state| state.lock = lock);
        let mut coming: Vec<Coming<'_>> = Vec::new();
        let mut is_timed = false;
        let mut idle = Duration::ZERO;
        loop {
            let now = time(ctx);
            let answers = ctx.state_mut(|state| {
                let mut answers = Vec::new();
                for sent in std::mem::take(&mut state.sent) {
                    answers.extend(match sent {
                        Sent::Want(want) => state.lock.want(want, now),
                        Sent::Leave(leave) => state.lock.leave(leave, now),
                    });
                }
                answers
            });
            if !answers.is_empty() {
                idle = Duration::ZERO;
            }
            coming.extend(answers.into_iter().map(|answer| tell(ctx, answer)));
            let (is_free, is_empty) =
                ctx.state(|state| (state.lock.is_free(), state.lock.is_empty()));
            // The timer alone is under way.
            if coming.len() == usize::from(is_timed) {
                let is_over = is_empty && idle >= IDLE_TIME;
                if is_over {
                    return Ok(());
                }
                if ctx.history_length() > CONTINUE_AT_EVENTS {
                    let lock = ctx.state(|state| state.lock.clone());
                    ctx.continue_as_new(lock, ContinueAsNewOptions::default())?;
                }
            }
            // One that nobody holds and that only remembers something costs nothing.
            if !is_timed && (!is_free || is_empty) {
                is_timed = true;
                coming.push(timer(ctx, LEASE_INTERVAL));
            }
            match next(ctx, &mut coming).await? {
                None | Some(Came::Told(None)) => {}
                // It may have been broken off, and what it has begun may go on for a while.
                Some(Came::Told(Some(run))) => coming.push(look(ctx, vec![run])),
                Some(Came::Gone(runs, gone_at)) => {
                    let now = time(ctx);
                    for run in runs {
                        let answers = ctx.state_mut(|state| state.lock.forget(&run, gone_at, now));
                        coming.extend(answers.into_iter().map(|answer| tell(ctx, answer)));
                    }
                }
                Some(Came::Timer) => {
                    is_timed = false;
                    idle += LEASE_INTERVAL;
                    let runs = ctx.state(|state| state.lock.runs());
                    if !runs.is_empty() {
                        coming.push(look(ctx, runs));
                    }
                }
            }
        }
    }

    /// A run wants the lock.
    #[signal]
    pub fn want(&mut self, _ctx: &mut SyncWorkflowContext<Self>, want: LockWant) {
        self.sent.push_back(Sent::Want(want));
    }

    /// A run gives the lock back, or waits no longer.
    #[signal]
    pub fn leave(&mut self, _ctx: &mut SyncWorkflowContext<Self>, leave: LockLeave) {
        self.sent.push_back(Sent::Leave(leave));
    }

    /// Who holds it, and who waits.
    #[query]
    pub fn queue(&self, _ctx: &WorkflowContextView) -> LockQueue {
        self.lock.clone()
    }
}

fn time(ctx: &WorkflowContext<SharedLock>) -> i64 {
    let since = ctx
        .workflow_time()
        .and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

fn timer(ctx: &WorkflowContext<SharedLock>, after: Duration) -> Coming<'_> {
    let fired = ctx.timer(after);
    Box::pin(async move {
        fired.await;
        Came::Timer
    })
}

/// Answers a run.
fn tell(ctx: &WorkflowContext<SharedLock>, answer: LockAnswer) -> Coming<'_> {
    let options = SignalWorkflowOptions::default;
    match answer {
        LockAnswer::Granted(grant) => {
            let run = grant.run.clone();
            let handle = ctx.external_workflow(run.clone(), None);
            let sent = handle.signal(DeployRun::granted, grant, options());
            Box::pin(async move { Came::Told(sent.await.err().map(|_| run)) })
        }
        LockAnswer::PutAside(aside) => {
            let run = aside.run.clone();
            let handle = ctx.external_workflow(run.clone(), None);
            let sent = handle.signal(DeployRun::put_aside, aside, options());
            Box::pin(async move { Came::Told(sent.await.err().map(|_| run)) })
        }
        LockAnswer::Queued(queued) => {
            let run = queued.run.clone();
            let handle = ctx.external_workflow(run.clone(), None);
            let sent = handle.signal(DeployRun::queued, queued, options());
            Box::pin(async move { Came::Told(sent.await.err().map(|_| run)) })
        }
    }
}

/// Looks which runs are not there any more.
fn look(ctx: &WorkflowContext<SharedLock>, runs: Vec<String>) -> Coming<'_> {
    let options = LocalActivityOptions::builder()
        .schedule_to_close_timeout(LEASE_INTERVAL)
        .build();
    let looked = ctx.execute_local_activity(LockSteps::gone, runs, options);
    let now = time(ctx);
    // What cannot be found out now is looked at again.
    Box::pin(async move { Came::Gone(looked.await.unwrap_or_default(), now) })
}

/// Waits until something comes, or somebody has sent something.
async fn next(
    ctx: &WorkflowContext<SharedLock>,
    coming: &mut Vec<Coming<'_>>,
) -> WorkflowResult<Option<Came>> {
    let mut sent = std::pin::pin!(ctx.wait_condition(|state| !state.sent.is_empty()));
    std::future::poll_fn(|context| {
        if let Poll::Ready(waited) = sent.as_mut().poll(context) {
            return Poll::Ready(waited.map(|()| None).map_err(Into::into));
        }
        for at in 0..coming.len() {
            let Some(future) = coming.get_mut(at) else {
                break;
            };
            if let Poll::Ready(came) = future.as_mut().poll(context) {
                drop(coming.remove(at));
                return Poll::Ready(Ok(Some(came)));
            }
        }
        Poll::Pending
    })
    .await
}

/// The activities that locks need, on the workers that drive runs.
#[derive(Debug, Clone, Copy)]
pub struct LockSteps;

fn failed(why: impl std::fmt::Display) -> ActivityError {
    let why = std::io::Error::other(why.to_string());
    ActivityError::from(ApplicationFailure::new(why))
}

#[activities]
impl LockSteps {
    /// Asks for a lock, whose workflow is started where there is none.
    #[activity]
    pub async fn ask(context: ActivityContext, want: LockWant) -> Result<(), ActivityError> {
        let id = lock_workflow(&want.name);
        let options = WorkflowStartOptions::new(RUN_QUEUE, id)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .build();
        let lock = LockQueue::default();
        let client = context.client();
        let asked = client
            .signal_with_start_workflow(SharedLock::run, lock, SharedLock::want, want, options)
            .await;
        asked.map(drop).map_err(failed)
    }

    /// The runs among these that are not there any more.
    #[activity]
    pub async fn gone(
        context: ActivityContext,
        runs: Vec<String>,
    ) -> Result<Vec<String>, ActivityError> {
        let client = Arc::new(context.client());
        let mut gone = Vec::new();
        for run in runs {
            if presence(&client, &run).await != RunPresence::There {
                gone.push(run);
            }
        }
        Ok(gone)
    }
}

/// Whether a run is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunPresence {
    /// It goes on, or nobody can say.
    There,
    /// Its execution was terminated, has failed or has run out of time, and it can be resumed.
    /// Nothing that it has begun goes on any more.
    BrokenOff,
    /// It has ended, or never was.
    Ended,
}

/// Asks the server for a run.
pub async fn presence(client: &Client, run: &str) -> RunPresence {
    let handle = client.get_workflow_handle::<DeployRun>(run);
    match handle.describe(WorkflowDescribeOptions::default()).await {
        Ok(described) => match described.status() {
            WorkflowExecutionStatus::Completed => RunPresence::Ended,
            WorkflowExecutionStatus::Failed
            | WorkflowExecutionStatus::Terminated
            | WorkflowExecutionStatus::TimedOut
            | WorkflowExecutionStatus::Canceled => {
                // Its workers hear of it by then.
                let ends = described.close_time().map(|it| it + STEP_HEARTBEAT_TIMEOUT);
                match ends.is_none_or(|it| it < std::time::SystemTime::now()) {
                    true => RunPresence::BrokenOff,
                    false => RunPresence::There,
                }
            }
            _ => RunPresence::There,
        },
        Err(WorkflowInteractionError::NotFound(_)) => RunPresence::Ended,
        Err(_) => RunPresence::There,
    }
}
