//! Which locks can be in short supply, and which of those can have a part in a standstill.
//! It does not know in which order strands run.

use crate::plan::TreeId;
use crate::plan::flow::{Flow, Op, StrandId};

/// The locks that more want than can have them. A lock that nobody has to share is never waited
/// for.
pub fn shortage(flow: &Flow) -> Vec<bool> {
    let mut wanted = vec![0_u32; flow.resources.len()];
    let mut limit = vec![u32::MAX; flow.resources.len()];
    for request in &flow.requests {
        wanted[request.lock] += 1;
        limit[request.lock] = request.limit.min(limit[request.lock]);
    }
    for (lock, _) in flow.holds.iter().flat_map(|hold| &hold.locks) {
        wanted[*lock] += 1;
        limit[*lock] = 1;
    }
    wanted
        .into_iter()
        .zip(limit)
        .map(|(wanted, limit)| wanted > limit)
        .collect()
}

/// The locks that can have a part in a standstill: those that are held while something else is
/// waited for. All others are only ever held for a while.
pub fn relevant(flow: &Flow, shortage: &[bool]) -> Vec<bool> {
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
fn may_wait(flow: &Flow, op: &Op, relevant: &[bool]) -> bool {
    match op {
        Op::Arrive(..) => true,
        Op::Acquire(request) => relevant[flow.requests[*request].lock],
        Op::Enter(hold, _) => flow.holds[*hold]
            .locks
            .iter()
            .any(|(lock, _)| relevant[*lock]),
        Op::Fork(fork) => flow.forks[*fork].children.iter().any(|child| {
            let mut ops = flow.strands[*child].ops.iter();
            ops.any(|op| may_wait(flow, op, relevant))
        }),
        _ => false,
    }
}

/// Marks the locks that a strand's `lock` statements hold while it may wait.
fn mark_waits(flow: &Flow, strand: StrandId, relevant: &[bool], waits: &mut [bool]) {
    let ops = &flow.strands[strand].ops;
    for (at, op) in ops.iter().enumerate() {
        let Op::Acquire(request) = op else { continue };
        let lock = flow.requests[*request].lock;
        if waits[lock] || !relevant[lock] {
            continue;
        }
        // To the last place where it is given back, whatever way leads there.
        let end = ops.iter().rposition(|op| *op == Op::Release(*request));
        let inside = ops
            .get(at + 1..end.unwrap_or(ops.len()))
            .unwrap_or_default();
        waits[lock] = inside.iter().any(|op| may_wait(flow, op, relevant));
    }
}

/// Whether anything between a stage's first deployment and its end may wait.
fn stage_waits(flow: &Flow, stage: TreeId, relevant: &[bool]) -> bool {
    flow.strands.iter().any(|strand| {
        let is_end = |op: &Op| matches!(op, Op::Drop(hold) if flow.holds[*hold].tree == stage);
        let Some(end) = strand.ops.iter().rposition(is_end) else {
            return false;
        };
        let ops = strand.ops.get(..end).unwrap_or_default();
        inside_waits(flow, ops, stage, relevant)
    })
}

/// Entering its own locks is no wait inside them.
fn inside_waits(flow: &Flow, ops: &[Op], stage: TreeId, relevant: &[bool]) -> bool {
    ops.iter().any(|op| match op {
        Op::Enter(hold, _) if flow.holds[*hold].tree == stage => false,
        Op::Fork(fork) => flow.forks[*fork]
            .children
            .iter()
            .any(|child| inside_waits(flow, &flow.strands[*child].ops, stage, relevant)),
        op => may_wait(flow, op, relevant),
    })
}
