//! What a run knows when a strand begins, or comes to a branch: the conditions of the branches
//! ahead whose values are there by then. The machine counts what the strand owes barriers by them,
//! so the strand is followed once for each answer, and owes in each what it passes in it. Where
//! there are too many answers, or nobody can tell when one is there, the model is marked as not
//! exact, and nothing is proved by it.

use std::sync::Arc;

use super::ModelLiteral;
use super::StrandId;
use super::Undivided;
use super::branches::{PossibleWay, WayInside};
use super::builder::ModelBuilder;
use super::builder::ModelPart;
use super::knowledge::{ConditionShape, Knowledge};
use lockstep_lang::eval::Halt;
use lockstep_plan::{Locals, PlanSequence, TreeId};

/// A strand is not followed in more ways than this; where it has more, nothing is proved.
const MAX_WAYS: usize = 256;

/// The strands of a plan are not followed in more ways than this together.
const MAX_WAYS_OF_PLAN: usize = 20_000;

/// A body that is followed on trial, to find its branches with barriers.
#[derive(Debug)]
pub(super) struct Trial {
    /// How many splits there were before: what meets in others is no concern of the strand.
    pub forks: usize,
    pub branches: Vec<AskedBranch>,
}

/// A branch with barriers in it that a strand comes to.
#[derive(Debug)]
pub(super) struct AskedBranch {
    pub id: TreeId,
    /// Which statement of the body it is in.
    pub at: usize,
    /// What is so in each of its ways.
    pub ways: Vec<Vec<ModelLiteral>>,
    pub conditions: Vec<ConditionShape>,
    /// Whether what the strand passes depends on it.
    pub matters: bool,
}

/// What is known where a strand is divided: exactly one of these is so.
#[derive(Debug, Clone)]
struct Answers {
    id: TreeId,
    at: usize,
    each: Vec<Vec<ModelLiteral>>,
    /// The conditions of a branch that is known as a whole: each way is taken where its own holds
    /// and none before does.
    conditions: Arc<[ConditionShape]>,
}

/// By what the rest of a strand is divided.
#[derive(Debug, Clone)]
pub(super) struct Division {
    asked: Arc<[Answers]>,
    /// Where those that are left begin.
    next: usize,
    /// Whether the strand starts here.
    starts: bool,
    /// Whether it can be undone after another try, in which other things were so.
    lasting: bool,
}

