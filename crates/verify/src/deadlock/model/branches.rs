//! Branches in the model: the one that is taken, where that is known before the run, or a choice,
//! with what is so in each.

use std::collections::BTreeMap;

use super::ArrivalsAhead;
use super::ModelLiteral;
use super::ModelOp;
use super::StrandId;
use super::builder::BarrierPasses;
use super::builder::ModelBuilder;
use super::builder::ModelPart;
use super::knowledge::ConditionShape;
use super::worlds::{AskedBranch, Division};
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_plan::{Locals, PlanNode, PlanSequence, TreeId};

/// One of several ways of a strand.
pub(super) struct PossibleWay {
    pub body: PlanSequence,
    pub locals: Locals,
    /// What is so where it is taken.
    pub given: Vec<ModelLiteral>,
    /// What the strand knows from its start on, where it is divided.
    pub known: Vec<ModelLiteral>,
    /// What its body is.
    pub inside: WayInside,
    /// Whether the meetings that it does not pass are left here.
    pub leaves: bool,
}

/// What a branch with barriers asks.
#[derive(Default)]
struct BranchConditions {
    conditions: Vec<ConditionShape>,
    /// What is so in each way.
    ways: Vec<Vec<ModelLiteral>>,
}

/// What the body of a way is.
pub(super) enum WayInside {
    Branch,
    Workflow,
    /// The rest of a strand, which is divided further.
    Divided(Division),
}

