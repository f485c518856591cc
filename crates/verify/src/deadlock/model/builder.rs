//! Builds the deadlock model by walking the plan: what is known before the run is followed, what is
//! not known goes both ways.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::ArrivalsAhead;
use super::DeadlockModel;
use super::ModelBarrier;
use super::ModelHold;
use super::ModelLiteral;
use super::ModelLockRequest;
use super::ModelOp;
use super::ModelPause;
use super::ModelStrand;
use super::ModelTimeout;
use super::StrandGuard;
use super::StrandId;
use super::alike::{AlikeCells, AlikeLoops};
use super::branches::{PossibleWay, WayInside};
use super::conditions::Conditions;
use super::rescue::{PartExits, Rescue, outcomes_of, repeats, rescue_by, rescue_of, retries};
use super::way_back::SplitRequests;
use super::worlds::{Trial, WayCount};
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, Value};
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{StmtKind, WorkflowUse};
use lockstep_plan::grid::Position;
use lockstep_plan::{BarrierKey, BarrierName, BodySummary, PlanWalk, body};
use lockstep_plan::{Locals, Plan};
use lockstep_plan::{PlanSequence, TreeId, infrastructure_lock, named_lock};

/// The strands of a plan.
pub fn flow(plan: &Plan) -> Result<DeadlockModel, Halt> {
    let mut maker = ModelBuilder::new(plan, plan.walk(), None);
    maker.pipeline()?;
    maker.flow.decisions = maker.conditions.reads;
    Ok(maker.flow)
}

impl<'a> ModelBuilder<'a> {
    pub(super) fn new(plan: &'a Plan, walk: PlanWalk<'a>, alike: Option<&'a AlikeLoops>) -> Self {
        Self {
            walk,
            plan,
            alike: AlikeCells::of(alike),
            flow: DeadlockModel::default(),
            blocks: Vec::new(),
            holders: Vec::new(),
            appointments: HashMap::new(),
            open: Vec::new(),
            returns: Vec::new(),
            by_name: HashMap::new(),
            doomed: false,
            rescue: Rescue::Never,
            open_barriers: HashSet::new(),
            splits: Vec::new(),
            conditions: Conditions::default(),
            given: Vec::new(),
            repeats: repeats(plan),
            forgetful: false,
            trial: None,
            known: Vec::new(),
            ways: WayCount::default(),
        }
    }

    pub(super) fn pipeline(&mut self) -> Result<(), Halt> {
        let root = self.plan.tree.root();
        self.open_barriers = self.find_open_barriers(root)?;
        self.flow.strands.push(ModelStrand {
            name: self.plan.bound.pipeline().name.to_string(),
            ..ModelStrand::default()
        });
        let hold = self.hold(root, &Locals::default())?;
        self.holders.push(hold);
        let mut part = ModelPart::default();
        self.guarded(0, root, &Locals::default(), &mut part)?;
        part.ops.push(ModelOp::Drop(hold));
        self.finish(0, part);
        Ok(())
    }
}

/// How often meetings are passed, and how many deployments are brought to stages' locks.
#[derive(Debug, Default, Clone)]
pub(super) struct BarrierPasses {
    pub meetings: HashMap<usize, u32>,
    pub deploys: HashMap<(usize, usize), u32>,
    /// While a body is followed on trial: whether it depends on a branch what is passed.
    pub varies: bool,
}

impl BarrierPasses {
    pub fn add(&mut self, more: Self) {
        self.varies |= more.varies;
        for (meeting, count) in more.meetings {
            *self.meetings.entry(meeting).or_default() += count;
        }
        for (key, count) in more.deploys {
            *self.deploys.entry(key).or_default() += count;
        }
    }

    /// Of two ways the one that does more of each.
    pub fn or(&mut self, other: &Self) {
        self.varies |= other.varies;
        for (meeting, count) in &other.meetings {
            let most = self.meetings.entry(*meeting).or_default();
            *most = (*count).max(*most);
        }
        for (key, count) in &other.deploys {
            let most = self.deploys.entry(*key).or_default();
            *most = (*count).max(*most);
        }
    }
}

/// A strand that is being made.
#[derive(Debug, Default)]
pub(super) struct ModelPart {
    pub ops: Vec<ModelOp>,
    pub guards: Vec<StrandGuard>,
    pub passes: BarrierPasses,
}

