//! Barriers: strands meet, leave or break them.
//! It does not know whether they can meet at all; that is proved before the run.
//!
//! A meeting is one barrier (name and key) in one activation of the block around it. When the
//! block begins, each strand is told which meetings it owes an arrival and how many; a strand that
//! ends well without paying leaves the meeting, one that fails breaks it.

use std::collections::HashMap;

use super::cells::OwedByCell;
use super::node::{End, NodeId, Role, Work};
use super::notice::{Failure, Waiting};
use super::{Machine, Task};
use crate::eval::{Expr, Halt};
use crate::ir::{FailureClass, Matrix};
use crate::plan::grid::Position;
use crate::plan::{BarrierName, Locals, Meeting, Seq, Sum, body};

/// A meeting: one barrier in one activation of its block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceKey {
    block: NodeId,
    prefix: Position,
    barrier: BarrierName,
}

/// The meetings that a strand still owes arrivals, and how many.
#[derive(Debug, Clone, Default)]
pub struct Owed(Vec<(InstanceKey, u32)>);

/// All meetings under way.
pub type Barriers = HashMap<InstanceKey, Instance>;

/// A meeting under way.
#[derive(Debug, Default)]
pub struct Instance {
    expected: u32,
    arrived: u32,
    left: u32,
    waiting: Vec<NodeId>,
    broken: Option<Failure>,
}

impl Machine {
    /// The meetings that the children of a `parallel` owe.
    pub(super) fn meet_strands(
        &mut self,
        id: NodeId,
        children: &Seq,
        locals: &Locals,
    ) -> Result<Vec<Owed>, Failure> {
        if !self.has_meetings(id) {
            return Ok(Vec::new());
        }
        let mut owed = Vec::with_capacity(children.len());
        for child in children.iter() {
            let sum = Self::walk(&self.plan, &self.run).sum_node(*child, &mut locals.clone());
            let sum = sum.map_err(|halt| self.fault(id, halt))?;
            owed.push(self.owe(id, sum, &[]));
        }
        Ok(owed)
    }

    /// The meetings that the cells of a matrix owe.
    pub(super) fn meet_cells(
        &mut self,
        id: NodeId,
        matrix: &Matrix,
    ) -> Result<OwedByCell, Failure> {
        let mut owed = OwedByCell::new();
        if !self.has_meetings(id) {
            return Ok(owed);
        }
        let plan = self.plan.clone();
        let run = self.run.clone();
        let walk = Self::walk(&plan, &run);
        let spot = plan.tree.get(self.look(id).tree);
        let locals = self.look(id).locals.clone();
        let walked = walk.each_cell(matrix, &locals, &mut |cell| {
            let sum = walk.sum(body(spot), cell.locals)?;
            owed.insert(cell.position.clone(), self.owe(id, sum, cell.position));
            Ok(())
        });
        walked.map_err(|halt| self.fault(id, halt))?;
        Ok(owed)
    }

    fn has_meetings(&self, id: NodeId) -> bool {
        let node = self.look(id);
        self.plan.tree.get(node.tree).has_barrier && !node.around.undoing
    }

    /// Enters a strand's arrivals in the meetings that belong to this block.
    fn owe(&mut self, id: NodeId, sum: Sum, position: &[u32]) -> Owed {
        let plan = self.plan.clone();
        let mut owed = Owed::default();
        for (barrier, count) in sum.barriers {
            let Some(meeting) = meeting(&plan.meetings, &barrier.name) else {
                continue;
            };
            if meeting.block == self.look(id).tree {
                let prefix = position.iter().copied().take(meeting.fixed_axes).collect();
                let key = InstanceKey {
                    block: id,
                    prefix,
                    barrier,
                };
                self.barriers.entry(key.clone()).or_default().expected += count;
                owed.0.push((key, count));
            } else if let Some((block, prefix)) = self.block_of(id, meeting) {
                owed.0.push((
                    InstanceKey {
                        block,
                        prefix,
                        barrier,
                    },
                    count,
                ));
            }
        }
        owed
    }

    /// The activation of a meeting's block around a node, and which of its parts the node is in.
    fn block_of(&self, from: NodeId, meeting: &Meeting) -> Option<(NodeId, Position)> {
        let mut prefix = Position::new();
        let mut at = Some(from);
        while let Some(id) = at {
            let node = self.look(id);
            if node.tree == meeting.block {
                match &node.role {
                    Role::Cell(cell) => {
                        prefix = cell
                            .position
                            .iter()
                            .copied()
                            .take(meeting.fixed_axes)
                            .collect();
                    }
                    Role::Root | Role::Body | Role::Strand => return Some((id, prefix)),
                    _ => {}
                }
            }
            at = node.parent;
        }
        None
    }

