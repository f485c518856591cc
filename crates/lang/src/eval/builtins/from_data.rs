//! What names services and infrastructures by a text, or that come from data: it is written
//! `prod["eu-1"]`, `KIND["web"]` and `KIND.*`, and called by no name.

use super::args::{any, no_more, required, string};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::Type;

/// What `prod["eu-1"]` and `KIND["web"]` are lowered to.
pub static NAMED: Builtin = Builtin {
    name: "named",
    doc: "The service or infrastructure of a list with this name.",
    params: &[required("list", any), required("name", string)],
    check: no_more,
    result: gives_any,
    examples: &[],
    call: BuiltinBody::Named,
};

/// The services that a declaration makes of the elements of its list, by its place.
pub static MADE_SERVICES: Builtin = Builtin {
    name: "made.services",
    doc: "The services that a declaration makes of the elements of its list.",
    params: &[required("template", any)],
    check: no_more,
    result: gives_any,
    examples: &[],
    call: BuiltinBody::Made(MadeSort::Services),
};

/// The infrastructures that a declaration makes of the elements of its list, by its place.
pub static MADE_INFRASTRUCTURES: Builtin = Builtin {
    name: "made.infrastructures",
    doc: "The infrastructures that a declaration makes of the elements of its list.",
    params: &[required("template", any)],
    check: no_more,
    result: gives_any,
    examples: &[],
    call: BuiltinBody::Made(MadeSort::Infrastructures),
};

/// What a declaration makes of the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeSort {
    /// Services.
    Services,
    /// Infrastructures.
    Infrastructures,
}

fn gives_any(_: &[Type]) -> Type {
    Type::Any
}
