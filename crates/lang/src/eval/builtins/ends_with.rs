//! The built-in function `ends-with`.

use super::args::{no_more, required, string, text};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "ends-with",
    doc: "Whether the text ends with the other one.",
    params: &[required("text", string), required("part", string)],
    check: no_more,
    result: |_| Type::Bool,
    examples: &[
        ("ends-with(\"a.yaml\", \".yaml\")", "true"),
        ("ends-with(\"a\", \"ba\")", "false"),
    ],
    call: BuiltinBody::Pure(|args| Ok(Value::Bool(text(args, 0)?.ends_with(&**text(args, 1)?)))),
};
