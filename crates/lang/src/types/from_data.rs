//! What is declared for each element of a list, and what names services and infrastructures by a
//! text: `infrastructure "${x.name}": KIND for x in LIST`, `prod["eu-1"]`, `KIND["web"]`, `KIND.*`,
//! `KIND.infrastructures`.

use crate::eval::builtins::{MADE_INFRASTRUCTURES, MADE_SERVICES, NAMED};
use crate::eval::{Expr, ExprKind, Function, ListItem, Slot};
use crate::resolve::{Decl, DeclKind, NameTarget};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Type, Value};
use lockstep_syntax::ast::{self, ExprKind as Form};

use super::locals::LocalScope;
use super::{Checker, Typed, errors};

/// The head of what is declared for each element, and what its body sees.
#[derive(Debug)]
pub struct ElementScope {
    /// The names that the body sees: the element.
    pub locals: LocalScope,
    /// The element.
    pub slot: Slot,
    /// The elements.
    pub list: Expr,
    /// Which of them stay.
    pub cond: Option<Expr>,
    /// The name of what is declared for one.
    pub name: Expr,
}

/// What a list of services or infrastructures names, with where each stands.
type NamedInOrder = Vec<(Span, ListItem, Option<Name>)>;

impl Checker<'_> {
    /// Checks the head of what is declared for each element of a list.
    pub fn element_scope(
        &mut self,
        file: FileId,
        text: &ast::Expr,
        each: &ast::Each,
    ) -> ElementScope {
        let mut locals = LocalScope::new(file);
        let (slot, list) = match &each.second {
            Some(second) => {
                let whole = self.expr(&mut locals, &each.list, None);
                let paired = self.paired(whole, "`for … in`");
                let slot = self.introduce(&mut locals, &each.var, second, &paired, false);
                (slot, paired.list)
            }
            None => {
                let (list, of) = self.elements(&mut locals, &each.list, "`for … in`");
                self.modules.uses.ty(each.var.span, &of);
                let slot = locals.add(&each.var.name, each.var.span, of, false);
                self.learn_element(&mut locals, slot, &list);
                (slot, list)
            }
        };
        let cond = each.cond.as_ref().map(|cond| {
            let (cond, facts) = self.condition(&mut locals, cond, "the condition");
            locals.learn(&facts.holds);
            cond
        });
        let name = self.check(&mut locals, text, &Type::String, "the name", None);
        ElementScope {
            locals,
            slot,
            list,
            cond,
            name,
        }
    }

    /// The kind that an expression names, if it names one.
    pub(super) fn kind_named(&self, locals: &LocalScope, of: &ast::Expr) -> Option<u32> {
        let target = match &of.kind {
            Form::Name(name) if locals.find(&name.name).is_none() => {
                let binding = self.modules.find(locals.file, &name.name)?;
                self.modules
                    .uses
                    .name(name.span, self.modules.declared_at(binding));
                binding.target
            }
            Form::Field(space, name) => {
                let Form::Name(base) = &space.kind else {
                    return None;
                };
                let binding = self.modules.find(locals.file, &base.name)?;
                let NameTarget::Namespace(file) = binding.target else {
                    return None;
                };
                if locals.find(&base.name).is_some() {
                    return None;
                }
                let found = self.modules.find(file, &name.name)?;
                let is_kind = |decl: Decl| decl.sort == DeclKind::Kind;
                if !matches!(found.target, NameTarget::Decl(decl) if is_kind(decl)) {
                    return None;
                }
                self.modules.uses.name(base.span, binding.span);
                self.modules.uses.name(name.span, found.span);
                found.target
            }
            _ => return None,
        };
        match target {
            NameTarget::Decl(Decl {
                sort: DeclKind::Kind,
                index,
            }) => Some(index),
            NameTarget::Decl(_) | NameTarget::Namespace(_) | NameTarget::Lost => None,
        }
    }

    /// `KIND.*`: the services of a kind that this file and its imports declare, in source order.
    pub(super) fn services_of_kind(&self, locals: &LocalScope, kind: u32, span: Span) -> Typed {
        let named = self.services_in_order(locals.file, kind);
        let ty = self.tables.service_of(Some(kind));
        list_of(named, span, ty)
    }

    /// `KIND.infrastructures`, likewise.
    pub(super) fn infrastructures_of_kind(
        &self,
        locals: &LocalScope,
        kind: u32,
        span: Span,
    ) -> Typed {
        let reached = self.modules.reach(locals.file);
        let declared = self.tables.infrastructures.iter().enumerate();
        let declared = declared.map(|(at, place)| {
            let value = Value::Infrastructure(InfrastructureId(at as u32));
            (place, one(value, place.decl.name.span))
        });
        let made = self.tables.infrastructure_templates.iter().enumerate();
        let made = made.map(|(at, place)| {
            let call = (&MADE_INFRASTRUCTURES, at);
            (place, several(call, place.decl.name.span))
        });
        let mut named: NamedInOrder = declared
            .chain(made)
            .filter(|(place, _)| {
                place
                    .kind
                    .is_some_and(|it| self.tables.is_of_kind(it, kind))
            })
            .map(|(place, item)| (place.decl.name.span, item, None))
            .filter(|(at, ..)| reached.contains(&at.file))
            .collect();
        named.sort_by_key(|(at, ..)| (at.file.0, at.start));
        list_of(named, span, self.tables.infrastructure_of(Some(kind)))
    }

    /// Records that a text names a declaration: what stands between its quotes is a use.
    fn note_named(&self, text: Span, declared: Span) {
        let written = self.modules.sources.text(text);
        let name = self.modules.sources.text(declared);
        if written.len() == name.len() + 2 && written.get(1..=name.len()) == Some(name) {
            let inside = Span {
                start: text.start + 1,
                end: text.end - 1,
                ..text
            };
            self.modules.uses.name(inside, declared);
        }
    }

    fn services_in_order(&self, file: FileId, kind: u32) -> NamedInOrder {
        let reached = self.modules.reach(file);
        let declared = self.tables.services.iter().enumerate();
        let declared = declared.map(|(at, service)| {
            let id = ServiceId(at as u32);
            let value = Value::Service { id, at: None };
            let name = Some(service.name.name.clone());
            (service, one(value, service.name.span), name)
        });
        let made = self.tables.service_templates.iter().enumerate();
        let made = made.map(|(at, service)| {
            let item = several((&MADE_SERVICES, at), service.name.span);
            (service, item, None)
        });
        let mut named: NamedInOrder = declared
            .chain(made)
            .filter(|(service, ..)| {
                service
                    .kind
                    .is_some_and(|it| self.tables.is_of_kind(it, kind))
            })
            .filter(|(service, ..)| reached.contains(&service.file))
            .map(|(service, item, name)| (service.name.span, item, name))
            .collect();
        named.sort_by_key(|(at, ..)| (at.file.0, at.start));
        named
    }

    /// `KIND["web"]`: the service of a kind with this name.
    pub fn service_named(
        &mut self,
        locals: &mut LocalScope,
        kind: u32,
        index: &ast::Expr,
        span: Span,
    ) -> Typed {
        let index = self.check(locals, index, &Type::String, "the name", None);
        let named = self.services_in_order(locals.file, kind);
        let ty = self.tables.service_of(Some(kind));
        if let Some(Value::String(text)) = index.as_const() {
            let same = |name: &Option<Name>| name.as_ref() == Some(text);
            let mut found = named.iter().filter(|(.., name)| same(name));
            if let (Some((_, item, _)), None) = (found.next(), found.next())
                && let Some(Value::Service { id, .. }) = item.value.as_const()
            {
                let declared = &self.tables.services[id.0 as usize];
                self.note_named(index.span, declared.name.span);
                let ty = self.tables.service_of(declared.kind);
                return Typed::of(
                    Expr {
                        span,
                        ..item.value.clone()
                    },
                    ty,
                );
            }
            if named.iter().all(|(.., name)| name.is_some()) {
                let known: Vec<&str> = named.iter().filter_map(|(.., it)| it.as_deref()).collect();
                let kind = &self.tables.kinds[kind as usize].decl.name.name;
                let what = format!("service of kind `{kind}`");
                self.report(errors::none_named(index.span, &what, text, &known));
                return Typed::unknown(span);
            }
        }
        let list = list_of(named, span, ty.clone());
        Typed::new(call_named(list.expr, index), span, ty)
    }

    /// `prod["eu-1"]`: the infrastructure of an environment with this name.
    pub(super) fn place_named(
        &mut self,
        locals: &mut LocalScope,
        of: Typed,
        index: &ast::Expr,
        span: Span,
    ) -> Typed {
        let index = self.check(locals, index, &Type::String, "the name", None);
        let ty = match of.expr.as_const() {
            Some(Value::Environment(EnvironmentId(id))) => {
                if let Some(Value::String(text)) = index.as_const() {
                    let environment = &self.tables.environments[*id as usize];
                    if let Some(place) = environment.infrastructures.get(text) {
                        let declared = &self.tables.infrastructures[*place as usize];
                        self.note_named(index.span, declared.decl.name.span);
                        let value = Value::Infrastructure(InfrastructureId(*place));
                        let ty = self.tables.infrastructure_of(declared.kind);
                        return Typed::new(ExprKind::Const(value), span, ty);
                    }
                    if self.tables.templates_of(*id).next().is_none() {
                        let names = environment.infrastructures.keys();
                        let known: Vec<&str> = names.map(|name| &**name).collect();
                        let what = format!("infrastructure of `{}`", environment.decl.name.name);
                        let error = errors::none_named(index.span, &what, text, &known);
                        self.report(error);
                        return Typed::unknown(span);
                    }
                }
                self.tables.star_of(*id)
            }
            _ => self.tables.any_infrastructure(),
        };
        let list = Expr {
            span: of.expr.span,
            kind: ExprKind::Star(Box::new(of.expr)),
        };
        Typed::new(call_named(list, index), span, ty)
    }
}

fn call_named(list: Expr, name: Expr) -> ExprKind {
    ExprKind::Call(Function(&NAMED), vec![list, name])
}

fn one(value: Value, span: Span) -> ListItem {
    ListItem {
        value: Expr::constant(value, span),
        spread: false,
    }
}

fn several((made, at): (&'static crate::eval::builtins::Builtin, usize), span: Span) -> ListItem {
    let template = Expr::constant(Value::Int(at as i64), span);
    ListItem {
        value: Expr {
            kind: ExprKind::Call(Function(made), vec![template]),
            span,
        },
        spread: true,
    }
}

fn list_of(named: NamedInOrder, span: Span, ty: Type) -> Typed {
    let items = named.into_iter().map(|(_, item, _)| item).collect();
    Typed::new(ExprKind::List(items), span, Type::list(ty))
}
