//! Axes of loops whose values are only named. The values of such an axis reach texts that are shown
//! or handed to commands, and nothing that decides what a run does, so a run in which two of them
//! have changed places goes on in the same way.
//!
//! Invariant: an axis is only among them where that is certain. What is not known here to be
//! without influence has one.

use std::collections::{HashMap, HashSet};

use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_lang::eval::visit::each_part;
use lockstep_lang::eval::{Expr, ExprKind, InterpolationPart, Slot};
use lockstep_lang::ir::visit::own;
use lockstep_lang::ir::{Matrix, Modifiers, Order, Retry, Stmt, StmtKind, WorkflowId};
use lockstep_plan::{Locals, Plan, PlanNode, PlanSequence, TreeId};

/// An axis whose values are only named.
#[derive(Debug, Clone)]
pub(super) struct AlikeAxis {
    /// The loop.
    pub(super) matrix: TreeId,
    /// Which of its axes.
    pub(super) axis: usize,
    /// What is on it.
    pub(super) values: Vec<Value>,
}

/// Some of the axes, a bit for each by its place.
type AxisSet = u64;

/// Axes beyond so many are not looked at.
const MAX_AXES: usize = AxisSet::BITS as usize;

/// The longest text that is sure to have room in another one, in bytes.
const MAX_NAME_BYTES: usize = 1_000;

/// All axes whose values are only named.
pub(super) fn alike_axes(plan: &Plan) -> Vec<AlikeAxis> {
    if may_contend(plan) {
        return Vec::new();
    }
    let mut axes = possible_axes(plan);
    loop {
        let mut reader = InfluenceReader::new(plan, &axes);
        let root = plan.tree.root();
        reader.statement(root, &mut ReaderFrame::default(), Surroundings::default());
        if reader.decisive == 0 {
            return axes;
        }
        let mut bit = 0;
        axes.retain(|_| {
            bit += 1;
            reader.decisive & (1 << (bit - 1)) == 0
        });
    }
}

/// Whether locks may be waited for by several strands of the run: then it matters who comes first.
fn may_contend(plan: &Plan) -> bool {
    let has_strands = |node: &PlanNode| {
        if let StmtKind::Parallel(_) | StmtKind::Matrix(_) = &node.stmt.kind {
            return true;
        }
        node.watch.is_some()
    };
    let in_strands = |id: TreeId| {
        let mut around = plan.tree.outwards(id).skip(1);
        around.any(|id| has_strands(plan.tree.get(id)))
    };
    plan.tree.iter().any(|(id, node)| {
        let holds = node.holds_locks && node.has_deploy;
        (node.has_lock && has_strands(node)) || (holds && in_strands(id))
    })
}

/// The axes of which all values are known, and whose cells all begin at once.
fn possible_axes(plan: &Plan) -> Vec<AlikeAxis> {
    let mut found = Vec::new();
    for (id, node) in plan.tree.iter() {
        let StmtKind::Matrix(matrix) = &node.stmt.kind else {
            continue;
        };
        if !all_begin_at_once(node, matrix) {
            continue;
        }
        for (at, axis) in matrix.axes.iter().enumerate() {
            let list = plan.walk().eval(&axis.list, &Locals::default());
            let (Order::Parallel, Ok(Value::List(values))) = (axis.order, list) else {
                continue;
            };
            if values.len() > 1 && values.iter().all(is_plain) {
                found.push(AlikeAxis {
                    matrix: id,
                    axis: at,
                    values: values.to_vec(),
                });
            }
        }
    }
    found.truncate(MAX_AXES);
    found
}

fn all_begin_at_once(node: &PlanNode, matrix: &Matrix) -> bool {
    let Modifiers {
        max,
        batches,
        tolerate,
        ..
    } = &*node.stmt.modifiers;
    let is_throttled = max.is_some() || batches.is_some() || tolerate.is_some();
    let is_whole = matrix.filter.is_none() && matrix.include.is_empty();
    is_whole && !is_throttled && !node.is_late && !node.has_barrier && matrix.between.is_none()
}

/// Whether a value can stand in any text and be any word of a command.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Bool(_)
        | Value::Service { .. }
        | Value::Environment(_)
        | Value::Infrastructure(_) => true,
        Value::Int(number) => *number >= 0,
        Value::String(text) => {
            let is_short = !text.is_empty() && text.len() <= MAX_NAME_BYTES;
            // A word that begins with `-` would be read as an option.
            let is_option = |word: &str| word.starts_with('-');
            is_short && !text.contains('\0') && !text.split_whitespace().any(is_option)
        }
        Value::Float(_)
        | Value::Duration(_)
        | Value::Percent(_)
        | Value::None
        | Value::List(_)
        | Value::Map(_)
        | Value::Secret(_)
        | Value::Unknown => false,
    }
}

