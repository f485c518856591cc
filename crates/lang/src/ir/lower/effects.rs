//! Lowers calls and `let`.

use crate::ir::command::Form as CommandForm;
use crate::ir::{StmtKind, WorkflowId, WorkflowUse};
use crate::types::{
    BUILTIN_ACTIONS, EffectCall, LocalKind, Parameter, ResolvedCallee, Typed, errors as type_errors,
};
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ExprKind, LetValue, StmtKind as Form};

use super::blocks::LoweredStmt;
use super::body::{BodyContext, DoneNames, StatementContext};
use super::modifiers::ModifierTarget;
use super::statements::with;
use super::{ProgramLowering, errors, flow};

impl ProgramLowering<'_> {
    /// `let x = …`
    pub(super) fn let_stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        of_let: &ast::Stmt,
        (name, ty, value): (&ast::Ident, &Option<ast::TypeExpr>, &LetValue),
    ) -> LoweredStmt {
        let file = body.locals.file;
        let wanted = ty
            .as_ref()
            .map(|ty| (self.check.read_type(file, ty), ty.span));
        let (mut lowered, effect) = match value {
            LetValue::Effect(inner) => {
                body.name_of_let = matches!(inner.kind, Form::Run(_)).then(|| name.clone());
                self.let_effect(body, place, inner)
            }
            LetValue::Expr(expr) => {
                body.name_of_let = Some(name.clone());
                self.let_expr(body, place, of_let, expr, wanted.as_ref())
            }
        };
        body.name_of_let = None;
        let span = value_span(value);
        let mut ty = lowered.ty.clone();
        if let Some(stmt) = &mut lowered.stmt
            && effect
            && wanted.as_ref().is_some_and(|(want, _)| is_secret(want))
            && self.makes_text(&stmt.kind)
        {
            let of_effect = effect_of(of_let, value);
            // A `query` has neither of them for its own reason, which has been told.
            if !is_query(of_effect) {
                self.not_once(of_effect, errors::secret_made_again);
            }
            stmt.modifiers.secret = true;
            ty = match flow::may_be_ignored(of_effect) {
                true => Type::optional(Type::Secret),
                false => Type::Secret,
            };
        }
        let is_call = lowered
            .stmt
            .as_ref()
            .is_some_and(|stmt| matches!(stmt.kind, StmtKind::Call(_)));
        if ty == Type::Nothing && is_call && wanted.is_none() {
            // The name is that of the call alone: it has no value.
            let slot = body.locals.slot(true);
            let kind = LocalKind::Step;
            body.locals.name(&name.name, name.span, ty, slot, kind);
            return lowered;
        }
        if effect {
            if ty == Type::Nothing {
                self.check.report(type_errors::no_value(span));
                ty = Type::Any;
            }
            if let Some((want, declared)) = &wanted {
                let is_other = !want.accepts(&ty) && !want.converts(&ty);
                let typed = Typed {
                    ty,
                    ..Typed::unknown(span)
                };
                let what = format!("`{}`", name.name);
                self.check.fit(typed, want, &what, Some(*declared));
                // What is wrong with the type is no mistake of those who use the name.
                ty = match is_other {
                    true => Type::Any,
                    false => want.clone(),
                };
            }
            lowered.ty = ty.clone();
        } else if let Some((want, _)) = wanted {
            ty = want;
        }
        let late = effect
            || lowered.stmt.as_ref().is_some_and(|stmt| {
                let StmtKind::Let(value) = &stmt.kind else {
                    return true;
                };
                self.check.is_late(&body.locals, value)
            });
        self.check.modules.uses.ty(name.span, &ty);
        let slot = body.locals.add(&name.name, name.span, ty, late);
        if let Some(stmt) = &mut lowered.stmt {
            stmt.bind = Some(slot);
            let of_effect = effect_of(of_let, value);
            if let Some(ignored) = flow::ignored_result(of_effect) {
                body.locals.mark_ignored(slot, ignored);
            }
            if let StmtKind::Let(value) = &stmt.kind {
                match self.begins_with_option(body, value) {
                    Some(true) => body.options.insert(slot),
                    _ => body.options.remove(&slot),
                };
                self.check.learn_value(&mut body.locals, slot, value);
            }
        }
        if !effect {
            lowered.ty = Type::Nothing;
        }
        lowered
    }

    /// Whether an effect gives a text that can be a secret: a command, or a request.
    fn makes_text(&self, kind: &StmtKind) -> bool {
        let declared = self.check.tables.actions.len();
        let is_command = kind
            .command()
            .is_some_and(|command| !matches!(command.form, CommandForm::Transfer(_)));
        is_command
            || matches!(kind, StmtKind::Action { action, .. } if *action as usize >= declared)
    }

    /// `let x = run …`, `let x = parallel … { … }`
    fn let_effect(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        inner: &ast::Stmt,
    ) -> (LoweredStmt, bool) {
        if let Form::Loop { .. } | Form::Matrix { .. } = &inner.kind {
            let (stmt, yielded) = self.matrix(body, place, inner);
            let ty = match yielded {
                Some(ty) => {
                    let tolerates = (inner.modifiers.iter())
                        .any(|modifier| matches!(modifier.kind, ast::ModifierKind::Tolerate(_)));
                    let of = if tolerates { Type::optional(ty) } else { ty };
                    flow::after_handlers(inner, Type::list(of))
                }
                None => {
                    if !self.check.modules.is_broken(inner.span) {
                        self.check.report(errors::no_yield(inner.head));
                    }
                    Type::Any
                }
            };
            let stmt = Some(stmt);
            return (LoweredStmt { stmt, ty }, true);
        }
        (self.stmt(body, place, inner), true)
    }

    fn let_expr(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        expr: &ast::Expr,
        wanted: Option<&(Type, Span)>,
    ) -> (LoweredStmt, bool) {
        if let ExprKind::Call(callee, args) = &expr.kind {
            match self.check.callee(body.locals.file, callee) {
                ResolvedCallee::Builtin(_) | ResolvedCallee::Function(_) => {}
                ResolvedCallee::Effect(effect) => {
                    let call = (callee.span, args.as_slice(), expr.span);
                    return (self.effect(body, place, stmt, effect, call), true);
                }
                ResolvedCallee::Lost => {
                    self.check.arguments_alone(&mut body.locals, args);
                    let fits = ModifierTarget::Workflow;
                    let done = body.done_by_effect(&Type::Any);
                    self.trimmings(body, place, stmt, fits, done);
                    let stmt = None;
                    let ty = Type::Any;
                    return (LoweredStmt { stmt, ty }, true);
                }
            }
        }
        body.name_of_let = None;
        let (modifiers, handlers) =
            self.trimmings(body, place, stmt, ModifierTarget::Let, DoneNames::default());
        let typed = match wanted {
            Some((want, declared)) => {
                let what = if let Form::Let { name, .. } = &stmt.kind {
                    format!("`{}`", name.name)
                } else {
                    String::from("the value")
                };
                let locals = &mut body.locals;
                let expr = (self.check).check_let(locals, expr, want, &what, Some(*declared));
                Typed::of(expr, want.clone())
            }
            None => {
                let typed = self.check.expr(&mut body.locals, expr, None);
                if typed.ty == Type::Nothing {
                    self.check.report(type_errors::no_value(expr.span));
                    Typed::unknown(expr.span)
                } else {
                    typed
                }
            }
        };
        let kind = StmtKind::Let(typed.expr);
        (with(stmt, kind, modifiers, handlers, typed.ty), false)
    }

    /// `NAME(args)` as a statement.
    pub(super) fn call_stmt(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        call: &ast::Expr,
    ) -> LoweredStmt {
        let lost = LoweredStmt {
            stmt: None,
            ty: Type::Any,
        };
        let (callee, args) = match &call.kind {
            ExprKind::Call(callee, args) => (callee, args),
            ExprKind::Paren(inner) => return self.call_stmt(body, place, stmt, inner),
            ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Percent(_)
            | ExprKind::Duration(_)
            | ExprKind::String(_)
            | ExprKind::Name(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Maybe(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::Error => {
                self.check.expr(&mut body.locals, call, None);
                return lost;
            }
        };
        match self.check.callee(body.locals.file, callee) {
            ResolvedCallee::Effect(effect) => {
                let call = (callee.span, args.as_slice(), call.span);
                self.effect(body, place, stmt, effect, call)
            }
            ResolvedCallee::Builtin(_) | ResolvedCallee::Function(_) => {
                let name = self.check.modules.sources.text(callee.span).to_owned();
                self.check.report(errors::useless_call(call.span, &name));
                self.check.expr(&mut body.locals, call, None);
                let done = DoneNames::default();
                self.trimmings(body, place, stmt, ModifierTarget::Workflow, done);
                lost
            }
            ResolvedCallee::Lost => {
                self.check.arguments_alone(&mut body.locals, args);
                let done = DoneNames::default();
                self.trimmings(body, place, stmt, ModifierTarget::Workflow, done);
                lost
            }
        }
    }

    fn effect(
        &mut self,
        body: &mut BodyContext,
        place: StatementContext,
        stmt: &ast::Stmt,
        effect: EffectCall,
        (callee, args, span): (Span, &[ast::Arg], Span),
    ) -> LoweredStmt {
        let what = format!("`{}`", self.check.modules.sources.text(callee));
        match effect {
            EffectCall::Workflow(id) => {
                let signature = &self.check.tables.workflows[id as usize];
                let result = signature.result.clone();
                let params = signature.parameters();
                let called = body.name_of_let.as_ref().map(|name| name.name.clone());
                let done = body.done_by_effect(&result);
                let (modifiers, handlers) =
                    self.trimmings(body, place, stmt, ModifierTarget::Workflow, done);
                let bound = self
                    .check
                    .arguments(&mut body.locals, &what, &params, args, span);
                self.calls.call(body.workflow, id, callee);
                if let Some(bar) = place.bars_of_call() {
                    self.calls.barred(id, callee, bar);
                }
                if self.calls.deploys(id) {
                    body.deploys(&Type::Service(None), &Type::Infrastructure(None));
                }
                let call = WorkflowUse {
                    called,
                    workflow: WorkflowId(id),
                    args: bound.exprs(),
                    span: callee,
                };
                let result = flow::after_handlers(stmt, result);
                with(stmt, StmtKind::Call(call), modifiers, handlers, result)
            }
            EffectCall::Action(id) => {
                let (params, result) = self.action(id);
                let done = body.done_by_effect(&result);
                let (modifiers, handlers) =
                    self.trimmings(body, place, stmt, ModifierTarget::Action, done);
                let bound = self
                    .check
                    .arguments(&mut body.locals, &what, &params, args, span);
                let kind = StmtKind::Action {
                    action: id,
                    args: bound.exprs(),
                };
                let result = flow::after_handlers(stmt, result);
                with(stmt, kind, modifiers, handlers, result)
            }
        }
    }

    fn action(&mut self, id: u32) -> (Vec<Parameter>, Type) {
        if let Some(signature) = self.check.tables.actions.get(id as usize) {
            return (signature.parameters(), signature.result.clone());
        }
        self.http = true;
        let place = id as usize - self.check.tables.actions.len();
        let Some(action) = BUILTIN_ACTIONS.get(place) else {
            return (Vec::new(), Type::Any);
        };
        let params = (action.params)().into_iter().map(|(name, ty)| Parameter {
            json_as_text: name == "url",
            takes_secrets: false,
            free_kind: None,
            name: name.into(),
            optional: matches!(ty, Type::Optional(_)),
            ty,
            rest: false,
            span: None,
        });
        (params.collect(), (action.result)())
    }
}

/// The statement that has the modifiers and handlers of a `let`.
fn effect_of<'a>(of_let: &'a ast::Stmt, value: &'a LetValue) -> &'a ast::Stmt {
    match value {
        LetValue::Effect(inner) => inner,
        LetValue::Expr(_) => of_let,
    }
}

fn is_query(stmt: &ast::Stmt) -> bool {
    matches!(&stmt.kind, Form::Run(run) if run.query)
}

/// Whether a `let` of this type takes the text of an effect as a secret.
fn is_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::Optional(of) => **of == Type::Secret,
        _ => false,
    }
}

fn value_span(value: &LetValue) -> Span {
    match value {
        LetValue::Expr(expr) => expr.span,
        LetValue::Effect(stmt) => stmt.head,
    }
}
