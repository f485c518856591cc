//! The predeclared actions that every program has: requests over HTTP.

use lockstep_base::value::Type;

/// An action that needs no declaration.
#[derive(Debug)]
pub struct BuiltinAction {
    /// Its name, with its namespace.
    pub name: &'static str,
    /// The names and types of its parameters; an optional one may be left out.
    pub params: fn() -> Vec<(&'static str, Type)>,
    /// The type of its result.
    pub result: fn() -> Type,
}

/// All of them. Their places follow those of the declared actions.
pub const BUILTIN_ACTIONS: &[BuiltinAction] = &[
    BuiltinAction {
        name: "http.request",
        params: || [vec![("method", Type::String)], request()].concat(),
        result: response,
    },
    BuiltinAction {
        name: "http.get",
        params: request,
        result: response,
    },
    BuiltinAction {
        name: "http.post",
        params: request,
        result: response,
    },
];

fn request() -> Vec<(&'static str, Type)> {
    let headers = Type::Map(Box::new(Type::Secret));
    vec![
        ("url", Type::Secret),
        ("headers", Type::optional(headers)),
        ("body", Type::optional(Type::Secret)),
        ("expect", Type::optional(Type::list(Type::Int))),
        ("timeout", Type::optional(Type::Duration)),
        ("certificate", Type::optional(Type::Secret)),
        ("key", Type::optional(Type::Secret)),
    ]
}

fn response() -> Type {
    Type::record([
        ("status", Type::Int),
        ("headers", Type::Map(Box::new(Type::String))),
        ("body", Type::String),
        ("json", Type::optional(Type::Json)),
    ])
}
