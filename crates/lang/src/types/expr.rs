//! Types expressions: one pass that resolves names, infers types and generates core expressions.

use crate::eval::builtins::OPTIONAL_SECRET;
use crate::eval::visit::each_part;
use crate::eval::{Expr, ExprKind, Function, GlobalId, ListItem, OWNER, RunField};
use crate::resolve::{Decl, DeclKind, NameTarget, ResolvedName};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{EnvironmentId, SecretPart, ServiceId, Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form};

use super::locals::{Local, LocalKind, LocalScope};
use super::{Checker, Typed, access, errors};

/// How deep expressions may stand in one another; the parser has a limit of its own.
const MAX_EXPRESSION_DEPTH: u32 = 400;

impl Checker<'_> {
    /// Checks an expression. `want` is the type that its place would like: it decides what `[]`,
    /// `{}`, a text or a whole number stand for, but whether the type fits is for the caller.
    pub fn expr(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        want: Option<&Type>,
    ) -> Typed {
        let want = match want {
            Some(Type::Any) | None => None,
            Some(Type::Optional(of)) => Some(&**of),
            other => other,
        };
        if locals.depth >= MAX_EXPRESSION_DEPTH {
            self.report(errors::too_deep(expr.span));
            return Typed::unknown(expr.span);
        }
        locals.depth += 1;
        let typed = self.form(locals, expr, want);
        let typed = self.narrowed(locals, typed, want);
        locals.depth -= 1;
        self.note(locals, expr, &typed, want);
        typed
    }

    /// Records the types that an editor may query; those of names and plain values are known.
    pub(super) fn note(
        &self,
        locals: &LocalScope,
        expr: &ast::Expr,
        typed: &Typed,
        want: Option<&Type>,
    ) {
        let uses = &self.modules.uses;
        let shown = self.shown_type(locals, typed);
        let computed = matches!(
            expr.kind,
            Form::Field(..) | Form::Star(_) | Form::Index(..) | Form::Call(..)
        );
        if computed || shown.is_some() || uses.is_near(expr.span) {
            uses.ty(expr.span, shown.as_ref().unwrap_or(&typed.ty));
        }
        if uses.is_near(expr.span) {
            self.note_narrowed(locals);
        }
        if let Some(want) = want {
            uses.wanted(expr.span, want);
        }
    }

    fn form(&mut self, locals: &mut LocalScope, expr: &ast::Expr, want: Option<&Type>) -> Typed {
        let span = expr.span;
        let constant = |value, ty| Typed::new(ExprKind::Const(value), span, ty);
        match &expr.kind {
            Form::None => constant(Value::None, Type::None),
            Form::Bool(value) => constant(Value::Bool(*value), Type::Bool),
            Form::Int(value) if want == Some(&Type::Float) => {
                constant(Value::Float(*value as f64), Type::Float)
            }
            Form::Int(value) => constant(Value::Int(*value), Type::Int),
            Form::Float(value) => constant(Value::Float(*value), Type::Float),
            Form::Percent(value) => constant(Value::Percent(*value), Type::Percent),
            Form::Duration(value) => constant(Value::Duration(*value), Type::Duration),
            Form::String(text) => self.string(locals, text, want),
            Form::Name(name) => self.name(locals, name, want),
            Form::List(items) => self.list(locals, items, span, want),
            Form::Record(entries) => self.record(locals, entries, span, want),
            Form::Field(..) | Form::Index(..) if access::may_skip(expr) => {
                self.path_with_none(locals, expr, false)
            }
            Form::Field(of, name) => self.field(locals, of, name, span),
            // What is behind it has been reported.
            Form::Maybe(of) => self.expr(locals, of, want),
            Form::Star(of) => self.star(locals, of, span),
            Form::Index(of, index) => self.index(locals, of, index, span),
            Form::Unary(op, of) => self.unary(locals, *op, of, span, want),
            Form::Binary(..) => self.binary(locals, expr, want),
            Form::If(cond, then, otherwise) => {
                self.choice(locals, [cond, then, otherwise], span, want)
            }
            Form::Comprehension(of) => self.comprehension(locals, of, span, want),
            Form::Call(callee, args) => self.call(locals, callee, args, span),
            Form::Paren(inner) => {
                let mut typed = self.expr(locals, inner, want);
                typed.expr.span = span;
                typed
            }
            Form::Error => Typed::unknown(span),
        }
    }

    /// A name that refers to a value.
    fn name(&mut self, locals: &mut LocalScope, name: &ast::Ident, want: Option<&Type>) -> Typed {
        let mut stage: Option<Local> = None;
        for local in locals.all(&name.name) {
            let hides = match local.kind {
                LocalKind::Value => true,
                LocalKind::Step => local.ty != Type::Nothing,
                LocalKind::Stage => false,
            };
            if hides {
                self.modules.uses.name(name.span, local.span);
                return of_local(local, name.span);
            }
            stage.get_or_insert_with(|| local.clone());
        }
        if let Some((ty, declared)) = locals.siblings.get(&name.name) {
            if let Some(declared) = declared {
                self.modules.uses.name(name.span, *declared);
            }
            let owner = Expr {
                kind: ExprKind::Local(OWNER),
                span: name.span,
            };
            let field = ExprKind::Field(Box::new(owner), name.name.clone());
            return Typed::new(field, name.span, ty.clone());
        }
        if let Some(declared) = locals.hidden(&name.name) {
            self.report(errors::not_of_the_axis(name, declared));
            return Typed::unknown(name.span);
        }
        match self.modules.find(locals.file, &name.name) {
            Some(binding) => {
                let declared = self.modules.declared_at(binding);
                self.modules.uses.name(name.span, declared);
                let found = ResolvedName {
                    target: binding.target,
                    span: binding.span,
                };
                self.found(found, name)
            }
            None => match stage {
                Some(local) => {
                    self.modules.uses.name(name.span, local.span);
                    of_local(&local, name.span)
                }
                None => self.unknown_name(locals, name, want),
            },
        }
    }

    fn unknown_name(
        &mut self,
        locals: &LocalScope,
        name: &ast::Ident,
        want: Option<&Type>,
    ) -> Typed {
        let lost = locals.is_recovered(&name.name) || self.modules.is_lost(locals.file, &name.name);
        if !lost {
            let error = match &*name.name {
                "run" => errors::run_alone(name.span),
                "failure" => errors::failure_outside(name.span),
                "outcome" => errors::outcome_outside(name.span),
                "event" => errors::event_outside(name.span),
                _ => {
                    let near = self.names_that_fit(locals, want.unwrap_or(&Type::Any));
                    let holders = self.holders_of(locals, &name.name);
                    errors::unknown_name(self, locals.file, name, &near, &holders)
                }
            };
            self.report(error);
        }
        Typed::unknown(name.span)
    }

    /// The paths to what has a field of this name: `web.version`.
    fn holders_of(&self, locals: &LocalScope, field: &Name) -> Vec<String> {
        let kinds = &self.tables.kinds;
        let has = |ty: &Type| match ty {
            Type::Service(Some(kind)) => kinds[kind.id as usize].service.contains_key(field),
            Type::Infrastructure(Some(kind)) => {
                kinds[kind.id as usize].infrastructure.contains_key(field)
            }
            Type::Record(fields) => fields.contains_key(field),
            _ => false,
        };
        let locals_with = locals.visible().filter(|local| has(&local.ty));
        let mut found: Vec<String> = locals_with.map(|local| local.name.to_string()).collect();
        found.extend(
            self.modules
                .names_that(locals.file, &|decl| match decl.sort {
                    DeclKind::Service => {
                        let kind = self.tables.services[decl.index as usize].kind;
                        has(&self.tables.service_of(kind))
                    }
                    DeclKind::Input | DeclKind::Let => has(&self.known_type_of_global(decl.index)),
                    _ => false,
                }),
        );
        found.sort_unstable();
        found.dedup();
        found.iter().map(|name| format!("{name}.{field}")).collect()
    }

    /// The names that refer to a value of the wanted type, as far as types are known.
    fn names_that_fit(&self, locals: &LocalScope, want: &Type) -> Vec<String> {
        let mut near: Vec<String> = locals
            .visible()
            .filter(|local| want.accepts(&local.ty))
            .map(|local| local.name.to_string())
            .collect();
        let mut add = |sorts: &[DeclKind], fits: &dyn Fn(u32) -> bool| {
            near.extend(self.modules.names_that(locals.file, &|decl| {
                sorts.contains(&decl.sort) && fits(decl.index)
            }));
        };
        add(&[DeclKind::Input, DeclKind::Let, DeclKind::Group], &|id| {
            want.accepts(&self.known_type_of_global(id))
        });
        add(&[DeclKind::Secret], &|id| {
            want.accepts(&match self.modules.is_optional_secret(id) {
                true => Type::optional(Type::Secret),
                false => Type::Secret,
            })
        });
        add(&[DeclKind::Service], &|id| {
            let kind = self.tables.services[id as usize].kind;
            want.accepts(&self.tables.service_of(kind))
        });
        add(&[DeclKind::Environment], &|_| {
            want.accepts(&Type::Environment)
        });
        near
    }

    /// The value that a name of a file refers to.
    pub(super) fn found(&mut self, found: ResolvedName, name: &ast::Ident) -> Typed {
        match found.target {
            NameTarget::Lost => Typed::unknown(name.span),
            NameTarget::Namespace(_) => {
                let error = errors::not_a_value(name, "a namespace", found.span)
                    .help(format!("write `{}.NAME`", name.name));
                self.report(error);
                Typed::unknown(name.span)
            }
            NameTarget::Decl(decl) => self.declared(decl, name),
        }
    }

    fn declared(&mut self, decl: Decl, name: &ast::Ident) -> Typed {
        let Decl { sort, index } = decl;
        let constant = |value, ty| Typed::new(ExprKind::Const(value), name.span, ty);
        match sort {
            DeclKind::Input | DeclKind::Let | DeclKind::Group => {
                let ty = self.type_of_global(index, name.span);
                Typed::new(ExprKind::Global(GlobalId(index)), name.span, ty)
            }
            DeclKind::Secret => {
                let parts = vec![SecretPart::Secret(index)];
                let secret = constant(Value::Secret(parts.into()), Type::Secret);
                match self.modules.is_optional_secret(index) {
                    true => {
                        let call = ExprKind::Call(Function(&OPTIONAL_SECRET), vec![secret.expr]);
                        Typed::new(call, name.span, Type::optional(Type::Secret))
                    }
                    false => secret,
                }
            }
            DeclKind::Service => {
                let ty = self
                    .tables
                    .service_of(self.tables.services[index as usize].kind);
                let id = ServiceId(index);
                constant(Value::Service { id, at: None }, ty)
            }
            DeclKind::Environment => {
                constant(Value::Environment(EnvironmentId(index)), Type::Environment)
            }
            DeclKind::Kind
            | DeclKind::Workflow
            | DeclKind::Action
            | DeclKind::Pipeline
            | DeclKind::Function
            | DeclKind::Type
            | DeclKind::Trigger
            | DeclKind::Window => {
                let declared = self.modules.decls.site(decl).name.span;
                let error = errors::not_a_value(name, sort.with_article(), declared);
                let error = match sort {
                    DeclKind::Workflow | DeclKind::Action => {
                        error.help(format!("it is called by a statement: `{}(…)`", name.name))
                    }
                    DeclKind::Function => error.help(format!("it is called: `{}(…)`", name.name)),
                    DeclKind::Kind => error.help(format!(
                        "its services are `{name}.*`, one of them is `{name}[\"NAME\"]`, and its \
                         infrastructures are `{name}.infrastructures`",
                        name = name.name
                    )),
                    _ => error,
                };
                self.report(error);
                Typed::unknown(name.span)
            }
        }
    }

    /// `[a, b.*]`
    fn list(
        &mut self,
        locals: &mut LocalScope,
        items: &[ast::Expr],
        span: Span,
        want: Option<&Type>,
    ) -> Typed {
        let element = match want {
            Some(Type::List(of)) => Some(&**of),
            _ => None,
        };
        let mut read = Vec::with_capacity(items.len());
        let mut floats = false;
        for item in items {
            let typed = match &item.kind {
                Form::Star(of) => self.spread(locals, of, item.span),
                _ => self.expr(locals, item, element),
            };
            floats |= is_float(&typed.ty);
            read.push(typed);
        }
        let mut found: Vec<ListItem> = Vec::new();
        let mut common = Type::Any;
        let mut first: Option<(Span, Type)> = None;
        for (item, typed) in items.iter().zip(read) {
            let (value, ty, spread) = match (&item.kind, typed.ty) {
                (Form::Star(_), Type::List(of)) => (typed.expr, *of, true),
                (Form::Star(_), _) => (typed.expr, Type::Any, true),
                (_, ty) => {
                    let typed = Typed { ty, ..typed };
                    let typed = if floats { typed.written_float() } else { typed };
                    (typed.expr, typed.ty, false)
                }
            };
            if ty == Type::Nothing {
                self.report(errors::no_value(item.span));
                common = Type::Any;
                continue;
            }
            match super::unify(&common, &ty) {
                Some(ty) => common = ty,
                None => {
                    if let Some((other, of)) = &first {
                        self.report(errors::mixed_list(item.span, &ty, *other, of));
                    }
                    return Typed::unknown(span);
                }
            }
            if ty != Type::Any {
                first.get_or_insert((item.span, ty));
            }
            found.push(ListItem { value, spread });
        }
        Typed::new(ExprKind::List(found), span, Type::list(common))
    }

    /// `if c then a else b`
    fn choice(
        &mut self,
        locals: &mut LocalScope,
        [cond, then, otherwise]: [&ast::Expr; 3],
        span: Span,
        want: Option<&Type>,
    ) -> Typed {
        let (cond, facts) = self.condition(locals, cond, "the condition");
        let mark = locals.mark();
        locals.learn(&facts.holds);
        let then = self.expr(locals, then, want);
        locals.release(mark);
        locals.learn(&facts.fails);
        let otherwise = self.expr(locals, otherwise, want);
        locals.release(mark);
        let (then, otherwise) = match (is_float(&then.ty), is_float(&otherwise.ty)) {
            (true, false) => (then, otherwise.written_float()),
            (false, true) => (then.written_float(), otherwise),
            _ => (then, otherwise),
        };
        let Some(ty) = super::unify(&then.ty, &otherwise.ty) else {
            self.report(errors::mixed_branches(&then, &otherwise));
            return Typed::unknown(span);
        };
        let kind = ExprKind::If(
            Box::new(cond),
            Box::new(then.expr),
            Box::new(otherwise.expr),
        );
        Typed::new(kind, span, ty)
    }

    /// A list to iterate over, and the type of its elements.
    pub fn elements(
        &mut self,
        locals: &mut LocalScope,
        list: &ast::Expr,
        what: &str,
    ) -> (Expr, Type) {
        let typed = self.expr(locals, list, None);
        match typed.ty {
            Type::List(of) => (typed.expr, *of),
            Type::Any => (typed.expr, Type::Any),
            Type::Json => (typed.expr, Type::Json),
            _ => {
                let want = Type::list(Type::Any);
                let error = errors::not_a_list(self, &typed, &want, what);
                self.report(error);
                (super::poison(typed.expr.span), Type::Any)
            }
        }
    }

    /// Whether an expression names something that is only known while the pipeline runs.
    pub fn is_late(&self, locals: &LocalScope, expr: &Expr) -> bool {
        let mut late = false;
        each_part(expr, &mut |inner| {
            late |= match &inner.kind {
                ExprKind::Local(slot) => locals.is_late(*slot),
                ExprKind::Run(field) => *field != RunField::User,
                // They are as late as what is in them.
                ExprKind::Const(_)
                | ExprKind::Global(_)
                | ExprKind::Interpolate(_)
                | ExprKind::List(_)
                | ExprKind::Record(_)
                | ExprKind::Field(..)
                | ExprKind::Star(_)
                | ExprKind::Index(..)
                | ExprKind::Unary(..)
                | ExprKind::Binary(..)
                | ExprKind::If(..)
                | ExprKind::Comprehension { .. }
                | ExprKind::IfSome { .. }
                | ExprKind::Bind { .. }
                | ExprKind::Convert(..)
                | ExprKind::Call(..) => false,
            }
        });
        late
    }
}

fn is_float(ty: &Type) -> bool {
    match ty {
        Type::Optional(of) => **of == Type::Float,
        ty => *ty == Type::Float,
    }
}

pub(super) fn of_local(local: &Local, span: Span) -> Typed {
    let kind = match &local.alias {
        Some(alias) => alias.kind.clone(),
        None => ExprKind::Local(local.slot),
    };
    Typed::new(kind, span, local.ty.clone())
}
