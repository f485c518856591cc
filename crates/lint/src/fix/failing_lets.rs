//! The `let`s of a program whose evaluation may be a failure: leaving one out, though nothing reads
//! it, could turn a run that fails into one that succeeds.

use std::collections::HashSet;

use lockstep_base::source::Span;
use lockstep_lang::eval::totality::cannot_fail;
use lockstep_lang::eval::{Expr, Scope};
use lockstep_lang::ir::lower::Constants;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{GlobalSource, Program, Stmt, StmtKind};

use crate::known_locals::KnownLocals;

/// The `let`s that may fail, by where they stand.
#[derive(Debug, Default)]
pub struct FailingLets(HashSet<Span>);

impl FailingLets {
    /// Those of all files of a program.
    pub fn of(program: &Program) -> Self {
        let constants = Constants::new(program, true);
        let mut found = Self::default();
        let known = KnownLocals::new(&constants);
        for global in &program.globals {
            match &global.source {
                GlobalSource::Let(value) if may_fail(value, &known) => {
                    found.0.insert(global.span);
                }
                GlobalSource::Let(_) | GlobalSource::Input { .. } => {}
            }
        }
        for workflow in &program.workflows {
            found.body(workflow.body.stmts.iter().map(|it| &**it), &constants);
        }
        for pipeline in &program.pipelines {
            found.body([&*pipeline.body], &constants);
        }
        found
    }

    /// Whether the `let` with this span, of a statement or of a declaration's name, may fail.
    pub fn contains(&self, span: Span) -> bool {
        self.0.contains(&span)
    }

    fn body<'s>(&mut self, stmts: impl IntoIterator<Item = &'s Stmt>, constants: &dyn Scope) {
        let known = KnownLocals::new(constants);
        for stmt in stmts {
            each_stmt(stmt, &mut |stmt| {
                if let StmtKind::Let(value) = &stmt.kind
                    && may_fail(value, &known)
                {
                    self.0.insert(stmt.span);
                }
                if let (Some(value), Some(slot)) = (stmt.kind.bound_value(), stmt.bind) {
                    known.set(slot, known.value(value));
                }
            });
        }
    }
}

/// Whether there may be a run in which an expression has no value.
fn may_fail(expr: &Expr, known: &KnownLocals<'_>) -> bool {
    !cannot_fail(expr) && known.value(expr).is_none()
}
