//! Lowers statements, each form by its own rules. Modifiers, handlers, matrices, commands and
//! deployments have files of their own.

use crate::ir::command::transfer_type;
use crate::ir::{Failing, Handlers, Modifiers, Stmt, StmtKind};
use crate::resolve::words;
use crate::types::{Fact, in_either};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, StmtKind as Form};

use super::blocks::LoweredStmt;
use super::body::{BodyContext, BodyEnding, DoneNames, StatementContext};
use super::calls::Placed;
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
        self.placed(body, place, stmt);
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
                let result = body.done_by_effect(&super::commands::run_type());
                let fits = ModifierTarget::Run;
                let (modifiers, handlers) = self.trimmings(body, place, stmt, fits, result);
                if run.query {
                    self.not_once(stmt, errors::query_changes);
                }
                let command = self.command(body, run);
                let kind = StmtKind::Run(Box::new(command));
                let ty = flow::after_handlers(stmt, super::commands::run_type());
                with(stmt, kind, modifiers, handlers, ty)
            }
            Form::Transfer(transfer) => {
                let result = body.done_by_effect(&transfer_type());
                let fits = ModifierTarget::Transfer;
                let (modifiers, handlers) = self.trimmings(body, place, stmt, fits, result);
                let command = self.transfer(body, transfer);
                let kind = StmtKind::Run(Box::new(command));
                let ty = flow::after_handlers(stmt, transfer_type());
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
            | Form::With { .. }
            | Form::Deploy { .. }
            | Form::Barrier { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Log(_)
            | Form::Fail { .. }
            | Form::Return(_)
            | Form::Yield(_)
            | Form::Ignore
            | Form::Rollback(_)
            | Form::Abort
            | Form::Retry(_)
            | Form::Ask { .. } => {
                let fits = ModifierTarget::of(stmt);
                let modifiers = self.modifiers(body, &stmt.modifiers, fits);
                let kind = self.simple(body, place, stmt);
                let ty = match kind {
                    Some(StmtKind::Approve { .. }) => flow::after_handlers(stmt, yeses_type()),
                    _ => Type::Nothing,
                };
                let done = match &kind {
                    Some(StmtKind::Block(_) | StmtKind::Lock { .. } | StmtKind::On { .. }) => {
                        body.done_in_body()
                    }
                    Some(_) | None => DoneNames::default(),
                };
                let handlers = self.handlers(body, place, &stmt.handlers, fits, done);
                match kind {
                    Some(kind) => with(stmt, kind, modifiers, handlers, ty),
                    None => LoweredStmt {
                        stmt: None,
                        ty: Type::Nothing,
                    },
                }
            }
        }
    }

    /// Reports `once` and `undo` of what may run again at any time and has nothing to take back.
    pub(super) fn not_once(&mut self, stmt: &ast::Stmt, why: fn(Span, &str) -> Diagnostic) {
        let once = (stmt.modifiers.iter())
            .filter(|modifier| modifier.kind == ast::ModifierKind::Once)
            .map(|modifier| (modifier.span, "once"));
        let undone = (stmt.handlers.iter())
            .filter(|handler| matches!(handler.kind, ast::HandlerKind::Undo(_)))
            .map(|handler| (handler.span, "undo"));
        for (span, word) in once.chain(undone) {
            self.check.report(why(span, word));
        }
    }

    /// Records what stands where not everything may.
    fn placed(&mut self, body: &BodyContext, place: StatementContext, stmt: &ast::Stmt) {
        let Some(what) = Placed::of(&stmt.kind) else {
            return;
        };
        self.calls.placed(body.workflow, what, stmt.head);
        if let Some(bar) = place.barred.filter(|bar| bar.bars(what)) {
            self.check.report(errors::barred(stmt.head, what, &bar));
        }
    }

    /// Modifiers and handlers, which see the names before the statement; the handlers see also
    /// what it has done.
    pub(super) fn trimmings(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        fits: ModifierTarget,
        done: DoneNames,
    ) -> (Modifiers, Handlers) {
        let modifiers = self.modifiers(body, &stmt.modifiers, fits);
        let handlers = self.handlers(body, place, &stmt.handlers, fits, done);
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
                let is_barred = place.barred.is_some();
                if let Some((word, at)) = place.handler.filter(|_| !is_barred) {
                    self.check
                        .report(errors::barrier_in_handler(word, stmt.head, at));
                }
                StmtKind::Barrier {
                    name: name.name.clone(),
                    key: key.as_ref().map(|key| self.barrier_key(body, key)),
                    across: across.map(|(what, _)| what),
                }
            }
            Form::Approve {
                question,
                by,
                count,
                except,
            } => self.approve(
                body,
                question,
                by.as_ref(),
                (count.as_ref(), except.as_ref()),
            ),
            Form::Wait(time) => {
                let time = self.value(body, time, &Type::Duration, "`wait`");
                self.bound(&time, ValueRange::NotNegative, "`wait`");
                StmtKind::Wait(time)
            }
            Form::Log(text) => StmtKind::Log(self.value(body, text, &Type::String, "`log`")),
            Form::Fail { message, class } => StmtKind::Fail(Failing {
                message: self.value(body, message, &Type::String, "`fail`"),
                class: class.as_ref().and_then(|class| self.own_class(class)),
            }),
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
            | Form::On { .. }
            | Form::With { .. } => return self.block_stmt(body, place, stmt),
            // They have been lowered by `stmt`.
            Form::Error
            | Form::Let { .. }
            | Form::Call(_)
            | Form::Run(_)
            | Form::Transfer(_)
            | Form::Stage { .. }
            | Form::Step { .. }
            | Form::Loop { .. }
            | Form::Matrix { .. } => return None,
        })
    }

    /// `approve "…" by [groups] count N except [people]`
    fn approve(
        &mut self,
        body: &mut BodyContext,
        question: &ast::Expr,
        by: Option<&ast::Expr>,
        (count, except): (Option<&ast::Expr>, Option<&ast::Expr>),
    ) -> StmtKind {
        let people = Type::list(Type::String);
        StmtKind::Approve {
            question: self.value(body, question, &Type::String, "the question"),
            by: by.map(|by| self.value(body, by, &people, "the list after `by`")),
            count: count.map(|count| {
                let count = self.value(body, count, &Type::Int, "`count`");
                self.bound(&count, ValueRange::AtLeastOne, "`count`");
                count
            }),
            except: except.map(|who| self.value(body, who, &people, "the list after `except`")),
        }
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
            } => {
                let (resource, limit) = self.lock(body, resource, limit.as_ref());
                StmtKind::Lock {
                    resource,
                    limit,
                    body: self.block(body, place, block),
                }
            }
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
                target: Some(self.place(body, target)),
                dir: None,
                env: Vec::new(),
                with: false,
                body: self.block(body, place, block),
            },
            Form::With {
                on,
                dir,
                env,
                body: block,
            } => self.with_stmt(body, place, stmt.head, (on, dir, env.as_ref()), block),
            // They are made of no blocks, and have been lowered before.
            Form::Deploy { .. }
            | Form::Barrier { .. }
            | Form::Approve { .. }
            | Form::Wait(_)
            | Form::Log(_)
            | Form::Fail { .. }
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
            | Form::Transfer(_)
            | Form::Stage { .. }
            | Form::Step { .. }
            | Form::Loop { .. }
            | Form::Matrix { .. } => return None,
        })
    }

    /// What a `lock` takes: one name, which may have a limit, or several together.
    fn lock(
        &mut self,
        body: &mut BodyContext,
        resource: &ast::Expr,
        limit: Option<&ast::Expr>,
    ) -> (crate::eval::Expr, Option<crate::eval::Expr>) {
        let typed = self.check.expr(&mut body.locals, resource, None);
        let is_list = matches!(typed.ty, Type::List(_));
        let want = match is_list {
            true => Type::list(Type::String),
            false => Type::String,
        };
        let names = self.check.fit(typed, &want, "the name of a lock", None);
        let count = limit.map(|limit| {
            let limit = self.value(body, limit, &Type::Int, "`limit`");
            self.bound(&limit, ValueRange::AtLeastOne, "`limit`");
            limit
        });
        if let (true, Some(limit)) = (is_list, limit) {
            self.check
                .report(errors::limit_of_several(limit.span, resource.span));
        }
        (names, count)
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

    /// Where commands run: an infrastructure, or a connection.
    pub(super) fn place(&mut self, body: &mut BodyContext, place: &ast::Expr) -> crate::eval::Expr {
        let wanted = [Type::Infrastructure(None), Type::Connection];
        (self.check).check_either(&mut body.locals, place, &wanted, "`on`")
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
            BodyEnding::Pipeline => (Type::Nothing, None),
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
                self.check.report(errors::return_something(
                    value.span,
                    &typed.ty,
                    body.workflow.is_some(),
                ));
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
        let typed = self.kept(typed);
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

/// The value of an approval: who has said yes, one for each.
fn yeses_type() -> Type {
    Type::list(Type::record([
        ("by", Type::String),
        ("at", Type::String),
        ("comment", Type::optional(Type::String)),
    ]))
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
        modifiers: modifiers.into(),
        handlers: handlers.into(),
    };
    LoweredStmt {
        stmt: Some(lowered),
        ty,
    }
}
