//! The built-in function `base64`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "base64",
    doc: "The UTF-8 bytes of the text in Base64, with padding.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[("base64(\"grün\")", "\"Z3LDvG4=\""), ("base64(\"\")", "\"\"")],
    call: BuiltinBody::Pure(|args| Ok(Value::string(STANDARD.encode(text(args, 0)?.as_bytes())))),
};
