//! The built-in function `indent`.

use super::args::{gives_string, int, no_more, number, required, string, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_BYTES};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "indent",
    doc: "The text with blanks before each of its lines that is not empty.",
    params: &[required("text", string), required("blanks", int)],
    check: no_more,
    result: gives_string,
    examples: &[("indent(\"a:\\n  b: 1\\n\", 2)", "\"  a:\\n    b: 1\\n\"")],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let text = text(args, 0)?;
    let Ok(blanks) = usize::try_from(number(args, 1)?) else {
        let message = "the number of blanks cannot be negative";
        return Err(BuiltinError::Argument(1, message.into()));
    };
    let grown = text.lines().count().saturating_mul(blanks);
    if text.len().saturating_add(grown) > MAX_BYTES {
        return Err(BuiltinError::TooLarge(LimitExceeded::Bytes));
    }
    let before = " ".repeat(blanks);
    let mut made = String::with_capacity(text.len() + grown);
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            made.push_str(&before);
        }
        made.push_str(line);
    }
    Ok(Value::string(made))
}
