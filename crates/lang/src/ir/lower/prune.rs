//! Removes the values of steps and stages that nothing refers to, and the names that no handler
//! reads, so that a run need not store them (dead value elimination).

use std::collections::HashSet;
use std::sync::Arc;

use crate::eval::{Expr, ExprKind, Slot};
use crate::ir::visit::{self, ChildMut};
use crate::ir::{Block, Stmt, StmtKind};

use super::body::BodyContext;

/// Prunes a workflow's body.
pub(super) fn block(block: &mut Block, body: &BodyContext) {
    let mut used = HashSet::new();
    for stmt in &block.stmts {
        collect(stmt, body, &mut used);
    }
    for stmt in &block.stmts {
        collect_of_handlers(stmt, &mut used);
    }
    prune_block(block, body, &used);
}

/// Prunes a pipeline's body.
pub(super) fn stmt(stmt: &mut Stmt, body: &BodyContext) {
    let mut used = HashSet::new();
    collect(stmt, body, &mut used);
    collect_of_handlers(stmt, &mut used);
    prune_stmt(stmt, body, &used);
}

/// The names in a body that its handlers read.
fn collect_of_handlers(stmt: &Stmt, used: &mut HashSet<Slot>) {
    visit::each_stmt(stmt, &mut |stmt| {
        for name in &stmt.handlers.bound {
            if used.contains(&name.outside) {
                used.insert(name.inside);
            }
        }
    });
}

/// The slots that expressions read; the `yield` that gives a step the value of its last
/// statement is no reading.
fn collect(stmt: &Stmt, body: &BodyContext, used: &mut HashSet<Slot>) {
    visit::stmt(stmt, &mut |expr: &Expr| {
        let last = |slot: &Slot| body.last_values.get(slot) == Some(&expr.span);
        let own = matches!(&expr.kind, ExprKind::Local(slot) if last(slot));
        if !own {
            visit::each_part(expr, &mut |inner| {
                if let ExprKind::Local(slot) = inner.kind {
                    used.insert(slot);
                }
            });
        }
    });
}

fn prune_block(block: &mut Block, body: &BodyContext, used: &HashSet<Slot>) {
    for stmt in &mut block.stmts {
        if let Some(stmt) = Arc::get_mut(stmt) {
            prune_stmt(stmt, body, used);
        }
    }
}

fn prune_stmt(stmt: &mut Stmt, body: &BodyContext, used: &HashSet<Slot>) {
    if let Some(handlers) = stmt.handlers.stored_mut() {
        handlers.bound.retain(|name| used.contains(&name.outside));
        handlers.result = handlers.result.filter(|slot| used.contains(slot));
        handlers.outcome = handlers.outcome.filter(|slot| used.contains(slot));
    }
    let unused =
        stmt.handlers.result.is_none() && stmt.bind.is_some_and(|slot| !used.contains(&slot));
    match &mut stmt.kind {
        StmtKind::Stage { .. } if unused => stmt.bind = None,
        StmtKind::Step { body: inner, .. } if unused => {
            stmt.bind = None;
            drop_last_value(inner, body, used);
        }
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
        | StmtKind::Fail(_)
        | StmtKind::Return(_)
        | StmtKind::Yield(_)
        | StmtKind::On { .. }
        | StmtKind::Verdict(_) => {}
    }
    visit::children_mut(stmt, &mut |child| match child {
        ChildMut::Body(block) | ChildMut::Handler(block) => prune_block(block, body, used),
        ChildMut::Expr(_) => {}
    });
}

/// Removes the `yield` of the last statement's value.
fn drop_last_value(block: &mut Block, body: &BodyContext, used: &HashSet<Slot>) {
    let Some(StmtKind::Yield(value)) = block.stmts.last().map(|stmt| &stmt.kind) else {
        return;
    };
    let ExprKind::Local(slot) = value.kind else {
        return;
    };
    if !body.last_values.contains_key(&slot) {
        return;
    }
    block.stmts.pop();
    let last = block.stmts.last_mut().and_then(Arc::get_mut);
    if let Some(last) = last
        && last.bind == Some(slot)
        && !used.contains(&slot)
        && last.kind.bound_value().is_none()
    {
        last.bind = None;
    }
}
