//! The built-in function `keys`.

use super::args::{any, map, required, wants_maps};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "keys",
    doc: "The keys of a map or the field names of a record, in their order.",
    params: &[required("map", any)],
    check: wants_maps,
    result: |_| Type::list(Type::String),
    examples: &[("keys({ b: 1, a: 2 })", "[\"b\", \"a\"]"), ("keys({})", "[]")],
    call: BuiltinBody::Pure(|args| {
        let keys = map(args, 0)?.keys();
        Ok(Value::list(keys.map(|key| Value::String(key.clone()))))
    }),
};
