//! The fields of services, infrastructures and environments: those of their kind, inherited ones,
//! and those that all of them have.

use crate::pool::POOL_FIELD;
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
use lockstep_syntax::ast;

use super::{Checker, errors};

impl Checker<'_> {
    pub(super) fn service_field(&mut self, kind: Option<u32>, name: &ast::Ident) -> Option<Type> {
        if matches!(&*name.name, "name" | "kind") {
            return Some(Type::String);
        }
        let Some(kind) = kind else {
            self.report(errors::field_of_any_kind(
                name,
                "service",
                "`.name` and `.kind`",
            ));
            return None;
        };
        let decl = &self.tables.kinds[kind as usize];
        if let Some(field) = decl.service.get(&name.name) {
            self.note_field(name, field.span);
            return Some(field.ty.clone());
        }
        let known: Vec<&str> = decl.service.keys().map(|name| &**name).collect();
        let what = format!("a service of kind `{}`", decl.decl.name.name);
        let known = known.into_iter().chain(["name", "kind"]);
        let error = errors::no_field(name, &what, known).label(decl.decl.name.span, "the kind");
        self.report(error);
        None
    }

    fn note_field(&self, name: &ast::Ident, declared: Option<Span>) {
        if let Some(declared) = declared {
            self.modules.uses.name(name.span, declared);
        }
    }

    /// A field of an environment is that of the kinds of its infrastructures, if they have it.
    pub(super) fn note_inherited(&self, environment: u32, name: &ast::Ident) {
        let wanted = self.wanted_by_kinds(environment, &name.name);
        let of_kind = wanted.first().and_then(|(_, span)| *span);
        let field = self.tables.environments[environment as usize]
            .fields
            .get(&name.name);
        self.note_field(name, of_kind.or(field.map(|field| field.name.span)));
    }

    /// The fields that every infrastructure has, whatever its kind.
    fn own_field(name: &Name) -> Option<Type> {
        match &**name {
            "name" | "id" | "kind" => Some(Type::String),
            "environment" => Some(Type::Environment),
            "connect" => Some(Type::Connection),
            "exclusive" => Some(Type::Bool),
            POOL_FIELD => Some(Type::optional(Type::String)),
            _ => None,
        }
    }

    /// A field that a kind has for its infrastructures: one that it declares, or that all have.
    fn field_of_kind(&mut self, kind: Option<u32>, name: &ast::Ident) -> Option<Type> {
        let decl = &self.tables.kinds[kind? as usize];
        let field = decl.infrastructure.get(&name.name)?;
        self.note_field(name, field.span);
        Some(field.ty.clone())
    }

    /// A field of one certain infrastructure: of its kind, or inherited from its environment.
    pub(super) fn infrastructure_field(&mut self, id: u32, name: &ast::Ident) -> Option<Type> {
        let place = &self.tables.infrastructures[id as usize];
        let environment = place.environment;
        let kind = place.kind;
        let of_kind = self.field_of_kind(kind, name);
        if let Some(ty) = of_kind.or_else(|| Self::own_field(&name.name)) {
            return Some(ty);
        }
        if self.tables.environments[environment as usize]
            .fields
            .contains_key(&name.name)
        {
            self.note_inherited(environment, name);
            return Some(self.type_of_environment_field(environment, &name.name, name.span));
        }
        // Where the kind is unknown, that has been reported.
        let kind = kind?;
        let mut known = self.fields_of_kind(kind);
        let inherited = &self.tables.environments[environment as usize].fields;
        known.extend(inherited.keys().map(|name| name.to_string()));
        let what = format!("`{}`", self.tables.infrastructures[id as usize].name);
        self.report(errors::no_field(
            name,
            &what,
            known.iter().map(String::as_str),
        ));
        None
    }

    /// A field of some infrastructure: of its kind, or one that all environments have.
    pub(super) fn any_infrastructure_field(
        &mut self,
        kind: Option<u32>,
        name: &ast::Ident,
    ) -> Option<Type> {
        let of_kind = self.field_of_kind(kind, name);
        if let Some(ty) = of_kind.or_else(|| Self::own_field(&name.name)) {
            return Some(ty);
        }
        match self.field_of_all_environments(name) {
            AllHave::Yes(ty) => return Some(ty),
            AllHave::Not(missing) => {
                self.report(errors::not_in_all(name, &missing));
                return None;
            }
            AllHave::None => {}
        }
        let Some(kind) = kind else {
            let own =
                "`.name`, `.id`, `.kind`, `.environment`, `.connect`, `.exclusive` and `.pool`";
            self.report(errors::field_of_any_kind(name, "infrastructure", own));
            return None;
        };
        let known = self.fields_of_kind(kind);
        let decl = &self.tables.kinds[kind as usize].decl.name;
        let (what, at) = (
            format!("an infrastructure of kind `{}`", decl.name),
            decl.span,
        );
        let error = errors::no_field(name, &what, known.iter().map(String::as_str));
        self.report(error.label(at, "the kind"));
        None
    }

    fn fields_of_kind(&self, kind: u32) -> Vec<String> {
        let fields = self.tables.kinds[kind as usize].infrastructure.keys();
        fields
            .map(|name| name.to_string())
            .chain(["name", "kind", "environment"].map(String::from))
            .collect()
    }

    /// A field of one certain environment.
    pub(super) fn environment_field(&mut self, id: u32, name: &ast::Ident) -> Option<Type> {
        if &*name.name == "name" {
            return Some(Type::String);
        }
        let decl = &self.tables.environments[id as usize];
        if decl.fields.contains_key(&name.name) {
            self.note_inherited(id, name);
            return Some(self.type_of_environment_field(id, &name.name, name.span));
        }
        let known: Vec<String> = decl
            .infrastructures
            .keys()
            .chain(decl.fields.keys())
            .map(|name| name.to_string())
            .collect();
        let error = errors::no_place(name, decl.decl, &known);
        self.report(error);
        None
    }

    pub(super) fn any_environment_field(&mut self, name: &ast::Ident) -> Option<Type> {
        if &*name.name == "name" {
            return Some(Type::String);
        }
        match self.field_of_all_environments(name) {
            AllHave::Yes(ty) => Some(ty),
            AllHave::Not(missing) => {
                self.report(errors::not_in_all(name, &missing));
                None
            }
            AllHave::None => {
                let known = self.tables.environments.iter();
                let mut known: Vec<String> = known
                    .flat_map(|environment| environment.fields.keys())
                    .map(|name| name.to_string())
                    .collect();
                known.push("name".into());
                let known = known.iter().map(String::as_str);
                self.report(errors::no_field(name, "an environment", known));
                None
            }
        }
    }

    /// A field that an unknown environment has only if all of them have it, with one type.
    fn field_of_all_environments(&mut self, name: &ast::Ident) -> AllHave {
        let mut missing = Vec::new();
        let mut having = Vec::new();
        for (id, environment) in self.tables.environments.iter().enumerate() {
            if environment.fields.contains_key(&name.name) {
                having.push(id as u32);
            } else {
                missing.push(environment.decl.name.name.to_string());
            }
        }
        if having.is_empty() {
            return AllHave::None;
        }
        if !missing.is_empty() {
            return AllHave::Not(missing);
        }
        let mut common = Type::Any;
        for id in having {
            self.note_inherited(id, name);
            let ty = self.type_of_environment_field(id, &name.name, name.span);
            match super::unify(&common, &ty) {
                Some(ty) => common = ty,
                None => {
                    let of = &self.tables.environments[id as usize].decl.name.name;
                    return AllHave::Not(vec![of.to_string()]);
                }
            }
        }
        AllHave::Yes(common)
    }
}

/// Whether all environments have a field.
enum AllHave {
    /// All have it, with this type.
    Yes(Type),
    /// Some have it; these have not, or with another type.
    Not(Vec<String>),
    /// No environment has it.
    None,
}
