//! Loops whose cells look alike: what waits in a cell does not depend on which cell it is, but for
//! the names of locks and the keys of barriers. One cell can stand for all of them where only the
//! order of what is waited for matters (`search/wait_graph/alike_cells`).

use std::collections::{HashMap, HashSet};

use lockstep_base::source::Name;
use lockstep_lang::eval::visit::each_part;
use lockstep_lang::eval::{Expr, ExprKind, Halt, InterpolationPart, Slot};
use lockstep_lang::ir::visit::own;
use lockstep_lang::ir::{Axis, Matrix, Modifiers, Order, StmtKind};
use lockstep_plan::{Locals, Plan, PlanNode, PlanSequence, PlanWalk, TreeId, body, named_lock};

use super::builder::{BarrierPasses, ModelBuilder, ModelPart};
use super::cells::{MAX_STRANDS, is_tangled};
use super::way_back::{SplitRequests, undoes};
use super::{DeadlockModel, ModelFork, ModelOp, StrandId};

/// The strands of a plan with one cell for all that look alike, where that is enough to know in
/// which order things are waited for.
pub(super) fn flow_with_one_of_alike_cells(plan: &Plan) -> Option<DeadlockModel> {
    let alike = AlikeLoops::of(plan);
    if alike.loops.is_empty() {
        return None;
    }
    let walk = PlanWalk {
        one_cell_of: Some(&alike.loops),
        ..plan.walk()
    };
    let mut maker = ModelBuilder::new(plan, walk, Some(&alike));
    // All cells have a mistake that the first one has, and are told it in their model.
    maker.pipeline().ok()?;
    maker.is_enough().then(|| maker.merged())
}

/// The loops of a plan whose cells look alike.
#[derive(Debug, Default)]
pub(super) struct AlikeLoops {
    pub loops: HashSet<TreeId>,
    /// The `lock` statements whose name depends on the cell, each with how all its names begin.
    pub locks: HashMap<TreeId, Name>,
    /// The meetings of barriers whose key depends on the cell.
    pub meetings: HashSet<u32>,
}

impl AlikeLoops {
    /// The loops with barriers or locks in them whose cells look alike.
    pub fn of(plan: &Plan) -> Self {
        let mut all = Self::default();
        for (id, node) in plan.tree.iter() {
            let StmtKind::Matrix(matrix) = &node.stmt.kind else {
                continue;
            };
            if !(node.has_barrier || node.has_lock) || !may_be_alike(plan, id, node, matrix) {
                continue;
            }
            let mut cell = AnyCell {
                plan,
                slots: matrix.axes.iter().map(|axis| axis.slot).collect(),
                locks: Vec::new(),
                meetings: Vec::new(),
            };
            if cell.axes_are_apart(matrix) && cell.all_alike(&node.bodies) {
                all.loops.insert(id);
                all.locks.extend(cell.locks);
                all.meetings.extend(cell.meetings);
            }
        }
        all
    }
}

/// While a model is made with one cell for all that look alike: what is so about the others.
#[derive(Debug, Default)]
pub(super) struct AlikeCells<'a> {
    /// The loops; nothing where all cells are made.
    loops: Option<&'a AlikeLoops>,
    /// How the names begin that a lock has in other cells, by its name in the first one.
    names: HashMap<Name, HashSet<Name>>,
    /// How many strands are not made.
    left_out: usize,
    /// Whether the cells of a loop cannot be told from its first one.
    is_unfit: bool,
}

impl<'a> AlikeCells<'a> {
    /// One cell is made of each of these loops.
    pub fn of(loops: Option<&'a AlikeLoops>) -> Self {
        Self {
            loops,
            ..Self::default()
        }
    }

    /// Whether one cell of this loop stands for all.
    pub fn has(&self, id: TreeId) -> bool {
        self.loops.is_some_and(|it| it.loops.contains(&id))
    }

    /// Whether it depends on the cell which key the barriers of a meeting have.
    pub fn has_any_key(&self, meeting: u32) -> bool {
        self.loops.is_some_and(|it| it.meetings.contains(&meeting))
    }

    /// The first cell takes these locks at this statement.
    pub fn note_lock(&mut self, id: TreeId, names: &[Name]) {
        if let Some(beginning) = self.loops.and_then(|it| it.locks.get(&id)) {
            for name in names {
                let begins = self.names.entry(name.clone()).or_default();
                begins.insert(named_lock(beginning));
            }
        }
    }
}

