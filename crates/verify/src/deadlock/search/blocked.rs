//! A deadlock that was found: who waits for whom, and the smallest cycle of strands that wait for
//! each other.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::state::ModelLockHolder;
use super::state::NOT_STARTED;
use super::state::SearchState;
use super::state::SearchStep;
use super::steps::StateSpaceSearch;
use crate::deadlock::model::ModelOp;
use crate::deadlock::model::StrandId;

/// Cycles are searched from this many strands; one of a thousand that wait at one barrier says as
/// much as all.
const MAX_CYCLE_STARTS: usize = 200;

/// A standstill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// The choices that led there, in order.
    pub steps: Vec<SearchStep>,
    /// Strands of which each waits for the next, and the last for the first; the fewest.
    pub circle: Vec<BlockedStrand>,
    /// How many more wait.
    pub others: usize,
}

/// A strand that never continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedStrand {
    /// The strand.
    pub strand: StrandId,
    /// Its place.
    pub at: usize,
    /// What it waits for.
    pub cause: WaitCause,
    /// The locks that it holds, itself or as a part of a stage.
    pub holds: Vec<(usize, ModelLockHolder)>,
    /// The meetings at which it is still expected.
    pub owes: Vec<usize>,
}

/// What a strand waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitCause {
    /// The others at a meeting.
    Meeting(usize),
    /// The lock of a request.
    Lock(usize),
    /// The locks of a stage.
    Stage(usize),
    /// A place in its block, which has too few.
    Place(usize),
    /// Those before it in its block.
    Turn(usize),
}

