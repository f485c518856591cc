//! The built-in function `int`.

use super::args::{any, required, wants};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::text::parse_int;
use lockstep_base::value::{Type, Value};

const WANTED: &str = "a text or a number";

pub(super) static FUNCTION: Builtin = Builtin {
    name: "int",
    doc: "The integer that a text says (white space around it does not count), or a float \
          without what stands after its point.",
    params: &[required("value", any)],
    check: |types| {
        wants(types, 0, WANTED, |ty| {
            matches!(
                ty,
                Type::String | Type::Path | Type::OneOf(_) | Type::Int | Type::Float | Type::Json
            )
        })
    },
    result: |_| Type::Int,
    examples: &[
        ("int(\" -42\\n\")", "-42"),
        ("int(\"1_000\")", "1000"),
        ("int(2.9)", "2"),
        ("int(-2.9)", "-2"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let int = match args.first().unwrap_or(&Value::None) {
        Value::Int(value) => Ok(*value),
        Value::String(text) => parse_int(text.trim()).ok_or_else(|| {
            let start: String = text.chars().take(60).collect();
            format!("{start:?} is not a 64-bit integer")
        }),
        Value::Float(value) => {
            let whole = value.trunc();
            // Both bounds are exact as floats; the upper one is the first that does not fit.
            if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole) {
                Ok(whole as i64)
            } else {
                Err(String::from("the number does not fit into 64 bits"))
            }
        }
        other => Err(format!("expected {WANTED}, but this is {}", other.kind())),
    };
    int.map(Value::Int)
        .map_err(|text| BuiltinError::Argument(0, text))
}
