//! Lock contention: which locks more strands may want than can have them, and which of those can be
//! part of a deadlock.

use crate::flow::{Flow, Op, StrandId};
use lockstep_plan::TreeId;

/// More who want one lock than this are not compared with each other.
const MOST_COMPARED: usize = 2_000;

/// Where a lock is wanted: the strand, and from where to where in it.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    strand: StrandId,
    from: usize,
    to: usize,
}

/// The locks that more strands may want at once than can have them. A lock that is not shared is
/// never waited for.
pub fn shortage(flow: &Flow) -> Vec<bool> {
    let (wanted, limits) = all_wanted(flow);
    let is_short = |(wanted, limit): (&Vec<Wanted>, u32)| {
        let beside = |one: &Wanted| {
            let others = wanted.iter().filter(|other| overlap(flow, *one, **other));
            // It is among them itself.
            others.take(limit as usize + 1).count() > limit as usize
        };
        let many = wanted.len() > limit as usize;
        many && (wanted.len() > MOST_COMPARED || wanted.iter().any(beside))
    };
    wanted.iter().zip(limits).map(is_short).collect()
}

/// Where each lock is wanted, and how many may have it.
fn all_wanted(flow: &Flow) -> (Vec<Vec<Wanted>>, Vec<u32>) {
    let mut wanted: Vec<Vec<Wanted>> = vec![Vec::new(); flow.resources.len()];
    let mut limits = vec![u32::MAX; flow.resources.len()];
    for (strand, it) in flow.strands.iter().enumerate() {
        for (at, op) in it.ops.iter().enumerate() {
            match op {
                Op::Acquire(request) => {
                    let end = it.ops.iter().rposition(|op| *op == Op::Release(*request));
                    let to = end.unwrap_or(it.ops.len());
                    let request = &flow.requests[*request];
                    limits[request.lock] = request.limit.min(limits[request.lock]);
                    let from = at;
                    wanted[request.lock].push(Wanted { strand, from, to });
                }
                Op::Drop(hold) => {
                    let first = it.ops.iter().position(|op| enters(flow, op, *hold));
                    let Some(from) = first else { continue };
                    for (lock, _) in &flow.holds[*hold].locks {
                        limits[*lock] = 1;
                        let to = at;
                        wanted[*lock].push(Wanted { strand, from, to });
                    }
                }
                Op::Pause(_)
                | Op::Arrive(..)
                | Op::Release(_)
                | Op::Enter(..)
                | Op::Exit(..)
                | Op::Fork(_)
                | Op::Choose(..)
                | Op::Jump(_)
                | Op::Leave(_)
                | Op::Break
                | Op::Fail => {}
            }
        }
    }
    (wanted, limits)
}

/// Whether an operation, or something inside it, needs the locks of a stage.
pub fn enters(flow: &Flow, op: &Op, hold: usize) -> bool {
    let inside = |child: &StrandId| {
        let mut ops = flow.strands[*child].ops.iter();
        ops.any(|op| enters(flow, op, hold))
    };
    match op {
        Op::Enter(own, _) => *own == hold,
        Op::Fork(fork) => flow.forks[*fork].children.iter().any(inside),
        Op::Pause(_)
        | Op::Arrive(..)
        | Op::Acquire(_)
        | Op::Release(_)
        | Op::Exit(..)
        | Op::Drop(_)
        | Op::Choose(..)
        | Op::Jump(_)
        | Op::Leave(_)
        | Op::Break
        | Op::Fail => false,
    }
}

/// Whether two may want a lock at the same time.
fn overlap(flow: &Flow, one: Wanted, other: Wanted) -> bool {
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
        let split = |op: &Op| *op == Op::Fork(fork);
        let at = flow.strands[parent].ops.iter().position(split).unwrap_or(0);
        one = low;
        other = Wanted {
            strand: parent,
            from: at,
            to: at,
        };
    }
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
        Op::Pause(_)
        | Op::Release(_)
        | Op::Exit(..)
        | Op::Drop(_)
        | Op::Choose(..)
        | Op::Jump(_)
        | Op::Leave(_)
        | Op::Break
        | Op::Fail => false,
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
        // To the last place where it is released, whatever path leads there.
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
        op @ (Op::Pause(_)
        | Op::Arrive(..)
        | Op::Acquire(_)
        | Op::Release(_)
        | Op::Enter(..)
        | Op::Exit(..)
        | Op::Drop(_)
        | Op::Choose(..)
        | Op::Jump(_)
        | Op::Leave(_)
        | Op::Break
        | Op::Fail) => may_wait(flow, op, relevant),
    })
}
