//! The built-in function `upper`.

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "upper",
    doc: "The text in capital letters.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[("upper(\"eu-1\")", "\"EU-1\""), ("upper(\"straße\")", "\"STRASSE\"")],
    call: BuiltinBody::Pure(|args| Ok(Value::string(text(args, 0)?.to_uppercase()))),
};
