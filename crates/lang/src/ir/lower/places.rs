//! Lowers environments, their infrastructures and their overrides.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::eval::Expr;
use crate::ir::{Environment, Infrastructure, Override, Program, WindowId};
use crate::resolve::{DeclKind, duplicate};
use crate::types::{
    DeclaredFields, FieldType, InfrastructureDecl, LocalScope, declarations, is_poison, is_window,
};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId, Value};
use lockstep_syntax::ast;

use super::{ProgramLowering, errors};

/// What an `override` names.
struct OverriddenService {
    /// The service, if it is known; else none has this number.
    id: ServiceId,
    /// What names it later.
    named: Option<Expr>,
    /// Its kind.
    kind: Option<u32>,
}

impl ProgramLowering<'_> {
    pub(super) fn places(&mut self, program: &mut Program) {
        for id in 0..self.check.tables.environments.len() {
            let environment = self.environment(id);
            program.environments.push(environment);
        }
        for id in 0..self.check.tables.infrastructures.len() {
            let table = self.check.tables.infrastructures[id].clone();
            let mut locals = LocalScope::new(table.decl.name.span.file);
            let infrastructure = self.infrastructure(&mut locals, &table);
            let of = infrastructure.environment.0 as usize;
            if let Some(environment) = program.environments.get_mut(of) {
                environment
                    .infrastructures
                    .push(InfrastructureId(id as u32));
            }
            program.infrastructures.push(infrastructure);
        }
        program.infrastructure_templates = self.infrastructure_templates();
    }

    fn environment(&mut self, id: usize) -> Environment {
        let table = &self.check.tables.environments[id];
        let (file, decl, doc) = (table.file, table.decl, table.doc.clone());
        let names: Vec<Name> = table.fields.keys().cloned().collect();
        let mut fields = IndexMap::new();
        for name in names {
            let value = self.check.environment_value(id as u32, &name).expr;
            fields.insert(name, Arc::unwrap_or_clone(value));
        }
        Environment {
            name: decl.name.name.clone(),
            doc,
            span: decl.name.span,
            fields,
            overrides: self.overrides(&mut LocalScope::new(file), &decl.overrides, None),
            infrastructures: Vec::new(),
        }
    }

    pub(super) fn infrastructure(
        &mut self,
        locals: &mut LocalScope,
        table: &InfrastructureDecl<'_>,
    ) -> Infrastructure {
        let (name, decl, kind) = (table.name.clone(), table.decl, table.kind);
        let of = table.environment;
        let environment = &self.check.tables.environments[of as usize];
        let window = table.window.or(environment.window).map(WindowId);
        let inherited: Vec<(Name, Span)> = environment
            .fields
            .iter()
            .map(|(name, field)| (name.clone(), field.name.span))
            .collect();
        let declared = kind.map(|kind| {
            let kind = &self.check.tables.kinds[kind as usize];
            kind.infrastructure.clone()
        });
        let known = declared.map(|declared| self.with_inherited(declared, of, &inherited));
        // The window is no value.
        let given: Cow<'_, [ast::Field]> = match decl.fields.iter().any(is_window) {
            true => (decl.fields.iter().filter(|it| !is_window(it)).cloned()).collect(),
            false => Cow::Borrowed(&decl.fields),
        };
        let fields = self.check.given(
            locals,
            &given,
            known.as_ref().map(declarations).as_deref(),
            ("an infrastructure", kind),
        );
        if let Some(known) = &known {
            let has = |field: &Name| {
                fields.contains_key(field) || inherited.iter().any(|(name, _)| name == field)
            };
            let what = format!("infrastructure `{name}`");
            self.missing(decl.name.span, decl.span, &what, known, &decl.fields, &has);
        }
        Infrastructure {
            name,
            doc: decl.doc.clone(),
            span: decl.name.span,
            environment: EnvironmentId(of),
            kind: kind.unwrap_or(0),
            window,
            fields,
            overrides: self.overrides(locals, &decl.overrides, kind.map(|kind| (kind, decl))),
        }
    }

    /// An infrastructure may also give a field that its environment has, with the same type.
    fn with_inherited<'t>(
        &mut self,
        mut declared: DeclaredFields<'t>,
        environment: u32,
        inherited: &[(Name, Span)],
    ) -> DeclaredFields<'t> {
        for (name, span) in inherited {
            if declared.contains_key(name) {
                continue;
            }
            let field = FieldType {
                ty: self.check.environment_value(environment, name).ty,
                span: Some(*span),
                decl: None,
                required: false,
            };
            declared.insert(name.clone(), field);
        }
        declared
    }

    /// `within` is the infrastructure, with its kind, if the overrides are for it alone.
    fn overrides(
        &mut self,
        locals: &mut LocalScope,
        overrides: &[ast::Override],
        within: Option<(u32, &ast::Infrastructure)>,
    ) -> Vec<Override> {
        let mut found: Vec<(Override, Span)> = Vec::new();
        for entry in overrides {
            let Some(OverriddenService { id, named, kind }) = self.overridden(locals, entry) else {
                self.check
                    .given(locals, &entry.fields, None, ("a service", None));
                continue;
            };
            let at = entry.service.span();
            let same = found
                .iter()
                .find(|(other, _)| named.is_none() && other.service == id);
            if let Some((_, first)) = same {
                let name = ast::Ident {
                    name: entry.service.name.name.clone(),
                    span: at,
                };
                let error = duplicate(&name, *first);
                self.check
                    .report(error.help("put the fields into one `override`"));
            }
            if let (Some(kind), Some((wanted, place))) = (kind, within)
                && !self.check.tables.are_related(kind, wanted)
            {
                let (of, to) = (
                    self.check.tables.service_of(Some(kind)),
                    self.check.tables.infrastructure_of(Some(wanted)),
                );
                let error = errors::override_kind(at, &of, &to, place.kind.span());
                self.check.report(error);
            }
            let declared =
                kind.map(|kind| declarations(&self.check.tables.kinds[kind as usize].service));
            let fields = self.check.given(
                locals,
                &entry.fields,
                declared.as_deref(),
                ("a service", kind),
            );
            let entry = Override {
                service: id,
                named,
                fields,
            };
            found.push((entry, at));
        }
        found.into_iter().map(|(entry, _)| entry).collect()
    }

    /// The service that an `override` names: by its name, or by its kind and a text.
    fn overridden(
        &mut self,
        locals: &mut LocalScope,
        entry: &ast::Override,
    ) -> Option<OverriddenService> {
        let sort = match entry.index {
            Some(_) => DeclKind::Kind,
            None => DeclKind::Service,
        };
        let path = self.check.modules.path(locals.file, &entry.service, sort);
        let found = match (path, &entry.index) {
            (Ok(service), None) => {
                return Some(OverriddenService {
                    id: ServiceId(service),
                    named: None,
                    kind: self.check.tables.services[service as usize].kind,
                });
            }
            (Ok(kind), Some(index)) => {
                let span = entry.service.span().to(index.span);
                let named = self.check.service_named(locals, kind, index, span);
                (named.expr, kind)
            }
            (Err(error), index) => {
                self.check.report_opt(error);
                if let Some(index) = index {
                    self.check.expr(locals, index, None);
                }
                return None;
            }
        };
        let (named, kind) = found;
        match named.as_const() {
            _ if is_poison(&named) => None,
            Some(Value::Service { id, .. }) => Some(OverriddenService {
                id: *id,
                named: None,
                kind: self.check.tables.services[id.0 as usize].kind,
            }),
            _ => Some(OverriddenService {
                id: ServiceId(u32::MAX),
                named: Some(named),
                kind: Some(kind),
            }),
        }
    }
}
