//! The built-in function `sha256`.

use sha2::{Digest, Sha256};

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "sha256",
    doc: "The SHA-256 sum of the UTF-8 bytes of the text, in 64 small hexadecimal digits.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[(
        "sha256(\"abc\")",
        "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
    )],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let sum = Sha256::digest(text(args, 0)?.as_bytes());
    let digits = sum.iter().map(|byte| format!("{byte:02x}"));
    Ok(Value::string(digits.collect::<String>()))
}
