//! The built-in function `split`.

use super::args::{no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_ELEMENTS};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "split",
    doc: "The parts of a text between its separators. An empty text has no parts; an empty \
          separator gives the characters.",
    params: &[required("text", string), required("separator", string)],
    check: no_more,
    result: |_| Type::list(Type::String),
    examples: &[
        ("split(\"eu,us,,\", \",\")", "[\"eu\", \"us\", \"\", \"\"]"),
        ("split(\"eu\", \",\")", "[\"eu\"]"),
        ("split(\"\", \",\")", "[]"),
        ("split(\"añb\", \"\")", "[\"a\", \"ñ\", \"b\"]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (text, separator) = (text(args, 0)?, text(args, 1)?);
    if text.is_empty() {
        return Ok(Value::list([]));
    }
    if separator.is_empty() {
        let chars = text.chars().map(|c| Value::string(c.encode_utf8(&mut [0; 4]) as &str));
        return bounded(chars);
    }
    bounded(text.split(&**separator).map(Value::string))
}

/// A list of parts, which may be too many.
pub(super) fn bounded(parts: impl Iterator<Item = Value>) -> Result<Value, BuiltinError> {
    let parts: Vec<Value> = parts.take(MAX_ELEMENTS + 1).collect();
    if parts.len() > MAX_ELEMENTS {
        return Err(BuiltinError::TooLarge(LimitExceeded::Elements));
    }
    Ok(Value::list(parts))
}
