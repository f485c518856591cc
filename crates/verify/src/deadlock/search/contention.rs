//! Lock contention: which locks more strands may request than can have them, and which of those can
//! be part of a deadlock.

use super::exclusion::Exclusion;
use super::held_sections::{HeldSection, LockOwner, held_sections, with_children};
use crate::deadlock::model::DeadlockModel;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;

/// More requests of one lock than this are not compared with each other.
const MAX_COMPARED_DEMANDS: usize = 2_000;

/// Where a lock is requested: the strand, and from where to where in it.
#[derive(Debug, Clone, Copy)]
struct LockDemandRange {
    owner: LockOwner,
    strand: StrandId,
    from: usize,
    to: usize,
}

/// The locks that more strands may request at once than can have them. A lock that is not shared
/// is never waited for.
pub fn shortage(flow: &DeadlockModel) -> Vec<bool> {
    let sections = held_sections(flow);
    let (demands, limits) = all_demands(flow, &sections);
    let mut all = demands.iter().zip(&limits);
    if !all.any(|(demands, limit)| demands.len() > *limit as usize) {
        return vec![false; flow.resources.len()];
    }
    let exclusion = Exclusion::new(flow, &sections);
    let is_short = |(demands, limit): (&Vec<LockDemandRange>, u32)| {
        let beside = |one: &LockDemandRange| {
            let meets = |other: &&LockDemandRange| {
                !exclusion.excludes(one.owner, other.owner) && overlap(flow, *one, **other)
            };
            let others = demands.iter().filter(meets);
            // It is among them itself.
            others.take(limit as usize + 1).count() > limit as usize
        };
        let many = demands.len() > limit as usize;
        many && (demands.len() > MAX_COMPARED_DEMANDS || demands.iter().any(beside))
    };
    demands.iter().zip(limits).map(is_short).collect()
}

/// Where each lock is requested, and how many may have it.
fn all_demands(
    flow: &DeadlockModel,
    sections: &[HeldSection<'_>],
) -> (Vec<Vec<LockDemandRange>>, Vec<u32>) {
    let mut demands: Vec<Vec<LockDemandRange>> = vec![Vec::new(); flow.resources.len()];
    let mut limits = vec![u32::MAX; flow.resources.len()];
    for section in sections {
        let demand = LockDemandRange {
            owner: section.owner,
            strand: section.strand,
            from: section.from,
            to: section.to,
        };
        match section.owner {
            LockOwner::Request(request) => {
                let request = &flow.requests[request];
                for lock in &request.locks {
                    limits[*lock] = request.limit.min(limits[*lock]);
                    demands[*lock].push(demand);
                }
            }
            LockOwner::Hold(hold) => {
                for (lock, _) in &flow.holds[hold].locks {
                    limits[*lock] = 1;
                    demands[*lock].push(demand);
                }
            }
        }
    }
    (demands, limits)
}

/// Whether two may request a lock at the same time.
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
            owner: high.owner,
            strand: parent,
            from: at,
            to: at,
        };
    }
}

/// The locks that can have a part in a standstill: those that are held while something else is
/// waited for, or taken together with one that is: nobody overtakes who waits for both. All others
/// are only ever held for a while.
pub fn relevant(flow: &DeadlockModel, shortage: &[bool]) -> Vec<bool> {
    let sections = held_sections(flow);
    let mut relevant = shortage.to_vec();
    loop {
        let mut waits = vec![false; flow.resources.len()];
        for section in &sections {
            mark_waits(flow, section, &relevant, &mut waits);
        }
        mark_together(flow, &relevant, &mut waits);
        let next: Vec<bool> = relevant.iter().zip(&waits).map(|(a, b)| *a && *b).collect();
        if next == relevant {
            return relevant;
        }
        relevant = next;
    }
}

/// Marks the locks that are taken together with one that has been marked.
fn mark_together(flow: &DeadlockModel, relevant: &[bool], waits: &mut [bool]) {
    let requests = flow.requests.iter().map(|it| it.locks.clone());
    let holds = (flow.holds.iter()).map(|it| it.locks.iter().map(|(lock, _)| *lock).collect());
    let groups: Vec<Vec<usize>> = requests.chain(holds).filter(|it| it.len() > 1).collect();
    loop {
        let mut has_changed = false;
        for group in &groups {
            let is_marked = group.iter().any(|lock| waits[*lock] && relevant[*lock]);
            if is_marked && group.iter().any(|lock| !waits[*lock]) {
                group.iter().for_each(|lock| waits[*lock] = true);
                has_changed = true;
            }
        }
        if !has_changed {
            return;
        }
    }
}

/// Marks the locks of a section if something in it may wait.
fn mark_waits(
    flow: &DeadlockModel,
    section: &HeldSection<'_>,
    relevant: &[bool],
    waits: &mut [bool],
) {
    match section.owner {
        LockOwner::Request(request) => {
            let locks = &flow.requests[request].locks;
            if locks.iter().any(|lock| !waits[*lock] && relevant[*lock]) {
                let mut inside = with_children(flow, section.inside());
                if inside.any(|op| may_wait(flow, op, relevant)) {
                    locks.iter().for_each(|lock| waits[*lock] = true);
                }
            }
        }
        LockOwner::Hold(hold) => {
            // A stage holds its locks while any of its strands goes from one deployment to the
            // next; it is enough that something before its end may wait. Entering its own locks
            // is no wait inside them.
            let stage = flow.holds[hold].tree;
            let is_own = |hold: usize| flow.holds[hold].tree == stage;
            let enters_own = |op: &ModelOp| matches!(op, ModelOp::Enter(hold, _) if is_own(*hold));
            let before_end = section.ops.get(..section.to).unwrap_or_default();
            let mut inside = with_children(flow, before_end);
            if inside.any(|op| !enters_own(op) && may_wait(flow, op, relevant)) {
                let of_stage = flow.holds.iter().filter(|hold| hold.tree == stage);
                let locks = of_stage.flat_map(|hold| &hold.locks);
                locks.for_each(|(lock, _)| waits[*lock] = true);
            }
        }
    }
}

/// Whether an operation that is no fork may wait for another strand.
fn may_wait(flow: &DeadlockModel, op: &ModelOp, relevant: &[bool]) -> bool {
    match op {
        ModelOp::Arrive(..) => true,
        ModelOp::Acquire(request) => {
            let mut locks = flow.requests[*request].locks.iter();
            locks.any(|lock| relevant[*lock])
        }
        ModelOp::Enter(hold, _) => {
            let mut locks = flow.holds[*hold].locks.iter();
            locks.any(|(lock, _)| relevant[*lock])
        }
        ModelOp::Fork(_)
        | ModelOp::Pause(_)
        | ModelOp::Release(_)
        | ModelOp::Exit(..)
        | ModelOp::Drop(_)
        | ModelOp::Choose(..)
        | ModelOp::Jump(_)
        | ModelOp::Given(_)
        | ModelOp::Bind(_)
        | ModelOp::Leave(_)
        | ModelOp::Break
        | ModelOp::Fail => false,
    }
}
