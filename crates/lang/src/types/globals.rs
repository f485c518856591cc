//! The types and values of inputs, `let`s, groups and fields of environments, each computed once
//! (memoized).

use std::sync::Arc;

use crate::eval::{Expr, GlobalId};
use crate::pool::POOL_FIELD;
use crate::resolve::DeclKind;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Type;

use super::locals::LocalScope;
use super::{Checker, Typed, errors, order};

/// How many definitions may need each other in a row outside the order that is found first.
const MAX_DEFINITION_DEPTH: u32 = 50;

/// What is known of a definition.
#[derive(Debug, Clone)]
pub enum GlobalProgress {
    /// Nothing yet.
    New,
    /// It is being checked (a cycle if it is reached again).
    Open,
    /// Its value and type.
    Done(GlobalValue),
}

/// The value of a definition, which all share who need it.
#[derive(Debug, Clone)]
pub struct GlobalValue {
    /// The expression.
    pub expr: Arc<Expr>,
    /// Its type.
    pub ty: Type,
}

impl GlobalValue {
    /// A value that nothing is known of.
    fn unknown(span: Span) -> Self {
        Typed::unknown(span).into()
    }
}

impl From<Typed> for GlobalValue {
    fn from(typed: Typed) -> Self {
        Self {
            expr: Arc::new(typed.expr),
            ty: typed.ty,
        }
    }
}

