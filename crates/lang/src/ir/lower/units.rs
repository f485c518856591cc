//! Lowers stages and steps, whose names refer to their results afterwards.

use std::sync::Arc;

use crate::ir::{Block, Stmt, StmtKind};
use crate::types::LocalKind;
use lockstep_base::value::Type;
use lockstep_syntax::ast;

use super::blocks::LoweredStmt;
use super::body::{BodyContext, StatementContext};
use super::decls::plain;
use super::modifiers::ModifierTarget;
use super::statements::with;
use super::{ProgramLowering, errors, flow};

impl ProgramLowering<'_> {
    pub(super) fn stage(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        name: &ast::Ident,
        block: &ast::Block,
    ) -> LoweredStmt {
        if let Some(error) = errors::stage_misplaced(stmt.head, place) {
            self.check.report(error);
        }
        let modifiers = self.modifiers(body, &stmt.modifiers, ModifierTarget::Stage);
        let inside = StatementContext {
            stage: Some(stmt.head),
            rollback_stage: Some(stmt.head),
            ..place
        };
        let around = body.deployed.take();
        let kind = StmtKind::Stage {
            name: name.name.clone(),
            body: self.block(body, inside, block),
        };
        let done = body.done_in_body();
        let around_handlers = StatementContext {
            rollback_stage: Some(stmt.head),
            ..place
        };
        let fits = ModifierTarget::Stage;
        let handlers = self.handlers(body, around_handlers, &stmt.handlers, fits, done);
        let (service, target) = std::mem::replace(&mut body.deployed, around)
            .unwrap_or((Type::Service(None), Type::Infrastructure(None)));
        let ty = Type::record([
            ("services", Type::list(service)),
            ("infrastructures", Type::list(target)),
        ]);
        let slot = body.locals.slot(false);
        self.check.modules.uses.ty(name.span, &ty);
        body.locals
            .name(&name.name, name.span, ty, slot, LocalKind::Stage);
        let mut lowered = with(stmt, kind, modifiers, handlers, Type::Nothing);
        if let Some(stmt) = &mut lowered.stmt {
            stmt.bind = Some(slot);
        }
        lowered
    }

    /// A step's value is what it yields, else the value of its last statement.
    pub(super) fn step(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        name: &ast::Ident,
        block: &ast::Block,
    ) -> LoweredStmt {
        let modifiers = self.modifiers(body, &stmt.modifiers, ModifierTarget::Step);
        let inside = StatementContext {
            step: Some(stmt.head),
            ..place
        };
        let (mut stmts, last, yielded) = self.yielding(body, inside, block);
        let mut done = body.done_in_body();
        let ty = match yielded {
            Some(ty) if flow::always_yields(block) => ty,
            Some(ty) => Type::optional(ty),
            None if last != Type::Nothing => {
                self.yield_last(body, &mut stmts);
                last
            }
            None => Type::Nothing,
        };
        if ty != Type::Nothing {
            done.result = Some(super::body::result(name, &ty, LocalKind::Step));
        }
        let handlers = self.handlers(body, place, &stmt.handlers, ModifierTarget::Step, done);
        let ty = flow::after_handlers(stmt, ty);
        let kind = StmtKind::Step {
            name: name.name.clone(),
            body: Block { stmts },
        };
        let slot = body.locals.slot(true);
        if let Some(ignored) = flow::ignored_result(stmt) {
            body.locals.mark_ignored(slot, ignored);
        }
        self.check.modules.uses.ty(name.span, &ty);
        body.locals
            .name(&name.name, name.span, ty, slot, LocalKind::Step);
        let mut lowered = with(stmt, kind, modifiers, handlers, Type::Nothing);
        if let Some(stmt) = &mut lowered.stmt {
            stmt.bind = Some(slot);
        }
        lowered
    }

    /// Yields the value of the last statement.
    fn yield_last(&mut self, body: &mut BodyContext, stmts: &mut Vec<Arc<Stmt>>) {
        let Some(last) = stmts.last_mut().and_then(Arc::get_mut) else {
            return;
        };
        let span = last.span;
        let slot = match last.bind {
            Some(slot) => slot,
            None => {
                let slot = body.locals.slot(true);
                last.bind = Some(slot);
                slot
            }
        };
        body.last_values.insert(slot, span);
        let value = crate::eval::Expr {
            kind: crate::eval::ExprKind::Local(slot),
            span,
        };
        stmts.push(Arc::new(plain(StmtKind::Yield(value), span)));
    }
}
