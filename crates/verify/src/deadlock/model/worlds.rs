//! What a run knows when a strand begins, or comes to a branch: the conditions of the branches
//! ahead whose values are there by then. The machine counts what the strand owes barriers by them,
//! so the strand is followed once for each answer, and owes in each what it passes in it.

use super::ModelLiteral;
use super::StrandId;
use super::branches::{PossibleWay, WayInside};
use super::builder::ModelBuilder;
use super::builder::ModelPart;
use lockstep_lang::eval::Halt;
use lockstep_plan::{Locals, PlanSequence, TreeId};

/// A strand is not divided by more branches than this, so not into more than 64 ways.
const MAX_DIVIDED: usize = 6;

/// A branch with barriers in it that a strand comes to, and what is so in each of its ways.
#[derive(Debug, Clone)]
pub(super) struct AskedBranch {
    pub id: TreeId,
    pub ways: Vec<Vec<ModelLiteral>>,
}

/// By what the rest of a strand is divided.
#[derive(Debug, Clone)]
pub(super) struct Division {
    asked: Vec<AskedBranch>,
    /// By how many of them at most.
    more: usize,
    /// Whether the strand starts here.
    starts: bool,
}

/// How much there was of everything before something was followed on trial.
struct Extent {
    strands: usize,
    meetings: usize,
    resources: usize,
    requests: usize,
    holds: usize,
    forks: usize,
    limits: usize,
    splits: usize,
}

impl ModelBuilder<'_> {
    /// Follows the rest of a body, once for each answer to what is known here and decides which
    /// barriers it passes. Returns whether it did: not where nothing does. Where a strand `starts`,
    /// it never owes what it does not pass; elsewhere it leaves that at the next branch, though
    /// which one it takes is settled here.
    pub(super) fn in_each_world(
        &mut self,
        strand: StrandId,
        rest: &PlanSequence,
        locals: &Locals,
        starts: bool,
        part: &mut ModelPart,
    ) -> Result<bool, Halt> {
        if self.asked.is_some() || !rest.iter().any(|id| self.divides(*id)) {
            return Ok(false);
        }
        let known = self.conditions.bindings();
        let mut asked = self.asked_in(strand, rest, locals)?;
        // A single branch divides itself.
        if !starts && asked.len() < 2 {
            return Ok(false);
        }
        for branch in &mut asked {
            let mut seen: Vec<Vec<ModelLiteral>> = Vec::new();
            for mut way in std::mem::take(&mut branch.ways) {
                way.retain(|it| self.conditions.is_read_before(it, known));
                if !seen.contains(&way) {
                    seen.push(way);
                }
            }
            branch.ways = seen;
        }
        let division = Division {
            asked,
            more: MAX_DIVIDED,
            starts,
        };
        self.divided(strand, (rest, locals), &division, part)
    }

    /// Follows a body in the ways of the first branch that is not decided.
    fn divided(
        &mut self,
        strand: StrandId,
        (rest, locals): (&PlanSequence, &Locals),
        division: &Division,
        part: &mut ModelPart,
    ) -> Result<bool, Halt> {
        let mut asked = division.asked.iter();
        let mut open = asked.find_map(|branch| {
            let ways = branch.ways.iter().filter(|way| !self.is_excluded(way));
            let ways: Vec<&Vec<ModelLiteral>> = ways.collect();
            (ways.len() > 1).then_some((branch.id, ways))
        });
        let Some((id, ways)) = open.take().filter(|_| division.more > 0) else {
            return Ok(false);
        };
        let ways = ways.into_iter().map(|given| PossibleWay {
            body: rest.clone(),
            locals: locals.clone(),
            given: given.clone(),
            inside: WayInside::Divided(Division {
                asked: asked.as_slice().to_vec(),
                more: division.more - 1,
                starts: division.starts,
            }),
            leaves: division.starts,
        });
        let ways = ways.collect();
        self.one_of(strand, id, ways, part)?;
        Ok(true)
    }

    /// Follows a body in one of the ways of a branch, and divides it by those that are left.
    pub(super) fn in_world(
        &mut self,
        strand: StrandId,
        (rest, locals): (&PlanSequence, &mut Locals),
        division: &Division,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        match self.divided(strand, (rest, locals), division, part)? {
            true => Ok(()),
            false => self.seq(strand, rest, locals, part),
        }
    }

    /// Whether not all of this can be so here.
    pub(super) fn is_excluded(&self, given: &[ModelLiteral]) -> bool {
        let excluded = |it: &ModelLiteral| self.given.iter().any(|other| it.excludes(other));
        given.iter().any(excluded)
    }

    /// Whether a branch with barriers stands in a statement.
    pub(super) fn divides(&self, id: TreeId) -> bool {
        let node = self.plan.tree.get(id);
        if !node.has_barrier {
            return false;
        }
        let workflows = node.workflows.iter().map(|(_, body)| body);
        let mut bodies = node.bodies.iter().chain(workflows);
        node.stmt.kind.is_branch()
            || bodies.any(|body| body.iter().any(|child| self.divides(*child)))
    }

    /// The branches with barriers in a body, found by following it on trial.
    fn asked_in(
        &mut self,
        strand: StrandId,
        rest: &PlanSequence,
        locals: &Locals,
    ) -> Result<Vec<AskedBranch>, Halt> {
        let before = self.extent();
        let returns = self.returns.clone();
        self.asked = Some(Vec::new());
        let mut trial = ModelPart::default();
        let made = self.seq(strand, rest, &mut locals.clone(), &mut trial);
        let asked = self.asked.take().unwrap_or_default();
        self.returns = returns;
        self.take_back(&before);
        made?;
        Ok(asked)
    }

    fn extent(&self) -> Extent {
        let flow = &self.flow;
        Extent {
            strands: flow.strands.len(),
            meetings: flow.meetings.len(),
            resources: flow.resources.len(),
            requests: flow.requests.len(),
            holds: flow.holds.len(),
            forks: flow.forks.len(),
            limits: flow.limits.len(),
            splits: self.splits.len(),
        }
    }

    fn take_back(&mut self, to: &Extent) {
        let flow = &mut self.flow;
        if flow.meetings.len() > to.meetings {
            self.appointments.retain(|_, at| *at < to.meetings);
        }
        if flow.resources.len() > to.resources {
            self.by_name.retain(|_, at| *at < to.resources);
        }
        flow.strands.truncate(to.strands);
        flow.meetings.truncate(to.meetings);
        flow.resources.truncate(to.resources);
        flow.requests.truncate(to.requests);
        flow.holds.truncate(to.holds);
        flow.forks.truncate(to.forks);
        flow.limits.truncate(to.limits);
        self.splits.truncate(to.splits);
    }
}
