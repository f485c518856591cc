//! The built-in function `entries`.

use super::args::{any, map, required, value_type, wants_maps};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "entries",
    doc: "The keys of a map or the fields of a record with their values, in their order.",
    params: &[required("map", any)],
    check: wants_maps,
    result,
    examples: &[
        ("entries({ eu: 3 })", "[{ key: \"eu\", value: 3 }]"),
        ("entries({})", "[]"),
    ],
    call: BuiltinBody::Pure(|args| {
        let entries = map(args, 0)?.iter();
        Ok(Value::list(entries.map(|(key, value)| {
            Value::map([
                ("key", Value::String(key.clone())),
                ("value", value.clone()),
            ])
        })))
    }),
};

fn result(types: &[Type]) -> Type {
    let value = types.first().and_then(value_type).unwrap_or(Type::Any);
    Type::list(Type::record([("key", Type::String), ("value", value)]))
}