impl ModelBuilder<'_> {
    /// The first cell of a loop, which stands for all.
    pub(super) fn first_of_alike(
        &mut self,
        strand: StrandId,
        id: TreeId,
        node: &PlanNode,
        matrix: &Matrix,
        locals: &Locals,
        part: &mut ModelPart,
    ) -> Result<(), Halt> {
        let first = match self.walk.first_cell(matrix, locals) {
            Ok(Some(first)) if first.is_plain => first,
            Ok(_) | Err(_) => {
                self.alike.is_unfit = true;
                return Ok(());
            }
        };
        let at = self.flow.forks.len();
        self.flow.forks.push(ModelFork::default());
        let before = self.flow.strands.len() + self.alike.left_out;
        let mut passes = BarrierPasses::default();
        let requests = self.flow.requests.len();
        self.blocks.push((id, at, vec![0; matrix.axes.len()]));
        let name = self.cell_name(node, &first.values, &first.locals);
        let seen = &first.locals;
        let made = self.strand(strand, at, name, body(node), seen, &mut passes);
        self.blocks.pop();
        let child = made?;
        let requests = std::iter::once(requests..self.flow.requests.len());
        self.splits.push(SplitRequests {
            fork: at,
            requests: requests.collect(),
        });
        let made = (self.flow.strands.len() + self.alike.left_out).saturating_sub(before);
        let others = made.saturating_mul(first.count - 1);
        self.alike.left_out = self.alike.left_out.saturating_add(others);
        let modifiers = &node.stmt.modifiers;
        let serial = matrix.axes.iter().any(|it| it.order == Order::Serial);
        let mut fork = ModelFork {
            parent: strand,
            tree: id,
            children: vec![child],
            after: vec![Vec::new()],
            groups: vec![Vec::new()],
            in_turns: serial || modifiers.max.is_some() || modifiers.batches.is_some(),
            ..ModelFork::default()
        };
        self.throttle(node, locals, &mut fork)?;
        self.join(at, fork, &mut passes);
        part.passes.add(passes);
        part.ops.push(ModelOp::Fork(at));
        Ok(())
    }

    /// Whether the model tells in which order things are waited for in that of all cells; and that
    /// this one is not refused for its size, or for the ways of its strands.
    pub(super) fn is_enough(&self) -> bool {
        let strands = self.flow.strands.len().saturating_add(self.alike.left_out);
        let is_simple = self.flow.undivided.is_none() && self.ways.plan == 0;
        is_simple && !self.alike.is_unfit && strands <= MAX_STRANDS + 1
    }

    /// The model, in which locks that may be the same are one.
    pub(super) fn merged(mut self) -> DeadlockModel {
        let mut same: Vec<usize> = (0..self.flow.resources.len()).collect();
        // There are as many as statements, and not as cells.
        let beginnings: HashSet<&Name> = self.alike.names.values().flatten().collect();
        let may_begin = |name: &Name, beginning: &Name| {
            name.starts_with(&**beginning) || beginning.starts_with(&**name)
        };
        for beginning in beginnings {
            let is_such = |name: &Name| {
                let own = self.alike.names.get(name).into_iter().flatten();
                let mut all = own.chain([name]);
                all.any(|it| may_begin(it, beginning))
            };
            let all = self.flow.resources.iter().map(is_such).zip(&same);
            let such: HashSet<usize> = all.filter(|it| it.0).map(|it| *it.1).collect();
            let Some(one) = such.iter().min().copied() else {
                continue;
            };
            let others = same.iter_mut().filter(|it| such.contains(it));
            others.for_each(|it| *it = one);
        }
        for request in &mut self.flow.requests {
            request
                .locks
                .iter_mut()
                .for_each(|lock| *lock = same[*lock]);
            request.locks.sort_unstable();
            request.locks.dedup();
        }
        self.flow.decisions = self.conditions.reads;
        self.flow
    }
}

/// Whether the loop itself is such that its cells may be alike: those that meet are not the same
/// that wait for each other to end.
fn may_be_alike(plan: &Plan, id: TreeId, node: &PlanNode, matrix: &Matrix) -> bool {
    let all_stay = matrix.filter.is_none() && matrix.include.is_empty();
    let is_simple = all_stay && matrix.between.is_none() && !node.is_late && !node.has_deploy;
    if !is_simple || (node.has_lock && undoes(&plan.tree, id)) {
        return false;
    }
    let Modifiers { max, batches, .. } = &*node.stmt.modifiers;
    let is_throttled = max.is_some() || batches.is_some();
    let is_serial = |axis: &Axis| axis.order == Order::Serial;
    let serial = matrix.axes.iter().rposition(is_serial);
    let mut meetings = plan.meetings.iter().filter(|it| it.block == id);
    match is_throttled {
        true => meetings.next().is_none() && !is_tangled(matrix),
        false => serial.is_none_or(|last| meetings.all(|it| it.fixed_axes > last)),
    }
}

