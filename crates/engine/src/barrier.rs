//! The table of barriers. That no barrier can deadlock is proved before the run, in `verify`.
//!
//! A meeting is one barrier (name and key) in one activation of the block whose strands meet. When
//! the block begins, each strand is assigned the meetings at which it has to arrive and how often
//! (`owed_arrivals`); a strand that succeeds without arriving leaves the meeting, one that fails
//! breaks it (`broken_barriers`).
//!
//! Where a key is not known yet, or the list of a loop, a strand owes an arrival at the *open*
//! meeting of its barrier: it may come to any key. No meeting of the barrier happens while
//! somebody owes that.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use super::Machine;
use super::MachineTask;
use super::broken::{Breach, BrokenInvariant, Checked, NodeError};
use super::node::{BodyEnd, NodeId, NodeRole, NodeWork};
use super::run_event::{Failure, WaitReason};
use lockstep_base::source::Name;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::FailureClass;
use lockstep_plan::grid::Position;
use lockstep_plan::{BarrierKey, BarrierName, BarrierScope};

/// A meeting, by its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BarrierInstanceId(u32);

/// The meetings that a strand still owes arrivals, and how many.
#[derive(Debug, Clone, Default)]
pub struct OwedArrivals(pub(super) Vec<(BarrierInstanceId, u32)>);

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
pub(super) struct BarrierInstance {
    pub(super) name: String,
    pub(super) block: NodeId,
    /// The other meetings of the same barrier: by these axes, and this place in the plan.
    part: (Position, u32),
    /// Whether its key is not known: a strand that owes it may come to any of the others.
    open: bool,
    pub(super) expected: u32,
    arrived: u32,
    pub(super) left: u32,
    pub(super) waiting: Vec<NodeId>,
    pub(super) broken: Option<Failure>,
}

impl BarrierInstance {
    /// The activation of its block, and which part of it meets at which barrier of the plan.
    pub(super) fn belongs_to(&self) -> (NodeId, (Position, u32)) {
        (self.block, self.part.clone())
    }

