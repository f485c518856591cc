//! The built-in function `replace`.

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_BYTES};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "replace",
    doc: "The text with every place where `from` stands replaced by `to`. An empty `from` stands \
          nowhere and everywhere: that is an error.",
    params: &[
        required("text", string),
        required("from", string),
        required("to", string),
    ],
    check: no_more,
    result: gives_string,
    examples: &[
        ("replace(\"prod.eu.1\", \".\", \"-\")", "\"prod-eu-1\""),
        ("replace(\"aaa\", \"aa\", \"b\")", "\"ba\""),
        ("replace(\"abc\", \"x\", \"y\")", "\"abc\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (text, from, to) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    if from.is_empty() {
        let message = "there is nothing to replace in an empty text";
        return Err(BuiltinError::Argument(1, message.into()));
    }
    if to.len() > from.len() {
        let places = text.matches(&**from).count();
        let grown = places.saturating_mul(to.len() - from.len());
        if text.len().saturating_add(grown) > MAX_BYTES {
            return Err(BuiltinError::TooLarge(LimitExceeded::Bytes));
        }
    }
    Ok(Value::string(text.replace(&**from, to)))
}
