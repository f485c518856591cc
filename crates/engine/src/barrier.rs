//! Barriers: strands arrive, leave or break them. That no barrier can deadlock is proved before the
//! run, in `verify`.
//!
//! A meeting is one barrier (name and key) in one activation of the block around it. When the block
//! begins, each strand is assigned the meetings at which it has to arrive and how often; a strand
//! that succeeds without arriving leaves the meeting, one that fails breaks it.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use super::broken::{Breach, BrokenInvariant, Checked, NodeError};
use super::cells::OwedArrivalsByCell;
use super::node::{BodyEnd, NodeId, NodeRole, NodeWork};
use super::run_event::{Failure, WaitReason};
use super::{Machine, MachineTask};
use lockstep_base::source::Name;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::{FailureClass, Matrix};
use lockstep_plan::grid::Position;
use lockstep_plan::{BarrierName, BarrierScope, BodySummary, Locals, PlanSequence, body};

/// A meeting, by its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierInstanceId(u32);

/// The meetings that a strand still owes arrivals, and how many.
#[derive(Debug, Clone, Default)]
pub struct OwedArrivals(Vec<(BarrierInstanceId, u32)>);

impl OwedArrivals {
    /// Whether the strand still has to arrive at this meeting.
    pub fn owes(&self, meeting: BarrierInstanceId) -> bool {
        self.0
            .iter()
            .any(|(owed, count)| *owed == meeting && *count > 0)
    }
}

/// The meetings of one block: which cells meet (by their common position) and at what.
type BlockBarriers = HashMap<(Position, BarrierName), BarrierInstanceId>;

/// All active meetings.
#[derive(Debug, Clone, Default)]
pub struct Barriers {
    table: Vec<BarrierInstance>,
    free: Vec<BarrierInstanceId>,
    of: HashMap<NodeId, BlockBarriers>,
}

/// An active meeting.
#[derive(Debug, Clone, Default)]
struct BarrierInstance {
    name: String,
    block: NodeId,
    expected: u32,
    arrived: u32,
    left: u32,
    waiting: Vec<NodeId>,
    broken: Option<Failure>,
}

impl BarrierInstance {
    fn is_complete(&self) -> bool {
        self.arrived + self.left >= self.expected
    }
}

impl Barriers {
    /// How many blocks have meetings.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// The waiting strands and their barriers; all but those at one meeting.
    pub fn waits(&self, except: BarrierInstanceId) -> impl Iterator<Item = (NodeId, &str)> {
        let meetings = self.table.iter().enumerate();
        meetings
            .filter(move |(at, _)| *at != except.0 as usize)
            .flat_map(|(_, it)| it.waiting.iter().map(|node| (*node, it.name.as_str())))
    }

    /// All meetings as a fingerprint needs them, whatever their numbers.
    pub fn hash_into(&self, places: &HashMap<NodeId, usize>, hasher: &mut impl Hasher) {
        let mut blocks: Vec<_> = self.of.iter().collect();
        blocks.sort_by_key(|(block, _)| places.get(block));
        for (block, meetings) in blocks {
            places.get(block).hash(hasher);
            let mut meetings: Vec<_> = meetings.iter().collect();
            meetings.sort_by_key(|(key, _)| *key);
            for (key, id) in meetings {
                let Some(it) = self.table.get(id.0 as usize) else {
                    continue;
                };
                let waiting: Vec<_> = it.waiting.iter().map(|node| places.get(node)).collect();
                (key, it.expected, it.arrived, it.left).hash(hasher);
                (waiting, it.broken.is_some()).hash(hasher);
            }
        }
    }

    /// What a strand owes, likewise.
    pub fn hash_owed(
        &self,
        owed: &OwedArrivals,
        places: &HashMap<NodeId, usize>,
        hasher: &mut impl Hasher,
    ) {
        for (id, count) in &owed.0 {
            if let Some(it) = self.table.get(id.0 as usize) {
                (&it.name, places.get(&it.block), count).hash(hasher);
            }
        }
    }

    fn get(&mut self, id: BarrierInstanceId) -> Option<&mut BarrierInstance> {
        self.table.get_mut(id.0 as usize)
    }

