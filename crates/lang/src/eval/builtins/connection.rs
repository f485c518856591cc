//! Shared by the built-in functions that describe connections. Must not open one.

use super::args::{given, text};
use super::{BuiltinError, Param};
use lockstep_base::value::Value;

/// A map of `type` and the arguments that were given, by the names of their parameters.
pub(super) fn connection(
    kind: &str,
    params: &[Param],
    args: &[Value],
) -> Result<Value, BuiltinError> {
    let mut entries = vec![("type", Value::string(kind))];
    for (at, param) in params.iter().enumerate() {
        let value = match given(args, at) {
            Some(Value::Int(number)) => Value::Int(*number),
            Some(list @ Value::List(_)) => list.clone(),
            None if param.optional => continue,
            _ => word(args, at)?,
        };
        entries.push((param.name, value));
    }
    Ok(Value::map(entries))
}

/// A text that is passed to a command as one of its arguments and must not look like an option.
fn word(args: &[Value], argument: usize) -> Result<Value, BuiltinError> {
    let text = text(args, argument)?;
    let refuse = |why: &str| Err(BuiltinError::Argument(argument, why.into()));
    match text.chars().next() {
        None => refuse("this must not be empty"),
        Some('-') => refuse("this must not begin with `-`"),
        Some(_) if text.contains(char::is_control) => refuse("this must be plain text"),
        Some(_) => Ok(Value::String(text.clone())),
    }
}
