//! The built-in function `lookup`.

use super::args::{any, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "lookup",
    doc: "The value that a map has for a key, or the element at a place of a list; `none` where \
          there is none.",
    params: &[required("whole", any), required("key", any)],
    check: |types| {
        wants(types, 0, "a map, a list or JSON", |ty| {
            match ty {
                Type::Map(_) | Type::List(_) | Type::Json => true,
                Type::Record(fields) => Type::common_of(fields.values()).is_some(),
                _ => false,
            }
        })?;
        let of_list = matches!(types.first(), Some(Type::List(_)));
        if of_list {
            return wants(types, 1, "an int", |ty| *ty == Type::Int);
        }
        let of_json = matches!(types.first(), Some(Type::Json));
        wants(types, 1, "a text", |ty| {
            ty.is_text() || of_json && *ty == Type::Int
        })
    },
    result: |types| match types.first() {
        Some(Type::Map(of) | Type::List(of)) => Type::optional((**of).clone()),
        Some(Type::Record(fields)) => {
            Type::common_of(fields.values()).map_or(Type::Any, Type::optional)
        }
        _ => Type::Json,
    },
    examples: &[
        ("lookup({ \"eu\": 1 }, \"eu\")", "1"),
        ("lookup({ \"eu\": 1 }, \"us\")", "none"),
        ("lookup([\"a\", \"b\"], 1)", "\"b\""),
        ("lookup([\"a\", \"b\"], 2) ?? \"none there\"", "\"none there\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let found = match (args.first(), args.get(1)) {
        (Some(Value::Map(entries)), Some(Value::String(key))) => entries.get(key).cloned(),
        (Some(Value::List(items)), Some(Value::Int(at))) => usize::try_from(*at)
            .ok()
            .and_then(|at| items.get(at).cloned()),
        (Some(Value::List(_)), Some(other)) => {
            let message = format!("the key of a list is an int, but this is {}", other.kind());
            return Err(BuiltinError::Argument(1, message));
        }
        (Some(Value::Map(_)), Some(other)) => {
            let message = format!("the key of a map is a text, but this is {}", other.kind());
            return Err(BuiltinError::Argument(1, message));
        }
        (whole, _) => {
            let kind = whole.map_or("none", Value::kind);
            let message = format!("there are no keys in {kind}");
            return Err(BuiltinError::Argument(0, message));
        }
    };
    Ok(found.unwrap_or(Value::None))
}