    /// A meeting that must be in the table.
    #[track_caller]
    fn checked(&mut self, id: BarrierInstanceId) -> Checked<&mut BarrierInstance> {
        match self.get(id) {
            Some(instance) => Ok(instance),
            None => Err(BrokenInvariant::new(Breach::NoSuchMeeting)),
        }
    }

    fn find(
        &self,
        block: NodeId,
        prefix: &Position,
        barrier: &BarrierName,
    ) -> Option<BarrierInstanceId> {
        let meetings = self.of.get(&block)?;
        meetings.get(&(prefix.clone(), barrier.clone())).copied()
    }

    fn find_or_add(
        &mut self,
        block: NodeId,
        prefix: Position,
        barrier: BarrierName,
    ) -> BarrierInstanceId {
        let Self { table, free, of } = self;
        let name = barrier.to_string();
        let found = of.entry(block).or_default().entry((prefix, barrier));
        *found.or_insert_with(|| {
            let id = free.pop().unwrap_or_else(|| {
                table.push(BarrierInstance::default());
                BarrierInstanceId(table.len() as u32 - 1)
            });
            if let Some(instance) = table.get_mut(id.0 as usize) {
                (instance.name, instance.block) = (name, block);
            }
            id
        })
    }

    fn forget(&mut self, block: NodeId) {
        let mut gone: Vec<BarrierInstanceId> = match self.of.remove(&block) {
            Some(meetings) => meetings.into_values().collect(),
            None => return,
        };
        // The numbers of the next ones must not depend on the order of a hash table.
        gone.sort_by_key(|id| id.0);
        for id in gone {
            if let Some(instance) = self.get(id) {
                *instance = BarrierInstance::default();
            }
            self.free.push(id);
        }
    }
}

impl Machine {
    /// The meetings that the children of a `parallel` owe.
    pub(super) fn owe_arrivals_of_strands(
        &mut self,
        id: NodeId,
        children: &PlanSequence,
        locals: &Locals,
    ) -> Result<Vec<OwedArrivals>, NodeError> {
        if !self.has_barriers(id)? {
            return Ok(Vec::new());
        }
        let mut owed = Vec::with_capacity(children.len());
        for child in children.iter() {
            let sum =
                Self::walk(&self.plan, &self.run).summary_of_node(*child, &mut locals.clone());
            let sum = sum.map_err(|halt| self.fault(id, halt))?;
            owed.push(self.owed_arrivals(id, sum, &[])?);
        }
        Ok(owed)
    }

    /// The meetings that the cells of a matrix owe.
    pub(super) fn owe_arrivals_of_cells(
        &mut self,
        id: NodeId,
        matrix: &Matrix,
    ) -> Result<OwedArrivalsByCell, NodeError> {
        let mut owed = OwedArrivalsByCell::new();
        if !self.has_barriers(id)? {
            return Ok(owed);
        }
        let plan = self.plan.clone();
        let run = self.run.clone();
        let walk = Self::walk(&plan, &run);
        let spot = plan.tree.get(self.node(id)?.tree);
        let locals = self.node(id)?.locals.clone();
        let mut broken = None;
        let walked = walk.each_cell(matrix, &locals, &mut |cell| {
            let sum = walk.summary(body(spot), cell.locals)?;
            match self.owed_arrivals(id, sum, cell.position) {
                Ok(of_cell) => {
                    owed.insert(cell.position.clone(), of_cell);
                }
                Err(found) => broken = broken.take().or(Some(found)),
            }
            Ok(())
        });
        if let Some(broken) = broken {
            return Err(broken.into());
        }
        walked.map_err(|halt| self.fault(id, halt))?;
        Ok(owed)
    }

    fn has_barriers(&self, id: NodeId) -> Checked<bool> {
        let node = self.node(id)?;
        Ok(self.plan.tree.get(node.tree).has_barrier && !node.inherited.undoing)
    }

