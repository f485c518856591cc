//! A state of the search: the positions of all strands.

use crate::deadlock::model::DeadlockModel;
use crate::deadlock::model::ModelLiteral;
use crate::deadlock::model::StrandId;

/// A choice on the way to a standstill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStep {
    /// The strand requests a lock, at this place.
    Asks(StrandId, usize),
    /// The strand continues at this place, one of several.
    Goes(StrandId, usize),
    /// What the strand did at this place has ended well.
    Ends(StrandId, usize),
    /// What the strand did at this place has failed.
    Fails(StrandId, usize),
    /// A lock has been granted.
    Gets(ModelLockHolder),
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelLockHolder {
    /// A `lock` statement: strand and request.
    Request(StrandId, usize),
    /// A stage.
    Hold(usize),
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StrandTask {
    /// A strand continues.
    Go(StrandId),
    /// A strand fails where it is.
    Fail(StrandId),
    /// A strand has ended, and its block continues; whether its failure counts.
    Left(StrandId, bool),
}

/// The place of a strand that has not started.
pub const NOT_STARTED: u32 = u32::MAX;

/// The place of a strand that has ended.
pub const ENDED: u32 = u32::MAX - 1;

/// Where all strands are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchState {
    /// The next operation of each strand.
    pub at: Vec<u32>,
    /// What each strand still owes each of its meetings, one after the other.
    pub owes: Vec<u32>,
    /// How many deployments each strand still brings to its stages' locks, likewise.
    pub deploys: Vec<u32>,
    pub arrived: Vec<u32>,
    pub left: Vec<u32>,
    pub broken: Vec<bool>,
    /// Who waits at each meeting, in the order of arrival.
    pub waiting: Vec<Vec<StrandId>>,
    /// Who holds each lock.
    pub held: Vec<Vec<ModelLockHolder>>,
    /// Who waits for locks, in the order of the requests, and for which.
    pub queue: Vec<(ModelLockHolder, Vec<usize>)>,
    /// Who has been granted locks and not been notified yet.
    pub granted: Vec<ModelLockHolder>,
    pub holds: Vec<HoldState>,
    pub forks: Vec<ForkState>,
    /// What conditions have turned out to be, in order.
    pub decided: Vec<ModelLiteral>,
    /// What follows from what has happened, the next last.
    pub tasks: Vec<StrandTask>,
}

/// Where a stage is with its locks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct HoldState {
    pub asked_by: Option<StrandId>,
    pub granted: bool,
    pub waiting: Vec<StrandId>,
    pub remaining: Vec<Option<u32>>,
}

/// Where a split is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ForkState {
    pub running: u32,
    pub done: u32,
    /// All before this one have started, or never will.
    pub first: u32,
    pub wave: u32,
    pub groups: Vec<u32>,
    /// The cells that failed and break their chains, by place.
    pub failed: Vec<u32>,
    /// How many failures were tolerated.
    pub tolerated: u32,
    pub stopped: bool,
    pub bad: bool,
}

impl SearchState {
    pub fn new(flow: &DeadlockModel) -> Self {
        let holds = 0..flow.holds.len();
        let forks = 0..flow.forks.len();
        let strands = flow.strands.iter();
        let owes = strands.clone().flat_map(|it| &it.owes);
        let deploys = strands.flat_map(|it| &it.deploys);
        Self {
            at: vec![NOT_STARTED; flow.strands.len()],
            owes: owes.map(|(_, count)| *count).collect(),
            deploys: deploys.map(|(_, count)| *count).collect(),
            arrived: vec![0; flow.meetings.len()],
            left: vec![0; flow.meetings.len()],
            broken: vec![false; flow.meetings.len()],
            waiting: vec![Vec::new(); flow.meetings.len()],
            held: vec![Vec::new(); flow.resources.len()],
            queue: Vec::new(),
            granted: Vec::new(),
            holds: holds.map(|hold| fresh_hold(flow, hold)).collect(),
            forks: forks.map(|fork| fresh_fork(flow, fork)).collect(),
            decided: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Whether the pipeline has ended.
    pub fn is_over(&self) -> bool {
        self.at.first() == Some(&ENDED)
    }

    /// Whether a strand has started and not ended.
    pub fn runs(&self, strand: StrandId) -> bool {
        self.at[strand] < ENDED
    }
}

pub fn fresh_hold(flow: &DeadlockModel, hold: usize) -> HoldState {
    HoldState {
        remaining: flow.holds[hold]
            .locks
            .iter()
            .map(|(_, count)| *count)
            .collect(),
        ..HoldState::default()
    }
}

pub fn fresh_fork(flow: &DeadlockModel, fork: usize) -> ForkState {
    ForkState {
        groups: flow.forks[fork].group_sizes.clone(),
        ..ForkState::default()
    }
}
