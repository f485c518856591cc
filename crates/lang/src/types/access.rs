//! Types member and index access: fields, `.*` and `[…]`.

use crate::eval::{Expr, ExprKind, Function, RunField, Slot, builtins};
use crate::resolve::{Lookup, NameTarget, ResolvedName};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{InfrastructureId, Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form};

use super::expr::of_local;
use super::locals::{IgnoredResult, LocalKind, LocalScope};
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
        if &*name.name == "infrastructures"
            && let Some(kind) = self.kind_named(locals, of)
        {
            return self.infrastructures_of_kind(locals, kind, span);
        }
        let mut of = self.expr(locals, of, None);
        self.as_it_ended(locals, &mut of);
        self.field_of(locals, of, name, span)
    }

    /// The result of a command whose failures are all ignored is there where it has ended with a
    /// code; where it has not, taking a field of it fails.
    fn as_it_ended(&self, locals: &LocalScope, of: &mut Typed) {
        if let (ExprKind::Local(slot), Type::Optional(inner)) = (&of.expr.kind, &of.ty)
            && locals.ignored(*slot) == Some(IgnoredResult::WithoutCode)
        {
            of.ty = (**inner).clone();
        }
    }

    /// A path of fields and elements, as the left side of `??` has it: what JSON does not have on
    /// the way makes all of it `none`.
    pub(super) fn absent_as_none(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        want: Option<&Type>,
    ) -> Typed {
        let mut inner = expr;
        while let Form::Paren(of) = &inner.kind {
            inner = of;
        }
        if !matches!(inner.kind, Form::Field(..) | Form::Index(..)) {
            return self.expr(locals, expr, want);
        }
        self.path_with_none(locals, inner, true)
    }

    /// A path of which a part may be missing: it is `none` then. What is behind `?` may be; where
    /// `lenient` is set, so may be everything in JSON.
    pub(super) fn path_with_none(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        lenient: bool,
    ) -> Typed {
        let mut skipped: Vec<(Slot, Expr)> = Vec::new();
        let link = self.link(locals, expr, lenient, &mut skipped);
        let (mut whole, ty) = (link.expr, link.ty);
        for (slot, value) in skipped.into_iter().rev() {
            whole = Expr {
                span: expr.span,
                kind: ExprKind::IfSome {
                    value: Box::new(value),
                    slot,
                    body: Box::new(whole),
                },
            };
        }
        // JSON may be `null` anyway.
        let ty = match ty {
            Type::Json => Type::Json,
            ty if may_skip(expr) => Type::optional(ty),
            ty => ty,
        };
        Typed::of(whole, ty)
    }

    /// A part of such a path; `skipped` collects what may be `none` on the way.
    fn link(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        lenient: bool,
        skipped: &mut Vec<(Slot, Expr)>,
    ) -> Typed {
        let key = |name: &Name, span| Expr::constant(Value::String(name.clone()), span);
        if let (Form::Paren(inner), true) = (&expr.kind, lenient) {
            return self.link(locals, inner, lenient, skipped);
        }
        let Some(step) = PathStep::of(expr) else {
            return self.expr(locals, expr, None);
        };
        let typed = match step {
            PathStep::Field(of, name) => {
                if let Form::Name(base) = &of.kind
                    && let Some(typed) = self.field_of_name(locals, base, name, expr.span)
                {
                    typed
                } else {
                    let may_be_absent = lenient || matches!(of.kind, Form::Maybe(_));
                    let mut of = self.link(locals, of, lenient, skipped);
                    self.as_it_ended(locals, &mut of);
                    match of.ty {
                        Type::Json | Type::Map(_) if may_be_absent => {
                            let key = key(&name.name, name.span);
                            self.found_in(locals, of, key, expr.span, skipped)
                        }
                        _ => self.field_of(locals, of, name, expr.span),
                    }
                }
            }
            PathStep::Index(of, index) => {
                let skips = matches!(of.kind, Form::Maybe(_));
                let of = self.link(locals, of, lenient, skipped);
                match of.ty {
                    Type::Json if lenient || skips => {
                        let (_, index) = self.json_index(locals, index);
                        self.found_in(locals, of, index, expr.span, skipped)
                    }
                    Type::Map(_) | Type::List(_) if skips => {
                        let (want, what) = match of.ty {
                            Type::List(_) => (Type::Int, "the index"),
                            _ => (Type::String, "the key"),
                        };
                        let index = self.check(locals, index, &want, what, None);
                        self.found_in(locals, of, index, expr.span, skipped)
                    }
                    _ => self.index_of(locals, of, index, expr.span),
                }
            }
            PathStep::Maybe(of) => {
                let of = self.link(locals, of, lenient, skipped);
                return match of.ty {
                    Type::Optional(ty) => {
                        let some = Typed { ty: *ty, ..of };
                        self.unless_none(locals, some, skipped)
                    }
                    _ => of,
                };
            }
        };
        let typed = self.narrowed(locals, typed, None);
        self.note(locals, expr, &typed, None);
        typed
    }

    /// A value under a name of its own: where it is `none`, the rest of the path is left out.
    fn unless_none(
        &mut self,
        locals: &mut LocalScope,
        of: Typed,
        skipped: &mut Vec<(Slot, Expr)>,
    ) -> Typed {
        let late = self.is_late(locals, &of.expr);
        let slot = locals.slot(late);
        let span = of.expr.span;
        skipped.push((slot, of.expr));
        Typed::new(ExprKind::Local(slot), span, of.ty)
    }

    /// What JSON, a map or a list has for a key; where it has nothing, the rest of the path is left
    /// out.
    fn found_in(
        &mut self,
        locals: &mut LocalScope,
        of: Typed,
        key: Expr,
        span: Span,
        skipped: &mut Vec<(Slot, Expr)>,
    ) -> Typed {
        let Some(lookup) = builtins::find("lookup") else {
            return Typed::unknown(span);
        };
        let ty = match &of.ty {
            Type::Map(of) | Type::List(of) => (**of).clone(),
            _ => Type::Json,
        };
        let of = match ty {
            // JSON may be `null`.
            Type::Json => self.unless_none(locals, of, skipped),
            _ => of,
        };
        let call = ExprKind::Call(Function(lookup), vec![of.expr, key]);
        let found = Typed::new(call, span, ty);
        self.unless_none(locals, found, skipped)
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
                let mut of = self.narrowed(locals, of_local(local, base.span), None);
                self.as_it_ended(locals, &mut of);
                return Some(self.field_of(locals, of, name, span));
            }
        }
        if locals.hidden(&base.name).is_some() {
            return None;
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
            None if locals.find(&base.name).is_none()
                && !locals.is_recovered(&base.name)
                && !self.modules.is_lost(locals.file, &base.name) =>
            {
                let error = errors::foreign_scope(base, name, span)?;
                self.report(error);
                Some(Typed::unknown(span))
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

    /// `run.id`, `run.user`, `run.started-at`, `run.scratch`
    fn run_field(&mut self, locals: &LocalScope, name: &ast::Ident, span: Span) -> Typed {
        let field = match &*name.name {
            "id" => RunField::Id,
            "user" => RunField::User,
            "started-at" => RunField::StartedAt,
            "scratch" => RunField::Scratch,
            _ => {
                let known = ["id", "user", "started-at", "scratch"];
                self.report(errors::no_field(name, "`run`", known.into_iter()));
                return Typed::unknown(span);
            }
        };
        if !self.may_read(locals, &format!("run.{}", name.name), span) {
            return Typed::unknown(span);
        }
        if !locals.in_run {
            self.report(errors::run_outside(span, locals.names_cells()));
            return Typed::unknown(span);
        }
        Typed::new(ExprKind::Run(field), span, Type::String)
    }

    /// `token.file`
    fn secret_file(&mut self, locals: &LocalScope, of: Typed, span: Span) -> Typed {
        if !self.may_read(locals, "the file of a secret", span) {
            return Typed::unknown(span);
        }
        if !locals.in_run {
            self.report(errors::secret_file_outside(span));
            return Typed::unknown(span);
        }
        let folder = Expr {
            kind: ExprKind::Run(RunField::SecretFolder),
            span,
        };
        let call = ExprKind::Call(Function(&builtins::SECRET_FILE), vec![of.expr, folder]);
        Typed::new(call, span, Type::String)
    }

    /// A field of a value.
    fn field_of(&mut self, locals: &LocalScope, of: Typed, name: &ast::Ident, span: Span) -> Typed {
        let found = match (&of.ty, of.expr.as_const()) {
            (Type::Any, _) => return Typed::unknown(span),
            (Type::Secret, _) if &*name.name == "file" => {
                return self.secret_file(locals, of, span);
            }
            (Type::Secret, None)
                if matches!(of.expr.kind, ExprKind::Local(_))
                    && matches!(&*name.name, "stdout" | "stderr") =>
            {
                self.report(errors::output_of_secret(name.span, &name.name));
                return Typed::unknown(span);
            }
            // What a declared secret is, nobody says; of others, parts of JSON may be taken.
            (Type::Secret, None) if !is_declared_secret(&of.expr) => {
                let kind = ExprKind::Field(Box::new(of.expr), name.name.clone());
                return Typed::new(kind, span, Type::Secret);
            }
            (Type::Json, _) => {
                let member = Expr::member(of.expr, &Type::Json, name.name.clone(), span);
                let member = match member.kind {
                    ExprKind::Index(of, key) => ExprKind::Index(
                        of,
                        Box::new(Expr {
                            span: name.span,
                            ..*key
                        }),
                    ),
                    kind => kind,
                };
                return Typed::new(member, span, Type::Json);
            }
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
        if let Some(kind) = self.kind_named(locals, of) {
            return self.services_of_kind(locals, kind, span);
        }
        let of = self.expr(locals, of, None);
        self.star_of(of, span, false)
    }

    /// `e.*` as an element of a list: also the elements of another list.
    pub(super) fn spread(&mut self, locals: &mut LocalScope, of: &ast::Expr, span: Span) -> Typed {
        if let Some(kind) = self.kind_named(locals, of) {
            return self.services_of_kind(locals, kind, span);
        }
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
        if let Some(kind) = self.kind_named(locals, of) {
            return self.service_named(locals, kind, index, span);
        }
        let of = self.expr(locals, of, None);
        self.index_of(locals, of, index, span)
    }

    /// A key of JSON, or a place in it.
    fn json_index(&mut self, locals: &mut LocalScope, index: &ast::Expr) -> (Type, Expr) {
        let index = self.expr(locals, index, None);
        match index.ty {
            Type::Int | Type::String | Type::OneOf(_) | Type::Any => (Type::Json, index.expr),
            _ => {
                let index = self.fit(index, &Type::String, "the key", None);
                (Type::Json, index)
            }
        }
    }

    fn index_of(
        &mut self,
        locals: &mut LocalScope,
        of: Typed,
        index: &ast::Expr,
        span: Span,
    ) -> Typed {
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
            Type::Json => self.json_index(locals, index),
            Type::Secret if !is_declared_secret(&of.expr) => {
                let (_, index) = self.json_index(locals, index);
                (Type::Secret, index)
            }
            Type::Environment => return self.place_named(locals, of, index, span),
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

/// The last step of a path: `of.name`, `of[index]` or `of?`.
enum PathStep<'e> {
    Field(&'e ast::Expr, &'e ast::Ident),
    Index(&'e ast::Expr, &'e ast::Expr),
    Maybe(&'e ast::Expr),
}

impl<'e> PathStep<'e> {
    /// That of an expression; none where it is no path.
    fn of(expr: &'e ast::Expr) -> Option<Self> {
        match &expr.kind {
            Form::Field(of, name) => Some(Self::Field(of, name)),
            Form::Index(of, index) => Some(Self::Index(of, index)),
            Form::Maybe(of) => Some(Self::Maybe(of)),
            Form::None
            | Form::Bool(_)
            | Form::Int(_)
            | Form::Float(_)
            | Form::Percent(_)
            | Form::Duration(_)
            | Form::String(_)
            | Form::Name(_)
            | Form::List(_)
            | Form::Record(_)
            | Form::Star(_)
            | Form::Unary(..)
            | Form::Binary(..)
            | Form::If(..)
            | Form::Comprehension(_)
            | Form::Call(..)
            | Form::Paren(_)
            | Form::Error => None,
        }
    }
}

/// Whether a path has a step that is left out where what is before it is `none`: `a?.b.c`.
pub(super) fn may_skip(path: &ast::Expr) -> bool {
    let mut inner = path;
    loop {
        match PathStep::of(inner) {
            Some(PathStep::Field(of, _) | PathStep::Index(of, _)) => inner = of,
            Some(PathStep::Maybe(_)) => return true,
            None => return false,
        }
    }
}

/// Whether it is a declared secret, also one that may be missing, and not what is made of one.
fn is_declared_secret(expr: &Expr) -> bool {
    let optional = builtins::OPTIONAL_SECRET.name;
    expr.as_const().is_some()
        || matches!(&expr.kind, ExprKind::Call(function, _) if function.0.name == optional)
}
