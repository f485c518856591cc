//! What may still come on the way that a strand has taken: filled in once its operations are there.

use std::collections::BTreeMap;

use super::ArrivalsAhead;
use super::DeadlockModel;
use super::ModelOp;

/// Fills in, where a strand leaves what is not ahead, what is.
pub(super) fn set_arrivals_ahead(flow: &DeadlockModel, ops: &mut [ModelOp]) {
    if !ops.iter().any(|op| matches!(op, ModelOp::Leave(_))) {
        return;
    }
    // Goes backwards: what is ahead of a place is known before the place; a jump backwards is
    // another try, which passes what has been passed.
    let mut ahead: Vec<ArrivalsAhead> = vec![ArrivalsAhead::default(); ops.len() + 1];
    for at in (0..ops.len()).rev() {
        let mut here = ahead[at + 1].clone();
        match &mut ops[at] {
            ModelOp::Arrive(meeting, _) => *here.meetings.entry(*meeting).or_default() += 1,
            ModelOp::Exit(hold, lock, count) => {
                *here.deploys.entry((*hold, *lock)).or_default() += *count;
            }
            ModelOp::Fork(fork) => {
                for child in &flow.forks[*fork].children {
                    let child = &flow.strands[*child];
                    summarize(&mut here.meetings, &child.owes);
                    summarize(&mut here.deploys, &child.deploys);
                }
            }
            ModelOp::Jump(to) if *to > at => here = ahead.get(*to).cloned().unwrap_or_default(),
            ModelOp::Choose(ways, _) => {
                here = ArrivalsAhead::default();
                for way in ways.iter().filter_map(|way| ahead.get(*way)) {
                    most(&mut here.meetings, &way.meetings);
                    most(&mut here.deploys, &way.deploys);
                }
            }
            ModelOp::Jump(_) | ModelOp::Fail => here = ArrivalsAhead::default(),
            ModelOp::Leave(kept) => *kept = here.clone(),
            ModelOp::Pause(_)
            | ModelOp::Acquire(_)
            | ModelOp::Release(_)
            | ModelOp::Enter(..)
            | ModelOp::Drop(_)
            | ModelOp::Given(_)
            | ModelOp::Bind(_)
            | ModelOp::Break => {}
        }
        ahead[at] = here;
    }
}

fn summarize<K: Ord + Copy>(counts: &mut BTreeMap<K, u32>, more: &[(K, u32)]) {
    for (key, count) in more {
        *counts.entry(*key).or_default() += count;
    }
}

fn most<K: Ord + Copy>(counts: &mut BTreeMap<K, u32>, others: &BTreeMap<K, u32>) {
    for (key, count) in others {
        let most = counts.entry(*key).or_default();
        *most = (*count).max(*most);
    }
}
