//! The built-in function `all`.

use super::args::{bools, list_of_bools, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "all",
    doc: "Whether all elements of a list of bools are true; of an empty one they are.",
    params: &[required("list", list_of_bools)],
    check: no_more,
    result: |_| Type::Bool,
    examples: &[
        ("all([true, true])", "true"),
        ("all([true, false])", "false"),
        ("all([])", "true"),
    ],
    call: BuiltinBody::Pure(|args| Ok(Value::Bool(bools(args)?.into_iter().all(|it| it)))),
};
