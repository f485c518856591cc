//! The typed outline of all declarations: which kind, fields and parameters each has.

use indexmap::IndexMap;

use crate::resolve::DeclKind;
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{KindRef, Type};
use lockstep_syntax::ast;

/// The outline of all declarations; the places in these tables are the ids of the program.
#[derive(Debug, Default)]
pub struct DeclTypes<'a> {
    /// Kinds.
    pub kinds: Vec<KindDecl<'a>>,
    /// Services.
    pub services: Vec<ServiceDecl<'a>>,
    /// Environments.
    pub environments: Vec<EnvironmentDecl<'a>>,
    /// Infrastructures of all environments.
    pub infrastructures: Vec<InfrastructureDecl<'a>>,
    /// Inputs, `let`s and groups.
    pub globals: Vec<GlobalDecl<'a>>,
    /// Workflows.
    pub workflows: Vec<Signature<'a>>,
    /// Actions.
    pub actions: Vec<Signature<'a>>,
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
    /// The fields of its services.
    pub service: DeclaredFields<'a>,
    /// The fields of its infrastructures, with the built-in ones last.
    pub infrastructure: DeclaredFields<'a>,
}

/// A service.
#[derive(Debug)]
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
}

/// An infrastructure.
#[derive(Debug)]
pub struct InfrastructureDecl<'a> {
    /// Its environment.
    pub environment: u32,
    /// Its full name.
    pub name: Name,
    /// Its kind, where that exists.
    pub kind: Option<u32>,
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

/// The parameters and the result of a workflow or an action.
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
    /// The type of its result.
    pub result: Type,
    /// Where that is written.
    pub result_span: Option<Span>,
    /// A workflow's body.
    pub body: Option<&'a ast::Block>,
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
        KindRef {
            id,
            name: self.kinds[id as usize].decl.name.name.clone(),
        }
    }

    /// The common type of an environment's infrastructures.
    pub fn star_of(&self, environment: u32) -> Type {
        let places = &self.environments[environment as usize].infrastructures;
        self.common(places.values().copied())
    }

    /// The common type of all infrastructures.
    pub fn any_infrastructure(&self) -> Type {
        self.common(0..self.infrastructures.len() as u32)
    }

    fn common(&self, ids: impl Iterator<Item = u32>) -> Type {
        ids.map(|id| self.infrastructure_of(self.infrastructures[id as usize].kind))
            .reduce(|a, b| super::unify(&a, &b).unwrap_or(Type::Infrastructure(None)))
            .unwrap_or(Type::Infrastructure(None))
    }
}
