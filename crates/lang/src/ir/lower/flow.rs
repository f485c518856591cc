//! Control flow: which blocks always end with a value. Only the form of statements is considered,
//! not the values of conditions.

use lockstep_base::source::Span;
use lockstep_syntax::ast::{Block, HandlerKind, Ident, Stmt, StmtKind as Form};

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    /// Reports a workflow that has a result but may end without `return`.
    pub(super) fn must_return(&mut self, block: &Block, name: &Ident, result: Option<Span>) {
        if !self.check.modules.is_broken(block.span) && !always(block, RequiredEnding::Return) {
            self.check.report(errors::no_return(name, result));
        }
    }
}

/// Whether every path through a block yields a value.
pub(super) fn always_yields(block: &Block) -> bool {
    always(block, RequiredEnding::Yield)
}

/// Whether nothing behind a block is ever reached from it.
pub(super) fn always_leaves(block: &Block) -> bool {
    always(block, RequiredEnding::Leave)
}

/// Whether a handler may turn a failure of a statement into a success.
pub(super) fn may_be_ignored(stmt: &Stmt) -> bool {
    stmt.handlers.iter().any(|handler| match &handler.kind {
        HandlerKind::OnFailure { body, .. } => body
            .stmts
            .last()
            .is_some_and(|last| matches!(last.kind, Form::Ignore | Form::Ask { .. })),
        HandlerKind::Undo(_) | HandlerKind::Always(_) => false,
    })
}

#[derive(Clone, Copy, PartialEq)]
enum RequiredEnding {
    Return,
    Yield,
    /// `return` or `fail`.
    Leave,
}

fn always(block: &Block, wanted: RequiredEnding) -> bool {
    block.stmts.iter().any(|stmt| surely(stmt, wanted))
}

fn surely(stmt: &Stmt, wanted: RequiredEnding) -> bool {
    // A handler may turn a failed block into a success, before it has reached its value.
    if may_be_ignored(stmt) {
        return false;
    }
    match &stmt.kind {
        Form::Return(_) => matches!(wanted, RequiredEnding::Return | RequiredEnding::Leave),
        Form::Yield(_) => wanted == RequiredEnding::Yield,
        // Nothing is executed after it.
        Form::Fail(_) => true,
        Form::If {
            branches,
            otherwise: Some(otherwise),
        } => branches.iter().all(|(_, block)| always(block, wanted)) && always(otherwise, wanted),
        Form::Serial { body }
        | Form::Stage { body, .. }
        | Form::Lock { body, .. }
        | Form::On { body, .. } => always(body, wanted),
        // Inside, `yield` belongs to the step.
        Form::Step { body, .. } => wanted != RequiredEnding::Yield && always(body, wanted),
        Form::Parallel { body } => wanted != RequiredEnding::Return && always(body, wanted),
        // None of its branches or cells may be run, or its value is its own.
        Form::If {
            otherwise: None, ..
        }
        | Form::Loop { .. }
        | Form::Matrix { .. }
        | Form::Verify { .. } => false,
        Form::Deploy { .. }
        | Form::Run(_)
        | Form::Call(_)
        | Form::Let { .. }
        | Form::Barrier { .. }
        | Form::Approve { .. }
        | Form::Wait(_)
        | Form::Log(_)
        | Form::Ignore
        | Form::Rollback(_)
        | Form::Abort
        | Form::Retry(_)
        | Form::Ask { .. }
        | Form::Error => false,
    }
}
