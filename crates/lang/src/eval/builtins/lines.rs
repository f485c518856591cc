//! The built-in function `lines`.

use super::args::{no_more, required, string, text};
use super::split::bounded;
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "lines",
    doc: "The lines of a text, without their line ends; one at the end of the text begins no \
          other line.",
    params: &[required("text", string)],
    check: no_more,
    result: |_| Type::list(Type::String),
    examples: &[
        ("lines(\"a\\n\\nb\\n\")", "[\"a\", \"\", \"b\"]"),
        ("lines(\"\")", "[]"),
    ],
    call: BuiltinBody::Pure(|args| bounded(text(args, 0)?.lines().map(Value::string))),
};
