//! The built-in function `from-json`.

use super::args::{no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_ELEMENTS};
use lockstep_base::value::{self, Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "from-json",
    doc: "The value that a JSON text stands for. Its fields and elements are JSON again: \
          `from-json(text).items[0].name`; turn them into other types with `string`, `int` and \
          `float`.",
    params: &[required("text", string)],
    check: no_more,
    result: |_| Type::Json,
    examples: &[
        (
            "from-json(\"{\\\"a\\\": [1, null]}\")",
            "{ a: [1, none] }",
        ),
        ("from-json(\"[1, 2]\")[1]", "2"),
    ],
    call: BuiltinBody::Pure(call),
};

/// How many characters of a text a message shows.
const MAX_SHOWN_CHARS: usize = 60;

/// What the function got, in short.
fn got(text: &str) -> String {
    if text.trim().is_empty() {
        return String::from("it got an empty text");
    }
    let short: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("it got {short:?}{more}")
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let text = text(args, 0)?;
    // No value can have more elements than there are commas and opening brackets.
    let marks = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    if marks.count() > MAX_ELEMENTS {
        return Err(BuiltinError::TooLarge(LimitExceeded::Elements));
    }
    let json = value::parse_json(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line, error.column);
        let reason = &error.reason;
        let got = got(text);
        BuiltinError::Argument(0, format!("the text is not JSON at {place}: {reason}; {got}"))
    })?;
    value::from_json(json, &Type::Json).map_err(|error| BuiltinError::Argument(0, error))
}