pub(super) struct ModelBuilder<'a> {
    pub walk: PlanWalk<'a>,
    pub plan: &'a Plan,
    /// The cells that are not made, as others look like them.
    pub alike: AlikeCells<'a>,
    pub flow: DeadlockModel,
    /// The parallel blocks around, with their split and the cell that is being made.
    pub blocks: Vec<(TreeId, usize, Position)>,
    holders: Vec<usize>,
    pub appointments: HashMap<(usize, Position, BarrierName), usize>,
    /// The locks that are held here, innermost last.
    pub(super) open: Vec<usize>,
    /// The workflows that are being followed: where their `return`s jump from, and how many locks
    /// were held around the call. Nothing where a strand has been split off since.
    pub returns: Vec<Option<(Vec<usize>, usize)>>,
    pub by_name: HashMap<Name, usize>,
    /// Whether a failure takes everything back, so that no new cell starts.
    pub doomed: bool,
    /// Whether something around, within the strand, makes a success of a failure.
    pub(super) rescue: Rescue,
    /// The barriers of which only the run knows who comes to which key, or how many.
    open_barriers: HashSet<u32>,
    /// The splits so far.
    pub splits: Vec<SplitRequests>,
    /// The conditions that only the run decides.
    pub conditions: Conditions,
    /// What is so where statements are being followed.
    pub given: Vec<ModelLiteral>,
    /// Whether something may be done again in another try, so that an undo may belong to an
    /// earlier one, in which other things were so.
    pub repeats: bool,
    /// Whether conditions may be about values of an earlier try.
    pub forgetful: bool,
    /// While a body is followed on trial.
    pub trial: Option<Trial>,
    /// What the strand that is being followed knew where it was divided by it.
    pub known: Vec<ModelLiteral>,
    pub ways: WayCount,
}

