//! The built-in function `without`.

use super::args::{any, gives_map, list, map, required, wants_maps_first};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "without",
    doc: "A map without some of its keys; what it does not have is no error.",
    params: &[required("map", any), required("keys", list_of_texts)],
    check: wants_maps_first,
    result: gives_map,
    examples: &[
        ("without({ a: 1, b: 2 }, [\"a\"])", "{ b: 2 }"),
        ("without({ a: 1 }, [\"x\"])", "{ a: 1 }"),
    ],
    call: BuiltinBody::Pure(call),
};

fn list_of_texts() -> Type {
    Type::list(Type::String)
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (entries, keys) = (map(args, 0)?, list(args, 1)?);
    let named = |key: &str| keys.iter().any(|it| it.as_str() == Some(key));
    let kept = entries.iter().filter(|(key, _)| !named(key));
    Ok(Value::map(
        kept.map(|(key, value)| (key.clone(), value.clone())),
    ))
}
