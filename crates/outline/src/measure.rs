//! The counts of a part of the plan: deployments, loads, time. One exists for each cell of the
//! walk, so it must stay small.

use indexmap::IndexSet;
use serde::Serialize;

use super::PeakConcurrency;
use super::longest_time::LongestTime;
use super::minimum_time::MinimumTime;
use super::peak_load::PeakLoad;
use lockstep_base::node_path::NodePath;
use lockstep_base::value::InfrastructureId;

/// More stages than this are not compared with each other.
const MAX_COMPARED_STAGES: usize = 100;

/// A number of which the run may decide a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The lower bound of the number.
    pub least: u64,
    /// There are never more. Nothing where only the run knows.
    pub most: Option<u64>,
}

impl Default for Count {
    fn default() -> Self {
        Self::exactly(0)
    }
}

impl Count {
    /// A number that is known.
    pub fn exactly(count: u64) -> Self {
        Self {
            least: count,
            most: Some(count),
        }
    }

    /// Whether there is nothing in any case.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn and(self, other: Self) -> Self {
        let most = self.most.zip(other.most);
        Self {
            least: self.least.saturating_add(other.least),
            most: most.map(|(a, b)| a.saturating_add(b)),
        }
    }

    fn or(self, other: Self) -> Self {
        let most = self.most.zip(other.most);
        Self {
            least: self.least.min(other.least),
            most: most.map(|(a, b)| a.max(b)),
        }
    }
}

/// A stage and the infrastructures that it locks.
#[derive(Debug, Clone)]
pub(super) struct StageLocks {
    pub(super) path: NodePath,
    pub(super) places: IndexSet<InfrastructureId>,
}

/// What is counted of a part of the plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Measure {
    pub(super) deployments: Count,
    /// Deployments at once.
    pub(super) deploys: PeakLoad,
    /// Commands at once.
    pub(super) commands: PeakLoad,
    /// Commands outside of deployments at once.
    pub(super) others: PeakLoad,
    /// How long it can take at most.
    pub(super) longest: LongestTime,
    /// How long it takes at least.
    pub(super) shortest: MinimumTime,
    /// The stages in it that lock something.
    pub(super) stages: Vec<StageLocks>,
}

impl Measure {
    /// Something that is done after it.
    pub(super) fn then(&mut self, other: Self) {
        self.longest = self.longest.then(other.longest);
        self.shortest.then(other.shortest.clone());
        self.deploys.then(&other.deploys);
        self.commands.then(&other.commands);
        self.others.then(&other.others);
        self.add(other);
    }

    /// Something that is done at the same time. Whether their locks exclude each other is not
    /// considered for the time that they take.
    pub(super) fn in_parallel(&mut self, other: Self) {
        self.longest = self.longest.or(other.longest);
        self.shortest.in_parallel(other.shortest.clone());
        self.deploys.in_parallel(&other.deploys);
        self.commands.in_parallel(&other.commands);
        self.others.in_parallel(&other.others);
        self.add(other);
    }

    /// Something that is done instead.
    pub(super) fn or(&mut self, other: Self) {
        self.longest = self.longest.or(other.longest);
        self.shortest.or(other.shortest.clone());
        self.deploys.then(&other.deploys);
        self.commands.then(&other.commands);
        self.others.then(&other.others);
        self.deployments = self.deployments.or(other.deployments);
        self.stages.extend(other.stages);
    }

    fn add(&mut self, other: Self) {
        self.deployments = self.deployments.and(other.deployments);
        if self.stages.len() < MAX_COMPARED_STAGES {
            self.stages.extend(other.stages);
        }
    }

    /// Something that may be done beside it being done, which does not add to its time: its loads
    /// count.
    pub(super) fn may_load(&mut self, other: &Self) {
        self.deploys.then(&other.deploys);
        self.commands.then(&other.commands);
        self.others.then(&other.others);
    }

    /// Something runs beside it as long as it does, and does not add to its time.
    pub(super) fn is_watched(&mut self, other: &Self) {
        self.commands.in_parallel(&other.commands);
        self.others.in_parallel(&other.others);
    }

    pub(super) fn width(&self) -> PeakConcurrency {
        PeakConcurrency {
            deployments: self.deploys.most(),
            commands: self.commands.most(),
        }
    }
}