/// A cell of which nobody says which one it is.
struct AnyCell<'p> {
    plan: &'p Plan,
    /// The names whose values depend on the cell.
    slots: HashSet<Slot>,
    locks: Vec<(TreeId, Name)>,
    meetings: Vec<u32>,
}

impl AnyCell<'_> {
    fn depends(&self, expr: &Expr) -> bool {
        let mut found = false;
        each_part(expr, &mut |part| {
            if let ExprKind::Local(slot) = &part.kind {
                found |= self.slots.contains(slot);
            }
        });
        found
    }

    /// Whether the values of no axis depend on another axis, nor the names of its cells.
    fn axes_are_apart(&self, matrix: &Matrix) -> bool {
        matrix.axes.iter().all(|axis| {
            let mut named = true;
            if let Some(name) = &axis.by {
                each_part(name, &mut |part| {
                    if let ExprKind::Local(slot) = &part.kind {
                        named &= *slot == axis.slot || !self.slots.contains(slot);
                    }
                });
            }
            named && !self.depends(&axis.list)
        })
    }

    fn all_alike<'a>(&mut self, bodies: impl IntoIterator<Item = &'a PlanSequence>) -> bool {
        let mut bodies = bodies.into_iter();
        bodies.all(|body| body.iter().all(|child| self.is_alike(*child)))
    }

    /// Whether what is done about a failure, or in the end, is the same in all cells.
    fn handlers_are_alike(&mut self, node: &PlanNode) -> bool {
        self.all_alike(node.on_failure.iter().chain(&node.always))
            && self.all_alike(node.undo.iter().chain(&node.watch).chain(&node.between))
    }

    /// Whether a statement waits for the same in all cells, and has no mistake in some of them
    /// only.
    fn is_alike(&mut self, id: TreeId) -> bool {
        let plan = self.plan;
        let node = plan.tree.get(id);
        let stmt = &node.stmt;
        if let Some(value) = stmt.kind.bound_value()
            && self.depends(value)
        {
            self.slots.extend(stmt.bind);
            return always_has_value(value);
        }
        if !(node.has_barrier || node.has_lock) {
            return true;
        }
        // What may depend on the cell, and whether the body sees what does. That of a workflow sees
        // its parameters alone, which are the same in all cells.
        let (free, sees_cell) = match &stmt.kind {
            StmtKind::Barrier { key, .. } => (key.as_ref(), true),
            StmtKind::Lock { resource, .. } => (Some(resource), true),
            StmtKind::Call(_) => (None, false),
            StmtKind::Deploy { .. } => return false,
            StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Step { .. }
            | StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Let(_)
            | StmtKind::If { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Fail(_)
            | StmtKind::Return(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => (None, true),
        };
        let mut is_same = true;
        own(stmt, &mut |expr| {
            let is_free = free.is_some_and(|free| std::ptr::eq(free, expr));
            is_same &= !self.depends(expr) || (is_free && always_has_value(expr));
        });
        if let Some(free) = free.filter(|free| self.depends(free)) {
            if let StmtKind::Lock { .. } = &stmt.kind {
                self.locks.push((id, beginning(free)));
            }
            self.meetings.extend(node.meeting);
        }
        is_same && (!sees_cell || self.all_alike(&node.bodies)) && self.handlers_are_alike(node)
    }
}

/// Whether an expression has a value where all names in it have plain ones.
fn always_has_value(expr: &Expr) -> bool {
    if let ExprKind::Interpolate(parts) = &expr.kind {
        return parts.iter().all(|part| match part {
            InterpolationPart::Text(_) => true,
            InterpolationPart::Value(value) => always_has_value(value),
        });
    }
    if let ExprKind::Const(_) | ExprKind::Local(_) = &expr.kind {
        return true;
    }
    false
}

/// How the text of an expression begins in any case.
fn beginning(expr: &Expr) -> Name {
    let ExprKind::Interpolate(parts) = &expr.kind else {
        return Name::from("");
    };
    match parts.first() {
        Some(InterpolationPart::Text(text)) => text.clone(),
        Some(InterpolationPart::Value(_)) | None => Name::from(""),
    }
}
