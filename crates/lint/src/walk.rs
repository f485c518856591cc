//! IR traversal for rules: visits the bodies of a program together with the values that are known
//! there.

use super::context::{Context, ROOT_FILE};
use super::known_locals::KnownLocals;
use lockstep_base::source::FileId;
use lockstep_lang::eval::Scope;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{CommandTemplate, Program, Stmt, StmtKind};

/// Calls `see` with the statements of all workflows of a file, and with its pipelines as wholes.
pub fn bodies<'a>(program: &'a Program, file: FileId, see: &mut dyn FnMut(&'a Stmt)) {
    for workflow in program.workflows.iter().filter(|it| it.span.file == file) {
        workflow.body.stmts.iter().for_each(|stmt| see(stmt));
    }
    for pipeline in &program.pipelines {
        see(&pipeline.body);
    }
}

/// Calls `see` with every command of the file that is looked at, and its statement.
pub fn commands<'a>(context: &Context<'a>, see: &mut dyn FnMut(&'a Stmt, &'a CommandTemplate)) {
    let Some(program) = context.program else {
        return;
    };
    bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            if let StmtKind::Run(command) = &stmt.kind {
                see(stmt, command);
            }
        });
    });
}

/// Calls `see` with every statement of a file, each before those inside it, and with the values
/// that are known around it.
pub fn with_values<'a>(
    program: &'a Program,
    file: FileId,
    scope: &dyn Scope,
    see: &mut dyn FnMut(&'a Stmt, &KnownLocals<'_>),
) {
    for workflow in program.workflows.iter().filter(|it| it.span.file == file) {
        let known = KnownLocals::new(scope);
        let stmts = workflow.body.stmts.iter();
        stmts.for_each(|it| stmt(it, &known, see));
    }
    for pipeline in &program.pipelines {
        stmt(&pipeline.body, &KnownLocals::new(scope), see);
    }
}

/// What a statement binds is known to those after it.
fn stmt<'a>(
    stmt: &'a Stmt,
    known: &KnownLocals<'_>,
    see: &mut dyn FnMut(&'a Stmt, &KnownLocals<'_>),
) {
    each_stmt(stmt, &mut |stmt| {
        see(stmt, known);
        if let (Some(value), Some(slot)) = (stmt.kind.bound_value(), stmt.bind) {
            known.set(slot, known.value(value));
        }
    });
}
