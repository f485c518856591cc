//! Branches in the model: the one that is taken, where that is known before the run, or a choice,
//! with what is so in each.

use super::ArrivalsAhead;
use super::ModelLiteral;
use super::ModelOp;
use super::StrandId;
use super::builder::BarrierPasses;
use super::builder::ModelBuilder;
use super::builder::ModelPart;
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
    /// What its body is.
    pub inside: WayInside,
    /// Whether the meetings that it does not pass are left here.
    pub leaves: bool,
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
        let lasting = self.repeats && node.has_lock && self.undoes(id);
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
                inside: WayInside::Branch,
                leaves: true,
            });
        }
        if let Some(asked) = self.asked.as_mut().filter(|_| node.has_barrier) {
            let ways = ways.iter().map(|way| way.given.clone()).collect();
            asked.push(AskedBranch { id, ways });
        }
        // What is decided already is not open again.
        let last = ways.pop();
        ways.retain(|way| !self.is_excluded(&way.given));
        ways.extend(last.filter(|way| ways.is_empty() || !self.is_excluded(&way.given)));
        match ways.as_mut_slice() {
            [only] => {
                part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
                self.seq(strand, &only.body.clone(), &mut only.locals, part)
            }
            _ => self.one_of(strand, id, ways, part),
        }
    }

    fn literals(&mut self, condition: &Expr, locals: &Locals, holds: bool) -> Vec<ModelLiteral> {
        match self.forgetful {
            true => Vec::new(),
            false => self
                .conditions
                .literals(&self.walk, condition, locals, holds),
        }
    }

    /// One of several ways, which one only the run knows.
    pub(super) fn one_of(
        &mut self,
        strand: StrandId,
        id: TreeId,
        ways: Vec<PossibleWay>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let choice = part.ops.len();
        part.ops.push(ModelOp::Choose(Vec::new(), id));
        let mut starts = Vec::new();
        let mut jumps = Vec::new();
        let before = std::mem::take(&mut part.passes);
        let mut most = BarrierPasses::default();
        let around = self.given.len();
        for mut way in ways {
            starts.push(part.ops.len());
            self.given.extend(&way.given);
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
            self.given.truncate(around);
            made?;
            most.or(&std::mem::take(&mut part.passes));
            jumps.push(part.ops.len());
            part.ops.push(ModelOp::Jump(0));
        }
        part.passes = before;
        part.passes.add(most);
        let end = part.ops.len();
        jumps
            .iter()
            .for_each(|at| part.ops[*at] = ModelOp::Jump(end));
        part.ops[choice] = ModelOp::Choose(starts, id);
        Ok(())
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
