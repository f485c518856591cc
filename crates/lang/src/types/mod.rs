//! The type checker: turns what a person wrote into core expressions, and reports every type error.

mod access;
mod arguments;
mod call;
mod checker;
pub mod errors;
mod expr;
mod fields;
mod fit;
mod globals;
mod http;
mod literal;
mod locals;
mod members;
mod operator;
mod order;
mod outline;
mod table;
mod ty_expr;

pub use arguments::{Bound, Parameter};
pub use call::{Callee, Effect};
pub use checker::{Checker, Typed, is_poison, poison};
pub use fields::{Given, outline};
pub use fit::{holds_secret, unify};
pub use http::BUILTIN_ACTIONS;
pub use locals::{Local, LocalKind, Locals};
pub use table::{
    Declared, EnvironmentDecl, FieldType, GlobalDecl, InfrastructureDecl, KindDecl, ServiceDecl,
    Signature, Tables,
};
