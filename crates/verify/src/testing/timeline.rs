//! The story of a schedule: the relevant part of what happened in it.

use lockstep_base::node_path::NodePath;
use lockstep_engine::path_pattern::PathPattern;
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind, Status, WaitReason};

use super::nodes::node_of;

/// The maximum number of events that are shown.
const MAX_SHOWN_EVENTS: usize = 30;

/// The events that matter for these patterns, and how many were left out.
pub(super) fn of_schedule(
    events: &[(i64, RunEventKind)],
    patterns: &[&PathPattern],
) -> (Vec<RunEvent>, usize) {
    let watched = |node: &NodePath| patterns.iter().any(|pattern| pattern.matches(node));
    let all: Vec<&NodePath> = events.iter().filter_map(|(_, it)| node_of(it)).collect();
    let found: std::collections::HashSet<&str> = all
        .iter()
        .filter(|node| watched(node))
        .map(|node| &***node)
        .collect();
    let weigh = |happened: &RunEventKind| {
        let Some(node) = node_of(happened) else {
            return 0;
        };
        if found.contains(&**node) {
            return 5;
        }
        weight(happened)
    };
    let weights: Vec<u8> = events.iter().map(|(_, happened)| weigh(happened)).collect();
    let mut least = 2;
    let count = |least: u8| weights.iter().filter(|weight| **weight >= least).count();
    while least < 5 && count(least) > MAX_SHOWN_EVENTS {
        least += 1;
    }
    let (mut selected, mut left_out) = (Vec::new(), 0);
    let weighed = events
        .iter()
        .zip(weights)
        .filter(|(_, weight)| *weight >= least);
    for (seq, ((at, happened), _)) in weighed.enumerate() {
        if seq >= MAX_SHOWN_EVENTS {
            left_out += 1;
            continue;
        }
        selected.push(RunEvent {
            seq: seq as u64 + 1,
            at: moment(*at),
            what: happened.clone(),
        });
    }
    (selected, left_out)
}

/// How much an event matters, from 0 to 4.
fn weight(happened: &RunEventKind) -> u8 {
    use NodeKind::{
        Action, Approve, Barrier, Cell, Deploy, Lock, Log, Parallel, Pipeline, Run, Serial, Stage,
        Step, Undo, Verify, Wait, Workflow,
    };
    match happened {
        RunEventKind::NodeFinished {
            status,
            failure,
            kind,
            ..
        } => match status {
            Status::Succeeded if *kind == Stage => 3,
            Status::Succeeded if *kind == Deploy => 2,
            Status::Succeeded => 0,
            Status::Skipped if matches!(kind, Stage | Deploy) => 2,
            Status::Skipped => 0,
            _ if failure
                .as_ref()
                .is_some_and(|it| Some(&it.node) == node_of(happened)) =>
            {
                4
            }
            _ if matches!(kind, Stage | Deploy) => 4,
            _ => 1,
        },
        RunEventKind::NodeWaiting { waiting, .. } => match waiting {
            WaitReason::Approval { .. } | WaitReason::Retry { .. } => 3,
            WaitReason::Queue { .. }
            | WaitReason::Barrier { .. }
            | WaitReason::Lock { .. }
            | WaitReason::Window { .. } => 2,
            WaitReason::Time { .. } => 1,
        },
        RunEventKind::NodeStarted { kind, .. } => match kind {
            Stage => 3,
            Deploy | Approve | Barrier => 2,
            Pipeline | Serial | Parallel | Cell | Step | Run | Workflow | Action | Lock | Wait
            | Verify | Log | Undo => 0,
        },
        RunEventKind::RunStarted { .. }
        | RunEventKind::RunResumed { .. }
        | RunEventKind::NodeOutput { .. }
        | RunEventKind::NoWayBack { .. }
        | RunEventKind::WindowOpen { .. }
        | RunEventKind::RunFinished { .. } => 0,
    }
}

/// A moment of virtual time; a simulated run begins with the year 2026.
fn moment(ms: i64) -> jiff::Timestamp {
    let at = jiff::Timestamp::from_millisecond(super::START_MS.saturating_add(ms));
    // A timeout may be longer than the calendar goes.
    at.unwrap_or(jiff::Timestamp::MAX)
}
