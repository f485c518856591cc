//! The built-in function `replace-all`.

use super::args::{gives_string, no_more, required, string, text};
use super::patterns::with_pattern;
use super::{Builtin, BuiltinBody, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_BYTES};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "replace-all",
    doc: "The text with every match of a regular expression replaced. \
          In `to`, `$1` and `$name` are groups of the match; a dollar is written `$$`.",
    params: &[
        required("text", string),
        required("pattern", string),
        required("to", string),
    ],
    check: no_more,
    result: gives_string,
    examples: &[
        (
            "replace-all(\"feature/A b\", \"[^a-z]+\", \"-\")",
            "\"feature-b\"",
        ),
        (
            "replace-all(\"v1.2\", \"v([0-9]+)\", \"release-$1\")",
            "\"release-1.2\"",
        ),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (text, pattern, to) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let replaced = with_pattern(pattern, |regex| {
        let mut made = String::new();
        let mut last = 0;
        for found in regex.captures_iter(text) {
            let whole = found.get_match();
            made.push_str(&text[last..whole.start()]);
            found.expand(to, &mut made);
            last = whole.end();
            if made.len() > MAX_BYTES {
                return None;
            }
        }
        made.push_str(&text[last..]);
        Some(made)
    })?;
    let made = replaced.ok_or(BuiltinError::TooLarge(LimitExceeded::Bytes))?;
    Ok(Value::string(made))
}
