//! Counts the deployments of a run by status, in total and for each stage.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::HashMap;

use indexmap::IndexMap;

use lockstep_base::node_path::{self, NodePath};
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind, Status};
use lockstep_engine::state;

/// The number of deployments with each status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StatusCounts {
    by_status: [usize; state::ALL.len()],
}

impl StatusCounts {
    /// How many have this status.
    pub(super) fn of(&self, status: Status) -> usize {
        self.by_status[status as usize]
    }

    /// How many there are in total.
    pub(super) fn total(&self) -> usize {
        self.by_status.iter().sum()
    }

    /// How many of them have ended.
    pub(super) fn ended(&self) -> usize {
        super::phrases::STATUS_ORDER
            .iter()
            .map(|(status, _)| self.of(*status))
            .sum()
    }

    /// Counts one.
    pub(super) fn add(&mut self, status: Status) {
        self.by_status[status as usize] += 1;
    }

    /// Takes one back.
    pub(super) fn remove(&mut self, status: Status) {
        let count = &mut self.by_status[status as usize];
        *count = count.saturating_sub(1);
    }
}

/// The counts of a run. A deployment whose status changes is moved, not counted twice.
#[derive(Debug, Default)]
pub(super) struct DeploymentCounts {
    all: StatusCounts,
    stages: IndexMap<NodePath, StatusCounts>,
    last: HashMap<NodePath, Status>,
}

impl DeploymentCounts {
    /// Applies the next event.
    pub(super) fn event(&mut self, event: &RunEvent) {
        let (node, kind, status) = match &event.what {
            RunEventKind::NodeStarted { node, kind, .. } => (node, *kind, Status::Running),
            RunEventKind::NodeWaiting { node, kind, .. } => (node, *kind, Status::Waiting),
            RunEventKind::NodeFinished {
                node, kind, status, ..
            } => (node, *kind, *status),
            RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::RunFinished { .. } => return,
        };
        if kind == NodeKind::Deploy {
            self.set(node, status);
        } else if kind == NodeKind::Stage && !self.stages.contains_key(node) {
            self.stages.insert(node.clone(), StatusCounts::default());
        }
    }

    /// The counts of the whole run.
    pub(super) fn all(&self) -> &StatusCounts {
        &self.all
    }

    /// The counts of a stage.
    pub(super) fn of_stage(&self, stage: &str) -> Option<&StatusCounts> {
        self.stages.get(stage)
    }

    fn set(&mut self, node: &NodePath, status: Status) {
        let before = self.last.insert(node.clone(), status);
        let stage = node_path::ancestors(node).find_map(|above| self.stages.get_index_of(above));
        let of_stage = stage.and_then(|at| self.stages.get_index_mut(at));
        for counts in std::iter::once(&mut self.all).chain(of_stage.map(|(_, counts)| counts)) {
            if let Some(before) = before {
                counts.remove(before);
            }
            counts.add(status);
        }
    }
}
