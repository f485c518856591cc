//! The built-in function `sort`.

use std::cmp::Ordering;

use super::args::{gives_same, list, list_of_any, required, wants_ordered};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::{Value, compare};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "sort",
    doc: "The list in ascending order: of texts by their characters' numbers, of numbers, \
          durations or percents by size. Equal elements keep their order.",
    params: &[required("list", list_of_any)],
    check: wants_ordered,
    result: gives_same,
    examples: &[
        ("sort([\"b\", \"ä\", \"B\", \"a\"])", "[\"B\", \"a\", \"b\", \"ä\"]"),
        ("sort([3, -1, 2])", "[-1, 2, 3]"),
        ("sort([2m, 30s])", "[30s, 2m]"),
        ("sort([])", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let items = list(args, 0)?;
    all_ordered(items)?;
    let mut sorted = items.to_vec();
    // All have an order with the first, so with each other.
    sorted.sort_by(|a, b| compare(a, b).unwrap_or(Ordering::Equal));
    Ok(Value::list(sorted))
}

/// Refuses a list in which not all elements have an order with each other.
pub(super) fn all_ordered(items: &[Value]) -> Result<(), BuiltinError> {
    let Some(first) = items.first() else {
        return Ok(());
    };
    match items.iter().find(|item| compare(first, item).is_none()) {
        Some(item) if first.kind() == item.kind() => Err(BuiltinError::Argument(
            0,
            format!("there is no order among values such as {}", item.kind()),
        )),
        Some(item) => Err(BuiltinError::Argument(
            0,
            format!("{} and {} have no order", first.kind(), item.kind()),
        )),
        None => Ok(()),
    }
}
