//! Builds the typed outline of all declarations.

use indexmap::IndexMap;

use crate::pool::POOL_FIELD;
use crate::resolve::{self, DeclKind, Modules};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast;

use super::table::{
    DeclTypes, DeclaredFields, EnvironmentDecl, FieldType, GlobalDecl, InfrastructureDecl,
    KindDecl, ServiceDecl, Signature,
};
use super::{errors, free_kinds, named_types, ty_expr};

/// Makes the outline of all declarations.
pub fn tables<'a>(modules: &'a Modules, diagnostics: &mut Diagnostics) -> DeclTypes<'a> {
    let mut tables = DeclTypes::default();
    let types = named_types::read(modules, diagnostics);
    let mut outline = DeclOutliner {
        modules,
        types: &types,
        diagnostics,
    };
    tables.kinds = outline.kinds();
    tables.services = outline.services(&modules.decls.services);
    tables.service_templates = outline.services(&modules.decls.service_templates);
    outline.places(&mut tables);
    tables.globals = outline.globals();
    tables.workflows = outline.signatures(&modules.decls.workflows);
    tables.actions = outline.signatures(&modules.decls.actions);
    tables.functions = outline.signatures(&modules.decls.functions);
    tables.types = types;
    tables
}

struct DeclOutliner<'a, 'd> {
    modules: &'a Modules,
    types: &'d [Type],
    diagnostics: &'d mut Diagnostics,
}

