//! `matches`.

use super::args::{no_more, required, string, text};
use super::patterns::with_pattern;
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "matches",
    doc: "Whether the regular expression matches somewhere in the text; `^` and `$` tie it to \
          the text's ends. The syntax is that of Rust's crate `regex`.",
    params: &[required("text", string), required("pattern", string)],
    check: no_more,
    result: |_| Type::Bool,
    examples: &[
        ("matches(\"v2.1\", \"^v[0-9]+\")", "true"),
        ("matches(\"rc-v2\", \"^v[0-9]+\")", "false"),
        ("matches(\"a-b\", \"-\")", "true"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (text, pattern) = (text(args, 0)?, text(args, 1)?);
    with_pattern(pattern, |regex| Value::Bool(regex.is_match(text)))
}
