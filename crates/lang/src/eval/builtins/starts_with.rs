//! The built-in function `starts-with`.

use super::args::{no_more, required, string, text};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "starts-with",
    doc: "Whether the text starts with the other one.",
    params: &[required("text", string), required("part", string)],
    check: no_more,
    result: |_| Type::Bool,
    examples: &[
        ("starts-with(\"v1.2\", \"v\")", "true"),
        ("starts-with(\"1.2\", \"v\")", "false"),
        ("starts-with(\"\", \"\")", "true"),
    ],
    call: BuiltinBody::Pure(|args| Ok(Value::Bool(text(args, 0)?.starts_with(&**text(args, 1)?)))),
};
