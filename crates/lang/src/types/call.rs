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
    /// A declared function, by place.
    Function(u32),
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
            | Form::Maybe(_)
            | Form::Index(..)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension(_)
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
            && let Some(callee) = declared(decl)
        {
            let declared = self.modules.decls.site(decl).name.span;
            self.modules.uses.name(name.span, declared);
            return callee;
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
            if let Err(error) = self.modules.path_of(file, &path, &CALLED) {
                self.report_opt(error);
            }
            return ResolvedCallee::Lost;
        }
        let mut near = self.modules.names_of(file, &CALLED);
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
        match self.modules.path_of(file, &path, &CALLED) {
            Ok(decl) => declared(decl).unwrap_or(ResolvedCallee::Lost),
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
            ResolvedCallee::Function(id) => self.call_function(locals, id, args, span),
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
                takes_secrets: builtins::takes_secrets(builtin.name),
                free_kind: None,
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
        let reads = matches!(builtin.name, "env" | "file");
        if reads && !self.may_read(locals, &format!("{}(…)", builtin.name), span) {
            return Typed::unknown(span);
        }
        if reads && let Some(late) = exprs.iter().find(|expr| self.is_late(locals, expr)) {
            self.report(errors::read_when_planned(late.span, builtin.name));
        }
        for (param, given) in builtin.params.iter().zip(&exprs) {
            if param.written_out && !is_written_out(given) {
                let error = errors::not_written_out(given.span, param.name, builtin.name);
                self.report(error);
            }
        }
        if builtins::takes_secrets(builtin.name) && types.iter().any(super::holds_secret) {
            let call = ExprKind::Call(Function(builtin), exprs);
            return Typed::new(call, span, Type::Secret);
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

/// Whether a list of texts stands in the file as it is.
fn is_written_out(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Const(_) => true,
        ExprKind::List(items) => items.iter().all(|item| item.value.as_const().is_some()),
        _ => false,
    }
}

/// What can be called by its name.
const CALLED: [DeclKind; 3] = [DeclKind::Workflow, DeclKind::Action, DeclKind::Function];

fn declared(decl: Decl) -> Option<ResolvedCallee> {
    match decl.sort {
        DeclKind::Workflow => Some(ResolvedCallee::Effect(EffectCall::Workflow(decl.index))),
        DeclKind::Action => Some(ResolvedCallee::Effect(EffectCall::Action(decl.index))),
        DeclKind::Function => Some(ResolvedCallee::Function(decl.index)),
        DeclKind::Input
        | DeclKind::Let
        | DeclKind::Group
        | DeclKind::Secret
        | DeclKind::Service
        | DeclKind::Environment
        | DeclKind::Kind
        | DeclKind::Pipeline
        | DeclKind::Type
        | DeclKind::Trigger
        | DeclKind::Window => None,
    }
}
