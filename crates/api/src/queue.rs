//! A run waits for its place in the queue of its pipeline, before anything of it runs.

use std::time::Duration;

use lockstep_base::source::Name;
use lockstep_engine::run_event::{LockQueuePosition, Status};
use lockstep_lang::ir::QueueKeep;
use lockstep_plan::{BoundInputs, Plan, RunQueue};
use lockstep_runtime::driver::ControlRequest;
use lockstep_store::{QueuePlace, QueuedRun, StoreError, StoredRun};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::state::Recorded;

/// How often a run looks whether it has its place.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Why a run that has its place does not begin, where its secrets could not be read.
pub const NOT_HAD: &str = "its secrets, or what it requires, could not be had";

/// Why a run that waited for its place did not begin, or did not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unstarted {
    /// A newer run of the queue has put it aside: it has ended.
    PutAside(Name),
    /// It was cancelled, by somebody in another process if that is known: it has ended.
    Cancelled(Option<String>),
    /// It would have waited for itself. It has ended, unless it had begun before.
    Deadlock(String),
    /// It was left, and can be resumed.
    Left,
}

impl Unstarted {
    /// How the run has ended; nothing where it has not.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::PutAside(_) => Some(Status::Superseded),
            Self::Cancelled(_) => Some(Status::Cancelled),
            Self::Deadlock(_) => Some(Status::Failed),
            Self::Left => None,
        }
    }
}

impl std::fmt::Display for Unstarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PutAside(by) => write!(f, "the newer run {by} waits in its queue"),
            Self::Cancelled(Some(by)) => {
                write!(f, "{by} cancelled it while it waited in its queue")
            }
            Self::Cancelled(None) => f.write_str("it was cancelled while it waited in its queue"),
            Self::Deadlock(message) => write!(f, "deadlock: {message}"),
            Self::Left => f.write_str("it has left its queue, and can be resumed"),
        }
    }
}

/// The queue of a run. One that takes another run back is never put aside, and puts none aside.
pub fn queue_of(plan: &Plan, goes_back: bool) -> Option<RunQueue> {
    // A plan whose queue is not known was refused.
    let queue = plan.queue().ok().flatten()?;
    let keep = match goes_back {
        true => QueueKeep::All,
        false => queue.keep,
    };
    Some(RunQueue { keep, ..queue })
}

/// The queue of a stored run, whose secrets are read only when it has its place there: what is
/// known before the run may be sealed.
pub fn stored_queue(run: &StoredRun, bound: &BoundInputs) -> Option<RunQueue> {
    let declared = bound.pipeline().queue.as_ref()?;
    let goes_back = run.undoes.is_some();
    let keep = match goes_back {
        true => QueueKeep::All,
        false => declared.keep,
    };
    match &run.queue {
        Some(name) => Some(RunQueue {
            name: name.clone(),
            keep,
        }),
        // It was broken off before it queued.
        None => queue_of(&Plan::new(bound.clone()).ok()?, goes_back),
    }
}

/// Takes the place of a run in a queue, and waits until it has it. `see` is called about ten times
/// a second, with who is before it where that has changed.
///
/// # Errors
///
/// If the state directory cannot be used.
pub async fn take_place(
    recorded: &Recorded,
    queue: &RunQueue,
    control: &mut UnboundedReceiver<ControlRequest>,
    see: &mut dyn FnMut(Option<LockQueuePosition>),
) -> Result<Result<(), Unstarted>, StoreError> {
    let mut queued = QueuedRun::begin(recorded.store(), recorded.run().number, queue)?;
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let cancelled = format!("it was cancelled while it waited in queue `{}`", queue.name);
    let mut controlled = true;
    loop {
        match queued.poll()? {
            QueuePlace::Taken => return Ok(Ok(())),
            QueuePlace::Waiting => {}
            QueuePlace::Moved(position) => see(Some(position)),
            QueuePlace::PutAside(by) => return Ok(Err(Unstarted::PutAside(by))),
            QueuePlace::CancelRequested(request) => {
                queued.end(Status::Cancelled, &cancelled)?;
                queued.settle(&request)?;
                return Ok(Err(Unstarted::Cancelled(Some(request.who))));
            }
            QueuePlace::Deadlock(message) => {
                if !queued.has_begun() {
                    queued.end(Status::Failed, &format!("deadlock: {message}"))?;
                }
                return Ok(Err(Unstarted::Deadlock(message)));
            }
        }
        tokio::select! {
            biased;
            asked = control.recv(), if controlled => match asked {
                Some(ControlRequest::Cancel) if !queued.has_begun() => {
                    queued.end(Status::Cancelled, &cancelled)?;
                    return Ok(Err(Unstarted::Cancelled(None)));
                }
                // What it has done could be taken back only with its place.
                Some(ControlRequest::Cancel | ControlRequest::Kill) => {
                    queued.leave()?;
                    return Ok(Err(Unstarted::Left));
                }
                None => controlled = false,
            },
            _ = ticks.tick() => see(None),
        }
    }
}
