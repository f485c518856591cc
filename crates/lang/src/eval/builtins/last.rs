//! The built-in function `last`.

use super::args::{element, list, list_of_any, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "last",
    doc: "The last element of a list; `none` where it is empty.",
    params: &[required("list", list_of_any)],
    check: no_more,
    result: |types| Type::optional(element(types)),
    examples: &[("last([\"a\", \"b\"])", "\"b\""), ("last([])", "none")],
    call: BuiltinBody::Pure(|args| Ok(list(args, 0)?.last().cloned().unwrap_or(Value::None))),
};
