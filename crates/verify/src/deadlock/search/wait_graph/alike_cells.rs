//! The order of what is waited for where one cell of a loop stands for many that look alike.
//!
//! Each edge between places of all cells is one between places of that cell: a cycle there would be
//! one here. What lets cells start when others have ended is the exception, as it leads from the
//! start of the cell to its own end. It leads to earlier cells alone, though, and those that meet
//! or are otherwise waited for in the same turn are none of them. So on a cycle there is a latest
//! turn, for which the one cell stands; all that is in earlier ones is a single point beside it.

use super::{WaitGraph, remove_free};
use crate::deadlock::model::{DeadlockModel, StrandId};

/// More steps than this are not taken for what cells in earlier turns wait for: a moment.
const MAX_TURN_STEPS: usize = 10_000_000;

/// Whether all that is waited for can be ordered, however many cells there are of each that stands
/// for those like it. Every lock counts as one that is waited for, also by who holds it.
pub fn is_ordered_for_all(flow: &DeadlockModel) -> bool {
    if flow.undivided.is_some() || flow.forks.iter().any(|fork| fork.tangled) {
        return false;
    }
    let mut graph = WaitGraph::new(flow, &vec![true; flow.resources.len()]);
    graph.strands();
    graph.forks();
    graph.locks();
    let mut waits: Vec<(u32, u32)> = graph.all_waits().collect();
    let in_turns = flow.forks.iter().filter(|fork| fork.in_turns).count();
    if in_turns.saturating_mul(waits.len() + graph.next) > MAX_TURN_STEPS {
        return false;
    }
    // In which split each of the numbers is.
    let mut places: Vec<Option<usize>> = (0..graph.next).map(|at| graph.split_of(at)).collect();
    for (at, fork) in flow.forks.iter().enumerate() {
        if fork.in_turns {
            let earlier = places.len() as u32;
            waits.extend(earlier_turns(flow, at, earlier, &places, &waits));
            let starts = fork.children.iter().map(|child| graph.place(*child, 0));
            waits.extend(starts.map(|start| (start as u32, earlier)));
            places.push(Some(at));
        }
    }
    let mut left = vec![true; places.len()];
    remove_free(&mut left, waits.into_iter());
    !left.contains(&true)
}

/// What those in earlier turns wait for outside of their split, and what waits for them.
fn earlier_turns(
    flow: &DeadlockModel,
    fork: usize,
    earlier: u32,
    places: &[Option<usize>],
    waits: &[(u32, u32)],
) -> Vec<(u32, u32)> {
    let is_inside: Vec<bool> = (places.iter())
        .map(|place| is_within(flow, *place, fork))
        .collect();
    let across = waits.iter().filter_map(|(later, sooner)| {
        match (is_inside[*later as usize], is_inside[*sooner as usize]) {
            (true, false) => Some((earlier, *sooner)),
            (false, true) => Some((*later, earlier)),
            (true, true) | (false, false) => None,
        }
    });
    across.collect()
}

/// Whether a split is another or in it.
fn is_within(flow: &DeadlockModel, split: Option<usize>, other: usize) -> bool {
    let around = |at: &usize| {
        let parent = flow.strands[flow.forks[*at].parent].parent;
        parent.map(|(_, fork)| fork)
    };
    std::iter::successors(split, around).any(|it| it == other)
}

impl WaitGraph<'_> {
    /// In which split something is: a place in that of its strand, a meeting in that of those who
    /// meet, what is inside a split in the one around it. Locks are in none.
    fn split_of(&self, number: usize) -> Option<usize> {
        let flow = self.flow;
        let around = |strand: StrandId| flow.strands[strand].parent.map(|(_, fork)| fork);
        if let Some(at) = number.checked_sub(self.insides) {
            return match flow.forks.get(at) {
                Some(fork) => around(fork.parent),
                None => self.extra.get(at - flow.forks.len()).copied(),
            };
        }
        if number >= self.locks {
            return None;
        }
        if number >= self.meetings {
            return Some(flow.meetings[number - self.meetings].fork);
        }
        let strand = self.places.partition_point(|start| *start <= number) - 1;
        around(strand)
    }
}