    /// How many have still to come or leave.
    fn missing(&self) -> u32 {
        self.expected.saturating_sub(self.arrived + self.left)
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

    /// Whether no block has meetings.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Whether nobody is missing at a meeting, nor might still come to it.
    fn is_complete(&self, id: BarrierInstanceId) -> bool {
        let Some(instance) = self.table.get(id.0 as usize) else {
            return false;
        };
        let open = self.same_barrier(id).into_iter().filter_map(|other| {
            let other = self.table.get(other.0 as usize)?;
            other.open.then_some(other.missing())
        });
        instance.missing() == 0 && open.sum::<u32>() == 0
    }

    /// All meetings of the barrier of a meeting, itself included, in the order of their keys.
    pub(super) fn same_barrier(&self, id: BarrierInstanceId) -> Vec<BarrierInstanceId> {
        let Some(instance) = self.table.get(id.0 as usize) else {
            return Vec::new();
        };
        let meetings = self.of.get(&instance.block).into_iter().flatten();
        let (prefix, meeting) = &instance.part;
        let same =
            meetings.filter(|((other, name), _)| other == prefix && name.meeting == *meeting);
        let mut same: Vec<_> = same.map(|((_, name), id)| (&name.key, *id)).collect();
        same.sort();
        same.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether the key of a meeting is not known.
    pub(super) fn is_open(&self, id: BarrierInstanceId) -> bool {
        self.table.get(id.0 as usize).is_some_and(|it| it.open)
    }

    fn get(&mut self, id: BarrierInstanceId) -> Option<&mut BarrierInstance> {
        self.table.get_mut(id.0 as usize)
    }

    /// A meeting that must be in the table.
    #[track_caller]
    pub(super) fn checked(&mut self, id: BarrierInstanceId) -> Checked<&mut BarrierInstance> {
        match self.get(id) {
            Some(instance) => Ok(instance),
            None => Err(BrokenInvariant::new(Breach::NoSuchMeeting)),
        }
    }

    pub(super) fn find(
        &self,
        block: NodeId,
        prefix: &Position,
        barrier: &BarrierName,
    ) -> Option<BarrierInstanceId> {
        let meetings = self.of.get(&block)?;
        meetings.get(&(prefix.clone(), barrier.clone())).copied()
    }

    pub(super) fn find_or_add(
        &mut self,
        block: NodeId,
        prefix: Position,
        barrier: BarrierName,
    ) -> BarrierInstanceId {
        let Self { table, free, of } = self;
        let name = barrier.to_string();
        let part = (prefix.clone(), barrier.meeting);
        let open = barrier.key.is_open();
        let found = of.entry(block).or_default().entry((prefix, barrier));
        *found.or_insert_with(|| {
            let id = free.pop().unwrap_or_else(|| {
                table.push(BarrierInstance::default());
                BarrierInstanceId(table.len() as u32 - 1)
            });
            if let Some(instance) = table.get_mut(id.0 as usize) {
                (instance.name, instance.block) = (name, block);
                (instance.part, instance.open) = (part, open);
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
    /// A strand arrives at a barrier.
    pub(super) fn arrive(
        &mut self,
        id: NodeId,
        name: &Name,
        key: Option<&Expr>,
    ) -> Result<(), NodeError> {
        let plan = self.plan.clone();
        let key = match key {
            Some(key) => BarrierKey::Known(self.display(&self.value_of(id, key)?)),
            None => BarrierKey::None,
        };
        let Some(meeting) = plan.tree.get(self.node(id)?.tree).meeting else {
            return Err(self.unexpected_arrival(id, name)?.into());
        };
        let name = name.clone();
        let barrier = BarrierName { meeting, name, key };
        let Some(found) = self.pay_arrival(id, &barrier)? else {
            return Err(self.unexpected_arrival(id, &barrier.to_string())?.into());
        };
        for other in self.barriers.same_barrier(found) {
            let is_it = other == found || self.barriers.is_open(other);
            if let Some(broken) = self
                .barriers
                .checked(other)?
                .broken
                .clone()
                .filter(|_| is_it)
            {
                let failure = self.broken_barrier(id, &barrier.to_string(), &broken)?;
                return Err(failure.into());
            }
        }
        self.begin_work(id, NodeWork::Barrier(found))?;
        let instance = self.barriers.checked(found)?;
        instance.arrived += 1;
        instance.waiting.push(id);
        if self.barriers.is_complete(found) {
            self.begin(id, None)?;
            self.open_if_complete(found)?;
            self.open_others(found)?;
            return Ok(());
        }
        let missing = self.missing_at(found)?;
        let arrived = self.barriers.checked(found)?.arrived as usize;
        let waiting = WaitReason::Barrier {
            name: barrier.to_string(),
            arrived,
            expected: arrived + missing as usize,
        };
        self.wait(id, waiting)?;
        // Others may have waited for this strand to say which key it has.
        self.open_others(found)?;
        Ok(())
    }

    /// How many may still come to a meeting.
    fn missing_at(&mut self, id: BarrierInstanceId) -> Checked<u32> {
        let mut missing = self.barriers.checked(id)?.missing();
        for other in self.barriers.same_barrier(id) {
            if self.barriers.is_open(other) {
                missing += self.barriers.checked(other)?.missing();
            }
        }
        Ok(missing)
    }

    /// The meeting at which a strand arrives now, with what it owed there paid; nothing where it
    /// was not expected.
    fn pay_arrival(
        &mut self,
        id: NodeId,
        barrier: &BarrierName,
    ) -> Checked<Option<BarrierInstanceId>> {
        let plan = self.plan.clone();
        let Some(scope) = plan.meetings.get(barrier.meeting as usize) else {
            return Ok(None);
        };
        let Some((block, prefix)) = self.block_of(id, scope)? else {
            return Ok(None);
        };
        let found = self.barriers.find(block, &prefix, barrier);
        let known = match found {
            Some(found) => self.owed_by(id, found)?,
            None => None,
        };
        if let (Some(found), Some(1..)) = (found, known) {
            self.change_owed(Some(id), found, -1)?;
            return Ok(Some(found));
        }
        let mut open = None;
        for key in [BarrierKey::Unknown, BarrierKey::Later] {
            let name = BarrierName {
                key,
                ..barrier.clone()
            };
            let Some(it) = self.barriers.find(block, &prefix, &name) else {
                continue;
            };
            let owed = self.owed_by(id, it)?;
            if owed.is_some() && !matches!(open, Some((_, Some(1..)))) {
                open = Some((it, owed));
            }
        }
        let (open, owed) = open.map_or((None, None), |(open, owed)| (Some(open), owed));
        match (open, owed, found, known) {
            // It was to come to some key, and this is the one.
            (Some(open), Some(1..), ..) => {
                let found = self.barriers.find_or_add(block, prefix, barrier.clone());
                self.expect_more(id, open, found, 1)?;
                self.change_owed(Some(id), found, -1)?;
                self.barriers.checked(open)?.left += 1;
                self.change_owed(Some(id), open, -1)?;
                Ok(Some(found))
            }
            // It arrives again, in another try.
            (.., Some(found), Some(0)) => Ok(Some(found)),
            (Some(_), Some(0), ..) => {
                let found = self.barriers.find_or_add(block, prefix, barrier.clone());
                self.barriers.checked(found)?.expected += 1;
                Ok(Some(found))
            }
            _ => Ok(None),
        }
    }

    /// This arrival was not expected when the block of the meeting began.
    fn unexpected_arrival(&self, id: NodeId, barrier: &str) -> Checked<Failure> {
        let said = format!(
            "barrier `{barrier}` does not expect this strand: it was not known to arrive when \
             its block began"
        );
        self.failure(id, FailureClass::Barrier, said)
    }

    /// The activation of a meeting's block around a node, and which of its parts the node is in.
    pub(super) fn block_of(
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
                    | NodeRole::Watch
                    | NodeRole::Between
                    | NodeRole::Rollback
                    | NodeRole::UndoPart => {}
                }
            }
            at = node.parent;
        }
        Ok(None)
    }

    /// What the strand around a node owes a meeting; nothing where it was not to come.
    fn owed_by(&self, id: NodeId, meeting: BarrierInstanceId) -> Checked<Option<u32>> {
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node(id)?;
            let own = node.owed_arrivals.0.iter().find(|(it, _)| *it == meeting);
            if let Some((_, count)) = own {
                return Ok(Some(*count));
            }
            at = node.parent;
        }
        Ok(None)
    }

    /// Changes what the strands around a node owe a meeting.
    pub(super) fn change_owed(
        &mut self,
        from: Option<NodeId>,
        meeting: BarrierInstanceId,
        change: i32,
    ) -> Checked<()> {
        let block = self.barriers.checked(meeting)?.block;
        let mut at = from;
        while let Some(id) = at.filter(|id| *id != block) {
            let node = self.node_mut(id)?;
            let owed = node.owed_arrivals.0.iter_mut();
            if let Some((_, count)) = owed.into_iter().find(|(owed, _)| *owed == meeting) {
                *count = count.saturating_add_signed(change);
            }
            at = node.parent;
        }
        Ok(())
    }

    /// The strands around a node that owe the open meeting of a barrier owe one of its keys now.
    pub(super) fn expect_more(
        &mut self,
        from: NodeId,
        open: BarrierInstanceId,
        found: BarrierInstanceId,
        more: u32,
    ) -> Checked<()> {
        let instance = self.barriers.checked(found)?;
        instance.expected += more;
        let block = instance.block;
        let mut at = Some(from);
        while let Some(id) = at.filter(|id| *id != block) {
            let node = self.node_mut(id)?;
            let owed = &mut node.owed_arrivals.0;
            if owed.iter().any(|(it, _)| *it == open) {
                match owed.iter_mut().find(|(it, _)| *it == found) {
                    Some((_, count)) => *count += more,
                    None => owed.push((found, more)),
                }
            }
            at = node.parent;
        }
        Ok(())
    }

    /// Opens a meeting if nobody is missing there; of an open one, all that are complete now.
    pub(super) fn open_if_complete(&mut self, meeting: BarrierInstanceId) -> Checked<()> {
        if self.barriers.is_open(meeting) {
            return self.open_others(meeting);
        }
        if !self.barriers.is_complete(meeting) {
            return Ok(());
        }
        let instance = self.barriers.checked(meeting)?;
        for waiting in std::mem::take(&mut instance.waiting) {
            self.end_work(waiting)?;
            self.queue
                .push(MachineTask::Ended(waiting, BodyEnd::good()));
        }
        Ok(())
    }

    /// Opens the other meetings of a barrier that are complete now.
    fn open_others(&mut self, meeting: BarrierInstanceId) -> Checked<()> {
        let same = self.barriers.same_barrier(meeting);
        if !same.iter().any(|it| self.barriers.is_open(*it)) {
            return Ok(());
        }
        for other in same {
            if other != meeting && !self.barriers.is_open(other) {
                self.open_if_complete(other)?;
            }
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

    /// Whether there are no meetings.
    pub(super) fn barriers_are_over(&self) -> bool {
        self.barriers.is_empty()
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