impl<'a> DeclOutliner<'a, '_> {
    fn ty(&mut self, file: FileId, ty: &ast::TypeExpr) -> Type {
        ty_expr::read(self.modules, self.types, file, ty, self.diagnostics)
    }

    fn kind_of(&mut self, file: FileId, path: &ast::Path) -> Option<u32> {
        match self.modules.path(file, path, DeclKind::Kind) {
            Ok(kind) => Some(kind),
            Err(error) => {
                self.diagnostics.extend(error.map(|error| *error));
                None
            }
        }
    }

    fn kinds(&mut self) -> Vec<KindDecl<'a>> {
        let modules = self.modules;
        let mut kinds = Vec::new();
        for site in &modules.decls.kinds {
            let item = modules.item(site);
            let ast::ItemKind::Kind(decl) = &item.kind else {
                continue;
            };
            let service = self.fields(site.file, &decl.service, &["name", "kind"], "service");
            let infrastructure = self.fields(
                site.file,
                &decl.infrastructure,
                &["name", "environment", "kind", "window"],
                "infrastructure",
            );
            let id = kinds.len();
            kinds.push(KindDecl {
                file: site.file,
                doc: item.doc.clone(),
                decl,
                bases: modules.decls.kind_bases[id].clone(),
                service,
                infrastructure,
            });
        }
        self.inherit(&mut kinds);
        for kind in &mut kinds {
            self.add_own_fields(&mut kind.infrastructure);
        }
        kinds
    }

    /// Gives each kind the fields of those that it extends, before its own. One that it declares
    /// again, with a type that fits, has another default.
    fn inherit(&mut self, kinds: &mut [KindDecl<'a>]) {
        let own: Vec<[DeclaredFields<'a>; 2]> = kinds
            .iter()
            .map(|kind| [kind.service.clone(), kind.infrastructure.clone()])
            .collect();
        for (id, kind) in kinds.iter_mut().enumerate() {
            let chain = kind.bases.iter().rev().map(|base| base.id as usize);
            let mut all = [DeclaredFields::new(), DeclaredFields::new()];
            for from in chain.chain([id]) {
                for (all, fields) in all.iter_mut().zip(&own[from]) {
                    for (name, field) in fields {
                        if let Some(first) = all.get(name)
                            && from == id
                            && !first.ty.accepts(&field.ty)
                        {
                            self.diagnostics
                                .push(errors::other_type(name, first, field));
                        }
                        all.insert(name.clone(), field.clone());
                    }
                }
            }
            let [service, infrastructure] = all;
            kind.service = service;
            kind.infrastructure = infrastructure;
        }
    }

    fn fields(
        &mut self,
        file: FileId,
        decls: &'a [ast::FieldDecl],
        taken: &[&str],
        of: &str,
    ) -> DeclaredFields<'a> {
        let mut fields = DeclaredFields::new();
        for decl in decls {
            let ty = self.ty(file, &decl.ty);
            if taken.contains(&&*decl.name.name) {
                let why = format!("every {of} has it already");
                self.diagnostics.push(resolve::reserved(&decl.name, &why));
                continue;
            }
            if let Some(first) = fields.get(&decl.name.name).and_then(|field| field.span) {
                self.diagnostics
                    .push(errors::field_twice(&decl.name, first));
                continue;
            }
            let required = decl.default.is_none() && !matches!(ty, Type::Optional(_) | Type::Any);
            let field = FieldType {
                ty,
                span: Some(decl.name.span),
                decl: Some(decl),
                required,
            };
            fields.insert(decl.name.name.clone(), field);
        }
        fields
    }

    /// A kind may declare the fields that every infrastructure has, to say what they are by
    /// default, or that one which may be missing elsewhere must be given here.
    fn add_own_fields(&mut self, fields: &mut DeclaredFields<'a>) {
        for (name, own) in own_fields() {
            match fields.get_mut(name) {
                Some(declared) if declared.ty == own.ty || declared.ty == Type::Any => {
                    declared.required = false;
                }
                Some(declared) if own.may_be_demanded_as(&declared.ty) => {}
                Some(declared) => {
                    if let Some(decl) = declared.decl {
                        let why = format!("every infrastructure has it already, as `{}`", own.ty);
                        self.diagnostics.push(resolve::reserved(&decl.name, &why));
                    }
                    fields.insert(name.into(), own);
                }
                None => {
                    fields.insert(name.into(), own);
                }
            }
        }
    }

    fn services(&mut self, sites: &'a [resolve::DeclSite]) -> Vec<ServiceDecl<'a>> {
        let mut services = Vec::new();
        for site in sites {
            let item = self.modules.item(site);
            let ast::ItemKind::Service {
                name,
                text,
                kind,
                using,
                each,
                fields,
            } = &item.kind
            else {
                continue;
            };
            services.push(ServiceDecl {
                file: site.file,
                doc: item.doc.clone(),
                name,
                kind: self.kind_of(site.file, kind),
                using: using.as_ref(),
                fields,
                each: text.as_deref().zip(each.as_deref()),
            });
        }
        services
    }

    fn places(&mut self, tables: &mut DeclTypes<'a>) {
        let modules = self.modules;
        for site in &modules.decls.environments {
            let item = modules.item(site);
            let ast::ItemKind::Environment(decl) = &item.kind else {
                continue;
            };
            let environment = tables.environments.len() as u32;
            let mut fields: IndexMap<Name, &ast::Field> = IndexMap::new();
            let mut window = None;
            let mut own = None;
            for field in &decl.fields {
                if is_window(field) {
                    own = own.or(self.window(site.file, field, &mut window));
                } else if let "name" | "id" | "environment" = &*field.name.name {
                    let why = "an environment cannot give it to its infrastructures";
                    self.diagnostics.push(resolve::reserved(&field.name, why));
                } else if let Some(first) = fields.get(&field.name.name) {
                    let error = errors::field_twice(&field.name, first.name.span);
                    self.diagnostics.push(error);
                } else {
                    fields.insert(field.name.name.clone(), field);
                }
            }
            let mut infrastructures = IndexMap::new();
            for infrastructure in &decl.infrastructures {
                if infrastructure.each.is_some() {
                    tables.infrastructure_templates.push(InfrastructureDecl {
                        environment,
                        name: format!("{}.{}", decl.name.name, infrastructure.name.name).into(),
                        kind: self.kind_of(site.file, &infrastructure.kind),
                        window: self.own_window(site.file, infrastructure),
                        decl: infrastructure,
                    });
                    continue;
                }
                let id = tables.infrastructures.len() as u32;
                let name = &infrastructure.name;
                let first = infrastructures
                    .get(&name.name)
                    .map(|first: &u32| tables.infrastructures[*first as usize].decl.name.span);
                let first = first.or_else(|| fields.get(&name.name).map(|field| field.name.span));
                if let Some(first) = first {
                    self.diagnostics.push(resolve::duplicate(name, first));
                } else if &*name.name == "name" {
                    let why = "every environment has a field `name`";
                    self.diagnostics.push(resolve::reserved(name, why));
                } else {
                    infrastructures.insert(name.name.clone(), id);
                }
                tables.infrastructures.push(InfrastructureDecl {
                    environment,
                    name: format!("{}.{}", decl.name.name, name.name).into(),
                    kind: self.kind_of(site.file, &infrastructure.kind),
                    window: self.own_window(site.file, infrastructure),
                    decl: infrastructure,
                });
            }
            tables.environments.push(EnvironmentDecl {
                file: site.file,
                doc: item.doc.clone(),
                decl,
                infrastructures,
                fields,
                window: own,
            });
        }
    }

    /// The window that an infrastructure names itself.
    fn own_window(&mut self, file: FileId, place: &ast::Infrastructure) -> Option<u32> {
        let (mut first, mut own) = (None, None);
        for field in place.fields.iter().filter(|it| is_window(it)) {
            own = own.or(self.window(file, field, &mut first));
        }
        own
    }

    /// The window that `window = NAME` names; the first of several counts.
    fn window(
        &mut self,
        file: FileId,
        field: &ast::Field,
        first: &mut Option<Span>,
    ) -> Option<u32> {
        if let Some(first) = *first {
            self.diagnostics
                .push(errors::field_twice(&field.name, first));
            return None;
        }
        *first = Some(field.name.span);
        let path = match &field.value.kind {
            ast::ExprKind::Name(name) => ast::Path {
                namespace: None,
                name: name.clone(),
            },
            ast::ExprKind::Field(space, name) => match &space.kind {
                ast::ExprKind::Name(space) => ast::Path {
                    namespace: Some(space.clone()),
                    name: name.clone(),
                },
                _ => return self.no_window(field),
            },
            ast::ExprKind::Error => return None,
            _ => return self.no_window(field),
        };
        match self.modules.path(file, &path, DeclKind::Window) {
            Ok(window) => Some(window),
            Err(error) => {
                self.diagnostics.extend(error.map(|error| *error));
                None
            }
        }
    }

    fn no_window(&mut self, field: &ast::Field) -> Option<u32> {
        self.diagnostics.push(errors::no_window(field.value.span));
        None
    }

    fn globals(&mut self) -> Vec<GlobalDecl<'a>> {
        let modules = self.modules;
        let mut globals = Vec::new();
        for site in &modules.decls.globals {
            let item = modules.item(site);
            let (name, ty, value, rule) = match &item.kind {
                ast::ItemKind::Input {
                    name,
                    ty,
                    default,
                    rule,
                } => (name, Some(ty), default.as_ref(), rule.as_ref()),
                ast::ItemKind::Let { name, ty, value } => (name, ty.as_ref(), Some(value), None),
                ast::ItemKind::Group { name, value } => (name, None, Some(value), None),
                _ => continue,
            };
            let mut written = ty.map(|ty| self.ty(site.file, ty));
            if site.sort == DeclKind::Input
                && let Some((found, at)) = written.as_ref().zip(ty)
                && super::holds_secret(found)
            {
                self.diagnostics
                    .push(errors::secret_input(at.span, &name.name));
                written = Some(Type::Any);
            }
            if site.sort == DeclKind::Input
                && let Some((Type::Connection, at)) = written.as_ref().zip(ty)
            {
                self.diagnostics.push(errors::connection_input(at.span));
                written = Some(Type::Any);
            }
            globals.push(GlobalDecl {
                file: site.file,
                doc: item.doc.clone(),
                name,
                sort: site.sort,
                written,
                written_span: ty.map(|ty| ty.span),
                value,
                rule,
            });
        }
        globals
    }

    fn signatures(&mut self, sites: &'a [resolve::DeclSite]) -> Vec<Signature<'a>> {
        let mut signatures = Vec::new();
        for site in sites {
            let item = self.modules.item(site);
            let (name, params, result, body, value) = match &item.kind {
                ast::ItemKind::Workflow {
                    name,
                    params,
                    result,
                    body,
                    ..
                } => (name, params, result.as_ref(), Some(body), None),
                ast::ItemKind::Action {
                    name,
                    params,
                    result,
                } => (name, params, result.as_ref(), None, None),
                ast::ItemKind::Function {
                    name,
                    params,
                    result,
                    value,
                } => (name, params, Some(result), None, Some(value)),
                _ => continue,
            };
            let free_kinds = match body {
                Some(_) => free_kinds::free_kinds(self.modules, site.file, params),
                None => vec![None; params.len()],
            };
            let params = self.params(site.file, params, &free_kinds);
            let mut ty = result.map_or(Type::Nothing, |ty| self.ty(site.file, ty));
            // What a function gives stays in the expression that calls it.
            if let Some(written) = result
                && value.is_none()
                && body.is_none()
                && super::holds_secret(&ty)
            {
                self.diagnostics.push(errors::secret_result(written.span));
                ty = Type::Any;
            }
            signatures.push(Signature {
                file: site.file,
                doc: item.doc.clone(),
                name,
                params,
                free_kinds,
                result: ty,
                result_span: result.map(|ty| ty.span),
                body,
                value,
            });
        }
        signatures
    }

    fn params(
        &mut self,
        file: FileId,
        params: &'a [ast::Param],
        free_kinds: &[Option<Name>],
    ) -> Vec<(Type, &'a ast::Param)> {
        let mut seen: IndexMap<&str, Span> = IndexMap::new();
        let mut found = Vec::new();
        for (param, free) in params.iter().zip(free_kinds) {
            let ty = match free {
                Some(_) => self.ty(file, &free_kinds::without_kind(&param.ty)),
                None => self.ty(file, &param.ty),
            };
            match seen.get(&*param.name.name) {
                Some(first) => self
                    .diagnostics
                    .push(errors::parameter_twice(&param.name, *first)),
                None => {
                    seen.insert(&param.name.name, param.name.span);
                }
            }
            found.push((ty, param));
        }
        found
    }
}

/// Whether a field of an environment or an infrastructure names its window.
pub fn is_window(field: &ast::Field) -> bool {
    &*field.name.name == "window"
}

/// The fields that every infrastructure may be given.
fn own_fields<'a>() -> [(&'static str, FieldType<'a>); 4] {
    let field = |ty| FieldType {
        ty,
        span: None,
        decl: None,
        required: false,
    };
    [
        ("id", field(Type::String)),
        ("connect", field(Type::Connection)),
        ("exclusive", field(Type::Bool)),
        (POOL_FIELD, field(Type::optional(Type::String))),
    ]
}
