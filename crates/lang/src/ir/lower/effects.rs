//! Lowers calls and `let`.

use crate::ir::{StmtKind, WorkflowId, WorkflowUse};
use crate::types::{
    BUILTIN_ACTIONS, EffectCall, Parameter, ResolvedCallee, Signature, Typed, errors as type_errors,
};
use lockstep_base::source::Span;
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ExprKind, LetValue, ModifierKind, StmtKind as Form};

use super::blocks::LoweredStmt;
use super::body::{BodyContext, StatementContext};
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
            LetValue::Effect(inner) => self.let_effect(body, place, inner),
            LetValue::Expr(expr) => self.let_expr(body, place, of_let, expr, wanted.as_ref()),
        };
        let span = value_span(value);
        let mut ty = lowered.ty.clone();
        if effect {
            if ty == Type::Nothing {
                self.check.report(type_errors::no_value(span));
                ty = Type::Any;
            }
            if let Some((want, declared)) = &wanted {
                let typed = Typed {
                    ty,
                    ..Typed::unknown(span)
                };
                let what = format!("`{}`", name.name);
                self.check.fit(typed, want, &what, Some(*declared));
                ty = want.clone();
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
            let of_effect = match value {
                LetValue::Effect(inner) => &**inner,
                LetValue::Expr(_) => of_let,
            };
            if let Some(ignored) = flow::ignored_result(of_effect) {
                body.locals.mark_ignored(slot, ignored);
            }
            if let StmtKind::Let(value) = &stmt.kind {
                self.check.learn_value(&mut body.locals, slot, value);
            }
        }
        if !effect {
            lowered.ty = Type::Nothing;
        }
        lowered
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
                        .any(|modifier| matches!(modifier.kind, ModifierKind::Tolerate(_)));
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
                ResolvedCallee::Builtin(_) => {}
                ResolvedCallee::Effect(effect) => {
                    let call = (callee.span, args.as_slice(), expr.span);
                    return (self.effect(body, place, stmt, effect, call), true);
                }
                ResolvedCallee::Lost => {
                    self.check.arguments_alone(&mut body.locals, args);
                    self.trimmings(body, place, stmt, ModifierTarget::Workflow);
                    let stmt = None;
                    let ty = Type::Any;
                    return (LoweredStmt { stmt, ty }, true);
                }
            }
        }
        let (modifiers, handlers) = self.trimmings(body, place, stmt, ModifierTarget::Let);
        let typed = match wanted {
            Some((want, declared)) => {
                let what = if let Form::Let { name, .. } = &stmt.kind {
                    format!("`{}`", name.name)
                } else {
                    String::from("the value")
                };
                let locals = &mut body.locals;
                let expr = self.check.check(locals, expr, want, &what, Some(*declared));
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
            ResolvedCallee::Builtin(builtin) => {
                self.check
                    .report(errors::useless_call(call.span, builtin.name));
                self.check.expr(&mut body.locals, call, None);
                self.trimmings(body, place, stmt, ModifierTarget::Workflow);
                lost
            }
            ResolvedCallee::Lost => {
                self.check.arguments_alone(&mut body.locals, args);
                self.trimmings(body, place, stmt, ModifierTarget::Workflow);
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
                let (modifiers, handlers) =
                    self.trimmings(body, place, stmt, ModifierTarget::Workflow);
                let signature = &self.check.tables.workflows[id as usize];
                let result = signature.result.clone();
                let params = parameters(signature);
                let bound = self
                    .check
                    .arguments(&mut body.locals, &what, &params, args, span);
                self.calls.call(body.workflow, id, callee);
                if self.calls.deploys(id) {
                    body.deploys(&Type::Service(None), &Type::Infrastructure(None));
                }
                let call = WorkflowUse {
                    workflow: WorkflowId(id),
                    args: bound.exprs(),
                    span: callee,
                };
                let result = flow::after_handlers(stmt, result);
                with(stmt, StmtKind::Call(call), modifiers, handlers, result)
            }
            EffectCall::Action(id) => {
                let (modifiers, handlers) =
                    self.trimmings(body, place, stmt, ModifierTarget::Action);
                let (params, result) = self.action(id);
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
            return (parameters(signature), signature.result.clone());
        }
        self.http = true;
        let place = id as usize - self.check.tables.actions.len();
        let Some(action) = BUILTIN_ACTIONS.get(place) else {
            return (Vec::new(), Type::Any);
        };
        let params = (action.params)().into_iter().map(|(name, ty)| Parameter {
            json_as_text: name == "url",
            name: name.into(),
            optional: matches!(ty, Type::Optional(_)),
            ty,
            rest: false,
            span: None,
        });
        (params.collect(), (action.result)())
    }
}

/// The parameters of a workflow or an action.
pub(super) fn parameters(signature: &Signature<'_>) -> Vec<Parameter> {
    signature
        .params
        .iter()
        .map(|(ty, param)| Parameter {
            name: param.name.name.to_string(),
            ty: ty.clone(),
            optional: param.default.is_some() || matches!(ty, Type::Optional(_)),
            rest: false,
            span: Some(param.name.span),
            json_as_text: false,
        })
        .collect()
}

fn value_span(value: &LetValue) -> Span {
    match value {
        LetValue::Expr(expr) => expr.span,
        LetValue::Effect(stmt) => stmt.head,
    }
}
