//! Lowers inputs, `let`s, kinds, services, groups, workflows, actions and pipelines.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::ir::{
    Action, Block, Global, GlobalSource, Group, Kind, KindField, Param, Pipeline, Service, Sparse,
    Stmt, StmtKind, Workflow,
};
use crate::resolve::{Decl, DeclKind, DeclSite, NameTarget};
use crate::types::{DeclaredFields, LocalScope, ServiceDecl, declarations, errors as type_errors};
use lockstep_base::diagnostic::suggest;
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast::{self, ItemKind};

use super::body::{BodyContext, BodyEnding, StatementContext};
use super::modifiers::ModifierTarget;
use super::{ProgramLowering, none_by_default, prune};

impl ProgramLowering<'_> {
    pub(super) fn globals(&mut self) -> Vec<Global> {
        let mut globals = Vec::new();
        for id in 0..self.check.tables.globals.len() {
            let value = self.check.global(id as u32);
            let decl = &self.check.tables.globals[id];
            let (file, name, doc) = (decl.file, decl.name, decl.doc.clone());
            let (rule, has_value) = (decl.rule, decl.value.is_some());
            let source = if decl.sort == DeclKind::Input {
                let rule = rule.map(|rule| {
                    let mut locals = LocalScope::new(file);
                    self.check
                        .check(&mut locals, rule, &Type::Bool, "a rule", None)
                });
                GlobalSource::Input {
                    default: has_value.then_some(value.expr),
                    rule,
                }
            } else {
                GlobalSource::Let(value.expr)
            };
            globals.push(Global {
                name: name.name.clone(),
                doc,
                ty: value.ty,
                span: name.span,
                source,
            });
        }
        globals
    }

    pub(super) fn groups(&mut self) -> Vec<Group> {
        let mut groups = Vec::new();
        for id in 0..self.check.tables.globals.len() {
            if self.check.tables.globals[id].sort == DeclKind::Group {
                let value = self.check.global(id as u32).expr;
                let name = self.check.tables.globals[id].name;
                groups.push(Group {
                    name: name.name.clone(),
                    span: name.span,
                    value,
                });
            }
        }
        groups
    }

    pub(super) fn kinds(&mut self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for id in 0..self.check.tables.kinds.len() {
            let kind = &self.check.tables.kinds[id];
            let (file, decl) = (kind.file, kind.decl);
            let (service, infrastructure) = (kind.service.clone(), kind.infrastructure.clone());
            let bases = kind.bases.iter().map(|base| base.id).collect();
            let own = Some(id as u32);
            let (what, to) = (
                self.check.tables.service_of(own),
                self.check.tables.infrastructure_of(own),
            );
            let deploy = decl.deploy.as_ref().and_then(|using| {
                let mut locals = LocalScope::new(file);
                self.deploy_use(&mut locals, using, &what, &to)
            });
            kinds.push(Kind {
                name: decl.name.name.clone(),
                span: decl.name.span,
                bases,
                service: self.kind_fields(decl, &service),
                infrastructure: self.kind_fields(decl, &infrastructure),
                deploy,
                requires: self.requirements(&decl.requires),
            });
        }
        inherit(&mut kinds);
        kinds
    }

    fn kind_fields(
        &mut self,
        kind: &ast::Kind,
        declared: &DeclaredFields<'_>,
    ) -> IndexMap<Name, KindField> {
        let mut fields = IndexMap::new();
        let file = kind.name.span.file;
        let own = |decl: &ast::FieldDecl| {
            let all = kind.service.iter().chain(&kind.infrastructure);
            all.into_iter().any(|own| std::ptr::eq(own, decl))
        };
        for (name, field) in declared {
            // What it has from another is taken from there.
            let Some(decl) = field.decl.filter(|decl| own(decl)) else {
                continue;
            };
            let default = decl.default.as_ref().map(|default| {
                let mut locals = LocalScope::of_defaults(file, declared);
                let what = format!("the default of field `{name}`");
                self.check
                    .check(&mut locals, default, &field.ty, &what, field.span)
            });
            let field = KindField {
                ty: field.ty.clone(),
                doc: decl.doc.clone(),
                default,
            };
            fields.insert(name.clone(), field);
        }
        fields
    }

    pub(super) fn services(&mut self) -> Vec<Service> {
        let mut services = Vec::new();
        for id in 0..self.check.tables.services.len() {
            let decl = self.check.tables.services[id].clone();
            let whole = self.whole(&self.check.modules.decls.services[id]);
            let mut locals = LocalScope::new(decl.file);
            services.push(self.service(&mut locals, decl, whole));
        }
        services
    }

    /// All of a declaration.
    pub(super) fn whole(&self, site: &DeclSite) -> Span {
        self.check.modules.item(site).span
    }

    pub(super) fn service(
        &mut self,
        locals: &mut LocalScope,
        decl: ServiceDecl<'_>,
        whole: Span,
    ) -> Service {
        let (name, kind, given) = (decl.name, decl.kind, decl.fields);
        let declared = kind.map(|kind| self.check.tables.kinds[kind as usize].service.clone());
        let known = declared.as_ref().map(declarations);
        let fields = self
            .check
            .given(locals, given, known.as_deref(), ("a service", kind));
        if let Some(declared) = &declared {
            let has = |field: &Name| fields.contains_key(field);
            let what = format!("service `{}`", name.name);
            self.missing(name.span, whole, &what, declared, given, &has);
        }
        let (of, to) = (
            self.check.tables.service_of(kind),
            self.check.tables.infrastructure_of(kind),
        );
        let using = decl
            .using
            .and_then(|using| self.deploy_use(locals, using, &of, &to));
        Service {
            name: name.name.clone(),
            doc: decl.doc,
            kind: kind.unwrap_or(0),
            span: name.span,
            fields,
            using,
        }
    }

    /// Reports the fields that nothing gives a value, in one message. A field whose name is
    /// misspelt has been reported, and so has text that could not be read.
    pub(super) fn missing(
        &mut self,
        at: Span,
        whole: Span,
        what: &str,
        declared: &DeclaredFields<'_>,
        given: &[ast::Field],
        has: &dyn Fn(&Name) -> bool,
    ) {
        if self.check.modules.is_broken(whole) {
            return;
        }
        let missing: Vec<(Name, Option<Span>)> = declared
            .iter()
            .filter(|(name, field)| field.required && !has(name))
            .filter(|(name, _)| {
                let misspelt = |field: &&ast::Field| {
                    !declared.contains_key(&field.name.name)
                        && !suggest::closest(&field.name.name, [&***name]).is_empty()
                };
                !given.iter().any(|field| misspelt(&field))
                    && !given.iter().any(|field| field.name.name == **name)
            })
            .map(|(name, field)| (name.clone(), field.span))
            .collect();
        if !missing.is_empty() {
            self.check
                .report(type_errors::missing_fields(at, what, &missing, None));
        }
    }

    pub(super) fn workflows(&mut self) -> Vec<Workflow> {
        let sites = &self.check.modules.decls.workflows;
        let mut workflows = Vec::new();
        for (id, site) in sites.iter().enumerate() {
            let decl = &self.check.tables.workflows[id];
            let (file, name, doc) = (decl.file, decl.name, decl.doc.clone());
            let (result, result_span) = (decl.result.clone(), decl.result_span);
            let Some(block) = decl.body else {
                continue;
            };
            if !self.is_in_focus(self.check.modules.item(site).span) {
                workflows.push(Workflow {
                    name: name.name.clone(),
                    doc,
                    span: name.span,
                    params: Vec::new(),
                    result,
                    requires: Vec::new(),
                    body: nothing(),
                });
                continue;
            }
            let mut locals = LocalScope::new(file);
            locals.in_run = true;
            let params = self.params(&mut locals, id, false);
            let mut body =
                BodyContext::new(locals, BodyEnding::Workflow(result.clone(), result_span));
            body.workflow = Some(id as u32);
            let mut lowered = self.block(&mut body, StatementContext::default(), block);
            prune::block(&mut lowered, &body);
            if !matches!(result, Type::Nothing | Type::Any) {
                self.must_return(block, name, result_span);
            }
            let requires = match &self.check.modules.item(site).kind {
                ItemKind::Workflow { requires, .. } => self.requirements(requires),
                _ => Vec::new(),
            };
            workflows.push(Workflow {
                name: name.name.clone(),
                doc,
                span: name.span,
                params,
                result,
                requires,
                body: lowered,
            });
        }
        workflows
    }

    pub(super) fn actions(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for id in 0..self.check.tables.actions.len() {
            let decl = &self.check.tables.actions[id];
            let (file, name, result) = (decl.file, decl.name, decl.result.clone());
            let mut locals = LocalScope::new(file);
            locals.in_run = true;
            let params = self.params(&mut locals, id, true);
            actions.push(Action {
                name: name.name.clone(),
                span: name.span,
                params,
                result,
            });
        }
        actions
    }

    /// The parameters become the first locals; a default may name those before it.
    fn params(&mut self, locals: &mut LocalScope, id: usize, action: bool) -> Vec<Param> {
        let tables = &self.check.tables;
        let params = if action {
            tables.actions[id].params.clone()
        } else {
            tables.workflows[id].params.clone()
        };
        let mut found = Vec::new();
        for (ty, param) in params {
            let default = match &param.default {
                Some(default) => {
                    let what = format!("the default of `{}`", param.name.name);
                    let declared = Some(param.ty.span);
                    Some(self.check.check(locals, default, &ty, &what, declared))
                }
                None => none_by_default(&ty, param.name.span),
            };
            self.check.modules.uses.ty(param.name.span, &ty);
            let slot = locals.add(&param.name.name, param.name.span, ty.clone(), false);
            found.push(Param {
                name: param.name.name.clone(),
                doc: param.doc.clone(),
                ty,
                slot,
                default,
            });
        }
        found
    }

    /// All pipelines are checked; those that the first file declares or imports can be run.
    pub(super) fn pipelines(&mut self) -> Vec<Pipeline> {
        let modules = self.check.modules;
        self.calls.settle();
        let mut all: Vec<Pipeline> = Vec::new();
        for site in &modules.decls.pipelines {
            let item = modules.item(site);
            let ItemKind::Pipeline {
                name,
                requires,
                queues,
                modifiers,
                body: block,
                handlers,
            } = &item.kind
            else {
                continue;
            };
            if !self.is_in_focus(item.span) {
                all.push(Pipeline {
                    name: name.name.clone(),
                    doc: item.doc.clone(),
                    requires: Vec::new(),
                    queue: None,
                    body: Arc::new(plain(StmtKind::Block(nothing()), name.span)),
                });
                continue;
            }
            let mut locals = LocalScope::new(site.file);
            locals.in_run = true;
            let mut body = BodyContext::new(locals, BodyEnding::Pipeline);
            let place = StatementContext::default();
            let modifiers = self.modifiers(&mut body, modifiers, ModifierTarget::Pipeline);
            let block = self.block(&mut body, place, block);
            let done = body.done_in_body();
            let fits = ModifierTarget::Pipeline;
            let handlers = self.handlers(&mut body, place, handlers, fits, done);
            let mut lowered = Stmt {
                kind: StmtKind::Block(block),
                span: Span::new(site.file, item.span.start as usize, name.span.end as usize),
                bind: None,
                modifiers: modifiers.into(),
                handlers: handlers.into(),
            };
            prune::stmt(&mut lowered, &body);
            all.push(Pipeline {
                name: name.name.clone(),
                doc: item.doc.clone(),
                requires: self.requirements(requires),
                queue: self.queue(site.file, queues),
                body: Arc::new(lowered),
            });
        }
        self.runnable()
            .into_iter()
            .filter_map(|(name, at)| {
                let pipeline = all.get(at as usize)?.clone();
                Some(Pipeline { name, ..pipeline })
            })
            .collect()
    }

    /// The pipelines that have a name in the first file, and the names.
    pub(super) fn runnable(&self) -> Vec<(Name, u32)> {
        let modules = self.check.modules;
        let Some(first) = modules.files.first() else {
            return Vec::new();
        };
        first
            .names
            .iter()
            .filter_map(|(name, binding)| match binding.target {
                NameTarget::Decl(Decl {
                    sort: DeclKind::Pipeline,
                    index,
                }) => Some((name.clone(), index)),
                _ => None,
            })
            .collect()
    }
}

