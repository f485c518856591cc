//! The built-in function `min`.

use super::args::{element, list, list_of_any, required, wants_ordered};
use super::sort::all_ordered;
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::{Value, compare};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "min",
    doc: "The smallest element of a list of texts, numbers, durations or percents; the first of \
          those that are equal. An empty list has none: that is an error.",
    params: &[required("list", list_of_any)],
    check: wants_ordered,
    result: element,
    examples: &[("min([2, 1, 3])", "1"), ("min([2m, 90s])", "90s")],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let items = list(args, 0)?;
    all_ordered(items)?;
    let mut items = items.iter();
    let Some(mut best) = items.next() else {
        return Err(BuiltinError::Argument(0, "the list is empty".into()));
    };
    for item in items {
        if compare(item, best).is_some_and(std::cmp::Ordering::is_lt) {
            best = item;
        }
    }
    Ok(best.clone())
}
