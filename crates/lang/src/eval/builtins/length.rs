//! The built-in function `length`.

use super::args::{any, required, wants};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::{Type, Value};

const WANTED: &str = "a text, a list, a map or a record";

pub(super) static FUNCTION: Builtin = Builtin {
    name: "length",
    doc: "How many characters a text has, how many elements a list, or how many entries a map.",
    params: &[required("of", any)],
    check: |types| {
        wants(types, 0, WANTED, |ty| {
            matches!(
                ty,
                Type::String
                    | Type::Path
                    | Type::OneOf(_)
                    | Type::List(_)
                    | Type::Map(_)
                    | Type::Record(_)
                    | Type::Json
            )
        })
    },
    result: |_| Type::Int,
    examples: &[
        ("length(\"grün\")", "4"),
        ("length([\"a\", \"b\"])", "2"),
        ("length({ a: 1 })", "1"),
        ("length([])", "0"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let length = match args.first() {
        Some(Value::String(text)) => text.chars().count(),
        Some(Value::List(items)) => items.len(),
        Some(Value::Map(entries)) => entries.len(),
        other => {
            let kind = other.map_or("missing", Value::kind);
            return Err(BuiltinError::Argument(
                0,
                format!("expected {WANTED}, but this is {kind}"),
            ));
        }
    };
    Ok(Value::Int(length as i64))
}
