//! The built-in function `duration`.

use super::args::{any, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::text::parse_duration;
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "duration",
    doc: "The duration that a text says (white space around it does not count).",
    params: &[required("value", any)],
    check: |types| {
        wants(types, 0, WANTED, |ty| {
            matches!(
                ty,
                Type::String | Type::Path | Type::OneOf(_) | Type::Duration | Type::Json
            )
        })
    },
    result: |_| Type::Duration,
    examples: &[
        ("duration(\"1h30m\")", "90m"),
        ("duration(\" 250ms \")", "250ms"),
    ],
    call: BuiltinBody::Pure(call),
};

const WANTED: &str = "a text or a duration";

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let found = match args.first().unwrap_or(&Value::None) {
        Value::Duration(value) => Ok(*value),
        Value::String(text) => parsed(text).ok_or_else(|| {
            let start: String = text.chars().take(60).collect();
            format!("{start:?} is not a duration such as `1h30m`")
        }),
        other => Err(format!("expected {WANTED}, but this is {}", other.kind())),
    };
    found
        .map(Value::Duration)
        .map_err(|text| BuiltinError::Argument(0, text))
}

fn parsed(text: &str) -> Option<i64> {
    parse_duration(text.trim())
}
