//! `matches`.

use std::cell::RefCell;

use regex::Regex;

use super::args::{no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::source::Name;
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

/// How many compiled patterns are cached.
const KEPT: usize = 16;

thread_local! {
    /// The most recently used patterns: a filter over many elements uses the same one repeatedly.
    static RECENT: RefCell<Vec<(Name, Regex)>> = const { RefCell::new(Vec::new()) };
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (text, pattern) = (text(args, 0)?, text(args, 1)?);
    RECENT.with_borrow_mut(|recent| {
        if let Some(at) = recent.iter().position(|(known, _)| known == pattern) {
            return Ok(Value::Bool(recent[at].1.is_match(text)));
        }
        let regex = Regex::new(pattern).map_err(|error| BuiltinError::Argument(1, reason(&error)))?;
        let found = regex.is_match(text);
        if recent.len() >= KEPT {
            recent.remove(0);
        }
        recent.push((pattern.clone(), regex));
        Ok(Value::Bool(found))
    })
}

/// The last line of the message; the lines before it draw a picture.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let reason = last.trim().trim_start_matches("error: ");
    format!("this is not a regular expression: {reason}")
}
