//! What strands owe barriers: counted when the block of a meeting begins, left where a path is not
//! taken, and counted again where only the run brings what decides it (a list, a key).

use std::collections::BTreeMap;

use super::Machine;
use super::barrier::{BarrierInstanceId, OwedArrivals};
use super::broken::{Checked, NodeError};
use super::cells::OwedArrivalsByCell;
use super::node::NodeId;
use lockstep_lang::ir::Matrix;
use lockstep_plan::grid::Position;
use lockstep_plan::{BarrierKey, BodySummary, Locals, PlanSequence, body};

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
        self.count_open_arrivals(id)?;
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
            let Some(scope) = plan.meetings.get(barrier.meeting as usize) else {
                continue;
            };
            if scope.block == self.node(id)?.tree {
                let prefix = position.iter().copied().take(scope.fixed_axes).collect();
                let found = self.barriers.find_or_add(id, prefix, barrier);
                self.barriers.checked(found)?.expected += count;
                owed.0.push((found, count));
            } else if let Some((block, prefix)) = self.block_of(id, scope)?
                && let Some(found) = self.barriers.find(block, &prefix, &barrier)
            {
                owed.0.push((found, count));
            }
        }
        Ok(owed)
    }

    /// What begins now could not be counted before: its list, its service or its place was not
    /// known. What the strand around it owes is counted again.
    pub(super) fn count_open_arrivals(&mut self, id: NodeId) -> Checked<()> {
        if self.barriers.is_empty() {
            return Ok(());
        }
        let mut at = Some(id);
        while let Some(here) = at {
            let node = self.node(here)?;
            let owed = &node.owed_arrivals.0;
            if owed
                .iter()
                .any(|(it, count)| *count > 0 && self.barriers.is_open(*it))
            {
                let own: PlanSequence = [self.node(id)?.tree].into();
                return self.leave_remaining_barriers(id, Some(own));
            }
            at = node.parent.filter(|_| node.role.is_in_body());
        }
        Ok(())
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
    /// early, a list is there): it leaves the meetings on the paths not taken, so that no strand
    /// waits for it until its end. `own` is what the current statement still does.
    pub(super) fn leave_remaining_barriers(
        &mut self,
        id: NodeId,
        own: Option<PlanSequence>,
    ) -> Checked<()> {
        let node = self.node(id)?;
        if self.barriers.is_empty() || !self.plan.tree.get(node.tree).has_barrier {
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
        let ahead = self.arrivals_ahead(owner, ahead)?;
        let mut behind = self.node(owner)?.owed_arrivals.clone();
        for (meeting, owed) in &mut behind.0 {
            *owed = owed.saturating_sub(ahead.get(meeting).copied().unwrap_or(0));
        }
        self.leave_owed_barriers(owner, behind)
    }

    /// The meetings to which a strand may still come. Those that were not known when its block
    /// began are expected of it now, in place of the open meeting that it owed for them.
    fn arrivals_ahead(
        &mut self,
        owner: NodeId,
        ahead: BodySummary,
    ) -> Checked<BTreeMap<BarrierInstanceId, u32>> {
        let plan = self.plan.clone();
        let mut found = BTreeMap::new();
        let mut new = Vec::new();
        for (barrier, count) in ahead.barriers {
            let Some(scope) = plan.meetings.get(barrier.meeting as usize) else {
                continue;
            };
            let Some((block, prefix)) = self.block_of(owner, scope)? else {
                continue;
            };
            match self.barriers.find(block, &prefix, &barrier) {
                Some(it) => *found.entry(it).or_insert(0) += count,
                None => new.push((block, prefix, barrier, count)),
            }
        }
        let owed = self.node(owner)?.owed_arrivals.clone();
        // The open meetings of which less is ahead than it owes: the rest has become known.
        let is_settled =
            |it: BarrierInstanceId, count: u32| count > found.get(&it).copied().unwrap_or(0);
        let settled: Vec<BarrierInstanceId> = owed
            .0
            .iter()
            .filter(|(it, count)| self.barriers.is_open(*it) && is_settled(*it, *count))
            .map(|(it, _)| *it)
            .collect();
        if settled.is_empty() {
            return Ok(found);
        }
        for (block, prefix, barrier, count) in new {
            let part = (prefix.clone(), barrier.meeting);
            let later = barrier.key == BarrierKey::Later;
            if !later && self.is_of(&settled, block, &part)?.is_some() {
                let it = self.barriers.find_or_add(block, prefix, barrier);
                *found.entry(it).or_insert(0) += count;
            }
        }
        for (it, count) in &found {
            let own = owed.0.iter().find(|(other, _)| other == it);
            let more = count.saturating_sub(own.map_or(0, |(_, owed)| *owed));
            let (block, part) = self.barriers.checked(*it)?.belongs_to();
            if more > 0
                && let Some(open) = self.is_of(&settled, block, &part)?
            {
                self.expect_more(owner, open, *it, more)?;
            }
        }
        Ok(found)
    }

    /// Which of these meetings is of a barrier.
    fn is_of(
        &mut self,
        meetings: &[BarrierInstanceId],
        block: NodeId,
        part: &(Position, u32),
    ) -> Checked<Option<BarrierInstanceId>> {
        for meeting in meetings {
            let (of, own) = self.barriers.checked(*meeting)?.belongs_to();
            if of == block && own == *part {
                return Ok(Some(*meeting));
            }
        }
        Ok(None)
    }
}
