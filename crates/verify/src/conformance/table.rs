//! The table of the active nodes, indexed by numbers and by paths.

use std::sync::Arc;

use super::blocks::{ObservedBlock, ObservedCells};
use super::hash::{FastMap, FastSet};
use super::statement_paths::{NestedStatements, StatementPath};
use super::values::CellIndex;
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::NodeKind;
use lockstep_plan::{Locals, TreeId};

/// The state of an active node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObservedPhase {
    Running,
    Waiting,
    Queued,
    RollingBack,
}

/// A node of the table: its place there, and which of those that have had the place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NodeId {
    place: u32,
    serial: u32,
}

/// An active node.
#[derive(Debug)]
pub(super) struct ObservedNode {
    pub(super) path: NodePath,
    /// Where the last part of the path begins.
    pub(super) segment: usize,
    pub(super) kind: NodeKind,
    pub(super) phase: ObservedPhase,
    /// Whether it is in a handler or in a rollback, where order is not checked.
    pub(super) aside: bool,
    /// Where it stands in the plan; nothing in handlers and rollbacks.
    pub(super) place: Option<Arc<StatementPath>>,
    pub(super) parent: Option<NodeId>,
    /// How many nodes in it are active.
    pub(super) children: u32,
    /// Its number in its loop, where it is a cell.
    pub(super) cell: Option<usize>,
    pub(super) holds: bool,
    /// What is only needed of a node with others in it: most nodes are commands.
    pub(super) body: Option<Box<Body>>,
}

/// What is in a node.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The places in it, computed on first use.
    pub(super) inside: Option<Arc<NestedStatements>>,
    /// The bodies in it, by their numbers.
    pub(super) blocks: Vec<ObservedBlock>,
    /// How many children of a `parallel` may run at once, computed on first use.
    pub(super) max: Option<Option<usize>>,
    /// The loops in it.
    pub(super) loops: Vec<Loop>,
    /// What in it was reported as skipped.
    pub(super) skipped: Option<Box<FastSet<NodePath>>>,
    /// What its body sees, computed on first use.
    pub(super) locals: Option<Locals>,
}

/// An active loop or matrix.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) tree: TreeId,
    pub(super) cells: ObservedCells,
    pub(super) index: Option<CellIndex>,
}

impl ObservedNode {
    pub(super) fn segment(&self) -> &str {
        self.path.get(self.segment..).unwrap_or_default()
    }

    pub(super) fn cells(&self, tree: TreeId) -> Option<&Loop> {
        self.body.as_ref()?.loops.iter().find(|it| it.tree == tree)
    }

    pub(super) fn cells_mut(&mut self, tree: TreeId) -> Option<&mut Loop> {
        let loops = &mut self.body.as_mut()?.loops;
        loops.iter_mut().find(|it| it.tree == tree)
    }

    pub(super) fn body(&mut self) -> &mut Body {
        self.body.get_or_insert_default()
    }
}

/// All active nodes.
#[derive(Debug, Default)]
pub(super) struct Table {
    nodes: Vec<Option<(u32, ObservedNode)>>,
    free: Vec<u32>,
    next_serial: u32,
    by_path: FastMap<NodePath, NodeId>,
}

impl Table {
    /// The active node with this path, if there is one.
    pub(super) fn find(&self, path: &str) -> Option<NodeId> {
        self.by_path.get(path).copied()
    }

    /// A node, if it is still active.
    pub(super) fn get(&self, id: NodeId) -> Option<&ObservedNode> {
        let (serial, node) = self.nodes.get(id.place as usize)?.as_ref()?;
        (*serial == id.serial).then_some(node)
    }

    /// A node, if it is still active.
    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut ObservedNode> {
        let (serial, node) = self.nodes.get_mut(id.place as usize)?.as_mut()?;
        (*serial == id.serial).then_some(node)
    }

    /// Adds a node.
    pub(super) fn insert(&mut self, node: ObservedNode) -> NodeId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            self.nodes.len() as u32 - 1
        });
        self.next_serial = self.next_serial.wrapping_add(1);
        let serial = self.next_serial;
        let id = NodeId { place, serial };
        self.by_path.insert(node.path.clone(), id);
        if let Some(empty) = self.nodes.get_mut(place as usize) {
            *empty = Some((serial, node));
        }
        id
    }

    /// Takes a node out.
    pub(super) fn take(&mut self, id: NodeId) -> Option<ObservedNode> {
        self.get(id)?;
        let (_, node) = self.nodes.get_mut(id.place as usize)?.take()?;
        self.free.push(id.place);
        self.by_path.remove(&node.path);
        Some(node)
    }

    /// The paths of all nodes.
    pub(super) fn paths(&self) -> impl Iterator<Item = &NodePath> {
        self.by_path.keys()
    }
}
