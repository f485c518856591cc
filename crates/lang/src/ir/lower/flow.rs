//! Control flow: which blocks always end with a value. Only the form of statements is considered,
//! not the values of conditions.

use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{Block, HandlerKind, Ident, Stmt, StmtKind as Form};

use super::{ProgramLowering, errors};
use crate::types::IgnoredResult;

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
        HandlerKind::OnFailure { body, .. } => ends_in_success(body),
        HandlerKind::Undo(_)
        | HandlerKind::NoUndo(_)
        | HandlerKind::Always(_)
        | HandlerKind::Watch { .. } => false,
    })
}

/// The type of a statement's value after its handlers: it may be `none` where a failure may be
/// ignored. A command that has ended with a code has a result also where it failed.
pub(super) fn after_handlers(stmt: &Stmt, ty: Type) -> Type {
    let missing = match ignored_failures(stmt) {
        IgnoredFailures::None => false,
        IgnoredFailures::Exit => !matches!(stmt.kind, Form::Run(_)),
        IgnoredFailures::Some | IgnoredFailures::All => true,
    };
    match ty {
        Type::Nothing => Type::Nothing,
        ty if missing => Type::optional(ty),
        ty => ty,
    }
}

/// What the result of an effect is where its failure was ignored, if it may be.
pub(super) fn ignored_result(stmt: &Stmt) -> Option<IgnoredResult> {
    let of_command = matches!(stmt.kind, Form::Run(_));
    match ignored_failures(stmt) {
        IgnoredFailures::None => None,
        IgnoredFailures::Exit if of_command => None,
        IgnoredFailures::All if of_command => Some(IgnoredResult::WithoutCode),
        IgnoredFailures::Exit | IgnoredFailures::Some | IgnoredFailures::All => {
            Some(IgnoredResult::OfFailure)
        }
    }
}

/// Which failures of a statement its handlers may turn into a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IgnoredFailures {
    None,
    /// Those of class `exit` alone.
    Exit,
    /// Those of certain classes.
    Some,
    /// Whatever their class is.
    All,
}

fn ignored_failures(stmt: &Stmt) -> IgnoredFailures {
    let mut found = IgnoredFailures::None;
    for handler in &stmt.handlers {
        let HandlerKind::OnFailure { classes, body } = &handler.kind else {
            continue;
        };
        if !ends_in_success(body) {
            continue;
        }
        found = match classes.as_slice() {
            [] => return IgnoredFailures::All,
            [class] if &*class.name == "exit" && found != IgnoredFailures::Some => {
                IgnoredFailures::Exit
            }
            _ => IgnoredFailures::Some,
        };
    }
    found
}

/// Whether a handler's body may end with the decision that the failure does not count.
fn ends_in_success(body: &Block) -> bool {
    body.stmts
        .last()
        .is_some_and(|last| matches!(last.kind, Form::Ignore | Form::Ask { .. }))
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
        Form::Fail { .. } => true,
        Form::If {
            branches,
            otherwise: Some(otherwise),
        } => branches.iter().all(|(_, block)| always(block, wanted)) && always(otherwise, wanted),
        Form::Serial { body }
        | Form::Stage { body, .. }
        | Form::Lock { body, .. }
        | Form::On { body, .. }
        | Form::With { body, .. } => always(body, wanted),
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
        | Form::Transfer(_)
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
