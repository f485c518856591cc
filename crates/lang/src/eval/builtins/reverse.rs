//! The built-in function `reverse`.

use super::args::{gives_same, list, list_of_any, no_more, required};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "reverse",
    doc: "The list from its last element to its first.",
    params: &[required("list", list_of_any)],
    check: no_more,
    result: gives_same,
    examples: &[("reverse([1, 2, 3])", "[3, 2, 1]"), ("reverse([])", "[]")],
    call: BuiltinBody::Pure(|args| Ok(Value::list(list(args, 0)?.iter().rev().cloned()))),
};
