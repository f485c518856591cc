//! The built-in function `first`.

use super::args::{element, list, list_of_any, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "first",
    doc: "The first element of a list; `none` where it is empty.",
    params: &[required("list", list_of_any)],
    check: no_more,
    result: |types| Type::optional(element(types)),
    examples: &[
        ("first([\"a\", \"b\"])", "\"a\""),
        ("first([]) ?? \"none there\"", "\"none there\""),
    ],
    call: BuiltinBody::Pure(|args| Ok(list(args, 0)?.first().cloned().unwrap_or(Value::None))),
};
