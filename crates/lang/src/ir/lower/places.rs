//! Lowers environments, their infrastructures and their overrides.

use indexmap::IndexMap;

use crate::ir::{Environment, Infrastructure, Override, Program};
use crate::resolve::{DeclKind, duplicate};
use crate::types::{DeclaredFields, FieldType, declarations};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, ServiceId};
use lockstep_syntax::ast;

use super::{ProgramLowering, errors};

impl ProgramLowering<'_> {
    pub(super) fn places(&mut self, program: &mut Program) {
        for id in 0..self.check.tables.environments.len() {
            let environment = self.environment(id);
            program.environments.push(environment);
        }
        for id in 0..self.check.tables.infrastructures.len() {
            let infrastructure = self.infrastructure(id);
            let of = infrastructure.environment.0 as usize;
            if let Some(environment) = program.environments.get_mut(of) {
                environment
                    .infrastructures
                    .push(InfrastructureId(id as u32));
            }
            program.infrastructures.push(infrastructure);
        }
    }

    fn environment(&mut self, id: usize) -> Environment {
        let table = &self.check.tables.environments[id];
        let (file, decl, doc) = (table.file, table.decl, table.doc.clone());
        let names: Vec<Name> = table.fields.keys().cloned().collect();
        let mut fields = IndexMap::new();
        for name in names {
            let value = self.check.environment_value(id as u32, &name).expr;
            fields.insert(name, value);
        }
        Environment {
            name: decl.name.name.clone(),
            doc,
            span: decl.name.span,
            fields,
            overrides: self.overrides(file, &decl.overrides, None),
            infrastructures: Vec::new(),
        }
    }

    fn infrastructure(&mut self, id: usize) -> Infrastructure {
        let table = &self.check.tables.infrastructures[id];
        let (name, decl, kind) = (table.name.clone(), table.decl, table.kind);
        let of = table.environment;
        let environment = &self.check.tables.environments[of as usize];
        let file = environment.file;
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
        let fields = self.check.given(
            file,
            &decl.fields,
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
            fields,
            overrides: self.overrides(file, &decl.overrides, kind.map(|kind| (kind, decl))),
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
        file: FileId,
        overrides: &[ast::Override],
        within: Option<(u32, &ast::Infrastructure)>,
    ) -> Vec<Override> {
        let mut found: Vec<(Override, Span)> = Vec::new();
        for entry in overrides {
            let service = match self
                .check
                .modules
                .path(file, &entry.service, DeclKind::Service)
            {
                Ok(service) => service,
                Err(error) => {
                    self.check.report_opt(error);
                    self.check
                        .given(file, &entry.fields, None, ("a service", None));
                    continue;
                }
            };
            let at = entry.service.span();
            let same = found.iter().find(|(other, _)| other.service.0 == service);
            if let Some((_, first)) = same {
                let name = ast::Ident {
                    name: entry.service.name.name.clone(),
                    span: at,
                };
                let error = duplicate(&name, *first);
                self.check
                    .report(error.help("put the fields into one `override`"));
            }
            let kind = self.check.tables.services[service as usize].kind;
            if let (Some(kind), Some((wanted, place))) = (kind, within)
                && kind != wanted
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
                file,
                &entry.fields,
                declared.as_deref(),
                ("a service", kind),
            );
            let service = ServiceId(service);
            found.push((Override { service, fields }, at));
        }
        found.into_iter().map(|(entry, _)| entry).collect()
    }
}
