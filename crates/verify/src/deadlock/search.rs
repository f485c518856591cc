//! The deadlock search: whether the strands of a plan can reach a standstill (deadlock), and the
//! shortest schedule that leads there.
//!
//! A run is a sequence of events: something that took time has ended, successfully or not; a lock
//! has been granted. What follows from an event follows immediately, in the order in which the
//! machine does it. Four methods give an answer, each used only where the one before it gives none:
//!
//! 1. Where everything that is waited for can be ordered, nothing can wait for ever.
//! 2. Where no lock can be contended, the order of events makes no difference: a strand that can
//!    continue may as well continue immediately, and a failure only releases other strands. One run
//!    is enough; it branches where only the run knows which way a strand goes.
//! 3. Where the order of lock requests matters, everything else continues immediately and locks are
//!    requested in every order (a partial order reduction). That covers every run and a few that
//!    are impossible: a plan without a deadlock here has none.
//! 4. The rest is explored event by event, as the machine would handle them (a search of the whole
//!    state space).
//!
//! The last two first consider runs in which nothing fails, then those in which anything may: a
//! failure releases locks early, and so can lead to an order that was impossible before.

#![deny(clippy::wildcard_enum_match_arm)]

mod blocked;
mod contention;
mod exclusion;
mod held_sections;
mod locks;
mod state;
mod steps;
mod wait_graph;

use std::collections::{HashSet, VecDeque};

use crate::deadlock::model::DeadlockModel;
pub use blocked::BlockedStrand;
pub use blocked::Deadlock;
pub use blocked::WaitCause;
pub use state::ModelLockHolder;
use state::SearchState;
pub use state::SearchStep;
use steps::StateSpaceSearch;
pub use wait_graph::is_ordered_for_all;

/// The maximum number of states that a search explores.
const MAX_STATES: usize = 50_000;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchOutcome {
    /// Every run of the strands ends.
    Ends,
    /// This one does not.
    Hangs(Deadlock),
    /// There were more states than can be explored. Where a deadlock is given, it has been found
    /// among runs that need not all be possible.
    Unknown(Option<Deadlock>),
}

/// The ways that lead to a verdict, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// All that is waited for can be put in an order.
    Order,
    /// One run, as no lock can be in short supply.
    OneRun,
    /// Locks are requested in every order, and everything else continues immediately.
    LockOrders,
    /// Event by event, as the machine would see them.
    Events,
}

impl Way {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 4] = [Self::Order, Self::OneRun, Self::LockOrders, Self::Events];
}

/// The locks of which the order matters: they can be in short supply, and something else is waited
/// for while they are held.
pub fn ordered_locks(flow: &DeadlockModel) -> Vec<usize> {
    let relevant = contention::relevant(flow, &contention::shortage(flow));
    let locks = relevant.iter().enumerate();
    locks.filter_map(|(lock, it)| it.then_some(lock)).collect()
}

/// Searches for a deadlock; a shortest one is found first.
pub fn explore(flow: &DeadlockModel) -> SearchOutcome {
    decide(flow).0
}

/// As [`explore`], and which way led to the verdict.
pub fn decide(flow: &DeadlockModel) -> (SearchOutcome, Way) {
    if flow.undivided.is_some() {
        return (SearchOutcome::Unknown(None), Way::Order);
    }
    let shortage = contention::shortage(flow);
    if wait_graph::is_ordered(flow, &shortage) {
        return (SearchOutcome::Ends, Way::Order);
    }
    let relevant = contention::relevant(flow, &shortage);
    let found = by_search(flow, &relevant, false);
    if found.0 == SearchOutcome::Ends || flow.decisions.is_empty() {
        return found;
    }
    // Only some of what each `if` may do goes together.
    match by_search(flow, &relevant, true) {
        (SearchOutcome::Unknown(_), _) => found,
        sure => sure,
    }
}

/// The verdict of the ways that search; where `decisions`, what a condition was stays so.
fn by_search(flow: &DeadlockModel, relevant: &[bool], decisions: bool) -> (SearchOutcome, Way) {
    let free =
        |failures| StateSpaceSearch::free(flow, relevant.to_vec(), failures).remembering(decisions);
    let tangled = flow.forks.iter().any(|fork| fork.tangled);
    if !relevant.contains(&true) && !tangled {
        return (search(&free(false)), Way::OneRun);
    }
    let mut first = None;
    for failures in [false, true] {
        match search(&free(failures)) {
            SearchOutcome::Ends => {}
            SearchOutcome::Hangs(hang) => {
                first = Some(hang);
                break;
            }
            unknown @ SearchOutcome::Unknown(_) => return (unknown, Way::LockOrders),
        }
    }
    let Some(first) = first else {
        return (SearchOutcome::Ends, Way::LockOrders);
    };
    for failures in [false, true] {
        match search(&StateSpaceSearch::exact(flow, failures).remembering(decisions)) {
            SearchOutcome::Ends => {}
            hangs @ SearchOutcome::Hangs(_) => return (hangs, Way::Events),
            // Whether the machine's own order would save it is not known.
            SearchOutcome::Unknown(_) => return (SearchOutcome::Unknown(Some(first)), Way::Events),
        }
    }
    (SearchOutcome::Ends, Way::Events)
}

fn search(search: &StateSpaceSearch<'_>) -> SearchOutcome {
    let flow = search.flow;
    let mut first = SearchState::new(flow);
    search.start(&mut first);
    let mut seen = HashSet::new();
    let mut queue = VecDeque::from([(first, Vec::new())]);
    while let Some((state, steps)) = queue.pop_front() {
        let choices = search.choices(&state);
        if choices.is_empty() {
            // A branch none of whose ways can be taken, by what has been decided, is in no run.
            if !state.is_over() && state.tasks.is_empty() {
                return SearchOutcome::Hangs(search.deadlock(&state, steps));
            }
            continue;
        }
        for choice in choices {
            let mut next = state.clone();
            search.take(&mut next, choice);
            if seen.contains(&next) {
                continue;
            }
            if seen.len() >= MAX_STATES {
                return SearchOutcome::Unknown(None);
            }
            seen.insert(next.clone());
            let mut steps = steps.clone();
            steps.push(choice);
            queue.push_back((next, steps));
        }
    }
    SearchOutcome::Ends
}
