//! Goes through the bodies of a program, with what is known of their values.
//! It does not know what is looked for.

use super::known::Known;
use lockstep_base::source::FileId;
use lockstep_lang::eval::Scope;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{Program, Stmt};

/// Hands the statements of all workflows of a file, and its pipelines as wholes, to `see`.
pub fn bodies<'a>(program: &'a Program, file: FileId, see: &mut dyn FnMut(&'a Stmt)) {
    for workflow in program.workflows.iter().filter(|it| it.span.file == file) {
        workflow.body.stmts.iter().for_each(|stmt| see(stmt));
    }
    for pipeline in &program.pipelines {
        see(&pipeline.body);
    }
}

/// Hands every statement of a file to `see`, each before those inside it, with what is known of
/// the values around it.
pub fn with_values<'a>(
    program: &'a Program,
    file: FileId,
    scope: &dyn Scope,
    see: &mut dyn FnMut(&'a Stmt, &Known<'_>),
) {
    for workflow in program.workflows.iter().filter(|it| it.span.file == file) {
        let known = Known::new(scope);
        let stmts = workflow.body.stmts.iter();
        stmts.for_each(|it| stmt(it, &known, see));
    }
    for pipeline in &program.pipelines {
        stmt(&pipeline.body, &Known::new(scope), see);
    }
}

/// What a statement binds is known to those behind it.
fn stmt<'a>(stmt: &'a Stmt, known: &Known<'_>, see: &mut dyn FnMut(&'a Stmt, &Known<'_>)) {
    each_stmt(stmt, &mut |stmt| {
        see(stmt, known);
        if let (Some(value), Some(slot)) = (stmt.kind.bound_value(), stmt.bind) {
            known.know(slot, known.value(value));
        }
    });
}
