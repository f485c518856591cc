//! The type checker: turns what a person wrote into core expressions, and reports every type error.

mod access;
mod arguments;
mod call;
mod checker;
mod comprehension;
mod declarations;
pub mod errors;
mod expr;
mod fields;
mod free_kinds;
mod from_data;
mod functions;
mod globals;
mod http;
mod literal;
mod locals;
mod members;
mod named_types;
mod narrowing;
mod operator;
mod order;
mod secrets;
mod table;
mod ty_expr;

pub use arguments::{BoundArguments, Parameter};
pub use call::{EffectCall, ResolvedCallee};
pub use checker::{Checker, Typed, is_poison, poison};
pub use declarations::is_window;
pub use fields::{GivenFields, declarations};
pub use from_data::ElementScope;
pub use http::BUILTIN_ACTIONS;
pub use locals::{IgnoredResult, Local, LocalKind, LocalScope, ScopeMark, SeenBefore};
pub use narrowing::{ConditionFacts, Fact, in_either};
pub use secrets::{holds_secret, unify};
pub use table::{
    DeclTypes, DeclaredFields, EnvironmentDecl, FieldType, GlobalDecl, InfrastructureDecl,
    KindDecl, ServiceDecl, Signature,
};