    /// Registers a strand's expected arrivals in the meetings that belong to this block, and passes
    /// those of enclosing blocks down to it.
    fn owed_arrivals(
        &mut self,
        id: NodeId,
        sum: BodySummary,
        position: &[u32],
    ) -> Checked<OwedArrivals> {
        let plan = self.plan.clone();
        let mut owed = OwedArrivals::default();
        for (barrier, count) in sum.barriers {
            let Some(meeting) = meeting(&plan.meetings, &barrier.name) else {
                continue;
            };
            if meeting.block == self.node(id)?.tree {
                let prefix = position.iter().copied().take(meeting.fixed_axes).collect();
                let found = self.barriers.find_or_add(id, prefix, barrier);
                self.barriers.checked(found)?.expected += count;
                owed.0.push((found, count));
            } else if let Some((block, prefix)) = self.block_of(id, meeting)?
                && let Some(found) = self.barriers.find(block, &prefix, &barrier)
            {
                owed.0.push((found, count));
            }
        }
        Ok(owed)
    }

    /// The activation of a meeting's block around a node, and which of its parts the node is in.
    fn block_of(
        &self,
        from: NodeId,
        meeting: &BarrierScope,
    ) -> Checked<Option<(NodeId, Position)>> {
        let mut prefix = Position::new();
        let mut at = Some(from);
        while let Some(id) = at {
            let node = self.node(id)?;
            if node.tree == meeting.block {
                match &node.role {
                    NodeRole::Cell(cell) => {
                        let axes = cell.position.iter().copied();
                        prefix = axes.take(meeting.fixed_axes).collect();
                    }
                    NodeRole::Root | NodeRole::Body | NodeRole::Strand(_) => {
                        return Ok(Some((id, prefix)));
                    }
                    NodeRole::Look
                    | NodeRole::Handler
                    | NodeRole::Always
                    | NodeRole::Rollback
                    | NodeRole::UndoPart => {}
                }
            }
            at = node.parent;
        }
        Ok(None)
    }

    /// A strand arrives at a barrier.
    pub(super) fn arrive(
        &mut self,
        id: NodeId,
        name: &Name,
        key: Option<&Expr>,
    ) -> Result<(), NodeError> {
        let key = match key {
            Some(key) => Some(self.display(&self.value_of(id, key)?)),
            None => None,
        };
        let name = name.clone();
        let barrier = BarrierName { name, key };
        let plan = self.plan.clone();
        let found = match meeting(&plan.meetings, &barrier.name) {
            Some(meeting) => self.meeting_at(id, meeting, &barrier)?,
            None => None,
        };
        let Some(found) = found else {
            return Err(self.unexpected_arrival(id, &barrier)?.into());
        };
        if let Some(broken) = self.barriers.checked(found)?.broken.clone() {
            return Err(self
                .broken_barrier(id, &barrier.to_string(), &broken)?
                .into());
        }
        if !self.change_owed(Some(id), found, -1)? {
            return Err(self.unexpected_arrival(id, &barrier)?.into());
        }
        self.begin_work(id, NodeWork::Barrier(found))?;
        let instance = self.barriers.checked(found)?;
        instance.arrived += 1;
        instance.waiting.push(id);
        let (arrived, left) = (instance.arrived, instance.left);
        let expected = instance.expected.saturating_sub(left) as usize;
        if instance.is_complete() {
            self.begin(id, None)?;
            self.open_if_complete(found)?;
            return Ok(());
        }
        let (name, arrived) = (barrier.to_string(), arrived as usize);
        let waiting = WaitReason::Barrier {
            name,
            arrived,
            expected,
        };
        self.wait(id, waiting)?;
        Ok(())
    }

    /// The meeting that a barrier in a node belongs to, if there is one.
    fn meeting_at(
        &self,
        id: NodeId,
        meeting: &BarrierScope,
        barrier: &BarrierName,
    ) -> Checked<Option<BarrierInstanceId>> {
        let block = self.block_of(id, meeting)?;
        Ok(block.and_then(|(block, prefix)| self.barriers.find(block, &prefix, barrier)))
    }

    /// This arrival was not expected when the block of the meeting began.
    fn unexpected_arrival(&self, id: NodeId, barrier: &BarrierName) -> Checked<Failure> {
        let said = format!(
            "barrier `{barrier}` does not expect this strand: it was not known to arrive when \
             its block began"
        );
        self.failure(id, FailureClass::Barrier, said)
    }

