//! A deadlock that was found: who waits for whom, and the smallest cycle of strands that wait for
//! each other.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::state::{Holder, NOT_STARTED, State, Step};
use super::steps::Search;
use crate::flow::{Op, StrandId};

/// Cycles are searched from this many strands; one of a thousand that wait at one barrier says as
/// much as all.
const MOST_STARTS: usize = 200;

/// A standstill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hang {
    /// The choices that led there, in order.
    pub steps: Vec<Step>,
    /// Strands of which each waits for the next, and the last for the first; the fewest.
    pub circle: Vec<Stuck>,
    /// How many more wait.
    pub others: usize,
}

/// A strand that never continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The strand.
    pub strand: StrandId,
    /// Its place.
    pub at: usize,
    /// What it waits for.
    pub why: Why,
    /// The locks that it holds, itself or as a part of a stage.
    pub holds: Vec<(usize, Holder)>,
    /// The meetings at which it is still expected.
    pub owes: Vec<usize>,
}

/// What a strand waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
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

impl Search<'_> {
    /// Who waits for what when no strand can continue.
    pub fn hang(&self, state: &State, steps: Vec<Step>) -> Hang {
        let stuck: Vec<(StrandId, Why)> = (0..self.flow.strands.len())
            .filter_map(|strand| Some((strand, self.why(state, strand)?)))
            .collect();
        let circle = self.circle(state, &stuck);
        let others = stuck.len() - circle.len();
        let circle = circle
            .into_iter()
            .map(|at| self.stuck(state, stuck[at]))
            .collect();
        Hang {
            steps,
            circle,
            others,
        }
    }

    fn stuck(&self, state: &State, (strand, why): (StrandId, Why)) -> Stuck {
        let mut holds = Vec::new();
        for (lock, holders) in state.held.iter().enumerate() {
            for holder in holders {
                match holder {
                    Holder::Request(own, _) if *own == strand => {
                        holds.push((lock, *holder));
                    }
                    Holder::Hold(hold) if self.is_inside(state, *hold, strand) => {
                        holds.push((lock, *holder));
                    }
                    Holder::Request(..) | Holder::Hold(_) => {}
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
        Stuck {
            strand,
            at,
            why,
            holds,
            owes,
        }
    }

    /// What a strand waits for, if it does and for nothing that is in it.
    fn why(&self, state: &State, strand: StrandId) -> Option<Why> {
        if state.at[strand] == NOT_STARTED {
            let (parent, fork) = self.flow.strands[strand].parent?;
            let open = state.runs(parent) && self.op(state, parent) == Some(&Op::Fork(fork));
            let shape = &self.flow.forks[fork];
            let place = shape.children.binary_search(&strand).ok()?;
            let mut after = shape.after.get(place).into_iter().flatten();
            let turn = after.any(|group| state.forks[fork].groups[*group] > 0);
            return open.then_some(if turn {
                Why::Turn(fork)
            } else {
                Why::Place(fork)
            });
        }
        if !state.runs(strand) {
            return None;
        }
        match self.op(state, strand)? {
            Op::Arrive(meeting, _) => Some(Why::Meeting(*meeting)),
            Op::Acquire(request) => Some(Why::Lock(*request)),
            Op::Enter(hold, _) => Some(Why::Stage(*hold)),
            Op::Pause(_)
            | Op::Release(_)
            | Op::Exit(..)
            | Op::Drop(_)
            | Op::Fork(_)
            | Op::Choose(..)
            | Op::Jump(_)
            | Op::Leave(_)
            | Op::Break
            | Op::Fail => None,
        }
    }

    fn still_owes(&self, state: &State, strand: StrandId, meeting: usize) -> bool {
        let debt = self.debt(strand, meeting);
        debt.is_some_and(|debt| state.owes[debt] > 0)
    }

    /// Whether a strand prevents a stage from releasing its locks.
    fn is_inside(&self, state: &State, hold: usize, strand: StrandId) -> bool {
        let ends_here = |at: StrandId| {
            let ops = &self.flow.strands[at].ops;
            let end = ops.iter().position(|op| *op == Op::Drop(hold));
            end.is_some_and(|end| (state.at[at] as usize) < end)
        };
        let mut at = Some(strand);
        while let Some(here) = at {
            if ends_here(here) {
                // The pipeline holds its own locks only for what is outside stages.
                let own = &self.flow.strands[strand];
                let waits = self.op(state, strand);
                let enters = matches!(waits, Some(Op::Enter(other, _)) if *other == hold);
                return !enters && (here == strand || own.parent.is_some());
            }
            at = self.parent(here);
        }
        false
    }

    /// Those that keep a strand waiting, by their indices in `stuck`.
    fn waits_for(&self, state: &State, stuck: &[(StrandId, Why)], at: usize) -> BTreeSet<usize> {
        let (own, why) = stuck[at];
        let those = |keeps: &dyn Fn(StrandId, Why) -> bool| {
            let all = stuck.iter().enumerate();
            let kept = all.filter(|(_, (strand, why))| keeps(*strand, *why));
            kept.map(|(place, _)| place).collect::<BTreeSet<usize>>()
        };
        let holders = |lock: usize| {
            those(&|strand, _| {
                state.held[lock].iter().any(|holder| match holder {
                    Holder::Request(other, _) => self.is_in(strand, *other),
                    Holder::Hold(hold) => self.is_inside(state, *hold, strand),
                })
            })
        };
        match why {
            Why::Meeting(meeting) => those(&|strand, _| self.still_owes(state, strand, meeting)),
            Why::Lock(request) => holders(self.flow.requests[request].lock),
            Why::Stage(hold) => {
                let locks = self.flow.holds[hold].locks.iter();
                locks.flat_map(|(lock, _)| holders(*lock)).collect()
            }
            Why::Place(fork) | Why::Turn(fork) => those(&|strand, why| {
                strand != own
                    && !matches!(why, Why::Place(_) | Why::Turn(_))
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
    fn circle(&self, state: &State, stuck: &[(StrandId, Why)]) -> Vec<usize> {
        let mut best: Option<Vec<usize>> = None;
        let mut known: HashMap<usize, BTreeSet<usize>> = HashMap::new();
        for start in 0..stuck.len().min(MOST_STARTS) {
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
