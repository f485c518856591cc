//! Lock contention: which locks more strands may want than can have them, and which of those can be
//! part of a deadlock.

use crate::deadlock::model::DeadlockModel;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;
use lockstep_plan::TreeId;

/// More who want one lock than this are not compared with each other.
const MAX_COMPARED_DEMANDS: usize = 2_000;

/// Where a lock is wanted: the strand, and from where to where in it.
#[derive(Debug, Clone, Copy)]
struct LockDemandRange {
    strand: StrandId,
    from: usize,
    to: usize,
}

/// The locks that more strands may want at once than can have them. A lock that is not shared is
/// never waited for.
pub fn shortage(flow: &DeadlockModel) -> Vec<bool> {
    let (wanted, limits) = all_wanted(flow);
    let is_short = |(wanted, limit): (&Vec<LockDemandRange>, u32)| {
        let beside = |one: &LockDemandRange| {
            let others = wanted.iter().filter(|other| overlap(flow, *one, **other));
            // It is among them itself.
            others.take(limit as usize + 1).count() > limit as usize
        };
        let many = wanted.len() > limit as usize;
        many && (wanted.len() > MAX_COMPARED_DEMANDS || wanted.iter().any(beside))
    };
    wanted.iter().zip(limits).map(is_short).collect()
}

/// Where each lock is wanted, and how many may have it.
fn all_wanted(flow: &DeadlockModel) -> (Vec<Vec<LockDemandRange>>, Vec<u32>) {
    let mut wanted: Vec<Vec<LockDemandRange>> = vec![Vec::new(); flow.resources.len()];
    let mut limits = vec![u32::MAX; flow.resources.len()];
    for (strand, it) in flow.strands.iter().enumerate() {
        for (at, op) in it.ops.iter().enumerate() {
            match op {
                ModelOp::Acquire(request) => {
                    let end = it
                        .ops
                        .iter()
                        .rposition(|op| *op == ModelOp::Release(*request));
                    let to = end.unwrap_or(it.ops.len());
                    let request = &flow.requests[*request];
                    limits[request.lock] = request.limit.min(limits[request.lock]);
                    let from = at;
                    wanted[request.lock].push(LockDemandRange { strand, from, to });
                }
                ModelOp::Drop(hold) => {
                    let first = it.ops.iter().position(|op| enters(flow, op, *hold));
                    let Some(from) = first else { continue };
                    for (lock, _) in &flow.holds[*hold].locks {
                        limits[*lock] = 1;
                        let to = at;
                        wanted[*lock].push(LockDemandRange { strand, from, to });
                    }
                }
                ModelOp::Pause(_)
                | ModelOp::Arrive(..)
                | ModelOp::Release(_)
                | ModelOp::Enter(..)
                | ModelOp::Exit(..)
                | ModelOp::Fork(_)
                | ModelOp::Choose(..)
                | ModelOp::Jump(_)
                | ModelOp::Leave(_)
                | ModelOp::Break
                | ModelOp::Fail => {}
            }
        }
    }
    (wanted, limits)
}

/// Whether an operation, or something inside it, needs the locks of a stage.
pub fn enters(flow: &DeadlockModel, op: &ModelOp, hold: usize) -> bool {
    let inside = |child: &StrandId| {
        let mut ops = flow.strands[*child].ops.iter();
        ops.any(|op| enters(flow, op, hold))
    };
    match op {
        ModelOp::Enter(own, _) => *own == hold,
        ModelOp::Fork(fork) => flow.forks[*fork].children.iter().any(inside),
        ModelOp::Pause(_)
        | ModelOp::Arrive(..)
        | ModelOp::Acquire(_)
        | ModelOp::Release(_)
        | ModelOp::Exit(..)
        | ModelOp::Drop(_)
        | ModelOp::Choose(..)
        | ModelOp::Jump(_)
        | ModelOp::Leave(_)
        | ModelOp::Break
        | ModelOp::Fail => false,
    }
}

/// Whether two may want a lock at the same time.
fn overlap(flow: &DeadlockModel, one: LockDemandRange, other: LockDemandRange) -> bool {
    let (mut one, mut other) = (one, other);
    loop {
        if one.strand == other.strand {
            return one.from <= other.to && other.from <= one.to;
        }
        // What is in a strand has a higher number: the higher one is seen from what it is in.
        let (low, high) = match one.strand < other.strand {
            true => (one, other),
            false => (other, one),
        };
        let Some((parent, fork)) = flow.strands[high.strand].parent else {
            return true;
        };
        if flow.strands[low.strand].parent == Some((parent, fork)) {
            return !flow.forks[fork].are_apart(low.strand, high.strand);
        }
        let split = |op: &ModelOp| *op == ModelOp::Fork(fork);
        let at = flow.strands[parent].ops.iter().position(split).unwrap_or(0);
        one = low;
        other = LockDemandRange {
            strand: parent,
            from: at,
            to: at,
        };
    }
}