    /// Changes what the strands around a node owe a meeting. Whether any of them was to come.
    fn change_owed(
        &mut self,
        from: Option<NodeId>,
        meeting: BarrierInstanceId,
        change: i32,
    ) -> Checked<bool> {
        let block = self.barriers.checked(meeting)?.block;
        let mut at = from;
        let mut found = false;
        while let Some(id) = at.filter(|id| *id != block) {
            let node = self.node_mut(id)?;
            let owed = node.owed_arrivals.0.iter_mut();
            if let Some((_, count)) = owed.into_iter().find(|(owed, _)| *owed == meeting) {
                *count = count.saturating_add_signed(change);
                found = true;
            }
            at = node.parent;
        }
        Ok(found)
    }

    fn open_if_complete(&mut self, meeting: BarrierInstanceId) -> Checked<()> {
        let instance = self.barriers.checked(meeting)?;
        if !instance.is_complete() {
            return Ok(());
        }
        for waiting in std::mem::take(&mut instance.waiting) {
            self.end_work(waiting)?;
            self.queue
                .push(MachineTask::Ended(waiting, BodyEnd::good()));
        }
        Ok(())
    }

    /// Removes a strand from the barrier at which it waits. Returns whether it waited.
    pub(super) fn stop_waiting_at(
        &mut self,
        id: NodeId,
        meeting: BarrierInstanceId,
    ) -> Checked<bool> {
        let instance = self.barriers.checked(meeting)?;
        let before = instance.waiting.len();
        instance.waiting.retain(|waiting| *waiting != id);
        if instance.waiting.len() == before {
            return Ok(false);
        }
        let Some(arrived) = instance.arrived.checked_sub(1) else {
            return Err(BrokenInvariant::of(
                self.node(id)?,
                Breach::Count("arrivals"),
            ));
        };
        instance.arrived = arrived;
        self.change_owed(Some(id), meeting, 1)?;
        Ok(true)
    }

    /// A strand has ended: the meetings that it still owes are left, or broken if it failed.
    pub(super) fn settle_owed_arrivals(
        &mut self,
        id: NodeId,
        failed: Option<&Failure>,
    ) -> Checked<()> {
        let owed = std::mem::take(&mut self.node_mut(id)?.owed_arrivals);
        if owed.0.is_empty() {
            return Ok(());
        }
        match (failed, self.node(id)?.parent) {
            (Some(failure), _) => self.break_owed_barriers(&owed, failure),
            (None, Some(parent)) => self.leave_owed_barriers(parent, owed),
            (None, None) => Ok(()),
        }
    }

    /// A strand will not arrive at the meetings at which it was expected: it succeeded, or never
    /// began. `parent` and the enclosing strands are no longer expected there either.
    pub(super) fn leave_owed_barriers(
        &mut self,
        parent: NodeId,
        owed: OwedArrivals,
    ) -> Checked<()> {
        for (meeting, count) in owed.0.into_iter().filter(|(_, count)| *count > 0) {
            self.barriers.checked(meeting)?.left += count;
            self.change_owed(Some(parent), meeting, -(count as i32))?;
            self.open_if_complete(meeting)?;
        }
        Ok(())
    }

