//! Matches the arguments of a call to parameters, by position or by name.

use crate::eval::Expr;
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast;

use super::locals::LocalScope;
use super::{Checker, Typed, errors};

/// A parameter of what is called.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it takes all further arguments.
    pub rest: bool,
    /// Where it is declared.
    pub span: Option<Span>,
    /// Whether JSON is converted to a text for it, although it takes secrets, which JSON never is.
    pub json_as_text: bool,
    /// Whether a secret fits where its type does not say so: what is made of it is a secret.
    pub takes_secrets: bool,
    /// The kind that it leaves free.
    pub free_kind: Option<Name>,
}

/// The arguments at their parameters' places.
#[derive(Debug, Default)]
pub struct BoundArguments {
    /// One for each parameter; `None` where it is left out.
    pub args: Vec<Option<Typed>>,
    /// The further arguments of a parameter that takes all of them.
    pub rest: Vec<Typed>,
    /// Whether all is well; if not, it has been reported.
    pub good: bool,
}

impl BoundArguments {
    /// The expressions alone.
    pub fn exprs(self) -> Vec<Option<Expr>> {
        self.args
            .into_iter()
            .map(|arg| arg.map(|typed| typed.expr))
            .collect()
    }
}

impl Checker<'_> {
    /// Checks the arguments of a call of `what`.
    pub fn arguments(
        &mut self,
        locals: &mut LocalScope,
        what: &str,
        params: &[Parameter],
        args: &[ast::Arg],
        span: Span,
    ) -> BoundArguments {
        let mut bound = BoundArguments {
            args: params.iter().map(|_| None).collect(),
            rest: Vec::new(),
            good: true,
        };
        let mut places: Vec<Option<Span>> = vec![None; params.len()];
        let mut next = 0;
        let mut too_many: Option<Span> = None;
        for arg in args {
            let place = match &arg.name {
                Some(name) => match params.iter().position(|param| *param.name == *name.name) {
                    Some(place) => Some(place),
                    None => {
                        let known = params.iter().map(|param| param.name.as_str());
                        self.report(errors::no_parameter(what, name, known));
                        bound.good = false;
                        None
                    }
                },
                None => {
                    let place = next;
                    next += 1;
                    match params.last() {
                        Some(last) if last.rest && place >= params.len() - 1 => {
                            Some(params.len() - 1)
                        }
                        _ if place < params.len() => Some(place),
                        _ => {
                            too_many.get_or_insert(arg.value.span);
                            None
                        }
                    }
                }
            };
            let Some(place) = place else {
                self.expr(locals, &arg.value, None);
                continue;
            };
            let param = &params[place];
            if let (Some(name), Some(declared)) = (&arg.name, param.span) {
                self.modules.uses.name(name.span, declared);
            }
            let typed = self.argument(locals, what, param, &arg.value);
            if param.rest && arg.name.is_none() {
                bound.rest.push(typed);
                places[place] = Some(arg.value.span);
                continue;
            }
            if let Some(first) = places[place] {
                self.report(errors::argument_twice(arg.value.span, &param.name, first));
                bound.good = false;
                continue;
            }
            places[place] = Some(arg.value.span);
            bound.args[place] = Some(typed);
        }
        if let Some(at) = too_many {
            self.report(errors::too_many(what, at, params));
            bound.good = false;
        }
        // An argument with a wrong name is probably meant for what is missing.
        bound.good = bound.good && self.complete(what, params, &places, span);
        self.check_free_kinds(what, params, &mut bound);
        bound
    }

    /// Whether all arguments are given that must be; if not, that is reported.
    fn complete(
        &mut self,
        what: &str,
        params: &[Parameter],
        places: &[Option<Span>],
        span: Span,
    ) -> bool {
        let missing: Vec<&Parameter> = params
            .iter()
            .zip(places)
            .filter(|(param, given)| !param.optional && given.is_none())
            .map(|(param, _)| param)
            .collect();
        if !missing.is_empty() {
            self.report(errors::missing_arguments(what, span, &missing));
        }
        missing.is_empty()
    }

    fn argument(
        &mut self,
        locals: &mut LocalScope,
        what: &str,
        param: &Parameter,
        value: &ast::Expr,
    ) -> Typed {
        let typed = self.expr(locals, value, Some(&param.ty));
        let ty = typed.ty.clone();
        let place = format!("argument `{}` of {what}", param.name);
        if super::holds_secret(&ty) && param.takes_secrets {
            return typed;
        }
        if super::holds_secret(&ty) && !super::holds_secret(&param.ty) {
            self.report(errors::secret_here(typed.expr.span, &place));
            return Typed::unknown(typed.expr.span);
        }
        if ty == Type::Nothing {
            self.report(errors::no_value(typed.expr.span));
            return Typed::unknown(typed.expr.span);
        }
        // An optional parameter of a built-in function may also be given `none`.
        let want = match (&ty, param.optional) {
            (Type::None | Type::Optional(_), true) => Type::optional(param.ty.clone()),
            (Type::Json, _) if param.json_as_text => Type::String,
            // A function of the language resolves its path itself: what it reads is recorded by the
            // text that is written.
            _ if param.ty == Type::Path && param.span.is_none() => Type::String,
            _ => param.ty.clone(),
        };
        let expr = self.fit(typed, &want, &place, param.span);
        Typed::of(expr, ty)
    }
}