/// The locks that can have a part in a standstill: those that are held while something else is
/// waited for. All others are only ever held for a while.
pub fn relevant(flow: &DeadlockModel, shortage: &[bool]) -> Vec<bool> {
    let mut relevant = shortage.to_vec();
    loop {
        let mut waits = vec![false; flow.resources.len()];
        for strand in 0..flow.strands.len() {
            mark_waits(flow, strand, &relevant, &mut waits);
        }
        for hold in &flow.holds {
            // A stage holds its locks while any of its strands goes from one deployment to the
            // next; it is enough that something in it may wait.
            if stage_waits(flow, hold.tree, &relevant) {
                hold.locks.iter().for_each(|(lock, _)| waits[*lock] = true);
            }
        }
        let next: Vec<bool> = relevant.iter().zip(&waits).map(|(a, b)| *a && *b).collect();
        if next == relevant {
            return relevant;
        }
        relevant = next;
    }
}

/// Whether an operation may wait for another strand.
fn may_wait(flow: &DeadlockModel, op: &ModelOp, relevant: &[bool]) -> bool {
    match op {
        ModelOp::Arrive(..) => true,
        ModelOp::Acquire(request) => relevant[flow.requests[*request].lock],
        ModelOp::Enter(hold, _) => flow.holds[*hold]
            .locks
            .iter()
            .any(|(lock, _)| relevant[*lock]),
        ModelOp::Fork(fork) => flow.forks[*fork].children.iter().any(|child| {
            let mut ops = flow.strands[*child].ops.iter();
            ops.any(|op| may_wait(flow, op, relevant))
        }),
        ModelOp::Pause(_)
        | ModelOp::Release(_)
        | ModelOp::Exit(..)
        | ModelOp::Drop(_)
        | ModelOp::Choose(..)
        | ModelOp::Jump(_)
        | ModelOp::Leave(_)
        | ModelOp::Break
        | ModelOp::Fail => false,
    }
}

/// Marks the locks that a strand's `lock` statements hold while it may wait.
fn mark_waits(flow: &DeadlockModel, strand: StrandId, relevant: &[bool], waits: &mut [bool]) {
    let ops = &flow.strands[strand].ops;
    for (at, op) in ops.iter().enumerate() {
        let ModelOp::Acquire(request) = op else {
            continue;
        };
        let lock = flow.requests[*request].lock;
        if waits[lock] || !relevant[lock] {
            continue;
        }
        // To the last place where it is released, whatever path leads there.
        let end = ops.iter().rposition(|op| *op == ModelOp::Release(*request));
        let inside = ops
            .get(at + 1..end.unwrap_or(ops.len()))
            .unwrap_or_default();
        waits[lock] = inside.iter().any(|op| may_wait(flow, op, relevant));
    }
}

/// Whether anything between a stage's first deployment and its end may wait.
fn stage_waits(flow: &DeadlockModel, stage: TreeId, relevant: &[bool]) -> bool {
    flow.strands.iter().any(|strand| {
        let is_end =
            |op: &ModelOp| matches!(op, ModelOp::Drop(hold) if flow.holds[*hold].tree == stage);
        let Some(end) = strand.ops.iter().rposition(is_end) else {
            return false;
        };
        let ops = strand.ops.get(..end).unwrap_or_default();
        inside_waits(flow, ops, stage, relevant)
    })
}

/// Entering its own locks is no wait inside them.
fn inside_waits(flow: &DeadlockModel, ops: &[ModelOp], stage: TreeId, relevant: &[bool]) -> bool {
    ops.iter().any(|op| match op {
        ModelOp::Enter(hold, _) if flow.holds[*hold].tree == stage => false,
        ModelOp::Fork(fork) => flow.forks[*fork]
            .children
            .iter()
            .any(|child| inside_waits(flow, &flow.strands[*child].ops, stage, relevant)),
        op @ (ModelOp::Pause(_)
        | ModelOp::Arrive(..)
        | ModelOp::Acquire(_)
        | ModelOp::Release(_)
        | ModelOp::Enter(..)
        | ModelOp::Exit(..)
        | ModelOp::Drop(_)
        | ModelOp::Choose(..)
        | ModelOp::Jump(_)
        | ModelOp::Leave(_)
        | ModelOp::Break
        | ModelOp::Fail) => may_wait(flow, op, relevant),
    })
}