/// Whether a value is something that the program declares.
fn is_declared(value: &Value) -> bool {
    match value {
        Value::Service { .. } | Value::Environment(_) | Value::Infrastructure(_) => true,
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Duration(_)
        | Value::Percent(_)
        | Value::String(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Secret(_)
        | Value::None
        | Value::Unknown => false,
    }
}

/// Whether the expressions of a statement itself are only shown, handed on or given to commands.
fn only_names(kind: &StmtKind) -> bool {
    match kind {
        StmtKind::Run(_)
        | StmtKind::Action { .. }
        | StmtKind::Log(_)
        | StmtKind::Let(_)
        | StmtKind::Call(_)
        | StmtKind::Deploy { .. }
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::On { .. } => true,
        StmtKind::Block(_)
        | StmtKind::Stage { .. }
        | StmtKind::Parallel(_)
        | StmtKind::Matrix(_)
        | StmtKind::Step { .. }
        | StmtKind::If { .. }
        | StmtKind::Barrier { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Approve { .. }
        | StmtKind::Wait(_)
        | StmtKind::Verify { .. }
        | StmtKind::Fail(_)
        | StmtKind::Verdict(_) => false,
    }
}

/// What the names of a body stand for.
#[derive(Debug, Default)]
struct ReaderFrame {
    /// The axes on which the value of a name depends.
    names: HashMap<Slot, AxisSet>,
    /// Those of them that may be `none`.
    optional: HashSet<Slot>,
    /// The axes on which the body's result depends.
    returned: AxisSet,
}

impl ReaderFrame {
    fn axes_in(&self, expr: &Expr) -> AxisSet {
        let mut found = 0;
        each_part(expr, &mut |part| {
            if let ExprKind::Local(slot) = &part.kind {
                found |= self.names.get(slot).copied().unwrap_or(0);
            }
        });
        found
    }
}

/// What a statement is in.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    in_handler: bool,
    /// The axes of the loops around it.
    axes: AxisSet,
}

/// Reads a plan for what the values of axes come to.
struct InfluenceReader<'p> {
    plan: &'p Plan,
    axes: HashMap<(TreeId, usize), AxisSet>,
    all: AxisSet,
    /// The axes that decide something.
    decisive: AxisSet,
}

impl<'p> InfluenceReader<'p> {
    fn new(plan: &'p Plan, axes: &[AlikeAxis]) -> Self {
        let bits = axes.iter().enumerate();
        let axes: HashMap<_, AxisSet> = bits
            .map(|(at, it)| ((it.matrix, it.axis), 1 << at))
            .collect();
        Self {
            plan,
            all: axes.values().fold(0, |all, bit| all | bit),
            axes,
            decisive: 0,
        }
    }

    fn body(&mut self, body: &PlanSequence, frame: &mut ReaderFrame, around: Surroundings) {
        for child in body.iter() {
            self.statement(*child, frame, around);
        }
    }

    fn statement(&mut self, id: TreeId, frame: &mut ReaderFrame, around: Surroundings) {
        let plan = self.plan;
        let node = plan.tree.get(id);
        let stmt = &*node.stmt;
        let mut inside = around;
        if let StmtKind::Matrix(matrix) = &stmt.kind {
            for (at, axis) in matrix.axes.iter().enumerate() {
                let own = self.axes.get(&(id, at)).copied().unwrap_or(0);
                frame.names.insert(axis.slot, own);
                // What handlers do is compared by its paths alone, which are those of one cell.
                match around.in_handler {
                    true => self.decisive |= own,
                    false => inside.axes |= own,
                }
            }
        }
        let used = self.own_expressions(stmt, frame, around);
        let returned = match &stmt.kind {
            StmtKind::Call(call) => {
                let bodies = node.bodies.iter().map(|body| (call.workflow, body));
                self.workflows(bodies, used, inside)
            }
            StmtKind::Deploy { .. } => {
                let bodies = node.workflows.iter().map(|(id, body)| (*id, body));
                self.workflows(bodies, used, inside)
            }
            StmtKind::Return(_) => {
                frame.returned |= used;
                0
            }
            StmtKind::Let(_) => used,
            StmtKind::Fail(_) => {
                // Where all cells fail on the spot, the first does so before others have begun.
                if !around.in_handler {
                    self.decisive |= around.axes;
                }
                0
            }
            // What a command says only the run knows, of each cell alike.
            StmtKind::Run(_) | StmtKind::Action { .. } if !stmt.modifiers.secret => 0,
            StmtKind::Run(_)
            | StmtKind::Action { .. }
            | StmtKind::Block(_)
            | StmtKind::Stage { .. }
            | StmtKind::Parallel(_)
            | StmtKind::Matrix(_)
            | StmtKind::Step { .. }
            | StmtKind::If { .. }
            | StmtKind::Barrier { .. }
            | StmtKind::Lock { .. }
            | StmtKind::Approve { .. }
            | StmtKind::Wait(_)
            | StmtKind::Verify { .. }
            | StmtKind::Log(_)
            | StmtKind::Yield(_)
            | StmtKind::On { .. }
            | StmtKind::Verdict(_) => {
                for body in &node.bodies {
                    self.body(body, frame, inside);
                }
                self.all
            }
        };
        if let Some(slot) = stmt.bind {
            frame.names.insert(slot, returned);
        }
        self.handlers(node, returned, frame, around);
    }

