//! The built-in function `dirname`.

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "dirname",
    doc: "The path without its last part, as the command of this name gives it.",
    params: &[required("path", string)],
    check: no_more,
    result: gives_string,
    examples: &[
        ("dirname(\"k8s/checkout.yaml\")", "\"k8s\""),
        ("dirname(\"checkout.yaml\")", "\".\""),
        ("dirname(\"/etc\")", "\"/\""),
        ("dirname(\"a//b/\")", "\"a\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let path = text(args, 0)?;
    let trimmed = path.trim_end_matches('/');
    let folder = match trimmed.rfind('/') {
        Some(at) => trimmed[..at].trim_end_matches('/'),
        None if trimmed.is_empty() && !path.is_empty() => "",
        None => ".",
    };
    Ok(Value::string(if folder.is_empty() { "/" } else { folder }))
}