impl ModelBuilder<'_> {
    /// The branch that is taken, or a choice among those that may be.
    pub(super) fn branches(
        &mut self,
        strand: StrandId,
        id: TreeId,
        conditions: &[&Expr],
        otherwise: bool,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let node = self.plan.tree.get(id);
        let possible = self.possible(node, conditions, otherwise, locals)?;
        if let [(_, only)] = possible.as_slice() {
            return self.seq(strand, only, &mut locals.clone(), part);
        }
        // What several tries have done may be undone at once, whatever was so in each.
        let lasting = self.repeats && self.is_undone(id);
        let asked = self.conditions_of(node, &possible, conditions, locals);
        let mut ways = Vec::new();
        let mut before = Vec::new();
        for (at, body) in possible {
            let mut given = before.clone();
            let condition = conditions.get(at).filter(|_| !lasting);
            if let Some(condition) = condition {
                given.extend(self.literals(condition, locals, true));
                before.extend(self.literals(condition, locals, false));
            }
            ways.push(PossibleWay {
                body,
                locals: locals.clone(),
                given,
                known: Vec::new(),
                inside: WayInside::Branch,
                leaves: true,
            });
        }
        let place = self.note_branch(id, &asked);
        self.leave_out_excluded(node.has_barrier, &asked.conditions, &mut ways);
        match ways.as_mut_slice() {
            [only] => {
                part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
                self.seq(strand, &only.body.clone(), &mut only.locals, part)
            }
            _ => {
                let matters = self.one_of(strand, id, ways, part)?;
                let branches = self.trial.as_mut().map(|it| &mut it.branches);
                if let Some(branch) = branches.zip(place).and_then(|(all, at)| all.get_mut(at)) {
                    branch.matters = matters;
                }
                Ok(())
            }
        }
    }

    /// What a branch with barriers asks, and what is so in each of its ways.
    fn conditions_of(
        &mut self,
        node: &PlanNode,
        possible: &[(usize, PlanSequence)],
        conditions: &[&Expr],
        locals: &Locals,
    ) -> BranchConditions {
        let mut asked = BranchConditions::default();
        if !node.has_barrier {
            return asked;
        }
        let mut before = Vec::new();
        for (at, _) in possible {
            let mut way = before.clone();
            if let Some(condition) = conditions.get(*at) {
                let shape = self.conditions.shape(&self.walk, condition, locals);
                way.extend(shape.implied(true));
                before.extend(shape.implied(false));
                asked.conditions.push(shape);
            }
            asked.ways.push(way);
        }
        asked
    }

    /// Notes a branch with barriers, where a body is followed on trial; its place there.
    fn note_branch(&mut self, id: TreeId, asked: &BranchConditions) -> Option<usize> {
        let trial = self.trial.as_mut().filter(|_| !asked.ways.is_empty())?;
        trial.branches.push(AskedBranch {
            id,
            at: 0,
            ways: asked.ways.clone(),
            conditions: asked.conditions.clone(),
            matters: false,
        });
        Some(trial.branches.len() - 1)
    }

    /// Leaves out the ways that are not taken. A way with barriers is one of those only where that
    /// was known when what the strand owes was counted: it owes them until it knows better.
    fn leave_out_excluded(
        &self,
        has_barrier: bool,
        conditions: &[ConditionShape],
        ways: &mut Vec<PossibleWay>,
    ) {
        if has_barrier {
            let mut taken = false;
            let mut values = conditions.iter().map(|it| it.value(&self.known));
            ways.retain(|_| {
                let value = values.next().unwrap_or(Some(true));
                let possible = !taken && value != Some(false);
                taken |= value == Some(true);
                possible
            });
            return;
        }
        let last = ways.pop();
        ways.retain(|way| !self.is_excluded(&way.given));
        ways.extend(last.filter(|way| ways.is_empty() || !self.is_excluded(&way.given)));
    }

    fn literals(&mut self, condition: &Expr, locals: &Locals, holds: bool) -> Vec<ModelLiteral> {
        match self.forgetful {
            true => Vec::new(),
            false => self
                .conditions
                .literals(&self.walk, condition, locals, holds),
        }
    }

    /// One of several ways, which one only the run knows. While a body is followed on trial, it
    /// says whether it depends on the way what the strand passes.
    pub(super) fn one_of(
        &mut self,
        strand: StrandId,
        id: TreeId,
        ways: Vec<PossibleWay>,
        part: &mut ModelPart,
    ) -> Result<bool, Halt> {
        let choice = part.ops.len();
        part.ops.push(ModelOp::Choose(Vec::new(), id));
        let mut starts = Vec::new();
        let mut jumps = Vec::new();
        let before = std::mem::take(&mut part.passes);
        let mut most = BarrierPasses::default();
        let mut first = None;
        let around = (self.given.len(), self.known.len());
        for mut way in ways {
            starts.push(part.ops.len());
            self.given.extend(&way.given);
            self.known.extend(&way.known);
            if !way.given.is_empty() {
                part.ops.push(ModelOp::Given(way.given));
            }
            if way.leaves {
                part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
            }
            let seen = (&way.body, &mut way.locals);
            let made = match &way.inside {
                WayInside::Branch => self.seq(strand, seen.0, seen.1, part),
                WayInside::Workflow => self.workflow(strand, seen.0, seen.1, part),
                WayInside::Divided(division) => self.in_world(strand, seen, division, part),
            };
            self.given.truncate(around.0);
            self.known.truncate(around.1);
            made?;
            if let Some(trial) = &self.trial {
                let outside = self.outside(&part.passes, trial.forks);
                most.varies |= *first.get_or_insert_with(|| outside.clone()) != outside;
            }
            most.or(&std::mem::take(&mut part.passes));
            jumps.push(part.ops.len());
            part.ops.push(ModelOp::Jump(0));
        }
        let varies = most.varies;
        part.passes = before;
        part.passes.add(most);
        let end = part.ops.len();
        jumps
            .iter()
            .for_each(|at| part.ops[*at] = ModelOp::Jump(end));
        part.ops[choice] = ModelOp::Choose(starts, id);
        Ok(varies)
    }

    /// How often meetings are passed, of those of the first splits.
    fn outside(&self, passes: &BarrierPasses, forks: usize) -> BTreeMap<usize, u32> {
        let meetings = passes.meetings.iter().map(|(at, count)| (*at, *count));
        let is_outside = |(at, _): &(usize, u32)| {
            let meeting = self.flow.meetings.get(*at);
            meeting.is_some_and(|it| it.fork < forks)
        };
        meetings.filter(is_outside).collect()
    }

    /// The branches of an `if` that may be taken, each with its place, one of them empty where it
    /// may do nothing.
    pub(super) fn possible(
        &self,
        node: &PlanNode,
        conditions: &[&Expr],
        otherwise: bool,
        locals: &Locals,
    ) -> Result<Vec<(usize, PlanSequence)>, Halt> {
        let mut possible = Vec::new();
        let branch = |at: usize| (at, node.bodies.get(at).cloned().unwrap_or_default());
        for (at, condition) in conditions.iter().enumerate() {
            match self.walk.eval(condition, locals) {
                Ok(Value::Bool(false)) => {}
                Ok(_) => {
                    possible.push(branch(at));
                    return Ok(possible);
                }
                Err(Halt::Unknown) => possible.push(branch(at)),
                Err(fault) => return Err(fault),
            }
        }
        possible.push(match otherwise {
            true => branch(conditions.len()),
            false => (conditions.len(), PlanSequence::default()),
        });
        Ok(possible)
    }
}
