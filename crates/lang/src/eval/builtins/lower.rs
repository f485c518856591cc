//! The built-in function `lower`.

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "lower",
    doc: "The text in small letters.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[("lower(\"ÄPI-V2\")", "\"äpi-v2\"")],
    call: BuiltinBody::Pure(|args| Ok(Value::string(text(args, 0)?.to_lowercase()))),
};
