//! A fingerprint (hash) of the state of a machine, for state-space exploration: equal fingerprints
//! mean equal future behaviour. What has happened is included only as far as it still makes a
//! difference.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use super::Machine;
use super::node::{Node, NodeId, Role, SeqWork, Signal, Work};
use lockstep_base::value::Value;
use lockstep_plan::Locals;

/// Nodes by their places in the tree, as their own numbers depend on what came before.
type Places = HashMap<NodeId, usize>;

impl Machine {
    /// The same number for two machines of one plan that are in the same state, however they got
    /// there: given the same events from here on, they do the same. Times and numbers of effects do
    /// not count.
    pub fn fingerprint(&self) -> u64 {
        let mut order = Vec::new();
        if self.is_there(NodeId(0)) {
            self.in_order(NodeId(0), &mut order);
        }
        let places: Places = order.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let mut hasher = DefaultHasher::new();
        for id in &order {
            match self.find(*id) {
                Some(node) => self.hash_node(node, &places, &mut hasher),
                None => id.hash(&mut hasher),
            }
        }
        self.barriers.hash_into(&places, &mut hasher);
        for (id, wants) in self.locks.waiting() {
            let node = self.pending.get(&id).and_then(|node| places.get(node));
            node.hash(&mut hasher);
            wants.iter().for_each(|want| want.name.hash(&mut hasher));
        }
        (self.cancelled, self.aborted, self.rollback_failed).hash(&mut hasher);
        self.finished.map(|it| it.as_str()).hash(&mut hasher);
        hasher.finish()
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

    fn hash_node(&self, node: &Node, places: &Places, hasher: &mut DefaultHasher) {
        (node.tree, kind(&node.role), node.children.len()).hash(hasher);
        position(&node.role).hash(hasher);
        let life = &node.life;
        (life.status() as u8, life.tries(), life.handler_tries()).hash(hasher);
        (life.activity(), life.stopping_word()).hash(hasher);
        if let Some(trouble) = &node.trouble {
            trouble.failure.class.as_str().hash(hasher);
            (trouble.unrestored, trouble.rolls_back.is_some()).hash(hasher);
        }
        (node.ignored, node.roll_back, node.timeout.is_some()).hash(hasher);
        hash_value(&node.value, hasher);
        if !matches!(node.signal, Signal::None) || node.yielded.is_some() || !node.undo.is_empty() {
            hash_shown(&(&node.signal, &node.yielded, &node.undo), hasher);
        }
        self.barriers.hash_owed(&node.owed, places, hasher);
        if let Some(holds) = &node.holds {
            holds.hash_into(places, hasher);
        }
        if let Some(work) = life.work() {
            hash_work(work, hasher);
        }
    }
}

/// Where a node stands among its siblings, where that is known.
fn position(role: &Role) -> Vec<u32> {
    match role {
        Role::Cell(cell) => cell.position.to_vec(),
        Role::Strand(place) => vec![*place as u32],
        Role::Root
        | Role::Body
        | Role::Look
        | Role::Handler
        | Role::Always
        | Role::Rollback
        | Role::UndoPart => Vec::new(),
    }
}

/// What a node is for its parent, as a number.
fn kind(role: &Role) -> u8 {
    match role {
        Role::Root => 0,
        Role::Body => 1,
        Role::Strand(_) => 2,
        Role::Cell(_) => 3,
        Role::Look => 4,
        Role::Handler => 5,
        Role::Always => 6,
        Role::Rollback => 7,
        Role::UndoPart => 8,
    }
}

fn hash_work(work: &Work, hasher: &mut DefaultHasher) {
    match work {
        Work::Seq(seq) | Work::Locked(_, seq) => hash_seq(seq, hasher),
        Work::Parallel(work) => work.hash_into(hasher),
        Work::Grid(work) => work.hash_into(hasher),
        Work::Verify { timer, .. } => timer.is_some().hash(hasher),
        Work::Undoing(work) => work.hash_into(hasher),
        Work::Nothing
        | Work::Effect(_)
        | Work::Timer(_)
        | Work::Barrier(_)
        | Work::LockWait(_)
        | Work::Ask(_)
        | Work::HoldWait => {}
    }
}

fn hash_seq(seq: &SeqWork, hasher: &mut DefaultHasher) {
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
