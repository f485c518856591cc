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
            "from-json(\"{\\\"a\\\": [1, 2.5, null]}\")",
            "{ a: [1, 2.5, none] }",
        ),
        ("from-json(\"[1, 2]\")[1]", "2"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let text = text(args, 0)?;
    // No value can have more elements than there are commas and opening brackets.
    let marks = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    if marks.count() > MAX_ELEMENTS {
        return Err(BuiltinError::TooLarge(LimitExceeded::Elements));
    }
    let json = serde_json::from_str(text).map_err(|error| {
        let reason = value::json_reason(&error);
        let place = format!("line {}, column {}", error.line(), error.column());
        BuiltinError::Argument(0, format!("the text is not JSON at {place}: {reason}"))
    })?;
    value::from_json(json, &Type::Json).map_err(|error| BuiltinError::Argument(0, error))
}
