//! The built-in function `trim`.

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "trim",
    doc: "The text without the white space at its start and end.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[("trim(\"  v1.2\\n\")", "\"v1.2\""), ("trim(\" \")", "\"\"")],
    call: BuiltinBody::Pure(|args| Ok(Value::string(text(args, 0)?.trim()))),
};
