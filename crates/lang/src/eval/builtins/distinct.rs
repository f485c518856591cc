//! The built-in function `distinct`.

use std::collections::HashSet;

use super::args::{gives_same, list, list_of_any, no_more, required};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::{ValueKey, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "distinct",
    doc: "The list without the elements that equal an earlier one.",
    params: &[required("list", list_of_any)],
    check: no_more,
    result: gives_same,
    examples: &[
        ("distinct([\"b\", \"a\", \"b\"])", "[\"b\", \"a\"]"),
        ("distinct([])", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let items = list(args, 0)?;
    let mut seen = HashSet::with_capacity(items.len());
    let first = items.iter().filter(|item| seen.insert(ValueKey(item)));
    Ok(Value::list(first.cloned()))
}
