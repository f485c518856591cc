//! The built-in function `float`.

use super::args::{any, required, wants};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::text::parse_float;
use lockstep_base::value::{Type, Value};

const WANTED: &str = "a text or a number";

pub(super) static FUNCTION: Builtin = Builtin {
    name: "float",
    doc: "The float that a text says (white space around it does not count), or that is nearest \
          to an integer.",
    params: &[required("value", any)],
    check: |types| {
        wants(types, 0, WANTED, |ty| {
            matches!(
                ty,
                Type::String | Type::Path | Type::OneOf(_) | Type::Int | Type::Float | Type::Json
            )
        })
    },
    result: |_| Type::Float,
    examples: &[
        ("float(\"2.50\")", "2.5"),
        ("float(\"-1e3\")", "-1000.0"),
        ("float(1) / 4", "0.25"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let float = match args.first().unwrap_or(&Value::None) {
        Value::Int(value) => Ok(*value as f64),
        Value::Float(value) => Ok(*value),
        Value::String(text) => parse_float(text.trim()).ok_or_else(|| {
            let start: String = text.chars().take(60).collect();
            format!("{start:?} is not a number")
        }),
        other => Err(format!("expected {WANTED}, but this is {}", other.kind())),
    };
    float
        .map(Value::Float)
        .map_err(|text| BuiltinError::Argument(0, text))
}
