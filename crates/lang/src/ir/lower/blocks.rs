//! Lowers blocks: the statements in order, with the names that they introduce.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ir::{Block, Stmt};
use crate::resolve;
use crate::types::{Typed, unify};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, StmtKind as Form};

use super::body::{BodyContext, StatementContext, YieldState};
use super::{ProgramLowering, errors};

/// A statement with the type of its value.
pub(super) struct LoweredStmt {
    /// The statement; `None` where it could not be read.
    pub stmt: Option<Stmt>,
    /// The type of its value, for a command, a call or a `let` of one.
    pub ty: Type,
}

impl ProgramLowering<'_> {
    /// Statements one after the other.
    pub(super) fn block(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        block: &ast::Block,
    ) -> Block {
        let (stmts, _) = self.sequence(body, place, &block.stmts, false);
        Block { stmts }
    }

    /// Statements at once: none sees what another introduces.
    pub(super) fn at_once(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        block: &ast::Block,
    ) -> Block {
        let (stmts, _) = self.sequence(body, place, &block.stmts, true);
        Block { stmts }
    }

    /// Lowers statements and gives the type of the last one's value.
    pub(super) fn sequence(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmts: &[ast::Stmt],
        at_once: bool,
    ) -> (Vec<Arc<Stmt>>, Type) {
        let mark = body.locals.mark();
        let lowered = self.keeping(body, place, stmts, at_once);
        body.names_of_last_body = body.locals.suspend(mark);
        lowered
    }

    /// The same, but the names that the statements introduce can still be seen afterwards.
    pub(super) fn keeping(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmts: &[ast::Stmt],
        at_once: bool,
    ) -> (Vec<Arc<Stmt>>, Type) {
        let mark = body.locals.mark();
        let mut names: HashMap<Name, Span> = HashMap::new();
        let mut found = Vec::with_capacity(stmts.len());
        let mut last = Type::Nothing;
        for stmt in stmts {
            if let Some(name) = introduced(stmt) {
                match names.get(&name.name) {
                    Some(first) => {
                        let error = resolve::duplicate(name, *first)
                            .help("every name is unique in its block: choose another");
                        self.check.report(error);
                    }
                    None => {
                        names.insert(name.name.clone(), name.span);
                    }
                }
            }
            let lowered = self.stmt(body, place, stmt);
            last = lowered.ty;
            found.extend(lowered.stmt.map(Arc::new));
            if at_once {
                body.locals.release(mark);
            }
        }
        (found, last)
    }

    /// A block whose `yield`s belong to it, with their common type; `None` where it has none.
    pub(super) fn yielding(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        block: &ast::Block,
    ) -> (Vec<Arc<Stmt>>, Type, Option<Type>) {
        body.yields.push(Some(YieldState::default()));
        let (stmts, last) = self.sequence(body, place, &block.stmts, false);
        let yields = body.yields.pop().flatten().unwrap_or_default();
        let mut common: Option<Type> = None;
        for (at, (ty, span)) in yields.found.iter().enumerate() {
            let before = common.clone().unwrap_or(Type::Any);
            match unify(&before, ty) {
                Some(ty) => common = Some(ty),
                None => {
                    let (other, first) = &yields.found[..at]
                        .iter()
                        .find(|(other, _)| unify(other, ty).is_none())
                        .unwrap_or(&yields.found[0]);
                    self.check
                        .report(errors::mixed_yields(*span, ty, *first, other));
                    common = Some(Type::Any);
                    break;
                }
            }
        }
        (stmts, last, common)
    }

    /// A value that may be bound to a name: not nothing.
    pub(super) fn kept(&mut self, typed: Typed) -> Typed {
        if typed.ty == Type::Nothing {
            self.check
                .report(crate::types::errors::no_value(typed.expr.span));
            return Typed::unknown(typed.expr.span);
        }
        typed
    }
}

/// The name that a statement introduces in its block.
fn introduced(stmt: &ast::Stmt) -> Option<&ast::Ident> {
    match &stmt.kind {
        Form::Stage { name, .. } | Form::Step { name, .. } | Form::Let { name, .. } => Some(name),
        Form::Serial { .. }
        | Form::Parallel { .. }
        | Form::Loop { .. }
        | Form::Matrix { .. }
        | Form::Deploy { .. }
        | Form::Run(_)
        | Form::Transfer(_)
        | Form::Call(_)
        | Form::If { .. }
        | Form::Barrier { .. }
        | Form::Lock { .. }
        | Form::Approve { .. }
        | Form::Wait(_)
        | Form::Verify { .. }
        | Form::Log(_)
        | Form::Fail { .. }
        | Form::Return(_)
        | Form::Yield(_)
        | Form::On { .. }
        | Form::With { .. }
        | Form::Ignore
        | Form::Rollback(_)
        | Form::Abort
        | Form::Retry(_)
        | Form::Ask { .. }
        | Form::Error => None,
    }
}
