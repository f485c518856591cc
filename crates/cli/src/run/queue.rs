//! A run of the command line waits for its place in a queue.

use super::super::exit::Exit;
use super::super::output::Output;
use super::super::state;
use super::execute::{RunJob, RunRecord};
use super::host::TerminalHost;
use lockstep_api::{Unstarted, state as stored};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_engine::run_event::{Failure, LockQueuePosition, RunEvent, RunEventKind, WaitReason};
use lockstep_lang::ir::FailureClass;
use lockstep_plan::{NodeKind, RunQueue};
use lockstep_runtime::driver::{ControlRequest, RunHost as _};
use tokio::sync::mpsc::UnboundedReceiver;

/// Waits until a stored run has its place; one that is not stored waits for nobody.
pub(super) async fn take_place(
    job: &RunJob,
    queue: &RunQueue,
    record: &mut RunRecord,
    mut host: TerminalHost,
    controls: &mut UnboundedReceiver<ControlRequest>,
    output: &mut Output,
) -> Result<TerminalHost, Exit> {
    let Some(recorded) = &record.by else {
        return Ok(host);
    };
    let mut told = record.past.events;
    let mut tell = |host: &mut TerminalHost, what| {
        told += 1;
        host.observe(&RunEvent {
            seq: told,
            at: lockstep_store::now(),
            what,
        });
    };
    let waits = |position: LockQueuePosition| RunEventKind::NodeWaiting {
        node: job.plan.bound.pipeline().name.clone().into(),
        kind: NodeKind::Pipeline,
        waiting: WaitReason::Queue {
            run: job.facts.id.clone(),
            name: queue.name.clone(),
            queue: position,
        },
    };
    let mut see = |position: Option<LockQueuePosition>| match position {
        Some(position) => tell(&mut host, waits(position)),
        None => {
            host.idle();
            host.tick();
        }
    };
    let taken = match stored::take_place(recorded, queue, controls, &mut see).await {
        Ok(taken) => taken,
        Err(error) => {
            recorded.release();
            return Err(state::refuse(&error, output));
        }
    };
    let Err(unstarted) = taken else {
        record.past.events = told;
        return Ok(host);
    };
    if let Some(status) = unstarted
        .status()
        .filter(|_| record.past.records.is_empty())
    {
        let failure = failure(&unstarted, job, queue);
        tell(&mut host, RunEventKind::RunFinished { status, failure });
    } else {
        recorded.release();
    }
    let (_, broken) = host.finish();
    if let Some(error) = broken {
        output.write_failed(error);
    }
    Err(say(&unstarted, job, queue, record, output))
}

fn failure(unstarted: &Unstarted, job: &RunJob, queue: &RunQueue) -> Option<Failure> {
    let (class, message) = match unstarted {
        Unstarted::PutAside(by) => (FailureClass::Superseded, put_aside(by, queue)),
        Unstarted::Cancelled(_) => {
            let message = format!("cancelled while it waited in queue `{}`", queue.name);
            (FailureClass::Cancelled, message)
        }
        Unstarted::Deadlock(message) => (FailureClass::Deadlock, message.clone()),
        Unstarted::Left => return None,
    };
    Some(Failure {
        class,
        message,
        node: job.plan.bound.pipeline().name.clone().into(),
        span: None,
        command: None,
    })
}

fn put_aside(by: &str, queue: &RunQueue) -> String {
    format!("the newer run {by} waits in queue `{}`", queue.name)
}

/// Says why a run did not begin, or did not go on.
fn say(
    unstarted: &Unstarted,
    job: &RunJob,
    queue: &RunQueue,
    record: &RunRecord,
    output: &mut Output,
) -> Exit {
    let (id, name) = (&job.facts.id, &queue.name);
    match unstarted {
        Unstarted::PutAside(by) => {
            let why = put_aside(by, queue);
            output.complain(&format!("run {id} was put aside: {why}; nothing ran\n"));
            Exit::Superseded
        }
        Unstarted::Cancelled(by) => {
            let by = by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
            output.complain(&format!(
                "run {id} was cancelled{by} while it waited in queue `{name}`: nothing ran\n"
            ));
            Exit::Cancelled
        }
        Unstarted::Deadlock(message) => {
            let message = format!("run {id} cannot wait in queue `{name}`: deadlock: {message}");
            let refused = output.refuse(&Diagnostic::without_place(codes::NOT_CONTINUED, message));
            match record.past.records.is_empty() {
                true => Exit::Failed,
                false => refused,
            }
        }
        Unstarted::Left => {
            let state = record
                .by
                .as_ref()
                .map(|it| state::words(it.store().folder()));
            let state = state.unwrap_or_default();
            output.complain(&format!(
                "run {id} waits no longer in queue `{name}`; `lockstep resume {id}{state}` queues \
                 it again\n"
            ));
            Exit::Stopped
        }
    }
}