    /// The bodies of workflows whose parameters depend on these axes, and on which of them their
    /// results depend.
    fn workflows<'b>(
        &mut self,
        bodies: impl Iterator<Item = (WorkflowId, &'b PlanSequence)>,
        used: AxisSet,
        around: Surroundings,
    ) -> AxisSet {
        let mut returned = 0;
        for (id, body) in bodies {
            let mut frame = ReaderFrame::default();
            let workflow = self.plan.bound.program.workflows.get(id.0 as usize);
            for param in workflow.into_iter().flat_map(|it| &it.params) {
                frame.names.insert(param.slot, used);
                if let Some(default) = &param.default
                    && !self.has_value(default, &frame)
                {
                    self.decisive |= used;
                }
            }
            self.body(body, &mut frame, around);
            returned |= frame.returned;
        }
        returned
    }

    /// The axes on which the expressions of a statement itself depend.
    fn own_expressions(
        &mut self,
        stmt: &Stmt,
        frame: &ReaderFrame,
        around: Surroundings,
    ) -> AxisSet {
        let mut used = 0;
        // A handler runs in no good run, so nobody has seen yet whether its deployments are fit.
        let is_deployment = around.in_handler && stmt.kind.deploys();
        let only_names = only_names(&stmt.kind) && !is_deployment;
        let mut decisive = 0;
        own(stmt, &mut |expr| {
            let axes = frame.axes_in(expr);
            used |= axes;
            if !only_names || !self.has_value(expr, frame) {
                decisive |= axes;
            }
        });
        for expr in deciding_expressions(stmt) {
            decisive |= frame.axes_in(expr);
        }
        self.decisive |= decisive;
        used
    }

    fn handlers(
        &mut self,
        node: &PlanNode,
        result: AxisSet,
        frame: &mut ReaderFrame,
        around: Surroundings,
    ) {
        let around = Surroundings {
            in_handler: true,
            ..around
        };
        let handlers = &*node.stmt.handlers;
        for name in &handlers.bound {
            let inside = frame.names.get(&name.inside).copied().unwrap_or(0);
            frame.names.insert(name.outside, inside);
            frame.optional.insert(name.outside);
        }
        if let Some(slot) = handlers.result {
            frame.names.insert(slot, result);
            frame.optional.insert(slot);
        }
        let failures = handlers.on_failure.iter().map(|handler| handler.slot);
        for slot in failures.chain(handlers.outcome) {
            frame.names.insert(slot, self.all);
        }
        if let StmtKind::Matrix(matrix) = &node.stmt.kind
            && let Some(between) = &matrix.between
        {
            frame.names.insert(between.slot, self.all);
        }
        let bodies = (node.undo.iter().chain(&node.on_failure).chain(&node.always))
            .chain(node.watch.iter().chain(&node.between));
        for body in bodies {
            self.body(body, frame, around);
        }
    }

    /// Whether an expression has a value in every cell, or in none: texts of plain values are
    /// texts.
    fn has_value(&self, expr: &Expr, frame: &ReaderFrame) -> bool {
        if frame.axes_in(expr) == 0 {
            return true;
        }
        if let ExprKind::Interpolate(parts) = &expr.kind {
            return parts.iter().all(|part| match part {
                InterpolationPart::Text(_) => true,
                InterpolationPart::Value(value) => self.has_value(value, frame),
            });
        }
        if let ExprKind::Field(of, name) = &expr.kind {
            return self.has_value(of, frame) && self.is_plain_field(name);
        }
        if let ExprKind::Local(slot) = &expr.kind {
            return !frame.optional.contains(slot);
        }
        false
    }

    /// Whether a field is plain wherever there is one of that name, and no place, which may have
    /// a lock or not.
    fn is_plain_field(&self, name: &Name) -> bool {
        let facts = &self.plan.bound.facts;
        let declared = (facts.services.iter())
            .chain(&facts.environments)
            .chain(&facts.infrastructures);
        let changed = facts.overrides.iter().flat_map(|it| it.values());
        let all = declared.chain(changed).chain(facts.fixed.values());
        all.filter_map(|fields| fields.get(name))
            .all(|value| is_plain(value) && !is_declared(value))
    }
}

/// The expressions of a statement that decide whatever it is: how often it is tried, how long it
/// may take, and what reports say of its way back.
fn deciding_expressions(stmt: &Stmt) -> Vec<&Expr> {
    let Modifiers {
        timeout,
        grace,
        retry,
        max,
        batches,
        tolerate,
        ..
    } = &*stmt.modifiers;
    let limits = [timeout, grace, max, batches, tolerate];
    let mut found: Vec<&Expr> = limits.into_iter().flatten().collect();
    if let Some(Retry { times, every, upto }) = retry {
        found.push(times);
        found.extend(every.iter().chain(upto));
    }
    found.extend(&stmt.handlers.no_undo);
    found.extend(stmt.handlers.watch.as_ref().map(|it| &it.every));
    found
}

#[cfg(test)]
mod tests;