/// Gives each kind what it has from those that it extends: their fields before its own, and the
/// workflow of the nearest where it has none.
fn inherit(kinds: &mut [Kind]) {
    let own: Vec<Kind> = kinds.to_vec();
    for kind in kinds {
        let of = |id: &u32| own.get(*id as usize);
        let bases: Vec<&Kind> = kind.bases.iter().filter_map(of).collect();
        let mut service = IndexMap::new();
        let mut infrastructure = IndexMap::new();
        for base in bases.iter().rev() {
            service.extend(base.service.clone());
            infrastructure.extend(base.infrastructure.clone());
        }
        service.extend(std::mem::take(&mut kind.service));
        infrastructure.extend(std::mem::take(&mut kind.infrastructure));
        kind.service = service;
        kind.infrastructure = infrastructure;
        if kind.deploy.is_none() {
            kind.deploy = bases.iter().find_map(|base| base.deploy.clone());
        }
    }
}

/// A statement without modifiers and handlers.
pub(super) fn plain(kind: StmtKind, span: Span) -> Stmt {
    Stmt {
        kind,
        span,
        bind: None,
        modifiers: Sparse::default(),
        handlers: Sparse::default(),
    }
}

/// An empty block, for where none could be read.
pub(super) fn nothing() -> Block {
    Block::default()
}