    /// The path of a strand is known now (a branch is taken, a failure ignored, a workflow left
    /// early): it leaves the meetings on the paths not taken, so that no strand waits for it until
    /// its end. `own` is what the current statement still does.
    pub(super) fn leave_remaining_barriers(
        &mut self,
        id: NodeId,
        own: Option<PlanSequence>,
    ) -> Checked<()> {
        let node = self.node(id)?;
        if self.barriers.of.is_empty() || !self.plan.tree.get(node.tree).has_barrier {
            return Ok(());
        }
        let walk = Self::walk(&self.plan, &self.run);
        let mut ahead = match own {
            Some(seq) => walk.summary(&seq, &node.locals),
            None => Ok(BodySummary::default()),
        };
        let mut owner = id;
        while self.node(owner)?.role.is_in_body() {
            let Some(parent) = self.node(owner)?.parent else {
                return Ok(());
            };
            if let (Some(seq), Ok(sum)) = (self.node(parent)?.state.sequence(), &mut ahead) {
                let rest: PlanSequence = seq.seq.get(seq.next..).unwrap_or_default().into();
                match walk.summary(&rest, &seq.locals) {
                    Ok(more) => sum.add(more),
                    Err(halt) => ahead = Err(halt),
                }
            }
            owner = parent;
        }
        // What cannot be evaluated fails where it is reached.
        let (true, Ok(ahead)) = (self.node(owner)?.role.owes_arrivals(), ahead) else {
            return Ok(());
        };
        let mut behind = self.node(owner)?.owed_arrivals.clone();
        for (barrier, count) in ahead.barriers {
            let found = match meeting(&self.plan.meetings, &barrier.name) {
                Some(meeting) => self.meeting_at(owner, meeting, &barrier)?,
                None => None,
            };
            let own = behind.0.iter_mut().find(|(it, _)| Some(*it) == found);
            if let Some((_, owed)) = own {
                *owed = owed.saturating_sub(count);
            }
        }
        self.leave_owed_barriers(owner, behind)
    }

    /// Whether there are no meetings.
    pub(super) fn barriers_are_over(&self) -> bool {
        self.barriers.of.is_empty()
    }

    /// The meetings that a failed strand still owes are broken: all who wait there fail.
    pub(super) fn break_owed_barriers(
        &mut self,
        owed: &OwedArrivals,
        failure: &Failure,
    ) -> Checked<()> {
        for (meeting, _) in owed.0.iter().filter(|(_, count)| *count > 0) {
            let instance = self.barriers.checked(*meeting)?;
            instance.broken.get_or_insert_with(|| failure.clone());
            let name = instance.name.clone();
            for waiting in std::mem::take(&mut instance.waiting) {
                let failure = self.broken_barrier(waiting, &name, failure)?;
                self.end_work(waiting)?;
                let end = BodyEnd::bad(failure);
                self.queue.push(MachineTask::Ended(waiting, end));
            }
        }
        Ok(())
    }

    fn broken_barrier(&self, id: NodeId, barrier: &str, cause: &Failure) -> Checked<Failure> {
        let Failure { node, message, .. } = cause;
        let said = format!("barrier `{barrier}` was broken: `{node}` failed: {message}");
        self.failure(id, FailureClass::Barrier, said)
    }

    /// The meetings of a block whose body has ended are over.
    pub(super) fn forget_barriers(&mut self, id: NodeId) {
        if !self.barriers.of.is_empty() {
            self.barriers.forget(id);
        }
    }

    /// Fails all strands that wait at a barrier, as no other strand can arrive. Returns whether
    /// there were any.
    pub(super) fn give_up_barriers(&mut self) -> Checked<bool> {
        let mut ends = Vec::new();
        let mut broken = Vec::new();
        for (at, instance) in self.barriers.table.iter().enumerate() {
            let others = match instance.waiting.is_empty() {
                true => continue,
                false => self.contested_locks(BarrierInstanceId(at as u32))?,
            };
            let said = format!(
                "deadlock: no other strand can arrive at barrier `{}`{others}",
                instance.name
            );
            for waiting in &instance.waiting {
                let failure = self.failure(*waiting, FailureClass::Barrier, said.as_str())?;
                broken.push((at, failure.clone()));
                ends.push((*waiting, BodyEnd::bad(failure)));
            }
        }
        let any = !ends.is_empty();
        for (at, failure) in broken {
            if let Some(instance) = self.barriers.table.get_mut(at) {
                instance.waiting.clear();
                instance.broken.get_or_insert(failure);
            }
        }
        for (node, end) in ends {
            self.begin_work(node, NodeWork::Nothing)?;
            self.queue.push(MachineTask::Ended(node, end));
        }
        Ok(any)
    }
}

fn meeting<'a>(meetings: &'a [BarrierScope], name: &str) -> Option<&'a BarrierScope> {
    meetings.iter().find(|meeting| *meeting.name == *name)
}