impl Checker<'_> {
    /// Finds the types of everything that has no written type, in the order in which they need
    /// each other.
    pub(super) fn find_globals(&mut self) {
        for node in order::order(self.modules, &self.tables, &mut self.diagnostics) {
            match node {
                order::Definition::Cycle(id) => self.globals[id as usize] = self.lost_global(id),
                order::Definition::CycleField(id, name) => {
                    let span = self.tables.environments[id as usize].decl.name.span;
                    let lost = GlobalProgress::Done(GlobalValue::unknown(span));
                    self.environment_fields.insert((id, name), lost);
                }
                order::Definition::Function(id) => self.check_function(id),
                order::Definition::Global(id) => {
                    self.global(id);
                }
                order::Definition::Field(id, name) => {
                    self.environment_value(id, &name);
                }
            }
        }
    }

    fn lost_global(&self, id: u32) -> GlobalProgress {
        let decl = &self.tables.globals[id as usize];
        let lost = GlobalValue::unknown(decl.name.span);
        let ty = decl.written.clone().unwrap_or(Type::Any);
        GlobalProgress::Done(GlobalValue { ty, ..lost })
    }

    /// The type of an input, a `let` or a group.
    pub(super) fn type_of_global(&mut self, id: u32, at: Span) -> Type {
        let decl = &self.tables.globals[id as usize];
        match (&decl.written, decl.sort, &self.globals[id as usize]) {
            (Some(ty), _, _) => ty.clone(),
            (None, _, GlobalProgress::Done(typed)) => typed.ty.clone(),
            (None, _, GlobalProgress::Open) => {
                let (name, span) = (decl.name.name.clone(), decl.name.span);
                self.report(errors::circle(at, &name, span));
                Type::Any
            }
            (None, _, GlobalProgress::New) => self.global(id).ty,
        }
    }

    /// The type of an input, a `let` or a group, if it has been found already.
    pub(super) fn known_type_of_global(&self, id: u32) -> Type {
        match (
            &self.tables.globals[id as usize].written,
            &self.globals[id as usize],
        ) {
            (Some(ty), _) => ty.clone(),
            (None, GlobalProgress::Done(typed)) => typed.ty.clone(),
            (None, _) => Type::Any,
        }
    }

    /// The value of an input's default, a `let` or a group, if it has been found already.
    pub(super) fn found_global(&self, id: GlobalId) -> Option<&Expr> {
        match self.globals.get(id.0 as usize)? {
            GlobalProgress::Done(typed) => Some(&typed.expr),
            GlobalProgress::New | GlobalProgress::Open => None,
        }
    }

    /// The value of a `let` or group, or the default of an input, with its type.
    pub fn global(&mut self, id: u32) -> GlobalValue {
        if let GlobalProgress::Done(value) = &self.globals[id as usize] {
            return value.clone();
        }
        let decl = &self.tables.globals[id as usize];
        let (file, span, sort) = (decl.file, decl.name.span, decl.sort);
        let (written, written_span) = (decl.written.clone(), decl.written_span);
        let Some(value) = decl.value else {
            return GlobalValue {
                ty: written.unwrap_or(Type::Any),
                ..GlobalValue::unknown(span)
            };
        };
        if self.nesting >= MAX_DEFINITION_DEPTH {
            self.report(errors::too_deep(span));
            return GlobalValue::unknown(span);
        }
        self.nesting += 1;
        self.globals[id as usize] = GlobalProgress::Open;
        let name = decl.name.name.clone();
        let mut locals = LocalScope::new(file);
        let typed = match (&written, sort) {
            (Some(ty), sort) => {
                let what = match sort {
                    DeclKind::Input => format!("the default of `{name}`"),
                    _ => format!("`{name}`"),
                };
                let expr = match sort {
                    DeclKind::Let => self.check_let(&mut locals, value, ty, &what, written_span),
                    _ => self.check(&mut locals, value, ty, &what, written_span),
                };
                Typed::of(expr, ty.clone())
            }
            (None, DeclKind::Group) => self.group(&mut locals, value, &name),
            (None, _) => {
                let typed = self.expr(&mut locals, value, None);
                if typed.ty == Type::Nothing {
                    self.report(errors::no_value(typed.expr.span));
                    Typed::unknown(typed.expr.span)
                } else {
                    typed
                }
            }
        };
        self.nesting -= 1;
        let value = GlobalValue::from(typed);
        self.globals[id as usize] = GlobalProgress::Done(value.clone());
        value
    }

    /// A group is a list of infrastructures.
    fn group(
        &mut self,
        locals: &mut LocalScope,
        value: &lockstep_syntax::ast::Expr,
        name: &Name,
    ) -> Typed {
        let want = Type::list(Type::Infrastructure(None));
        let typed = self.expr(locals, value, Some(&want));
        let ty = typed.ty.clone();
        let expr = self.fit(typed, &want, &format!("group `{name}`"), None);
        let ty = match ty {
            Type::List(of) if *of != Type::Any && want.accepts(&Type::List(of.clone())) => {
                Type::List(of)
            }
            _ => want,
        };
        Typed::of(expr, ty)
    }

    /// The type of a field of an environment.
    pub(super) fn type_of_environment_field(&mut self, id: u32, name: &Name, at: Span) -> Type {
        match self.environment_fields.get(&(id, name.clone())) {
            Some(GlobalProgress::Done(typed)) => typed.ty.clone(),
            Some(GlobalProgress::Open) => {
                let span = self.tables.environments[id as usize].fields[name].name.span;
                self.report(errors::circle(at, name, span));
                Type::Any
            }
            Some(GlobalProgress::New) | None => self.environment_value(id, name).ty,
        }
    }

    /// The value of a field of an environment with its type: that of the kinds of its
    /// infrastructures where one of them has the field, else the value's own.
    pub fn environment_value(&mut self, id: u32, name: &Name) -> GlobalValue {
        let key = (id, name.clone());
        if let Some(GlobalProgress::Done(value)) = self.environment_fields.get(&key) {
            return value.clone();
        }
        let environment = &self.tables.environments[id as usize];
        let file: FileId = environment.file;
        let Some(field) = environment.fields.get(name).copied() else {
            return GlobalValue::unknown(environment.decl.name.span);
        };
        if self.nesting >= MAX_DEFINITION_DEPTH {
            self.report(errors::too_deep(field.name.span));
            return GlobalValue::unknown(field.name.span);
        }
        let wanted = self.wanted_by_kinds(id, name);
        self.note_inherited(id, &field.name);
        self.nesting += 1;
        self.environment_fields
            .insert(key.clone(), GlobalProgress::Open);
        let mut locals = LocalScope::new(file);
        let typed = self.environment_expr(&mut locals, field, &wanted);
        self.nesting -= 1;
        let value = GlobalValue::from(typed);
        self.environment_fields
            .insert(key, GlobalProgress::Done(value.clone()));
        value
    }

    fn environment_expr(
        &mut self,
        locals: &mut LocalScope,
        field: &lockstep_syntax::ast::Field,
        wanted: &[(Type, Option<Span>)],
    ) -> Typed {
        let what = format!("field `{}`", field.name.name);
        let Some((first, declared)) = wanted.first() else {
            let typed = self.expr(locals, &field.value, None);
            if super::holds_secret(&typed.ty) {
                self.report(errors::secret_here(typed.expr.span, &what));
                return Typed::unknown(typed.expr.span);
            }
            return typed;
        };
        let typed = self.expr(locals, &field.value, Some(first));
        let all: Vec<_> = wanted.iter().collect();
        for (ty, declared) in all {
            if !ty.accepts(&typed.ty) {
                let expr = self.fit(typed, ty, &what, *declared);
                return Typed::of(expr, first.clone());
            }
        }
        let expr = self.fit(typed, first, &what, *declared);
        Typed::of(expr, first.clone())
    }

    /// The types with which the kinds of an environment's infrastructures declare a field.
    pub(super) fn wanted_by_kinds(&self, id: u32, name: &Name) -> Vec<(Type, Option<Span>)> {
        let mut wanted: Vec<(Type, Option<Span>)> = Vec::new();
        for kind in self.tables.kinds_of_places(id) {
            let field = kind.and_then(|kind| {
                let fields = &self.tables.kinds[kind as usize].infrastructure;
                fields.get(name)
            });
            if let Some(field) = field
                && !wanted.iter().any(|(ty, _)| *ty == field.ty)
            {
                wanted.push((field.ty.clone(), field.span));
            }
        }
        if wanted.is_empty() {
            match &**name {
                "connect" => wanted.push((Type::Connection, None)),
                "exclusive" => wanted.push((Type::Bool, None)),
                POOL_FIELD => wanted.push((Type::optional(Type::String), None)),
                _ => {}
            }
        }
        wanted
    }
}