impl StateSpaceSearch<'_> {
    /// Who waits for what when no strand can continue.
    pub fn deadlock(&self, state: &SearchState, steps: Vec<SearchStep>) -> Deadlock {
        let stuck: Vec<(StrandId, WaitCause)> = (0..self.flow.strands.len())
            .filter_map(|strand| Some((strand, self.wait_cause(state, strand)?)))
            .collect();
        let circle = self.circle(state, &stuck);
        let others = stuck.len() - circle.len();
        let circle = circle
            .into_iter()
            .map(|at| self.blocked_strands(state, stuck[at]))
            .collect();
        Deadlock {
            steps,
            circle,
            others,
        }
    }

    fn blocked_strands(
        &self,
        state: &SearchState,
        (strand, why): (StrandId, WaitCause),
    ) -> BlockedStrand {
        let mut holds = Vec::new();
        for (lock, holders) in state.held.iter().enumerate() {
            for holder in holders {
                match holder {
                    ModelLockHolder::Request(own, _) if *own == strand => {
                        holds.push((lock, *holder));
                    }
                    ModelLockHolder::Hold(hold) if self.is_inside(state, *hold, strand) => {
                        holds.push((lock, *holder));
                    }
                    ModelLockHolder::Request(..) | ModelLockHolder::Hold(_) => {}
                }
            }
        }
        let owed = self.flow.strands[strand]
            .owes
            .iter()
            .map(|(meeting, _)| *meeting);
        let owes = owed
            .filter(|it| self.still_owes(state, strand, *it))
            .collect();
        let at = match state.at[strand] {
            NOT_STARTED => 0,
            at => at as usize,
        };
        BlockedStrand {
            strand,
            at,
            cause: why,
            holds,
            owes,
        }
    }

    /// What a strand waits for, if it does and for nothing that is in it.
    fn wait_cause(&self, state: &SearchState, strand: StrandId) -> Option<WaitCause> {
        if state.at[strand] == NOT_STARTED {
            let (parent, fork) = self.flow.strands[strand].parent?;
            let open = state.runs(parent) && self.op(state, parent) == Some(&ModelOp::Fork(fork));
            let shape = &self.flow.forks[fork];
            let place = shape.children.binary_search(&strand).ok()?;
            let mut after = shape.after.get(place).into_iter().flatten();
            let turn = after.any(|group| state.forks[fork].groups[*group] > 0);
            return open.then_some(if turn {
                WaitCause::Turn(fork)
            } else {
                WaitCause::Place(fork)
            });
        }
        if !state.runs(strand) {
            return None;
        }
        match self.op(state, strand)? {
            ModelOp::Arrive(meeting, _) => Some(WaitCause::Meeting(*meeting)),
            ModelOp::Acquire(request) => Some(WaitCause::Lock(*request)),
            ModelOp::Enter(hold, _) => Some(WaitCause::Stage(*hold)),
            ModelOp::Pause(_)
            | ModelOp::Release(_)
            | ModelOp::Exit(..)
            | ModelOp::Drop(_)
            | ModelOp::Fork(_)
            | ModelOp::Choose(..)
            | ModelOp::Jump(_)
            | ModelOp::Given(_)
            | ModelOp::Bind(_)
            | ModelOp::Leave(_)
            | ModelOp::Break
            | ModelOp::Fail => None,
        }
    }

    fn still_owes(&self, state: &SearchState, strand: StrandId, meeting: usize) -> bool {
        let debt = self.owed_arrivals(strand, meeting);
        debt.is_some_and(|debt| state.owes[debt] > 0)
    }

    /// Whether a strand prevents a stage from releasing its locks.
    fn is_inside(&self, state: &SearchState, hold: usize, strand: StrandId) -> bool {
        let ends_here = |at: StrandId| {
            let ops = &self.flow.strands[at].ops;
            let end = ops.iter().position(|op| *op == ModelOp::Drop(hold));
            end.is_some_and(|end| (state.at[at] as usize) < end)
        };
        let mut at = Some(strand);
        while let Some(here) = at {
            if ends_here(here) {
                // The pipeline holds its own locks only for what is outside stages.
                let own = &self.flow.strands[strand];
                let waits = self.op(state, strand);
                let enters = matches!(waits, Some(ModelOp::Enter(other, _)) if *other == hold);
                return !enters && (here == strand || own.parent.is_some());
            }
            at = self.parent(here);
        }
        false
    }

    /// Those that keep a strand waiting, by their indices in `stuck`.
    fn waits_for(
        &self,
        state: &SearchState,
        stuck: &[(StrandId, WaitCause)],
        at: usize,
    ) -> BTreeSet<usize> {
        let (own, why) = stuck[at];
        let those = |keeps: &dyn Fn(StrandId, WaitCause) -> bool| {
            let all = stuck.iter().enumerate();
            let kept = all.filter(|(_, (strand, why))| keeps(*strand, *why));
            kept.map(|(place, _)| place).collect::<BTreeSet<usize>>()
        };
        let holders = |lock: usize| {
            those(&|strand, _| {
                state.held[lock].iter().any(|holder| match holder {
                    ModelLockHolder::Request(other, _) => self.is_in(strand, *other),
                    ModelLockHolder::Hold(hold) => self.is_inside(state, *hold, strand),
                })
            })
        };
        match why {
            WaitCause::Meeting(meeting) => {
                those(&|strand, _| self.still_owes(state, strand, meeting))
            }
            WaitCause::Lock(request) => {
                let locks = self.flow.requests[request].locks.iter();
                locks.flat_map(|lock| holders(*lock)).collect()
            }
            WaitCause::Stage(hold) => {
                let locks = self.flow.holds[hold].locks.iter();
                locks.flat_map(|(lock, _)| holders(*lock)).collect()
            }
            WaitCause::Place(fork) | WaitCause::Turn(fork) => those(&|strand, why| {
                strand != own
                    && !matches!(why, WaitCause::Place(_) | WaitCause::Turn(_))
                    && self.flow.is_in(strand, fork)
            }),
        }
    }

    /// Whether a strand is another or in it.
    fn is_in(&self, strand: StrandId, other: StrandId) -> bool {
        let mut at = Some(strand);
        while let Some(here) = at {
            if here == other {
                return true;
            }
            at = self.parent(here);
        }
        false
    }

    /// The shortest circle.
    fn circle(&self, state: &SearchState, stuck: &[(StrandId, WaitCause)]) -> Vec<usize> {
        let mut best: Option<Vec<usize>> = None;
        let mut known: HashMap<usize, BTreeSet<usize>> = HashMap::new();
        for start in 0..stuck.len().min(MAX_CYCLE_STARTS) {
            let mut from: HashMap<usize, usize> = HashMap::new();
            let mut queue = VecDeque::from([start]);
            'search: while let Some(at) = queue.pop_front() {
                let next = known
                    .entry(at)
                    .or_insert_with(|| self.waits_for(state, stuck, at));
                for next in next.iter().copied() {
                    if next == start {
                        let back = std::iter::successors(Some(at), |at| from.get(at).copied());
                        let mut found: Vec<usize> = back.collect();
                        found.reverse();
                        if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                            best = Some(found);
                        }
                        break 'search;
                    }
                    if let std::collections::hash_map::Entry::Vacant(free) = from.entry(next) {
                        free.insert(at);
                        queue.push_back(next);
                    }
                }
            }
        }
        best.unwrap_or_else(|| (0..stuck.len().min(8)).collect())
    }
}
