//! Parts of a plan without barriers and locks, which the model does not follow: they take time, may
//! fail, and may hold their stage's locks, whatever they contain.

use super::ModelOp;
use super::ModelPause;
use super::StrandId;
use super::builder::ModelBuilder;
use super::builder::ModelPart;
use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{HandlerVerdict, StmtKind};
use lockstep_plan::Locals;
use lockstep_plan::body;
use lockstep_plan::{PlanSequence, TreeId};

/// Whether something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Possibility {
    No,
    Perhaps,
    Yes,
}

impl ModelBuilder<'_> {
    /// A statement without barriers and locks.
    pub(super) fn passing(
        &mut self,
        strand: StrandId,
        id: TreeId,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let plan = self.plan;
        let node = plan.tree.get(id);
        match &node.stmt.kind {
            StmtKind::Return(_) => {
                self.returns(part);
                return Ok(());
            }
            StmtKind::Fail(_) => {
                part.ops.push(ModelOp::Fail);
                return Ok(());
            }
            // A stage takes the locks of its infrastructures.
            _ if node.has_deploy && self.has_holder(id) => {
                return self.node(strand, id, locals, part);
            }
            _ if self.ends_early(id) => return self.node(strand, id, locals, part),
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Call(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {}
        }
        let takes = self.takes_time(id, locals);
        let time = ModelPause {
            spot: id,
            fails: self.can_fail(id),
            least_ms: self.least_ms(id, locals),
        };
        if node.has_deploy {
            let sum = self.walk.summary_of_node(id, &mut locals.clone())?;
            let hold = self.holder();
            let exclusive = |target| self.plan.bound.facts.is_exclusive(target);
            let targets = sum.targets.into_iter();
            let targets: Vec<_> = targets.filter(|(target, _)| exclusive(*target)).collect();
            let is_open = !sum.open_kinds.is_empty() || !sum.open_targets.is_empty();
            let is_named = !sum.named_targets.is_empty();
            let is_open = is_open && self.holds_beyond_stages(hold);
            if !targets.is_empty() || is_named || is_open {
                part.ops.push(ModelOp::Enter(hold, id));
            }
            pause(takes, time, part);
            for (target, count) in targets {
                let lock = self.lock_of(target);
                self.exit(hold, lock, count, part);
            }
            return Ok(());
        }
        pause(takes, time, part);
        Ok(())
    }

    /// Whether a statement holds infrastructure locks or something in it does.
    fn has_holder(&self, id: TreeId) -> bool {
        let node = self.plan.tree.get(id);
        let bodies = node.bodies.iter().flat_map(|body| body.iter());
        node.holds_locks || bodies.into_iter().any(|child| self.has_holder(*child))
    }

    /// Whether a `return` or `fail` stands in a statement, in the same strand and workflow.
    fn ends_early(&self, id: TreeId) -> bool {
        let node = self.plan.tree.get(id);
        let ends = |child: &TreeId| {
            let kind = &self.plan.tree.get(*child).stmt.kind;
            kind.ends_body() || self.ends_early(*child)
        };
        node.stmt.kind.continues_inside() && node.bodies.iter().any(|body| body.iter().any(ends))
    }

    /// Whether a statement takes time.
    fn takes_time(&self, id: TreeId, locals: &Locals) -> Possibility {
        let node = self.plan.tree.get(id);
        let beside = node.always.iter().any(|body| !body.is_empty());
        let own = match &node.stmt.kind {
            StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_) => Possibility::Yes,
            StmtKind::Matrix(matrix) => {
                let cells = match self.has_cells(matrix, locals) {
                    Some(true) => Possibility::Yes,
                    Some(false) => Possibility::No,
                    None => Possibility::Perhaps,
                };
                cells.min(self.seq_takes_time(body(node), locals))
            }
            StmtKind::If {
                branches,
                otherwise,
            } => {
                let conditions: Vec<&Expr> = branches.iter().map(|(it, _)| it).collect();
                let possible = self.possible(node, &conditions, otherwise.is_some(), locals);
                let possible = possible.unwrap_or_default();
                let mut takes = possible
                    .iter()
                    .map(|(_, it)| self.seq_takes_time(it, locals));
                let first = takes.next().unwrap_or(Possibility::Perhaps);
                takes.fold(first, |a, b| if a == b { a } else { Possibility::Perhaps })
            }
            StmtKind::Deploy { .. } => match self.walk.deployment(id, locals) {
                Ok(found) => self.seq_takes_time(&found.body, &found.locals),
                Err(_) => Possibility::Perhaps,
            },
            StmtKind::Call(using) => match self.walk.call(using, locals) {
                Ok(inside) => self.seq_takes_time(body(node), &inside),
                Err(_) => Possibility::Perhaps,
            },
            // It checks again until the time is over.
            StmtKind::Verify { .. } => Possibility::Yes,
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Step { .. }
            | StmtKind::Let(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => self.seq_takes_time(body(node), locals),
        };
        if beside {
            own.max(Possibility::Perhaps)
        } else {
            own
        }
    }

    fn seq_takes_time(&self, seq: &PlanSequence, locals: &Locals) -> Possibility {
        let mut locals = locals.clone();
        let mut takes = Possibility::No;
        for id in seq.iter() {
            if takes == Possibility::Yes {
                break;
            }
            takes = takes.max(self.takes_time(*id, &locals));
            if let Some(slot) = self.plan.tree.get(*id).stmt.bind {
                locals = locals.bind_unknown(slot);
            }
        }
        takes
    }

    /// How many milliseconds a statement takes at best: commands take none.
    pub(super) fn least_ms(&self, id: TreeId, locals: &Locals) -> i64 {
        let node = self.plan.tree.get(id);
        let known = |expr: &Expr| match self.walk.eval(expr, locals) {
            Ok(Value::Duration(ms)) => ms.max(0),
            _ => 0,
        };
        match &node.stmt.kind {
            StmtKind::Wait(duration) => known(duration),
            StmtKind::Verify { during, .. } => known(during),
            StmtKind::Parallel(_) => {
                let children = body(node).iter().map(|it| self.least_ms(*it, locals));
                children.max().unwrap_or(0)
            }
            StmtKind::Matrix(matrix) if self.has_cells(matrix, locals) == Some(true) => {
                let mut inside = locals.clone();
                for axis in &matrix.axes {
                    inside = inside.bind_unknown(axis.slot);
                }
                self.seq_least_ms(body(node), &inside)
            }
            StmtKind::Matrix(_) => 0,
            StmtKind::If {
                branches,
                otherwise,
            } => {
                let conditions: Vec<&Expr> = branches.iter().map(|(it, _)| it).collect();
                let possible = self.possible(node, &conditions, otherwise.is_some(), locals);
                let possible = possible.unwrap_or_default();
                let least = possible.iter().map(|(_, it)| self.seq_least_ms(it, locals));
                least.min().unwrap_or(0)
            }
            StmtKind::Deploy { .. } => match self.walk.deployment(id, locals) {
                Ok(found) => self.seq_least_ms(&found.body, &found.locals),
                Err(_) => 0,
            },
            StmtKind::Call(using) => match self.walk.call(using, locals) {
                Ok(inside) => self.seq_least_ms(body(node), &inside),
                Err(_) => 0,
            },
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => self.seq_least_ms(body(node), locals),
        }
    }

    fn seq_least_ms(&self, seq: &PlanSequence, locals: &Locals) -> i64 {
        let mut locals = locals.clone();
        let mut least: i64 = 0;
        for id in seq.iter() {
            let stmt = &self.plan.tree.get(*id).stmt;
            if stmt.kind.ends_body() || self.ends_early(*id) {
                break;
            }
            least = least.saturating_add(self.least_ms(*id, &locals));
            if let Some(slot) = stmt.bind {
                let value = stmt.kind.bound_value();
                locals = match value.map(|value| self.walk.eval(value, &locals)) {
                    Some(Ok(value)) => locals.bind(slot, value),
                    Some(Err(_)) | None => locals.bind_unknown(slot),
                };
            }
        }
        least
    }

    /// Whether a statement may fail for reasons of its own.
    fn can_fail(&self, id: TreeId) -> bool {
        let node = self.plan.tree.get(id);
        let handlers = &node.stmt.handlers.on_failure;
        let ignored = handlers.iter().find(|handler| handler.classes.is_empty());
        let ignores = ignored
            .and_then(|handler| handler.body.stmts.last())
            .is_some_and(|last| matches!(last.kind.verdict(), Some(HandlerVerdict::Ignore)));
        if ignores && handlers.len() == 1 {
            return node
                .on_failure
                .iter()
                .flat_map(|it| it.iter())
                .any(|it| self.can_fail(*it));
        }
        match &node.stmt.kind {
            StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Verify { .. }
            | StmtKind::Fail(_) => true,
            StmtKind::Wait(_) | StmtKind::Log(_) | StmtKind::Let(_) => false,
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Deploy { .. }
            | StmtKind::Step { .. }
            | StmtKind::Call(_)
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                let workflows = node.workflows.iter().map(|(_, body)| body);
                let bodies = node.bodies.iter().chain(workflows).chain(&node.always);
                bodies
                    .flat_map(|body| body.iter())
                    .any(|child| self.can_fail(*child))
            }
        }
    }
}

/// Something that takes time, or that perhaps does.
pub(super) fn pause(takes: Possibility, pause: ModelPause, part: &mut ModelPart) {
    let at = part.ops.len();
    match takes {
        Possibility::No if !pause.fails => {}
        Possibility::Yes => part.ops.push(ModelOp::Pause(pause)),
        Possibility::No | Possibility::Perhaps => {
            part.ops
                .push(ModelOp::Choose(vec![at + 1, at + 2], pause.spot));
            part.ops.push(ModelOp::Pause(pause));
        }
    }
}

impl ModelPause {
    /// Something that may fail.
    pub(super) fn risky(spot: TreeId) -> Self {
        Self {
            spot,
            fails: true,
            least_ms: 0,
        }
    }

    /// Something that ends well.
    pub(super) fn certain(spot: TreeId) -> Self {
        Self {
            fails: false,
            ..Self::risky(spot)
        }
    }
}
