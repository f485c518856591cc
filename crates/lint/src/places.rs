//! Where deployments run, as far as rules look at that.

use lockstep_lang::eval::{Expr, ExprKind};
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{Infrastructure, Program, Stmt, StmtKind, WorkflowId, WorkflowUse};

/// The connection of an infrastructure that is not this machine.
pub(crate) fn connection_elsewhere(infrastructure: &Infrastructure) -> Option<&Expr> {
    let connect = infrastructure.fields.get("connect")?;
    (!is_here(connect)).then_some(connect)
}

fn is_here(connect: &Expr) -> bool {
    if let ExprKind::Call(function, _) = &connect.kind {
        return function.0.name == "local";
    }
    let kind = connect
        .as_const()
        .and_then(|value| value.as_map()?.get("type"));
    kind.and_then(|kind| kind.as_str()) == Some("local")
}

/// The workflows by which services of a kind, or of one that extends it, may be deployed.
pub(crate) fn deploying(program: &Program, kind: u32) -> Vec<WorkflowId> {
    let mut found = Vec::new();
    let mut add = |using: &Option<WorkflowUse>| found.extend(using.iter().map(|it| it.workflow));
    for (id, declared) in (0..).zip(&program.kinds) {
        if id == kind || declared.bases.contains(&kind) {
            add(&declared.deploy);
        }
    }
    program
        .services
        .iter()
        .for_each(|service| add(&service.using));
    let mut look = |stmt: &Stmt| {
        if let StmtKind::Deploy { using, .. } = &stmt.kind {
            add(using);
        }
    };
    for workflow in &program.workflows {
        let stmts = workflow.body.stmts.iter();
        stmts.for_each(|stmt| each_stmt(stmt, &mut look));
    }
    for pipeline in &program.pipelines {
        each_stmt(&pipeline.body, &mut look);
    }
    found
}
