//! The rollback of a scope in the model: some of the undos of what was done in it, backwards, each
//! under the locks that its step held; what went on side by side is undone side by side.

use std::ops::Range;

use super::ModelFork;
use super::ModelOp;
use super::ModelPause;
use super::ModelStrand;
use super::StrandId;
use super::builder::ModelBuilder;
use super::builder::ModelPart;
use super::parts::{Possibility, pause};
use lockstep_lang::eval::Halt;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, PlanSequence, PlanTree, TreeId, body};

/// A split, and the requests for locks in each of its strands.
#[derive(Debug, Clone)]
pub(super) struct SplitRequests {
    pub fork: usize,
    pub requests: Vec<Range<usize>>,
}

/// Whether rolling back what a statement did runs anything.
pub(super) fn undoes(tree: &PlanTree, id: TreeId) -> bool {
    let node = tree.get(id);
    let workflows = node.workflows.iter().map(|(_, body)| body);
    let mut bodies = node.bodies.iter().chain(workflows);
    node.undo.as_ref().is_some_and(|undo| !undo.is_empty())
        || bodies.any(|body| body.iter().any(|child| undoes(tree, *child)))
}

impl ModelBuilder<'_> {
    /// Whether rolling back what a statement did runs anything.
    pub(super) fn undoes(&self, id: TreeId) -> bool {
        undoes(&self.plan.tree, id)
    }

    /// Whether locks in a statement may be taken again to undo what was done under them.
    pub(super) fn is_undone(&self, id: TreeId) -> bool {
        self.plan.tree.get(id).has_lock && self.undoes(id)
    }

    /// The rollback of what a statement did, in which these locks were requested: some of its
    /// undos, the last first, each under the locks that its step held.
    pub(super) fn undo(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        requests: Range<usize>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        pause(Possibility::Perhaps, ModelPause::risky(id), part);
        let forgetful = std::mem::replace(&mut self.forgetful, self.repeats);
        let made = self.way_back(strand, id, locals, &requests, part);
        self.forgetful = forgetful;
        made
    }

    fn way_back(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        requests: &Range<usize>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        if !node.has_lock || !self.undoes(id) {
            return Ok(());
        }
        match &node.stmt.kind {
            StmtKind::Lock { .. } => {
                for (at, inside) in self.requests_of(id, requests).into_iter().rev() {
                    self.under_lock(strand, id, at, locals, &inside, part)?;
                }
            }
            StmtKind::Parallel(_) => {
                let children = Some(body(node));
                self.back_in_parallel(strand, id, children, locals, requests, part)?;
            }
            StmtKind::Matrix(_) => {
                self.back_in_parallel(strand, id, None, locals, requests, part)?;
            }
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => self.back_through(strand, id, locals, requests, part)?,
        }
        let locks = |body: &&PlanSequence| body.iter().any(|it| plan.tree.get(*it).has_lock);
        if let Some(undo) = node.undo.as_ref().filter(locks) {
            let choice = part.ops.len();
            part.ops.push(ModelOp::Choose(Vec::new(), id));
            self.in_parallel(strand, Some(undo), locals, part)?;
            part.ops[choice] = ModelOp::Choose(vec![choice + 1, part.ops.len()], id);
        }
        Ok(())
    }

    /// The way back through what stands in a statement.
    fn back_through(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        requests: &Range<usize>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        let workflows = node.workflows.iter().map(|(_, body)| body);
        let bodies = node.bodies.iter().chain(workflows);
        let children: Vec<TreeId> = bodies.flat_map(|body| body.iter().copied()).collect();
        for child in children.into_iter().rev() {
            self.way_back(strand, child, locals, requests, part)?;
        }
        Ok(())
    }

    /// The way back of strands: all at once, where they were not one after the other forwards.
    fn back_in_parallel(
        &mut self,
        strand: StrandId,
        id: TreeId,
        children: Option<&PlanSequence>,
        locals: &Locals,
        requests: &Range<usize>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let child = |place| children.and_then(|it: &PlanSequence| it.get(place).copied());
        let flow = &self.flow;
        let is_own = |split: &&SplitRequests| {
            let mut own = split.requests.iter();
            flow.forks[split.fork].tree == id
                && own.all(|it| requests.start <= it.start && it.end <= requests.end)
        };
        let splits: Vec<SplitRequests> = self.splits.iter().filter(is_own).cloned().collect();
        for split in splits.into_iter().rev() {
            let forward = self.flow.forks[split.fork].clone();
            let in_waves = !forward.wave.is_empty() && forward.wave.is_sorted_by(|a, b| a < b);
            let in_order = !forward.serial.is_empty() && !forward.serial.contains(&false);
            let strands = forward.children.iter().zip(&split.requests).enumerate();
            if in_order || in_waves || forward.max == Some(1) {
                for (place, (_, requests)) in strands.rev() {
                    self.back_in_strand(strand, id, child(place), locals, requests, part)?;
                }
                continue;
            }
            let fork = self.flow.forks.len();
            self.flow.forks.push(ModelFork::default());
            let mut back = ModelFork {
                parent: strand,
                tree: id,
                after: vec![Vec::new(); forward.children.len()],
                groups: vec![Vec::new(); forward.children.len()],
                ..ModelFork::default()
            };
            for (place, (forward, requests)) in strands {
                let own = self.flow.strands.len();
                self.flow.strands.push(ModelStrand {
                    name: format!("the rollback of {}", self.flow.strands[*forward].name),
                    parent: Some((strand, fork)),
                    ..ModelStrand::default()
                });
                let mut inside = ModelPart::default();
                let child = child(place);
                self.apart(|it| it.back_in_strand(own, id, child, locals, requests, &mut inside))?;
                self.finish(own, inside);
                back.children.push(own);
            }
            self.flow.forks[fork] = back;
            part.ops.push(ModelOp::Fork(fork));
        }
        Ok(())
    }

    /// The way back of one strand of a block: of a child of a `parallel`, or of a cell.
    fn back_in_strand(
        &mut self,
        strand: StrandId,
        id: TreeId,
        child: Option<TreeId>,
        locals: &Locals,
        requests: &Range<usize>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        match child {
            Some(child) => self.way_back(strand, child, locals, requests, part),
            None => self.back_through(strand, id, locals, requests, part),
        }
    }

    /// What a `lock` did is undone holding it, where there is something to undo.
    fn under_lock(
        &mut self,
        strand: StrandId,
        id: TreeId,
        forward: usize,
        locals: &Locals,
        inside: &Range<usize>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let Some(mut request) = self.flow.requests.get(forward).cloned() else {
            return Ok(());
        };
        if self.repeats {
            request.given.clear();
        }
        let given = request.given.clone();
        let back = self.flow.requests.len();
        self.flow.requests.push(request);
        let choice = part.ops.len();
        part.ops.push(ModelOp::Choose(Vec::new(), id));
        if !given.is_empty() {
            part.ops.push(ModelOp::Given(given));
        }
        part.ops.push(ModelOp::Acquire(back));
        pause(Possibility::Yes, ModelPause::certain(id), part);
        self.back_through(strand, id, locals, inside, part)?;
        part.ops.push(ModelOp::Release(back));
        part.ops[choice] = ModelOp::Choose(vec![choice + 1, part.ops.len()], id);
        Ok(())
    }

    /// The requests of a `lock`, one for each time that it is reached, each with those inside it.
    fn requests_of(&self, id: TreeId, range: &Range<usize>) -> Vec<(usize, Range<usize>)> {
        let all = self.flow.requests.get(range.clone()).unwrap_or_default();
        let own = all.iter().enumerate().filter(|(_, it)| it.tree == id);
        let own: Vec<usize> = own.map(|(at, _)| range.start + at).collect();
        let ends = own.iter().skip(1).copied().chain([range.end]);
        let ends: Vec<usize> = ends.collect();
        let own = own.into_iter().zip(ends);
        own.map(|(at, end)| (at, at + 1..end)).collect()
    }
}