    /// A strand arrives at a barrier.
    pub(super) fn arrive(
        &mut self,
        id: NodeId,
        name: &crate::source::Name,
        key: Option<&Expr>,
    ) -> Result<(), Failure> {
        let key = match key {
            Some(key) => Some(self.display(&self.value_of(id, key)?)),
            None => None,
        };
        let barrier = BarrierName {
            name: name.clone(),
            key,
        };
        let plan = self.plan.clone();
        let found = meeting(&plan.meetings, name).and_then(|it| self.block_of(id, it));
        let Some((block, prefix)) = found else {
            return Err(self.fault(id, Halt::Unknown));
        };
        let key = InstanceKey {
            block,
            prefix,
            barrier,
        };
        let instance = self.barriers.entry(key.clone()).or_default();
        if let Some(broken) = instance.broken.clone() {
            return Err(self.broken(id, &key, &broken));
        }
        instance.arrived += 1;
        instance.waiting.push(id);
        self.pay(id, &key, -1);
        self.node(id).work = Work::Barrier(key.clone());
        let Some(instance) = self.barriers.get(&key) else {
            return Ok(());
        };
        let arrived = instance.arrived as usize;
        let expected = instance.expected.saturating_sub(instance.left) as usize;
        if arrived >= expected {
            self.begin(id, None);
            self.open_if_complete(&key);
            return Ok(());
        }
        let name = key.barrier.to_string();
        self.wait(
            id,
            Waiting::Barrier {
                name,
                arrived,
                expected,
            },
        );
        Ok(())
    }

    /// Changes what the strands around a node owe a meeting.
    fn pay(&mut self, from: NodeId, key: &InstanceKey, change: i32) {
        let mut at = Some(from);
        while let Some(id) = at.filter(|id| *id != key.block) {
            let node = self.node(id);
            if let Some((_, count)) = node.owed.0.iter_mut().find(|(owed, _)| owed == key) {
                *count = count.saturating_add_signed(change);
            }
            at = node.parent;
        }
    }

    fn open_if_complete(&mut self, key: &InstanceKey) {
        let Some(instance) = self.barriers.get_mut(key) else {
            return;
        };
        if instance.waiting.is_empty() || instance.arrived + instance.left < instance.expected {
            return;
        }
        for waiting in std::mem::take(&mut instance.waiting) {
            self.node(waiting).work = Work::Nothing;
            self.queue.push_back(Task::Ended(waiting, End::good()));
        }
    }

    /// A strand does not wait at its barrier any more. Whether it did.
    pub(super) fn stop_waiting_at(&mut self, id: NodeId, key: &InstanceKey) -> bool {
        let Some(instance) = self.barriers.get_mut(key) else {
            return false;
        };
        let before = instance.waiting.len();
        instance.waiting.retain(|waiting| *waiting != id);
        if instance.waiting.len() == before {
            return false;
        }
        instance.arrived -= 1;
        self.pay(id, key, 1);
        true
    }

    /// A strand has ended: the meetings that it still owes are left, or broken if it failed.
    pub(super) fn settle_owed(&mut self, id: NodeId, failed: Option<&Failure>) {
        let owed = std::mem::take(&mut self.node(id).owed);
        match failed {
            Some(failure) => self.break_owed(&owed, failure),
            None => {
                for (key, count) in owed.0.iter().filter(|(_, count)| *count > 0) {
                    if let Some(instance) = self.barriers.get_mut(key) {
                        instance.left += count;
                    }
                    let parent = self.look(id).parent;
                    self.pay_for(parent, key, *count);
                    self.open_if_complete(key);
                }
            }
        }
    }

    /// What a strand owed is not owed by the strands around it any more either.
    fn pay_for(&mut self, parent: Option<NodeId>, key: &InstanceKey, count: u32) {
        if let Some(parent) = parent.filter(|parent| *parent != key.block) {
            self.pay(parent, key, -(count as i32));
        }
    }

    /// The meetings that a failed strand still owes are broken: all who wait there fail.
    pub(super) fn break_owed(&mut self, owed: &Owed, failure: &Failure) {
        for (key, _) in owed.0.iter().filter(|(_, count)| *count > 0) {
            let Some(instance) = self.barriers.get_mut(key) else {
                continue;
            };
            instance.broken.get_or_insert_with(|| failure.clone());
            for waiting in std::mem::take(&mut instance.waiting) {
                let failure = self.broken(waiting, key, failure);
                self.node(waiting).work = Work::Nothing;
                self.queue
                    .push_back(Task::Ended(waiting, End::bad(failure)));
            }
        }
    }

    fn broken(&self, id: NodeId, key: &InstanceKey, cause: &Failure) -> Failure {
        let Failure { node, message, .. } = cause;
        let said = format!(
            "barrier `{}` was broken: `{node}` failed: {message}",
            key.barrier
        );
        self.failure(id, FailureClass::Barrier, said)
    }

    /// The meetings of a block that has ended, or begins again, are over.
    pub(super) fn forget_meetings(&mut self, id: NodeId) {
        if self.plan.tree.get(self.look(id).tree).has_barrier {
            self.barriers.retain(|key, _| key.block != id);
        }
    }

    /// Nothing can come in any more, and some still wait: they fail.
    pub(super) fn break_all_barriers(&mut self) {
        let keys: Vec<InstanceKey> = self.barriers.keys().cloned().collect();
        for key in keys {
            let Some(instance) = self.barriers.get_mut(&key) else {
                continue;
            };
            for waiting in std::mem::take(&mut instance.waiting) {
                let said = format!("nobody else can come to barrier `{}`", key.barrier);
                let failure = self.failure(waiting, FailureClass::Barrier, said);
                self.node(waiting).work = Work::Nothing;
                self.queue
                    .push_back(Task::Ended(waiting, End::bad(failure)));
            }
        }
    }
}

fn meeting<'a>(meetings: &'a [Meeting], name: &str) -> Option<&'a Meeting> {
    meetings.iter().find(|meeting| *meeting.name == *name)
}
