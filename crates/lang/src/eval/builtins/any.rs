//! The built-in function `any`.

use super::args::{bools, list_of_bools, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "any",
    doc: "Whether one element of a list of bools is true; of an empty one none is.",
    params: &[required("list", list_of_bools)],
    check: no_more,
    result: |_| Type::Bool,
    examples: &[("any([true, false])", "true"), ("any([])", "false")],
    call: BuiltinBody::Pure(|args| Ok(Value::Bool(bools(args)?.into_iter().any(|it| it)))),
};
