//! The built-in function `from-toml`.

use super::args::{no_more, required, string, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::source::Name;
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "from-toml",
    doc: "The value that a TOML text stands for, as JSON. Dates and times are texts.",
    params: &[required("text", string)],
    check: no_more,
    result: |_| Type::Json,
    examples: &[(
        "from-toml(\"[app]\\nversion = \\\"1.2\\\"\")",
        "{ app: { version: \"1.2\" } }",
    )],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let table: toml::Table = toml::from_str(text(args, 0)?).map_err(|error| {
        let message = error.message().trim_end_matches('.');
        BuiltinError::Argument(0, format!("the text is not TOML: {message}"))
    })?;
    value(toml::Value::Table(table)).map_err(|message| BuiltinError::Argument(0, message))
}

/// The parser has bounded how deep it is.
fn value(toml: toml::Value) -> Result<Value, String> {
    Ok(match toml {
        toml::Value::String(text) => Value::string(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) if number.is_finite() => Value::Float(number),
        toml::Value::Float(number) => return Err(format!("the number {number} does not fit")),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => Value::string(time.to_string()),
        toml::Value::Array(items) => {
            let items: Result<Vec<Value>, String> = items.into_iter().map(value).collect();
            Value::list(items?)
        }
        toml::Value::Table(table) => {
            let entries: Result<Vec<(Name, Value)>, String> = (table.into_iter())
                .map(|(key, of)| Ok((key.into(), value(of)?)))
                .collect();
            Value::map(entries?)
        }
    })
}
