//! Where nodes come from: the statement of each, and its cell in each loop around it. Nodes of one
//! statement are told apart by their cells alone, so a foresight can find what one cell does in
//! another. Nothing is recorded unless [`Machine::record_origins`] has asked for it.

use indexmap::IndexMap;

use super::Machine;
use super::broken::Checked;
use super::node::NodeId;
use lockstep_base::node_path::NodePath;
use lockstep_plan::TreeId;

/// Which statement a node belongs to, and in which cells it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeOrigin {
    /// The statement.
    pub tree: TreeId,
    /// The place of its cell on each axis of the loops around it, the outermost first.
    pub cell: Vec<u32>,
}

/// The origins of all nodes that reports may name.
pub type NodeOrigins = IndexMap<NodePath, NodeOrigin>;

impl Machine {
    /// From now on the origin of each node is recorded.
    pub fn record_origins(&mut self) {
        self.origins.get_or_insert_default();
    }

    /// The origins that were recorded.
    pub fn into_origins(self) -> NodeOrigins {
        self.origins.unwrap_or_default()
    }

    /// Records the origin of a node that has been added.
    pub(super) fn note_origin(&mut self, id: NodeId) -> Checked<()> {
        if self.origins.is_none() {
            return Ok(());
        }
        let node = self.node(id)?;
        if node.visible.is_none() {
            return Ok(());
        }
        let (tree, path) = (node.tree, node.path.clone());
        let mut positions = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node(id)?;
            positions.extend(node.role.cell().map(|cell| &cell.position));
            at = node.parent;
        }
        let cell = positions.into_iter().rev().flatten().copied().collect();
        if let Some(origins) = &mut self.origins {
            origins.insert(path, NodeOrigin { tree, cell });
        }
        Ok(())
    }
}
