//! The typed outline of all declarations: which kind, fields and parameters each has.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::resolve::DeclKind;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{KindRef, Type};
use lockstep_syntax::ast;

use super::Parameter;

/// The outline of all declarations; the places in these tables are the ids of the program.
#[derive(Debug, Default)]
pub struct DeclTypes<'a> {
    /// Kinds.
    pub kinds: Vec<KindDecl<'a>>,
    /// Services.
    pub services: Vec<ServiceDecl<'a>>,
    /// What declares a service for each element of a list.
    pub service_templates: Vec<ServiceDecl<'a>>,
    /// Environments.
    pub environments: Vec<EnvironmentDecl<'a>>,
    /// Infrastructures of all environments.
    pub infrastructures: Vec<InfrastructureDecl<'a>>,
    /// What declares an infrastructure for each element of a list.
    pub infrastructure_templates: Vec<InfrastructureDecl<'a>>,
    /// Inputs, `let`s and groups.
    pub globals: Vec<GlobalDecl<'a>>,
    /// Workflows.
    pub workflows: Vec<Signature<'a>>,
    /// Actions.
    pub actions: Vec<Signature<'a>>,
    /// Functions.
    pub functions: Vec<Signature<'a>>,
    /// What the named types stand for.
    pub types: Vec<Type>,
}

/// A field with its declared type.
#[derive(Debug, Clone)]
pub struct FieldType<'a> {
    /// Its type.
    pub ty: Type,
    /// Where it is declared; built-in fields are not.
    pub span: Option<Span>,
    /// Its declaration.
    pub decl: Option<&'a ast::FieldDecl>,
    /// Whether something must give it a value.
    pub required: bool,
}

impl FieldType<'_> {
    /// Whether a kind may declare it with this type: what may be missing elsewhere it may demand.
    pub fn may_be_demanded_as(&self, ty: &Type) -> bool {
        matches!(self.ty, Type::Optional(_)) && self.ty.accepts(ty)
    }
}

/// Fields by name.
pub type DeclaredFields<'a> = IndexMap<Name, FieldType<'a>>;

/// A kind.
#[derive(Debug)]
pub struct KindDecl<'a> {
    /// Its file.
    pub file: FileId,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its declaration.
    pub decl: &'a ast::Kind,
    /// The kinds that it extends, the nearest first.
    pub bases: Arc<[KindRef]>,
    /// The fields of its services, with those of the kinds that it extends.
    pub service: DeclaredFields<'a>,
    /// The fields of its infrastructures, with the built-in ones last.
    pub infrastructure: DeclaredFields<'a>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct ServiceDecl<'a> {
    /// Its file.
    pub file: FileId,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its name.
    pub name: &'a ast::Ident,
    /// Its kind, where that exists.
    pub kind: Option<u32>,
    /// The workflow of its own.
    pub using: Option<&'a ast::Use>,
    /// Its fields.
    pub fields: &'a [ast::Field],
    /// The text of its name and the list, where there is one for each element.
    pub each: Option<(&'a ast::Expr, &'a ast::Each)>,
}

/// An environment.
#[derive(Debug)]
pub struct EnvironmentDecl<'a> {
    /// Its file.
    pub file: FileId,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its declaration.
    pub decl: &'a ast::Environment,
    /// Its infrastructures by name.
    pub infrastructures: IndexMap<Name, u32>,
    /// Its fields by name.
    pub fields: IndexMap<Name, &'a ast::Field>,
    /// Its window.
    pub window: Option<u32>,
}

/// An infrastructure.
#[derive(Debug, Clone)]
pub struct InfrastructureDecl<'a> {
    /// Its environment.
    pub environment: u32,
    /// Its full name.
    pub name: Name,
    /// Its kind, where that exists.
    pub kind: Option<u32>,
    /// Its own window.
    pub window: Option<u32>,
    /// Its declaration.
    pub decl: &'a ast::Infrastructure,
}

/// An input, a `let` or a group.
#[derive(Debug)]
pub struct GlobalDecl<'a> {
    /// Its file.
    pub file: FileId,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its name.
    pub name: &'a ast::Ident,
    /// Which of the three.
    pub sort: DeclKind,
    /// The type that is written.
    pub written: Option<Type>,
    /// Where it is written.
    pub written_span: Option<Span>,
    /// The value, or an input's default.
    pub value: Option<&'a ast::Expr>,
    /// An input's rule.
    pub rule: Option<&'a ast::Expr>,
}

