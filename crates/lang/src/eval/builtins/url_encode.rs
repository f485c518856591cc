//! The built-in function `url-encode`.

use super::args::{gives_string, no_more, required, string, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "url-encode",
    doc: "The text as a part of a URL: all but letters, digits and `-._~` as `%XX`.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[(
        "url-encode(\"feature/ü &1\")",
        "\"feature%2F%C3%BC%20%261\"",
    )],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let mut made = String::new();
    for byte in text(args, 0)?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                made.push(char::from(byte));
            }
            other => made.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(Value::string(made))
}
