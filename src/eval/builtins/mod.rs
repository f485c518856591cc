//! The built-in functions: one file for each, with its signature, documentation, examples and
//! body together. They do not know expressions or names.

use crate::value::{Type, Value};

/// A built-in function.
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// One or two sentences for hover texts and the reference.
    pub doc: &'static str,
    /// Its parameters; the optional ones stand last.
    pub params: &'static [Param],
    /// The type of its result, from the types of the arguments given.
    pub result: fn(&[Type]) -> Type,
    /// Expressions of the language and what they give; all are tested.
    pub examples: &'static [(&'static str, &'static str)],
    /// What it does. The error is a message: lower case, no full stop.
    pub call: fn(&[Value]) -> Result<Value, String>,
}

/// A parameter of a built-in function.
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type; [`Type::Any`] takes everything that may be interpolated or compared.
    pub ty: fn() -> Type,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it stands for any number of arguments (the last parameter only).
    pub rest: bool,
}

/// The function with this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().copied().find(|builtin| builtin.name == name)
}

/// All built-in functions, by name.
pub const ALL: &[&Builtin] = &[];