/// How many ways have been followed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WayCount {
    /// Of the strand that is being made, beside the first.
    pub strand: usize,
    pub plan: usize,
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
        locals: &mut Locals,
        starts: bool,
        part: &mut ModelPart,
    ) -> Result<bool, Halt> {
        let stopped = self.trial.is_some() || self.flow.undivided.is_some();
        if stopped || !rest.iter().any(|id| self.divides(*id)) {
            return Ok(false);
        }
        let known = self.conditions.bindings();
        let branches = self.branches_in(strand, rest, locals)?;
        // A branch that is come to divides itself.
        let own = branches.first().map(|it| it.id).filter(|_| !starts);
        let branches = branches.into_iter().filter(|it| Some(it.id) != own);
        let asked = self.known_answers(branches, known);
        if self.flow.undivided.is_some() || asked.iter().all(|it| self.is_settled(it)) {
            return Ok(false);
        }
        // What comes after the last of them is the same in all, but for names that are bound.
        let last = asked.iter().map(|it| it.at + 1).max().unwrap_or_default();
        let binds = |id: &TreeId| self.plan.tree.get(*id).stmt.bind.is_some();
        let (divided, after) = match rest.iter().take(last).any(binds) {
            true => (rest.clone(), PlanSequence::default()),
            false => (
                rest.get(..last).unwrap_or_default().into(),
                rest.get(last..).unwrap_or_default().into(),
            ),
        };
        let division = Division {
            asked: asked.into(),
            next: 0,
            starts,
            lasting: self.repeats && divided.iter().any(|id| self.is_undone(*id)),
        };
        self.in_world(strand, (&divided, &mut locals.clone()), &division, part)?;
        self.seq(strand, &after, locals, part)?;
        Ok(true)
    }

    /// The answers that are known here, of the branches on which it depends what is passed.
    fn known_answers(
        &mut self,
        branches: impl Iterator<Item = AskedBranch>,
        known: usize,
    ) -> Vec<Answers> {
        let mut asked = Vec::new();
        for branch in branches.filter(|it| it.matters) {
            let AskedBranch { id, at, ways, .. } = branch;
            let mut parts = Vec::new();
            let each = branch.conditions.iter();
            let each = each.map(|it| it.knowledge(&self.conditions, known, &mut parts));
            let each: Vec<Knowledge> = each.collect();
            if each.contains(&Knowledge::Unread) {
                self.flow.undivided = Some(Undivided::Unread(id));
            } else if each.iter().all(|it| *it == Knowledge::Known) {
                asked.push(Answers {
                    id,
                    at,
                    each: ways,
                    conditions: branch.conditions.into(),
                });
            } else {
                asked.extend(parts.into_iter().map(|it| Answers {
                    id,
                    at,
                    each: vec![vec![it], vec![it.negated()]],
                    conditions: Arc::default(),
                }));
            }
        }
        asked
    }

    /// Whether it has been settled which of them is so.
    fn is_settled(&self, answers: &Answers) -> bool {
        match self.left_of(answers).as_slice() {
            [] => true,
            [only] => only.iter().all(|it| self.known.contains(it)),
            _ => false,
        }
    }

    /// The answers that are possible by what is known.
    fn left_of(&self, answers: &Answers) -> Vec<Vec<ModelLiteral>> {
        let excluded = |it: &ModelLiteral| self.known.iter().any(|other| it.excludes(other));
        let conditions = answers.conditions.iter();
        let mut values = conditions.map(|it| it.value(&self.known));
        let mut taken = false;
        let possible = answers.each.iter().filter(|answer| {
            let value = values.next().flatten();
            let possible = !taken && value != Some(false);
            taken |= value == Some(true);
            possible && !answer.iter().any(excluded) && !self.is_excluded(answer)
        });
        possible.cloned().collect()
    }

    /// Follows a body in the ways that are left of what it is divided by.
    pub(super) fn in_world(
        &mut self,
        strand: StrandId,
        (rest, locals): (&PlanSequence, &mut Locals),
        division: &Division,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let around = self.known.len();
        let mut place = division.next;
        let mut open = None;
        while let Some(next) = division.asked.get(place) {
            place += 1;
            let each = self.left_of(next);
            if each.len() > 1 {
                open = Some((next.id, each));
                break;
            }
            self.known.extend(each.into_iter().flatten());
        }
        let made = match open.filter(|(id, each)| self.may_divide(*id, each.len())) {
            None => self.seq(strand, rest, locals, part),
            Some((id, each)) => {
                let ways = each.into_iter().map(|answer| PossibleWay {
                    body: rest.clone(),
                    locals: locals.clone(),
                    given: match division.lasting {
                        true => Vec::new(),
                        false => answer.clone(),
                    },
                    known: answer,
                    inside: WayInside::Divided(Division {
                        next: place,
                        ..division.clone()
                    }),
                    leaves: division.starts,
                });
                let ways = ways.collect();
                self.one_of(strand, id, ways, part).map(|_| ())
            }
        };
        self.known.truncate(around);
        made
    }

    /// Counts the ways of a strand; where there are too many, nothing will be proved.
    fn may_divide(&mut self, id: TreeId, ways: usize) -> bool {
        self.ways.strand += ways - 1;
        self.ways.plan += ways - 1;
        let few = self.ways.strand < MAX_WAYS && self.ways.plan < MAX_WAYS_OF_PLAN;
        if !few {
            self.flow.undivided = Some(Undivided::Ways(id));
        }
        few
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
    fn branches_in(
        &mut self,
        strand: StrandId,
        rest: &PlanSequence,
        locals: &Locals,
    ) -> Result<Vec<AskedBranch>, Halt> {
        let before = self.extent();
        let returns = self.returns.clone();
        self.trial = Some(Trial {
            forks: before.forks,
            branches: Vec::new(),
        });
        let made = self.try_each(strand, rest, locals);
        let trial = self.trial.take();
        self.returns = returns;
        self.take_back(&before);
        made?;
        Ok(trial.map(|it| it.branches).unwrap_or_default())
    }

    fn try_each(
        &mut self,
        strand: StrandId,
        rest: &PlanSequence,
        locals: &Locals,
    ) -> Result<(), Halt> {
        let mut locals = locals.clone();
        let mut part = ModelPart::default();
        for (at, id) in rest.iter().enumerate() {
            let found = |trial: &Option<Trial>| trial.as_ref().map_or(0, |it| it.branches.len());
            let first = found(&self.trial);
            self.guarded(strand, *id, &locals, &mut part)?;
            self.bind(*id, &mut locals, &mut part);
            let branches = self.trial.iter_mut().flat_map(|it| &mut it.branches);
            branches.skip(first).for_each(|it| it.at = at);
        }
        Ok(())
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