/// The parameters and the result of a workflow, an action or a function.
#[derive(Debug)]
pub struct Signature<'a> {
    /// Its file.
    pub file: FileId,
    /// Its documentation.
    pub doc: Option<Name>,
    /// Its name.
    pub name: &'a ast::Ident,
    /// Its parameters.
    pub params: Vec<(Type, &'a ast::Param)>,
    /// For each of them the kind that a workflow leaves free.
    pub free_kinds: Vec<Option<Name>>,
    /// The type of its result.
    pub result: Type,
    /// Where that is written.
    pub result_span: Option<Span>,
    /// A workflow's body.
    pub body: Option<&'a ast::Block>,
    /// A function's expression.
    pub value: Option<&'a ast::Expr>,
}

impl Signature<'_> {
    /// The parameters, for a call.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.params
            .iter()
            .zip(&self.free_kinds)
            .map(|((ty, param), free)| Parameter {
                free_kind: free.clone(),
                name: param.name.name.to_string(),
                ty: ty.clone(),
                optional: param.default.is_some() || matches!(ty, Type::Optional(_)),
                rest: false,
                span: Some(param.name.span),
                json_as_text: false,
                takes_secrets: false,
            })
            .collect()
    }
}

impl DeclTypes<'_> {
    /// The type of services of this kind.
    pub fn service_of(&self, kind: Option<u32>) -> Type {
        kind.map_or(Type::Any, |id| Type::Service(Some(self.kind_ref(id))))
    }

    /// The type of infrastructures of this kind.
    pub fn infrastructure_of(&self, kind: Option<u32>) -> Type {
        kind.map_or(Type::Any, |id| {
            Type::Infrastructure(Some(self.kind_ref(id)))
        })
    }

    /// The kind with this id, as types name it.
    pub fn kind_ref(&self, id: u32) -> KindRef {
        let kind = &self.kinds[id as usize];
        KindRef {
            id,
            name: kind.decl.name.name.clone(),
            bases: kind.bases.clone(),
        }
    }

    /// Whether what is of kind `is` is of kind `wanted`, too.
    pub fn is_of_kind(&self, is: u32, wanted: u32) -> bool {
        is == wanted
            || self.kinds[is as usize]
                .bases
                .iter()
                .any(|base| base.id == wanted)
    }

    /// Whether one of two kinds is the other.
    pub fn are_related(&self, one: u32, other: u32) -> bool {
        self.is_of_kind(one, other) || self.is_of_kind(other, one)
    }

    /// The common type of an environment's infrastructures.
    pub fn star_of(&self, environment: u32) -> Type {
        self.common(self.kinds_of_places(environment))
    }

    /// The kinds of an environment's infrastructures, with those that come from data.
    pub fn kinds_of_places(&self, environment: u32) -> impl Iterator<Item = Option<u32>> {
        let places = &self.environments[environment as usize].infrastructures;
        let declared = places
            .values()
            .map(|id| &self.infrastructures[*id as usize]);
        declared
            .chain(self.templates_of(environment).map(|(_, template)| template))
            .map(|place| place.kind)
    }

    /// What declares infrastructures of an environment for the elements of a list, by place.
    pub fn templates_of(
        &self,
        environment: u32,
    ) -> impl Iterator<Item = (u32, &InfrastructureDecl<'_>)> {
        let templates = self.infrastructure_templates.iter().enumerate();
        let own = templates.filter(move |(_, it)| it.environment == environment);
        own.map(|(at, template)| (at as u32, template))
    }

    /// The common type of all infrastructures.
    pub fn any_infrastructure(&self) -> Type {
        let declared = self.infrastructures.iter();
        let all = declared.chain(&self.infrastructure_templates);
        self.common(all.map(|place| place.kind))
    }

    fn common(&self, kinds: impl Iterator<Item = Option<u32>>) -> Type {
        kinds
            .map(|kind| self.infrastructure_of(kind))
            .reduce(|a, b| super::unify(&a, &b).unwrap_or(Type::Infrastructure(None)))
            .unwrap_or(Type::Infrastructure(None))
    }
}
