//! The built-in function `values`.

use super::args::{any, map, required, value_type, wants, wants_maps};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "values",
    doc: "The values of a map, or of a record whose fields have one type, in their order.",
    params: &[required("map", any)],
    check: |types| {
        wants_maps(types)?;
        let wanted = "a record whose fields all have one type";
        wants(types, 0, wanted, |ty| value_type(ty).is_some())
    },
    result: |types| Type::list(types.first().and_then(value_type).unwrap_or(Type::Any)),
    examples: &[("values({ b: 1, a: 2 })", "[1, 2]"), ("values({})", "[]")],
    call: BuiltinBody::Pure(|args| Ok(Value::list(map(args, 0)?.values().cloned()))),
};
