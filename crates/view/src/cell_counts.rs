//! Counts the cells of a run's loops by status, for loops that deploy nothing: there the cells are
//! what is done. Of loops in loops those of the outermost one count.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use indexmap::IndexMap;

use lockstep_base::node_path::{self, NodePath};
use lockstep_engine::run_event::{NodeKind, RunEvent, RunEventKind, Status};

use super::deployment_counts::StatusCounts;

/// The counts of a run. A cell that starts again is moved, not counted twice.
#[derive(Debug, Default)]
pub(super) struct CellCounts {
    all: StatusCounts,
    stages: IndexMap<NodePath, StatusCounts>,
    /// The outermost cells that have begun and not ended.
    open: HashSet<NodePath>,
    /// Which cells have ended with a status, by the hashes of their paths: there may be a million
    /// of them, and a set takes half of what a map with the statuses would.
    ended: HashMap<Status, HashSet<u64, BuildHasherDefault<PathHash>>>,
}

impl CellCounts {
    /// Applies the next event.
    pub(super) fn event(&mut self, event: &RunEvent) {
        match &event.what {
            RunEventKind::NodeStarted {
                node,
                kind: NodeKind::Cell,
                ..
            } => {
                if !node_path::ancestors(node).any(|above| self.open.contains(above)) {
                    self.open.insert(node.clone());
                    self.end(node, None);
                }
            }
            RunEventKind::NodeStarted {
                node,
                kind: NodeKind::Stage | NodeKind::Pipeline,
                ..
            } => {
                self.stages.entry(node.clone()).or_default();
            }
            RunEventKind::NodeFinished {
                node,
                kind: NodeKind::Cell,
                status,
                ..
            } => {
                if status.is_final() && self.open.remove(node) {
                    self.end(node, Some(*status));
                }
            }
            RunEventKind::NodeStarted { .. }
            | RunEventKind::NodeFinished { .. }
            | RunEventKind::NodeWaiting { .. }
            | RunEventKind::RunStarted { .. }
            | RunEventKind::RunResumed { .. }
            | RunEventKind::NodeOutput { .. }
            | RunEventKind::NoWayBack { .. }
            | RunEventKind::WindowOpen { .. }
            | RunEventKind::RunFinished { .. } => {}
        }
    }

    /// The cells of the whole run that have ended.
    pub(super) fn all(&self) -> &StatusCounts {
        &self.all
    }

    /// Those of a stage.
    pub(super) fn of_stage(&self, stage: &str) -> Option<&StatusCounts> {
        self.stages.get(stage)
    }

    /// How many cells of a stage have begun.
    pub(super) fn begun(&self, stage: &str) -> usize {
        let open = |cell: &&NodePath| node_path::ancestors(cell).any(|above| above == stage);
        let ended = self.of_stage(stage).map_or(0, StatusCounts::total);
        ended + self.open.iter().filter(open).count()
    }

    fn end(&mut self, node: &NodePath, status: Option<Status>) {
        let mut hash = DefaultHasher::new();
        node.hash(&mut hash);
        let hash = hash.finish();
        let mut ended = self.ended.iter_mut();
        let before = ended.find_map(|(before, cells)| cells.remove(&hash).then_some(*before));
        if let Some(status) = status {
            self.ended.entry(status).or_default().insert(hash);
        }
        if before.is_none() && status.is_none() {
            return;
        }
        let stage = node_path::ancestors(node).find_map(|above| self.stages.get_index_of(above));
        let of_stage = stage.and_then(|at| self.stages.get_index_mut(at));
        for counts in std::iter::once(&mut self.all).chain(of_stage.map(|(_, counts)| counts)) {
            if let Some(before) = before {
                counts.remove(before);
            }
            if let Some(status) = status {
                counts.add(status);
            }
        }
    }
}

/// The hash of a number that is a hash.
#[derive(Debug, Default)]
struct PathHash(u64);

impl Hasher for PathHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = (bytes.iter()).fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
