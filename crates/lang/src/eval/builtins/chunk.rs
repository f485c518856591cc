//! The built-in function `chunk`.

use super::args::{gives_nested, int, list, list_of_any, no_more, number, required};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "chunk",
    doc: "The elements of a list in lists of a size; the last may be shorter.",
    params: &[required("list", list_of_any), required("size", int)],
    check: no_more,
    result: gives_nested,
    examples: &[
        ("chunk([1, 2, 3], 2)", "[[1, 2], [3]]"),
        ("chunk([], 2)", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let size = usize::try_from(number(args, 1)?).unwrap_or(0);
    if size == 0 {
        let message = "a list holds at least one element: write 1 or more";
        return Err(BuiltinError::Argument(1, message.into()));
    }
    let chunks = list(args, 0)?.chunks(size);
    Ok(Value::list(
        chunks.map(|chunk| Value::list(chunk.iter().cloned())),
    ))
}
