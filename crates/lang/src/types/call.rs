//! Types calls: what is called, and whether it is pure.

use crate::eval::builtins::{self, Builtin};
use crate::eval::{Expr, ExprKind, Function};
use crate::resolve::{Decl, DeclKind, NameTarget};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form};
use lockstep_syntax::foreign;

use super::locals::LocalScope;
use super::{BUILTIN_ACTIONS, Checker, Parameter, Typed, errors};

/// What is called.
#[derive(Clone, Copy)]
pub enum ResolvedCallee {
    /// A built-in function, which is pure.
    Builtin(&'static Builtin),
    /// Something with an effect.
    Effect(EffectCall),
    /// Nothing; it has been reported.
    Lost,
}

/// Something with an effect that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectCall {
    /// A workflow, by place.
    Workflow(u32),
    /// An action, by place; the built-in ones follow the declared ones.
    Action(u32),
}

impl Checker<'_> {
    /// Resolves a callee. Local names refer to values, which cannot be called.
    pub fn callee(&mut self, file: FileId, callee: &ast::Expr) -> ResolvedCallee {
        match &callee.kind {
            Form::Paren(inner) => self.callee(file, inner),
            Form::Name(name) => self.callee_name(file, name),
            Form::Field(of, name) => {
                let Form::Name(space) = &of.kind else {
                    return ResolvedCallee::Lost;
                };
                self.callee_member(file, space, name, callee.span)
            }
            // What stands before the parentheses instead has been reported by the parser.
            Form::None
            | Form::Bool(_)
            | Form::Int(_)
            | Form::Float(_)
            | Form::Percent(_)
            | Form::Duration(_)
            | Form::String(_)
            | Form::List(_)
            | Form::Record(_)
            | Form::Star(_)
            | Form::Index(..)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension { .. }
            | Form::Call(..)
            | Form::Error => ResolvedCallee::Lost,
        }
    }

    fn callee_name(&mut self, file: FileId, name: &ast::Ident) -> ResolvedCallee {
        let builtin = builtins::find(&name.name);
        let target = self
            .modules
            .find(file, &name.name)
            .map(|found| found.target);
        if let Some(NameTarget::Decl(decl)) = target
            && let Some(effect) = effect(decl)
        {
            let declared = self.modules.decls.site(decl).name.span;
            self.modules.uses.name(name.span, declared);
            return ResolvedCallee::Effect(effect);
        }
        if let Some(builtin) = builtin {
            return ResolvedCallee::Builtin(builtin);
        }
        if matches!(target, Some(NameTarget::Lost)) || self.modules.is_lost(file, &name.name) {
            return ResolvedCallee::Lost;
        }
        if target.is_some() {
            let path = ast::Path {
                namespace: None,
                name: name.clone(),
            };
            let wanted = [DeclKind::Workflow, DeclKind::Action];
            if let Err(error) = self.modules.path_of(file, &path, &wanted) {
                self.report_opt(error);
            }
            return ResolvedCallee::Lost;
        }
        let mut near = self
            .modules
            .names_of(file, &[DeclKind::Workflow, DeclKind::Action]);
        near.extend(builtins::ALL.iter().map(|builtin| builtin.name.to_owned()));
        self.report(errors::unknown_callee(name, &near));
        ResolvedCallee::Lost
    }

    fn callee_member(
        &mut self,
        file: FileId,
        space: &ast::Ident,
        name: &ast::Ident,
        span: Span,
    ) -> ResolvedCallee {
        if &*space.name == "http" && self.modules.find(file, &space.name).is_none() {
            return self.http(name);
        }
        let is_space = matches!(
            self.modules
                .find(file, &space.name)
                .map(|found| found.target),
            Some(NameTarget::Namespace(_) | NameTarget::Lost)
        );
        let ours = foreign::ours(&foreign::FUNCTIONS, &name.name).unwrap_or(&name.name);
        if !is_space && builtins::find(ours).is_some() {
            self.report(errors::no_methods(ours, &space.name, span));
            return ResolvedCallee::Lost;
        }
        let path = ast::Path {
            namespace: Some(space.clone()),
            name: name.clone(),
        };
        let wanted = [DeclKind::Workflow, DeclKind::Action];
        match self.modules.path_of(file, &path, &wanted) {
            Ok(decl) => effect(decl).map_or(ResolvedCallee::Lost, ResolvedCallee::Effect),
            Err(error) => {
                self.report_opt(error);
                ResolvedCallee::Lost
            }
        }
    }

    fn http(&mut self, name: &ast::Ident) -> ResolvedCallee {
        let full = format!("http.{}", name.name);
        let place = BUILTIN_ACTIONS
            .iter()
            .position(|action| action.name == full);
        match place {
            Some(place) => {
                let first = self.tables.actions.len();
                ResolvedCallee::Effect(EffectCall::Action((first + place) as u32))
            }
            None => {
                let known = BUILTIN_ACTIONS
                    .iter()
                    .filter_map(|action| action.name.strip_prefix("http."));
                self.report(errors::no_field(name, "`http`", known));
                ResolvedCallee::Lost
            }
        }
    }

    /// A call inside an expression, which must be pure.
    pub(super) fn call(
        &mut self,
        locals: &mut LocalScope,
        callee: &ast::Expr,
        args: &[ast::Arg],
        span: Span,
    ) -> Typed {
        match self.callee(locals.file, callee) {
            ResolvedCallee::Builtin(builtin) => self.builtin(locals, builtin, args, span),
            ResolvedCallee::Effect(_) => {
                self.report(errors::effect_inside(span, callee.span));
                self.arguments_alone(locals, args);
                Typed::unknown(span)
            }
            ResolvedCallee::Lost => {
                self.arguments_alone(locals, args);
                Typed::unknown(span)
            }
        }
    }

    /// Checks arguments of which nothing else is known.
    pub fn arguments_alone(&mut self, locals: &mut LocalScope, args: &[ast::Arg]) {
        for arg in args {
            self.expr(locals, &arg.value, None);
        }
    }

    fn builtin(
        &mut self,
        locals: &mut LocalScope,
        builtin: &'static Builtin,
        args: &[ast::Arg],
        span: Span,
    ) -> Typed {
        let params: Vec<Parameter> = builtin
            .params
            .iter()
            .map(|param| Parameter {
                name: param.name.into(),
                ty: (param.ty)(),
                optional: param.optional || param.rest,
                rest: param.rest,
                span: None,
                json_as_text: false,
            })
            .collect();
        let what = format!("`{}`", builtin.name);
        let bound = self.arguments(locals, &what, &params, args, span);
        if !bound.good {
            return Typed::unknown(span);
        }
        let given = bound.args.iter().rposition(Option::is_some);
        let given = given.map_or(0, |last| last + 1);
        let mut exprs: Vec<Expr> = Vec::new();
        let mut types: Vec<Type> = Vec::new();
        for arg in bound.args.into_iter().take(given) {
            let (expr, ty) = match arg {
                Some(typed) => (typed.expr, typed.ty),
                None => (Expr::constant(Value::None, span), Type::None),
            };
            exprs.push(expr);
            types.push(ty);
        }
        for typed in bound.rest {
            exprs.push(typed.expr);
            types.push(typed.ty);
        }
        if matches!(builtin.name, "env" | "file")
            && let Some(late) = exprs.iter().find(|expr| self.is_late(locals, expr))
        {
            self.report(errors::read_when_planned(late.span, builtin.name));
        }
        if let Err(misfit) = (builtin.check)(&types) {
            let given = exprs.get(misfit.argument).zip(types.get(misfit.argument));
            let given = match given {
                Some((expr, ty)) => Typed::of(expr.clone(), ty.clone()),
                None => Typed::unknown(span),
            };
            // Whether it would fit if it were there.
            let bare = match &given.ty {
                Type::Optional(of) => Some((**of).clone()),
                Type::List(of) => match &**of {
                    Type::Optional(of) => Some(Type::list((**of).clone())),
                    _ => None,
                },
                _ => None,
            };
            let without = bare.is_some_and(|bare| {
                let mut types = types.clone();
                types[misfit.argument] = bare;
                (builtin.check)(&types).is_ok()
            });
            let error = errors::misfit(self, &what, misfit.wanted, &given, without);
            self.report(error);
            return Typed::unknown(span);
        }
        let ty = (builtin.result)(&types);
        Typed::new(ExprKind::Call(Function(builtin), exprs), span, ty)
    }
}

fn effect(decl: Decl) -> Option<EffectCall> {
    match decl.sort {
        DeclKind::Workflow => Some(EffectCall::Workflow(decl.index)),
        DeclKind::Action => Some(EffectCall::Action(decl.index)),
        _ => None,
    }
}
