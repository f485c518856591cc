//! Types member and index access: fields, `.*` and `[…]`.

use crate::eval::{Expr, ExprKind, RunField};
use crate::resolve::{Lookup, NameTarget, ResolvedName};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::{InfrastructureId, Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form};

use super::expr::of_local;
use super::locals::{LocalKind, LocalScope};
use super::{Checker, Typed, errors};

impl Checker<'_> {
    /// `e.name`
    pub(super) fn field(
        &mut self,
        locals: &mut LocalScope,
        of: &ast::Expr,
        name: &ast::Ident,
        span: Span,
    ) -> Typed {
        if let Form::Name(base) = &of.kind
            && let Some(typed) = self.field_of_name(locals, base, name, span)
        {
            return typed;
        }
        let of = self.expr(locals, of, None);
        self.field_of(of, name, span)
    }

    /// A field of something that is not a value by itself: a namespace, a stage, `run`.
    fn field_of_name(
        &mut self,
        locals: &mut LocalScope,
        base: &ast::Ident,
        name: &ast::Ident,
        span: Span,
    ) -> Option<Typed> {
        for local in locals.all(&base.name) {
            let own = match (local.kind, &local.ty) {
                (LocalKind::Value, _) => return None,
                (_, Type::Record(fields)) => fields.contains_key(&name.name),
                (LocalKind::Step, ty) => *ty != Type::Nothing,
                (LocalKind::Stage, _) => false,
            };
            if own {
                self.modules.uses.name(base.span, local.span);
                let of = of_local(local, base.span);
                return Some(self.field_of(of, name, span));
            }
        }
        match self.modules.find(locals.file, &base.name) {
            Some(binding) => match binding.target {
                NameTarget::Namespace(space) => {
                    Some(match self.space(base, binding.span, space, name) {
                        Ok(ResolvedName { target, span }) => {
                            self.found(ResolvedName { target, span }, name)
                        }
                        Err(error) => {
                            self.report_opt(error);
                            Typed::unknown(span)
                        }
                    })
                }
                _ => None,
            },
            None if &*base.name == "run" && locals.find("run").is_none() => {
                Some(self.run_field(locals, name, span))
            }
            None => None,
        }
    }

    /// The member of a namespace.
    fn space(
        &self,
        base: &ast::Ident,
        declared: Span,
        space: FileId,
        name: &ast::Ident,
    ) -> Lookup<ResolvedName> {
        self.modules.uses.name(base.span, declared);
        self.modules.member(space, name)
    }

    /// `run.id`, `run.user`, `run.started-at`
    fn run_field(&mut self, locals: &LocalScope, name: &ast::Ident, span: Span) -> Typed {
        let field = match &*name.name {
            "id" => RunField::Id,
            "user" => RunField::User,
            "started-at" => RunField::StartedAt,
            _ => {
                let known = ["id", "user", "started-at"];
                self.report(errors::no_field(name, "`run`", known.into_iter()));
                return Typed::unknown(span);
            }
        };
        if !locals.in_run {
            self.report(errors::run_outside(span));
            return Typed::unknown(span);
        }
        Typed::new(ExprKind::Run(field), span, Type::String)
    }

    /// A field of a value.
    fn field_of(&mut self, of: Typed, name: &ast::Ident, span: Span) -> Typed {
        let found = match (&of.ty, of.expr.as_const()) {
            (Type::Any, _) => return Typed::unknown(span),
            (Type::Json, _) => Some(Type::Json),
            (Type::Record(fields), _) => match fields.get(&name.name) {
                Some(ty) => Some(ty.clone()),
                None => {
                    let known: Vec<&str> = fields.keys().map(|name| &**name).collect();
                    let what = format!("`{}`", of.ty);
                    self.report(errors::no_field(name, &what, known.into_iter()));
                    None
                }
            },
            (Type::Service(kind), _) => {
                let kind = kind.as_ref().map(|kind| kind.id);
                self.service_field(kind, name)
            }
            (Type::Infrastructure(_), Some(Value::Infrastructure(id))) => {
                self.infrastructure_field(id.0, name)
            }
            (Type::Infrastructure(kind), _) => {
                let kind = kind.as_ref().map(|kind| kind.id);
                self.any_infrastructure_field(kind, name)
            }
            (Type::Environment, Some(Value::Environment(id))) => {
                let places = &self.tables.environments[id.0 as usize].infrastructures;
                if let Some(place) = places.get(&name.name) {
                    let declared = self.tables.infrastructures[*place as usize].decl.name.span;
                    self.modules.uses.name(name.span, declared);
                    let ty = self
                        .tables
                        .infrastructure_of(self.tables.infrastructures[*place as usize].kind);
                    let value = Value::Infrastructure(InfrastructureId(*place));
                    return Typed::new(ExprKind::Const(value), span, ty);
                }
                self.environment_field(id.0, name)
            }
            (Type::Environment, _) => self.any_environment_field(name),
            _ => {
                let error = errors::no_fields(self, &of, name);
                self.report(error);
                None
            }
        };
        match found {
            Some(ty) => {
                let kind = ExprKind::Field(Box::new(of.expr), name.name.clone());
                Typed::new(kind, span, ty)
            }
            None => Typed::unknown(span),
        }
    }

    /// `e.*` as a value of its own.
    pub(super) fn star(&mut self, locals: &mut LocalScope, of: &ast::Expr, span: Span) -> Typed {
        let of = self.expr(locals, of, None);
        self.star_of(of, span, false)
    }

    /// `e.*` as an element of a list: also the elements of another list.
    pub(super) fn spread(&mut self, locals: &mut LocalScope, of: &ast::Expr, span: Span) -> Typed {
        let of = self.expr(locals, of, None);
        self.star_of(of, span, true)
    }

    fn star_of(&mut self, of: Typed, span: Span, in_list: bool) -> Typed {
        let ty = match (&of.ty, of.expr.as_const()) {
            (Type::Any, _) => return Typed::unknown(span),
            (Type::Environment, Some(Value::Environment(id))) => self.tables.star_of(id.0),
            (Type::Environment, _) => self.tables.any_infrastructure(),
            (Type::List(_), _) if in_list => return of,
            _ => {
                self.report(errors::no_star(&of));
                return Typed::unknown(span);
            }
        };
        Typed::new(ExprKind::Star(Box::new(of.expr)), span, Type::list(ty))
    }

    /// `e[i]`
    pub(super) fn index(
        &mut self,
        locals: &mut LocalScope,
        of: &ast::Expr,
        index: &ast::Expr,
        span: Span,
    ) -> Typed {
        let of = self.expr(locals, of, None);
        let (ty, index): (Type, Expr) = match &of.ty {
            Type::List(element) => {
                let index = self.check(locals, index, &Type::Int, "the index", None);
                ((**element).clone(), index)
            }
            Type::Map(value) => {
                let index = self.check(locals, index, &Type::String, "the key", None);
                ((**value).clone(), index)
            }
            Type::Record(fields) => {
                let fields = fields.clone();
                let index = self.check(locals, index, &Type::String, "the name", None);
                let Some(Value::String(text)) = index.as_const() else {
                    if !super::is_poison(&index) {
                        self.report(errors::computed_field(index.span, &of.ty));
                    }
                    return Typed::unknown(span);
                };
                let name = ast::Ident {
                    name: text.clone(),
                    span: index.span,
                };
                match fields.get(&name.name) {
                    Some(ty) => {
                        let field = ExprKind::Field(Box::new(of.expr), name.name);
                        return Typed::new(field, span, ty.clone());
                    }
                    None => {
                        let what = format!("`{}`", of.ty);
                        let known = fields.keys().map(|name| &**name);
                        self.report(errors::no_field(&name, &what, known));
                        return Typed::unknown(span);
                    }
                }
            }
            Type::Json => {
                let index = self.expr(locals, index, None);
                match index.ty {
                    Type::Int | Type::String | Type::OneOf(_) | Type::Any => {
                        (Type::Json, index.expr)
                    }
                    _ => {
                        let index = self.fit(index, &Type::String, "the key", None);
                        (Type::Json, index)
                    }
                }
            }
            Type::Any => {
                self.expr(locals, index, None);
                return Typed::unknown(span);
            }
            _ => {
                let error = errors::no_index(self, &of);
                self.report(error);
                self.expr(locals, index, None);
                return Typed::unknown(span);
            }
        };
        let kind = ExprKind::Index(Box::new(of.expr), Box::new(index));
        Typed::new(kind, span, ty)
    }
}
