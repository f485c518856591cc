//! The built-in function `range`.

use super::args::{given, int, no_more, number, optional, optional_int, required};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_ELEMENTS};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "range",
    doc: "The integers from `from` up to but not including `to`, in steps of 1 or of `step`; a \
          negative step counts down.",
    params: &[
        required("from", int),
        required("to", int),
        optional("step", optional_int),
    ],
    check: no_more,
    result: |_| Type::list(Type::Int),
    examples: &[
        ("range(0, 3)", "[0, 1, 2]"),
        ("range(0, 10, 4)", "[0, 4, 8]"),
        ("range(3, 0, -1)", "[3, 2, 1]"),
        ("range(3, 0)", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (from, to) = (i128::from(number(args, 0)?), i128::from(number(args, 1)?));
    let step = match given(args, 2) {
        Some(_) => i128::from(number(args, 2)?),
        None => 1,
    };
    if step == 0 {
        return Err(BuiltinError::Argument(2, "the step must not be 0".into()));
    }
    let distance = if step > 0 { to - from } else { from - to };
    let size = step.abs();
    let count = (distance.max(0) + size - 1) / size;
    if count > MAX_ELEMENTS as i128 {
        return Err(BuiltinError::TooLarge(LimitExceeded::Elements));
    }
    // All of them lie between two 64-bit integers.
    let numbers = (0..count).map(|at| Value::Int((from + at * step) as i64));
    Ok(Value::list(numbers))
}
