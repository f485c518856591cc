//! A fingerprint (hash) of the state of a machine, for state-space exploration: equal fingerprints
//! mean equal future behaviour. What has happened is included only as far as it still makes a
//! difference.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use super::Machine;
use super::node::{ActiveNode, BodySignal, NodeId, NodeRole, NodeWork, SequenceWork};
use lockstep_base::value::Value;
use lockstep_plan::Locals;

/// Nodes by their places in the tree, as their own numbers depend on what came before.
type NodePositions = HashMap<NodeId, usize>;

impl Machine {
    /// The same number for two machines of one plan that are in the same state, however they got
    /// there: given the same events from here on, they do the same. Times and numbers of effects do
    /// not count.
    pub fn fingerprint(&self) -> u64 {
        let mut order = Vec::new();
        if self.exists(NodeId(0)) {
            self.in_order(NodeId(0), &mut order);
        }
        let places: NodePositions = order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let mut hasher = DefaultHasher::new();
        for id in &order {
            match self.find(*id) {
                Some(node) => self.hash_node(node, &places, &mut hasher),
                None => id.hash(&mut hasher),
            }
        }
        self.failures_in_order(&order).hash(&mut hasher);
        self.barriers.hash_into(&places, &mut hasher);
        for (id, wants) in self.locks.waiting() {
            let node = self.pending.get(&id).and_then(|node| places.get(node));
            node.hash(&mut hasher);
            wants.iter().for_each(|want| want.name.hash(&mut hasher));
        }
        self.lines.hash_into(&mut hasher);
        (self.held_cells.len(), self.held_cells.has_room()).hash(&mut hasher);
        (self.cancelled, self.aborted, self.rollback_failed).hash(&mut hasher);
        self.finished.map(|it| it.as_str()).hash(&mut hasher);
        hasher.finish()
    }

    /// Which nodes have failed, in the order in which they did: the first of a block counts.
    fn failures_in_order(&self, order: &[NodeId]) -> Vec<usize> {
        let mut failures = Vec::new();
        for (at, id) in order.iter().enumerate() {
            let Some(node) = self.find(*id) else { continue };
            let timeout = node.state.stops().timeout();
            failures.extend(timeout.map(|cause| (cause.number, at)));
            let trouble = node.pending_failure.as_ref();
            failures.extend(trouble.map(|trouble| (trouble.number, at)));
        }
        failures.sort_unstable();
        failures.into_iter().map(|(_, at)| at).collect()
    }

    /// A node and all in it, each block's children in the order in which they are written.
    fn in_order(&self, id: NodeId, order: &mut Vec<NodeId>) {
        order.push(id);
        let Some(node) = self.find(id) else { return };
        let mut children = node.children.clone();
        children.sort_by_cached_key(|child| {
            let node = self.find(*child)?;
            Some((
                kind(&node.role),
                position(&node.role),
                node.tree,
                node.path.clone(),
            ))
        });
        for child in children {
            self.in_order(child, order);
        }
    }

    fn hash_node(&self, node: &ActiveNode, places: &NodePositions, hasher: &mut DefaultHasher) {
        (node.tree, kind(&node.role), node.children.len()).hash(hasher);
        position(&node.role).hash(hasher);
        let life = &node.state;
        (life.status() as u8, life.tries(), life.handler_tries()).hash(hasher);
        (life.activity(), life.stops().word()).hash(hasher);
        if let Some(trouble) = &node.pending_failure {
            trouble.failure.class.as_str().hash(hasher);
            let decided = (trouble.unrestored, trouble.rolls_back.is_some());
            (decided, trouble.deferred.len()).hash(hasher);
        }
        let stops = life.stops();
        (stops.is_held_back(), stops.timeout().is_some()).hash(hasher);
        (
            node.ignored.is_some(),
            node.roll_back,
            node.timeout.is_some(),
        )
            .hash(hasher);
        node.always_to_run.len().hash(hasher);
        let watch = node.watch.as_ref();
        watch
            .map(|it| (it.looked, it.body_end.is_some()))
            .hash(hasher);
        hash_value(&node.value, hasher);
        if !matches!(node.signal, BodySignal::None)
            || node.yielded.is_some()
            || !node.undo.is_empty()
        {
            hash_shown(&(&node.signal, &node.yielded, &node.undo), hasher);
        }
        let handlers = &self.plan.tree.get(node.tree).stmt.handlers;
        if !handlers.bound.is_empty() || handlers.result.is_some() {
            hash_locals(&node.locals, hasher);
        }
        self.barriers.hash_owed(&node.owed_arrivals, places, hasher);
        if let Some(holds) = &node.infrastructure_locks {
            holds.hash_into(places, hasher);
        }
        if let Some(work) = life.work() {
            hash_work(work, hasher);
        }
    }
}

/// Where a node stands among its siblings, where that is known.
fn position(role: &NodeRole) -> Vec<u32> {
    match role {
        NodeRole::Cell(cell) => cell.position.to_vec(),
        NodeRole::Strand(place) => vec![*place as u32],
        NodeRole::Root
        | NodeRole::Body
        | NodeRole::Look
        | NodeRole::Handler
        | NodeRole::Always
        | NodeRole::Watch
        | NodeRole::Between
        | NodeRole::Rollback
        | NodeRole::UndoPart => Vec::new(),
    }
}

/// What a node is for its parent, as a number.
fn kind(role: &NodeRole) -> u8 {
    match role {
        NodeRole::Root => 0,
        NodeRole::Body => 1,
        NodeRole::Strand(_) => 2,
        NodeRole::Cell(_) => 3,
        NodeRole::Look => 4,
        NodeRole::Handler => 5,
        NodeRole::Always => 6,
        NodeRole::Rollback => 7,
        NodeRole::UndoPart => 8,
        NodeRole::Watch => 9,
        NodeRole::Between => 10,
    }
}

fn hash_work(work: &NodeWork, hasher: &mut DefaultHasher) {
    match work {
        NodeWork::Seq(seq) | NodeWork::Locked(_, seq) => hash_seq(seq, hasher),
        NodeWork::Parallel(work) => work.hash_into(hasher),
        NodeWork::Grid(work) => work.hash_into(hasher),
        NodeWork::Verify { timer, .. } => timer.is_some().hash(hasher),
        NodeWork::Undoing(work) => work.hash_into(hasher),
        NodeWork::Ask(open) => open.request.yeses.len().hash(hasher),
        NodeWork::Nothing
        | NodeWork::Effect(_)
        | NodeWork::Timer(_)
        | NodeWork::Barrier(_)
        | NodeWork::LockWait(_)
        | NodeWork::HoldWait => {}
    }
}

fn hash_seq(seq: &SequenceWork, hasher: &mut DefaultHasher) {
    (seq.next, seq.seq.first().copied()).hash(hasher);
    hash_value(&seq.last, hasher);
    hash_locals(&seq.locals, hasher);
}

fn hash_locals(locals: &Locals, hasher: &mut DefaultHasher) {
    for (slot, value) in locals.iter() {
        slot.0.hash(hasher);
        if let Some(value) = value {
            hash_value(value, hasher);
        }
    }
}

fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    if *value != Value::None {
        hash_shown(value, hasher);
    }
}

/// Hashes what has no order of its own by how it is shown.
pub(super) fn hash_shown(shown: &impl Debug, hasher: &mut DefaultHasher) {
    format!("{shown:?}").hash(hasher);
}