impl ModelBuilder<'_> {
    pub(super) fn seq(
        &mut self,
        strand: StrandId,
        seq: &PlanSequence,
        locals: &mut Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        for (at, id) in seq.iter().enumerate() {
            if self.divides(*id) {
                let rest: PlanSequence = seq.get(at..).unwrap_or_default().into();
                if self.in_each_world(strand, &rest, locals, false, part)? {
                    return Ok(());
                }
            }
            self.guarded(strand, *id, locals, part)?;
            self.bind(*id, locals, part);
        }
        Ok(())
    }

    /// Binds what the statements after it may name.
    pub(super) fn bind(&mut self, id: TreeId, locals: &mut Locals, part: &mut ModelPart) {
        let stmt = &self.plan.tree.get(id).stmt;
        let Some(slot) = stmt.bind else { return };
        let around = locals.clone();
        // A mistake in it is reported where it is evaluated for its own sake.
        let _ = self.walk.summary_of_node(id, locals);
        match stmt.kind.bound_value() {
            Some(value) => self.conditions.bind_expr(slot, locals, value, &around),
            None => {
                let binding = self.conditions.bind(slot, locals);
                part.ops.extend(binding.map(ModelOp::Bind));
            }
        }
    }

    /// What the body of a workflow call sees.
    fn call(&mut self, using: &WorkflowUse, locals: &Locals) -> Result<Locals, Halt> {
        let inside = self.walk.call(using, locals)?;
        self.bind_arguments(using, &inside, locals, 0);
        Ok(inside)
    }

    /// The parameters of a workflow, from the given one on, stand for their arguments.
    fn bind_arguments(
        &mut self,
        using: &WorkflowUse,
        inside: &Locals,
        around: &Locals,
        from: usize,
    ) {
        let params = self.walk.workflow(using);
        let params = params.into_iter().flat_map(|it| &it.params).enumerate();
        for (at, param) in params.skip(from) {
            match (using.args.get(at).and_then(Option::as_ref), &param.default) {
                (Some(arg), _) => self.conditions.bind_expr(param.slot, inside, arg, around),
                (None, Some(default)) => {
                    self.conditions
                        .bind_expr(param.slot, inside, default, inside);
                }
                (None, None) => {}
            }
        }
    }

    /// A statement with what surrounds it: tries, failure handlers, rollback, `always`.
    pub(super) fn guarded(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        if !(node.has_barrier || node.has_lock) {
            return self.passing(strand, id, locals, part);
        }
        let modifiers = &node.stmt.modifiers;
        let is_scope = node.stmt.kind.deploys() || modifiers.atomic;
        let handlers = &node.stmt.handlers;
        let recovers = modifiers.retry.is_some() || !handlers.on_failure.is_empty();
        let softens = recovers || modifiers.tolerate.is_some();
        let doomed = self.doomed;
        let undoes = (is_scope || node.may_roll_back) && self.undoes(id);
        let guards = recovers || undoes || node.always.is_some();
        let around = self.rescue;
        let start = part.ops.len();
        let first_request = self.flow.requests.len();
        self.doomed = is_scope || (doomed && !softens);
        self.rescue = around.max(rescue_by(&node.stmt));
        let made = self.node(strand, id, locals, part);
        self.doomed = doomed;
        self.rescue = around;
        made?;
        if guards {
            let requests = undoes.then_some(first_request..self.flow.requests.len());
            self.guard(strand, id, locals, start, requests, part)?;
        }
        Ok(())
    }

    /// What happens when a statement that began at `start` and ends here has failed. Where it rolls
    /// back, `undoes` are the requests for locks in it.
    fn guard(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        start: usize,
        undoes: Option<Range<usize>>,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        let end = part.ops.len();
        self.in_parallel(strand, node.always.as_ref(), locals, part)?;
        let mut done = vec![part.ops.len()];
        part.ops.push(ModelOp::Jump(0));
        let pad = part.ops.len();
        part.guards.push(StrandGuard {
            from: start,
            to: end,
            pad,
            end: pad,
        });
        let own = part.guards.len() - 1;
        part.ops.push(ModelOp::Choose(Vec::new(), id));
        let mut ways = Vec::new();
        let mut finals = Vec::new();
        if node.stmt.modifiers.retry.is_some() {
            ways.push(part.ops.len());
            part.ops.push(ModelOp::Pause(ModelPause::certain(id)));
            part.ops.push(ModelOp::Jump(start));
        }
        let mut certain = false;
        for (at, handler) in node.stmt.handlers.on_failure.iter().enumerate() {
            certain |= handler.classes.is_empty();
            ways.push(part.ops.len());
            match rescue_of(handler) {
                // It only looks at the failure, which is final already.
                Rescue::Never => self.break_owed(id, part),
                // It may have tried as often as it may.
                Rescue::Perhaps if retries(handler) => either(part, id, |part| {
                    self.break_owed(id, part);
                }),
                Rescue::Perhaps | Rescue::Always => {}
            }
            let from = part.ops.len();
            let inside = locals.bind_unknown(handler.slot);
            let binding = self.conditions.bind(handler.slot, &inside);
            part.ops.extend(binding.map(ModelOp::Bind));
            self.in_parallel(strand, node.on_failure.get(at), &inside, part)?;
            let to = part.ops.len();
            part.ops.push(ModelOp::Choose(Vec::new(), id));
            let mut outcomes = Vec::new();
            for outcome in outcomes_of(handler) {
                outcomes.push(part.ops.len());
                match outcome {
                    PartExits::Ignored => {
                        part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
                        self.in_parallel(strand, node.always.as_ref(), locals, part)?;
                        done.push(part.ops.len());
                        part.ops.push(ModelOp::Jump(0));
                    }
                    PartExits::Again => {
                        part.ops.push(ModelOp::Pause(ModelPause::certain(id)));
                        part.ops.push(ModelOp::Jump(start));
                    }
                    PartExits::Failed => {
                        finals.push(part.ops.len());
                        part.ops.push(ModelOp::Jump(0));
                    }
                }
            }
            part.ops[to] = ModelOp::Choose(outcomes, id);
            let pad = part.ops.len();
            part.guards.push(StrandGuard {
                from,
                to,
                pad,
                end: pad,
            });
            finals.push(part.ops.len());
            part.ops.push(ModelOp::Jump(0));
        }
        let last = part.ops.len();
        if !certain {
            ways.push(last);
        }
        finals
            .iter()
            .for_each(|at| part.ops[*at] = ModelOp::Jump(last));
        self.break_owed(id, part);
        if let Some(requests) = undoes {
            self.undo(strand, id, locals, requests, part)?;
        }
        self.in_parallel(strand, node.always.as_ref(), locals, part)?;
        part.ops.push(ModelOp::Fail);
        part.ops[pad] = ModelOp::Choose(ways, id);
        let end = part.ops.len();
        part.guards.iter_mut().skip(own).for_each(|it| it.end = end);
        done.iter()
            .for_each(|at| part.ops[*at] = ModelOp::Jump(end));
        Ok(())
    }

    /// A failure is final in its statement: what the strand owes is broken, unless something around
    /// makes it good.
    fn break_owed(&self, id: TreeId, part: &mut ModelPart) {
        match self.rescue {
            Rescue::Never => part.ops.push(ModelOp::Break),
            Rescue::Perhaps => either(part, id, |part| part.ops.push(ModelOp::Break)),
            Rescue::Always => {}
        }
    }

    /// A body in addition to the statement's own: its barriers are not expected by any meeting.
    pub(super) fn in_parallel(
        &mut self,
        strand: StrandId,
        body: Option<&PlanSequence>,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let Some(body) = body else { return Ok(()) };
        let counted = part.passes.clone();
        let made = self.seq(strand, body, &mut locals.clone(), part);
        part.passes = counted;
        made
    }

    pub(super) fn node(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        if id == self.plan.tree.root() || !self.plan.tree.get(id).holds_locks {
            return self.statement(strand, id, locals, part);
        }
        let hold = self.hold(id, locals)?;
        self.holders.push(hold);
        let made = self.statement(strand, id, locals, part);
        self.holders.pop();
        part.ops.push(ModelOp::Drop(hold));
        made
    }

    fn statement(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        match &node.stmt.kind {
            StmtKind::Barrier { name, key, .. } => {
                self.barrier(strand, id, name, key.as_ref(), locals, part)
            }
            StmtKind::Lock {
                resource, limit, ..
            } => {
                let request = self.request(id, resource, limit.as_ref(), locals)?;
                part.ops.push(ModelOp::Acquire(request));
                self.open.push(request);
                let made = self.seq(strand, body(node), &mut locals.clone(), part);
                self.open.pop();
                part.ops.push(ModelOp::Release(request));
                made
            }
            StmtKind::Deploy { .. } => self.deploy(strand, id, locals, part),
            StmtKind::Call(using) => {
                let mut inside = self.call(using, locals)?;
                self.workflow(strand, body(node), &mut inside, part)
            }
            StmtKind::If {
                branches,
                otherwise,
            } => {
                let conditions: Vec<&Expr> = branches.iter().map(|(it, _)| it).collect();
                self.branches(strand, id, &conditions, otherwise.is_some(), locals, part)
            }
            StmtKind::Parallel(_) => self.parallel(strand, id, node, locals, part),
            StmtKind::Matrix(matrix) => self.cells(strand, id, node, matrix, locals, part),
            StmtKind::Verify { .. } => {
                self.seq(strand, body(node), &mut locals.clone(), part)?;
                part.ops.push(ModelOp::Pause(ModelPause {
                    least_ms: self.least_ms(id, locals),
                    ..ModelPause::risky(id)
                }));
                Ok(())
            }
            // A `return` may end the pipeline, too.
            StmtKind::Block(_) if node.parent.is_none() => {
                self.workflow(strand, body(node), &mut locals.clone(), part)
            }
            _ if node.bodies.is_empty() => self.passing(strand, id, locals, part),
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => self.seq(strand, body(node), &mut locals.clone(), part),
        }
    }

    /// The body of a workflow; its `return`s end it.
    pub(super) fn workflow(
        &mut self,
        strand: StrandId,
        seq: &PlanSequence,
        locals: &mut Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        self.returns.push(Some((Vec::new(), self.open.len())));
        let made = self.seq(strand, seq, locals, part);
        let jumps = self.returns.pop().flatten().unwrap_or_default().0;
        let end = part.ops.len();
        if !jumps.is_empty() {
            part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
        }
        jumps
            .iter()
            .for_each(|at| part.ops[*at] = ModelOp::Jump(end));
        made
    }

    pub(super) fn returns(&mut self, part: &mut ModelPart) {
        let Some(Some((jumps, held))) = self.returns.last_mut() else {
            return;
        };
        for request in self.open.iter().skip(*held).rev() {
            part.ops.push(ModelOp::Release(*request));
        }
        jumps.push(part.ops.len());
        part.ops.push(ModelOp::Jump(0));
    }

    fn barrier(
        &mut self,
        strand: StrandId,
        id: TreeId,
        name: &Name,
        key: Option<&Expr>,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let key = self.walk.barrier_key(key, locals)?;
        let Some(number) = self.plan.tree.get(id).meeting else {
            return Ok(());
        };
        let Some(meeting) = self.plan.meetings.get(number as usize) else {
            return Ok(());
        };
        let open = self.open_barriers.contains(&number);
        let barrier = BarrierName {
            meeting: number,
            name: name.clone(),
            key: match open {
                // All who come to any of the keys, where nobody knows who comes to which.
                true => BarrierKey::Unknown,
                false if self.alike.has_any_key(number) => BarrierKey::None,
                false => key,
            },
        };
        let block = self
            .blocks
            .iter()
            .rev()
            .find(|(tree, ..)| *tree == meeting.block);
        let Some((_, fork, position)) = block else {
            return Ok(());
        };
        let prefix: Position = position.iter().copied().take(meeting.fixed_axes).collect();
        let flow = &mut self.flow;
        let (fork, key) = (*fork, (*fork, prefix, barrier.clone()));
        let at = *self.appointments.entry(key).or_insert_with(|| {
            flow.meetings.push(ModelBarrier {
                barrier,
                expected: 0,
                fork,
            });
            flow.meetings.len() - 1
        });
        if open {
            // Those who have this key, or those who may still have it, are others each time: it
            // waits for all, or for none.
            let choice = part.ops.len();
            part.ops
                .push(ModelOp::Choose(vec![choice + 1, choice + 3], id));
            part.ops.push(ModelOp::Arrive(at, id));
            part.ops.push(ModelOp::Jump(choice + 5));
            part.ops.push(ModelOp::Leave(ArrivalsAhead::default()));
            part.ops.push(ModelOp::Pause(ModelPause::certain(id)));
        } else {
            part.ops.push(ModelOp::Arrive(at, id));
        }
        let limit = &self.plan.tree.get(id).stmt.modifiers.timeout;
        let limit = limit.as_ref().map(|limit| self.walk.eval(limit, locals));
        if let Some(Ok(Value::Duration(ms))) = limit {
            self.flow.limits.push(ModelTimeout {
                strand,
                tree: id,
                meeting: at,
                ms,
            });
        }
        *part.passes.meetings.entry(at).or_default() += 1;
        Ok(())
    }

    fn request(
        &mut self,
        id: TreeId,
        resource: &Expr,
        limit: Option<&Expr>,
        locals: &Locals,
    ) -> Result<usize, Halt> {
        let names = match self.walk.lock_names(resource, locals) {
            Ok(names) => {
                let names: Vec<Name> = names.into_iter().map(named_lock).collect();
                self.alike.note_lock(id, &names);
                names
            }
            // A lock whose name only the run knows is a lock of its own.
            Err(Halt::Unknown) => vec![Name::from(format!("?{}", self.flow.requests.len()))],
            Err(fault) => return Err(fault),
        };
        let (limit, alone) = match limit.map(|limit| self.walk.eval(limit, locals)) {
            Some(Ok(Value::Int(limit))) => {
                let limit = u32::try_from(limit).unwrap_or(1).max(1);
                (limit, limit == 1)
            }
            Some(Err(fault @ Halt::Fault(_))) => return Err(fault),
            None => (1, true),
            // Only the run knows.
            Some(_) => (1, false),
        };
        let locks = names.iter().map(|name| self.resource(name)).collect();
        self.flow.requests.push(ModelLockRequest {
            locks,
            limit,
            alone,
            tree: id,
            given: self.given.clone(),
        });
        Ok(self.flow.requests.len() - 1)
    }

    fn resource(&mut self, name: &Name) -> usize {
        if let Some(found) = self.by_name.get(name) {
            return *found;
        }
        self.flow.resources.push(name.clone());
        let at = self.flow.resources.len() - 1;
        self.by_name.insert(name.clone(), at);
        at
    }

    /// The locks that a stage, or what holds them in place of stages, will take.
    fn hold(&mut self, id: TreeId, locals: &Locals) -> Result<usize, Halt> {
        let node = self.plan.tree.get(id);
        let walk = PlanWalk {
            skip_holders: !node.shares_locks,
            ..self.walk
        };
        let mut sum = match (node.has_deploy, self.plan.tree.holds_beyond_stages(id)) {
            (false, _) => BodySummary::default(),
            // It may be a loop, whose cells are known by its axes.
            (true, true) if node.parent.is_some() => {
                walk.summary_of_node(id, &mut locals.clone())?
            }
            (true, _) => walk.summary(body(node), locals)?,
        };
        walk.add_handlers(node, locals, &mut sum)?;
        let to_the_end = sum.unsure || self.plan.tree.may_come_back(id);
        let mut locks = Vec::new();
        let targets = match self.plan.tree.holds_beyond_stages(id) {
            true => walk.possible_targets(&sum),
            false => sum
                .targets
                .keys()
                .chain(&sum.named_targets)
                .copied()
                .collect(),
        };
        for target in targets {
            if self.plan.bound.facts.is_exclusive(target) {
                let resource = self.resource(&self.lock_name(target));
                let count = sum.targets.get(&target).copied();
                locks.push((resource, count.filter(|_| !to_the_end)));
            }
        }
        self.flow.holds.push(ModelHold {
            locks,
            tree: id,
            given: self.given.clone(),
        });
        Ok(self.flow.holds.len() - 1)
    }

    pub(super) fn lock_name(&self, target: InfrastructureId) -> Name {
        let name = self.walk.display(&Value::Infrastructure(target));
        infrastructure_lock(name)
    }

    fn deploy(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let mut found = match self.walk.deployment(id, locals) {
            Ok(found) => found,
            Err(Halt::Unknown) => return self.any_deployment(strand, id, locals, part),
            Err(fault) => return Err(fault),
        };
        let hold = self.holder();
        let exclusive = self.plan.bound.facts.is_exclusive(found.target);
        // What the service or its kind uses sees nothing of what is around.
        if let StmtKind::Deploy {
            using: Some(using), ..
        } = &self.plan.tree.get(id).stmt.kind
        {
            self.bind_arguments(using, &found.locals, locals, 2);
        }
        if exclusive {
            self.enter(hold, id, part);
        }
        self.workflow(strand, &found.body, &mut found.locals, part)?;
        if exclusive {
            let lock = self.resource(&self.lock_name(found.target));
            self.exit(hold, lock, 1, part);
        }
        Ok(())
    }

    /// A deployment of which only the run knows what or where to: one of the workflows that it may
    /// turn out to use.
    fn any_deployment(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        let mut ways = Vec::new();
        for (workflow, body) in &node.workflows {
            let inside = self.walk.any_deployment(node, *workflow, locals)?;
            let declared = plan.bound.program.workflows.get(workflow.0 as usize);
            for param in declared.into_iter().flat_map(|it| it.params.iter().take(2)) {
                let binding = self.conditions.bind(param.slot, &inside);
                part.ops.extend(binding.map(ModelOp::Bind));
            }
            if let StmtKind::Deploy {
                using: Some(using), ..
            } = &node.stmt.kind
            {
                self.bind_arguments(using, &inside, locals, 2);
            }
            ways.push(PossibleWay {
                body: body.clone(),
                locals: inside,
                given: Vec::new(),
                known: Vec::new(),
                inside: WayInside::Workflow,
                leaves: true,
            });
        }
        let hold = self.holder();
        if self.holds_beyond_stages(hold) {
            self.enter(hold, id, part);
        }
        self.one_of(strand, id, ways, part)?;
        part.ops.push(ModelOp::Pause(ModelPause::risky(id)));
        Ok(())
    }

    /// Whether a hold covers what only the run knows.
    pub(super) fn holds_beyond_stages(&self, hold: usize) -> bool {
        let hold = self.flow.holds.get(hold);
        hold.is_some_and(|it| !it.locks.is_empty() && self.plan.tree.holds_beyond_stages(it.tree))
    }

    pub(super) fn holder(&self) -> usize {
        self.holders.last().copied().unwrap_or(0)
    }

    pub(super) fn exit(&mut self, hold: usize, lock: usize, count: u32, part: &mut ModelPart) {
        part.ops.push(ModelOp::Exit(hold, lock, count));
        *part.passes.deploys.entry((hold, lock)).or_default() += count;
    }

    /// The lock of an infrastructure.
    pub(super) fn lock_of(&mut self, target: InfrastructureId) -> usize {
        self.resource(&self.lock_name(target))
    }

    /// The barriers of which something is known only later.
    fn find_open_barriers(&self, root: TreeId) -> Result<HashSet<u32>, Halt> {
        let sum = self.walk.summary_of_node(root, &mut Locals::default())?;
        let open = sum.barriers.keys().filter(|it| it.key.is_open());
        Ok(open.map(|it| it.meeting).collect())
    }
}

/// Something that perhaps happens.
fn either(part: &mut ModelPart, id: TreeId, made: impl FnOnce(&mut ModelPart)) {
    let choice = part.ops.len();
    part.ops.push(ModelOp::Choose(Vec::new(), id));
    made(part);
    part.ops[choice] = ModelOp::Choose(vec![choice + 1, part.ops.len()], id);
}
