//! The built-in function `round`.

use super::args::{any, given, number, optional, optional_int, required, wants_number, whole};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "round",
    doc: "The nearest whole number, halves away from 0; with \
          `digits`, a float with that many behind the point.",
    params: &[required("value", any), optional("digits", optional_int)],
    check: wants_number,
    result,
    examples: &[
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(3.14159, 2)", "3.14"),
    ],
    call: BuiltinBody::Pure(call),
};

/// How many digits a float has behind its point at most.
const MAX_DIGITS: i64 = 15;

fn result(types: &[Type]) -> Type {
    match types.get(1) {
        None | Some(Type::None) => Type::Int,
        // Only the value decides whether there are digits.
        Some(Type::Optional(_)) => Type::Json,
        Some(_) => Type::Float,
    }
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    if given(args, 1).is_none() {
        return whole(args, f64::round);
    }
    let digits = number(args, 1)?;
    if !(0..=MAX_DIGITS).contains(&digits) {
        let message = format!("a float has 0 to {MAX_DIGITS} digits behind its point");
        return Err(BuiltinError::Argument(1, message));
    }
    match args.first() {
        Some(Value::Int(value)) => Ok(Value::Float(*value as f64)),
        Some(Value::Float(value)) => {
            let digits = usize::try_from(digits).unwrap_or(0);
            let text = format!("{value:.digits$}");
            Ok(Value::Float(text.parse().unwrap_or(*value)))
        }
        // Whatever else it is, it is no number.
        _ => whole(args, f64::round),
    }
}
