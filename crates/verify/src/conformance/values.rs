//! The values that the audit needs, as far as the plan determines them: the cells of a loop,
//! limits, what a body sees. What only the run knew is unknown here.

use lockstep_base::value::Value;
use lockstep_lang::eval::{Expr, Halt};
use lockstep_lang::ir::{StmtKind, WorkflowId};
use lockstep_plan::{Locals, Plan, TreeId};

use super::MAX_ORDERED_CELLS;
use super::blocks::ObservedCells;
use super::hash::FastMap;
use super::statement_paths::EnclosingBlock;

/// The cells of a loop by the last parts of their paths, with what their bodies see.
pub(super) type CellIndex = FastMap<String, (usize, Locals)>;

/// The value of a number, if it is known.
pub(super) fn count(plan: &Plan, expr: &Expr, locals: &Locals) -> Option<usize> {
    match plan.walk().eval(expr, locals).ok()? {
        Value::Int(count) => Some(usize::try_from(count).unwrap_or(0).max(1)),
        _ => None,
    }
}

/// What is seen behind the statements before a place.
pub(super) fn behind(plan: &Plan, way: &[EnclosingBlock], mut locals: Locals) -> Locals {
    let walk = plan.walk();
    for link in way.iter().filter(|link| !link.parallel) {
        for before in link.seq.iter().take(link.at) {
            let stmt = &plan.tree.get(*before).stmt;
            let Some(slot) = stmt.bind else { continue };
            locals = match &stmt.kind {
                StmtKind::Let(expr) => match walk.eval(expr, &locals) {
                    Ok(value) => locals.bind(slot, value),
                    Err(_) => locals.bind_unknown(slot),
                },
                StmtKind::Stage { .. } => {
                    let mut with = locals.clone();
                    match walk.summary_of_node(*before, &mut with) {
                        Ok(_) => with,
                        Err(_) => locals.bind_unknown(slot),
                    }
                }
                StmtKind::Block(_)
                | StmtKind::Parallel(_)
                | StmtKind::Matrix(_)
                | StmtKind::Deploy { .. }
                | StmtKind::Step { .. }
                | StmtKind::Run(_)
                | StmtKind::Call(_)
                | StmtKind::Action { .. }
                | StmtKind::If { .. }
                | StmtKind::Barrier { .. }
                | StmtKind::Lock { .. }
                | StmtKind::Approve { .. }
                | StmtKind::Wait(_)
                | StmtKind::Verify { .. }
                | StmtKind::Log(_)
                | StmtKind::Fail(_)
                | StmtKind::Return(_)
                | StmtKind::Yield(_)
                | StmtKind::On { .. }
                | StmtKind::Verdict(_) => locals.bind_unknown(slot),
            };
        }
    }
    locals
}

/// What the body of a statement sees.
pub(super) fn inside(plan: &Plan, tree: TreeId, outside: &Locals) -> Locals {
    let walk = plan.walk();
    match &plan.tree.get(tree).stmt.kind {
        StmtKind::Call(using) => walk.call(using, outside).unwrap_or_default(),
        StmtKind::Deploy { .. } => {
            let deployment = walk.deployment(tree, outside);
            deployment.map(|it| it.locals).unwrap_or_default()
        }
        StmtKind::Block(_)
        | StmtKind::Stage { .. }
        | StmtKind::Parallel(_)
        | StmtKind::Matrix(_)
        | StmtKind::Step { .. }
        | StmtKind::Run(_)
        | StmtKind::Action { .. }
        | StmtKind::Let(_)
        | StmtKind::If { .. }
        | StmtKind::Barrier { .. }
        | StmtKind::Lock { .. }
        | StmtKind::Approve { .. }
        | StmtKind::Wait(_)
        | StmtKind::Verify { .. }
        | StmtKind::Log(_)
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::On { .. }
        | StmtKind::Verdict(_) => outside.clone(),
    }
}

/// The workflow that a deployment uses, determined from what its body sees: the service is its
/// first parameter.
pub(super) fn workflow_of(plan: &Plan, tree: TreeId, inside: &Locals) -> Option<WorkflowId> {
    let program = &plan.bound.program;
    let node = plan.tree.get(tree);
    if !node.stmt.kind.deploys() {
        return None;
    }
    let uses = |id: WorkflowId| {
        let workflow = program.workflows.get(id.0 as usize)?;
        let first = inside.get(workflow.params.first()?.slot)?;
        let Value::Service { id: service, .. } = first else {
            return None;
        };
        let service = program.services.get(service.0 as usize)?;
        let kind = program.kinds.get(service.kind as usize);
        let using = service.using.as_ref().or_else(|| kind?.deploy.as_ref())?;
        (using.workflow == id).then_some(id)
    };
    node.workflows.iter().find_map(|(id, _)| uses(*id))
}

/// The cells of a loop or matrix, and which is which, where that is known.
pub(super) fn cells(
    plan: &Plan,
    tree: TreeId,
    locals: &Locals,
) -> (ObservedCells, Option<CellIndex>) {
    let node = plan.tree.get(tree);
    let Some(matrix) = node.stmt.kind.matrix() else {
        return (ObservedCells::default(), None);
    };
    let walk = plan.walk();
    let modifiers = &node.stmt.modifiers;
    let max = modifiers.max.as_ref();
    let mut cells = ObservedCells::new(matrix.axes.iter().map(|axis| axis.order).collect());
    cells.max = max.and_then(|max| count(plan, max, locals));
    let mut index = CellIndex::default();
    // How many cells before have the name of a cell, where any has.
    let mut equals: FastMap<String, u32> = FastMap::default();
    let found = walk.each_cell(matrix, locals, &mut |cell| {
        if cells.len() >= MAX_ORDERED_CELLS {
            return Err(Halt::Unknown);
        }
        let mut part = walk.cell_part(tree, cell.values, 1, cell.locals);
        let mut name = part.text();
        if index.contains_key(&name) {
            let before = equals.entry(name).or_insert(1);
            *before += 1;
            part.cell = Some(*before);
            name = part.text();
        }
        index.insert(name, (cells.add(cell.position), cell.locals.clone()));
        Ok(())
    });
    if found.is_err() {
        return (cells, None);
    }
    let batches = modifiers.batches.as_ref();
    if let Some(Ok(Value::List(sizes))) = batches.map(|it| walk.eval(it, locals)) {
        cells.waves = waves(&sizes, cells.len());
    }
    (cells, Some(index))
}

/// How many cells come before each wave but the first: the last size repeats.
fn waves(sizes: &[Value], total: usize) -> Vec<usize> {
    let size = |size: &Value| match size {
        Value::Percent(percent) => (total as f64 * percent / 100.0).ceil() as usize,
        Value::Int(count) => usize::try_from(*count).unwrap_or(1),
        _ => 1,
    };
    let (mut found, mut before) = (Vec::new(), 0_usize);
    let mut at = 0;
    while let Some(next) = sizes.get(at.min(sizes.len().saturating_sub(1))) {
        before = before.saturating_add(size(next).max(1));
        if before >= total {
            break;
        }
        found.push(before);
        at += 1;
    }
    found
}
