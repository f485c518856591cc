//! Lowers statements, each form by its own rules. Modifiers, handlers, matrices, commands and
//! deployments have files of their own.

use crate::ir::{Handlers, Modifiers, Stmt, StmtKind};
use crate::resolve::words;
use crate::types::{Fact, in_either};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, StmtKind as Form};

use super::blocks::LoweredStmt;
use super::body::{BodyContext, BodyEnding, StatementContext};
use super::constants::ValueRange;
use super::modifiers::ModifierTarget;
use super::{ProgramLowering, errors, flow};

impl ProgramLowering<'_> {
    /// Lowers a statement, with its modifiers and handlers.
    pub(super) fn stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
    ) -> LoweredStmt {
        match &stmt.kind {
            Form::Error => {
                let text = self.check.modules.sources.text(stmt.span);
                body.locals.mark_recovered(words(text));
                LoweredStmt {
                    stmt: None,
                    ty: Type::Any,
                }
            }
            Form::Let { name, ty, value } => self.let_stmt(body, place, stmt, (name, ty, value)),
            Form::Call(call) => self.call_stmt(body, place, stmt, call),
            Form::Run(run) => {
                let (modifiers, handlers) = self.trimmings(body, place, stmt, ModifierTarget::Run);
                let command = self.command(body, run);
                let kind = StmtKind::Run(Box::new(command));
                let ty = flow::after_handlers(stmt, super::commands::run_type());
                with(stmt, kind, modifiers, handlers, ty)
            }
            Form::Stage { name, body: block } => self.stage(body, place, stmt, name, block),
            Form::Step { name, body: block } => self.step(body, place, stmt, name, block),
            Form::Loop { .. } | Form::Matrix { .. } => {
                let (lowered, _) = self.matrix(body, place, stmt);
                LoweredStmt {
                    stmt: Some(lowered),
                    ty: Type::Nothing,
                }
            }
            Form::Serial { .. }
            | Form::Parallel { .. }
            | Form::If { .. }
            | Form::Lock { .. }
            | Form::Verify { .. }
            | Form::On { .. }
            | Form::Deploy { .. }
            | Form::Barrier { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Log(_)
            | Form::Fail(_)
            | Form::Return(_)
            | Form::Yield(_)
            | Form::Ignore
            | Form::Rollback(_)
            | Form::Abort
            | Form::Retry(_)
            | Form::Ask { .. } => {
                let fits = ModifierTarget::of(stmt);
                let (modifiers, handlers) = self.trimmings(body, place, stmt, fits);
                let kind = self.simple(body, place, stmt);
                match kind {
                    Some(kind) => with(stmt, kind, modifiers, handlers, Type::Nothing),
                    None => LoweredStmt {
                        stmt: None,
                        ty: Type::Nothing,
                    },
                }
            }
        }
    }

    /// Modifiers and handlers, which see the names before the statement.
    pub(super) fn trimmings(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        fits: ModifierTarget,
    ) -> (Modifiers, Handlers) {
        let modifiers = self.modifiers(body, &stmt.modifiers, fits);
        let mut place = place;
        if fits == ModifierTarget::Stage {
            place.rollback_stage = Some(stmt.head);
        }
        let handlers = self.handlers(body, place, &stmt.handlers, fits);
        (modifiers, handlers)
    }

    /// The forms that introduce no name and have no value.
    fn simple(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
    ) -> Option<StmtKind> {
        Some(match &stmt.kind {
            Form::Deploy {
                service,
                target,
                using,
            } => self.deploy(body, stmt, (service, target, using.as_ref())),
            Form::Barrier { name, key, across } => {
                if let Some((word, at)) = place.handler {
                    self.check
                        .report(errors::barrier_in_handler(word, stmt.head, at));
                }
                StmtKind::Barrier {
                    name: name.name.clone(),
                    key: key.as_ref().map(|key| self.barrier_key(body, key)),
                    across: across.map(|(what, _)| what),
                }
            }
            Form::Approve { question, by } => StmtKind::Approve {
                question: self.value(body, question, &Type::String, "the question"),
                by: by.as_ref().map(|by| {
                    let want = Type::list(Type::String);
                    self.value(body, by, &want, "the list after `by`")
                }),
            },
            Form::Wait(time) => {
                let time = self.value(body, time, &Type::Duration, "`wait`");
                self.bound(&time, ValueRange::NotNegative, "`wait`");
                StmtKind::Wait(time)
            }
            Form::Log(text) => StmtKind::Log(self.value(body, text, &Type::String, "`log`")),
            Form::Fail(text) => StmtKind::Fail(self.value(body, text, &Type::String, "`fail`")),
            Form::Return(value) => self.return_stmt(body, place, stmt, value.as_ref()),
            Form::Yield(value) => return self.yield_stmt(body, stmt, value),
            Form::Ignore | Form::Rollback(_) | Form::Abort | Form::Retry(_) | Form::Ask { .. } => {
                self.stray_verdict(body, place, stmt);
                return None;
            }
            Form::Serial { .. }
            | Form::Parallel { .. }
            | Form::If { .. }
            | Form::Lock { .. }
            | Form::Verify { .. }
            | Form::On { .. } => return self.block_stmt(body, place, stmt),
            // They have been lowered by `stmt`.
            Form::Error
            | Form::Let { .. }
            | Form::Call(_)
            | Form::Run(_)
            | Form::Stage { .. }
            | Form::Step { .. }
            | Form::Loop { .. }
            | Form::Matrix { .. } => return None,
        })
    }

    /// A verdict that is not the last statement of a failure handler; those do not come here.
    fn stray_verdict(&mut self, body: &mut BodyContext, place: StatementContext, stmt: &ast::Stmt) {
        self.check
            .report(errors::verdict_misplaced(stmt.head, place.handler));
        let place = StatementContext {
            rollback_stage: Some(stmt.head),
            ..place
        };
        self.verdict(body, place, stmt);
    }

    /// The forms that are made of blocks.
    fn block_stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
    ) -> Option<StmtKind> {
        Some(match &stmt.kind {
            Form::Serial { body: block } => StmtKind::Block(self.block(body, place, block)),
            Form::Parallel { body: block } => {
                let place = StatementContext {
                    parallel: Some(stmt.head),
                    ..place
                };
                StmtKind::Parallel(self.at_once(body, place, block))
            }
            Form::If {
                branches,
                otherwise,
            } => self.if_stmt(body, place, stmt, branches, otherwise.as_ref()),
            Form::Lock {
                resource,
                limit,
                body: block,
            } => StmtKind::Lock {
                resource: self.value(body, resource, &Type::String, "the name of a lock"),
                limit: limit.as_ref().map(|limit| {
                    let limit = self.value(body, limit, &Type::Int, "`limit`");
                    self.bound(&limit, ValueRange::AtLeastOne, "`limit`");
                    limit
                }),
                body: self.block(body, place, block),
            },
            Form::Verify {
                during,
                every,
                body: block,
            } => {
                let during = self.value(body, during, &Type::Duration, "`verify for`");
                let every = self.value(body, every, &Type::Duration, "`every`");
                self.bound(&during, ValueRange::NotNegative, "`verify for`");
                self.bound(&every, ValueRange::Positive, "`every`");
                StmtKind::Verify {
                    during,
                    every,
                    body: self.block(body, place, block),
                }
            }
            Form::On {
                target,
                body: block,
            } => StmtKind::On {
                target: self.value(body, target, &Type::Infrastructure(None), "`on`"),
                body: self.block(body, place, block),
            },
            // They are made of no blocks, and have been lowered before.
            Form::Deploy { .. }
            | Form::Barrier { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Log(_)
            | Form::Fail(_)
            | Form::Return(_)
            | Form::Yield(_)
            | Form::Ignore
            | Form::Rollback(_)
            | Form::Abort
            | Form::Retry(_)
            | Form::Ask { .. }
            | Form::Error
            | Form::Let { .. }
            | Form::Call(_)
            | Form::Run(_)
            | Form::Stage { .. }
            | Form::Step { .. }
            | Form::Loop { .. }
            | Form::Matrix { .. } => return None,
        })
    }

    /// `if`: each branch knows what its condition shows, and that those before it do not hold. What
    /// comes after the statement knows what all branches have shown that can be left at their end.
    fn if_stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        branches: &[(ast::Expr, ast::Block)],
        otherwise: Option<&ast::Block>,
    ) -> StmtKind {
        let mark = body.locals.mark();
        let mut passed: Vec<Fact> = Vec::new();
        let mut ends: Vec<Vec<Fact>> = Vec::new();
        let mut lowered = Vec::with_capacity(branches.len());
        for (cond, block) in branches {
            body.locals.learn(&passed);
            let (cond, facts) = self
                .check
                .condition(&mut body.locals, cond, "the condition");
            body.locals.learn(&facts.holds);
            lowered.push((cond, self.block(body, place, block)));
            body.locals.release(mark);
            if !flow::always_leaves(block) {
                ends.push(passed.iter().cloned().chain(facts.holds).collect());
            }
            passed.extend(facts.fails);
        }
        body.locals.learn(&passed);
        let otherwise = otherwise.map(|block| (block, self.block(body, place, block)));
        body.locals.release(mark);
        if !otherwise
            .as_ref()
            .is_some_and(|(block, _)| flow::always_leaves(block))
        {
            ends.push(passed);
        }
        let after = ends.into_iter().reduce(|a, b| in_either(&a, &b));
        if !flow::may_be_ignored(stmt) {
            body.locals.learn(&after.unwrap_or_default());
        }
        StmtKind::If {
            branches: lowered,
            otherwise: otherwise.map(|(_, block)| block),
        }
    }

    /// An expression of a certain type.
    pub(super) fn value(
        &mut self,
        body: &mut BodyContext,
        expr: &ast::Expr,
        want: &Type,
        what: &str,
    ) -> crate::eval::Expr {
        self.check.check(&mut body.locals, expr, want, what, None)
    }

    /// A key is shown to people, so it must be something that can be shown.
    fn barrier_key(&mut self, body: &mut BodyContext, key: &ast::Expr) -> crate::eval::Expr {
        let typed = self
            .check
            .plain(&mut body.locals, key, "the key of a barrier");
        let fits = typed.ty.interpolates()
            || matches!(
                typed.ty,
                Type::Service(_) | Type::Infrastructure(_) | Type::Environment
            );
        if fits {
            return typed.expr;
        }
        self.check.report(errors::barrier_key(&typed));
        crate::types::poison(typed.expr.span)
    }

    fn return_stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        value: Option<&ast::Expr>,
    ) -> StmtKind {
        if let Some(error) = errors::return_misplaced(stmt.head, place, body.workflow.is_some()) {
            self.check.report(error);
            if let Some(value) = value {
                self.check.expr(&mut body.locals, value, None);
            }
            return StmtKind::Return(None);
        }
        let (want, declared) = match &body.ends {
            BodyEnding::Workflow(want, declared) => (want.clone(), *declared),
            BodyEnding::Pipeline => (Type::Any, None),
        };
        let value = match (value, &want) {
            (None, Type::Nothing | Type::Any) => None,
            (None, want) => {
                self.check
                    .report(errors::return_nothing(stmt.head, want, declared));
                None
            }
            (Some(value), Type::Nothing) => {
                let typed = self.check.expr(&mut body.locals, value, None);
                self.check
                    .report(errors::return_something(value.span, &typed.ty));
                None
            }
            (Some(value), want) => {
                let what = "the result";
                Some(
                    self.check
                        .check(&mut body.locals, value, want, what, declared),
                )
            }
        };
        StmtKind::Return(value)
    }

    fn yield_stmt(
        &mut self,
        body: &mut BodyContext,
        stmt: &ast::Stmt,
        value: &ast::Expr,
    ) -> Option<StmtKind> {
        let typed = self.check.expr(&mut body.locals, value, None);
        let typed = self.kept(typed, "what is yielded");
        match body.yields.last_mut() {
            Some(Some(yields)) => {
                yields.found.push((typed.ty, typed.expr.span));
                Some(StmtKind::Yield(typed.expr))
            }
            _ => {
                self.check.report(errors::yield_misplaced(stmt.head));
                None
            }
        }
    }
}

/// A statement with all that belongs to it.
pub(super) fn with(
    stmt: &ast::Stmt,
    kind: StmtKind,
    modifiers: Modifiers,
    handlers: Handlers,
    ty: Type,
) -> LoweredStmt {
    let lowered = Stmt {
        kind,
        span: stmt.head,
        bind: None,
        modifiers,
        handlers,
    };
    LoweredStmt {
        stmt: Some(lowered),
        ty,
    }
}
