//! The built-in function `basename`.

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "basename",
    doc: "The last part of a path, as the command of this name gives it.",
    params: &[required("path", string)],
    check: no_more,
    result: gives_string,
    examples: &[
        ("basename(\"k8s/checkout.yaml\")", "\"checkout.yaml\""),
        ("basename(\"k8s/shop/\")", "\"shop\""),
        ("basename(\"/\")", "\"/\""),
        ("basename(\"\")", "\"\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let path = text(args, 0)?;
    let trimmed = path.trim_end_matches('/');
    let last = trimmed.rsplit('/').next().unwrap_or_default();
    // A path of nothing but slashes is the root.
    let root = last.is_empty() && !path.is_empty();
    Ok(Value::string(if root { "/" } else { last }))
}
