//! The built-in function `bool`.

use super::args::{any, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "bool",
    doc: "The bool that a text says (white space around it does not count).",
    params: &[required("value", any)],
    check: |types| {
        wants(types, 0, WANTED, |ty| {
            matches!(ty, Type::String | Type::Path | Type::OneOf(_) | Type::Bool | Type::Json)
        })
    },
    result: |_| Type::Bool,
    examples: &[("bool(\"true\")", "true"), ("bool(\" false \")", "false")],
    call: BuiltinBody::Pure(call),
};

const WANTED: &str = "a text or a bool";

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let found = match args.first().unwrap_or(&Value::None) {
        Value::Bool(value) => Ok(*value),
        Value::String(text) => parsed(text).ok_or_else(|| {
            let start: String = text.chars().take(60).collect();
            format!("{start:?} is not `true` or `false`")
        }),
        other => Err(format!("expected {WANTED}, but this is {}", other.kind())),
    };
    found
        .map(Value::Bool)
        .map_err(|text| BuiltinError::Argument(0, text))
}

fn parsed(text: &str) -> Option<bool> {
    match text.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
