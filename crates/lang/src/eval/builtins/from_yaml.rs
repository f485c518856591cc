//! The built-in function `from-yaml`.

use serde_yaml_ng::Value as Yaml;

use super::args::{no_more, required, string, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::source::Name;
use lockstep_base::value::{MAX_VALUE_DEPTH, Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "from-yaml",
    doc: "The value that a YAML text stands for, as JSON. \
          It is YAML 1.2: `no` is a text. A key that stands twice is an error.",
    params: &[required("text", string)],
    check: no_more,
    result: |_| Type::Json,
    examples: &[(
        "from-yaml(\"replicas: 3\\nzones: [eu, no]\")",
        "{ replicas: 3, zones: [\"eu\", \"no\"] }",
    )],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let wrong = |message: String| BuiltinError::Argument(0, message);
    let yaml: Yaml = serde_yaml_ng::from_str(text(args, 0)?)
        .map_err(|error| wrong(format!("the text is not YAML: {error}")))?;
    value(yaml, 0).map_err(wrong)
}

fn value(yaml: Yaml, depth: usize) -> Result<Value, String> {
    if depth > MAX_VALUE_DEPTH {
        return Err(String::from("lists and maps are nested too deeply"));
    }
    Ok(match yaml {
        Yaml::Null => Value::None,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(float)) if number.is_f64() && float.is_finite() => Value::Float(float),
            _ => return Err(format!("the number {number} does not fit")),
        },
        Yaml::String(text) => Value::string(text),
        Yaml::Sequence(items) => {
            let items: Result<Vec<Value>, String> = (items.into_iter())
                .map(|item| value(item, depth + 1))
                .collect();
            Value::list(items?)
        }
        Yaml::Mapping(entries) => {
            let entries: Result<Vec<(Name, Value)>, String> = (entries.into_iter())
                .map(|(key, of)| Ok((key_text(key)?, value(of, depth + 1)?)))
                .collect();
            Value::map(entries?)
        }
        Yaml::Tagged(tagged) => {
            return Err(format!(
                "what the tag `{}` stands for is not known",
                tagged.tag
            ));
        }
    })
}

/// A key as a text: `8080: web` has the key "8080".
fn key_text(key: Yaml) -> Result<Name, String> {
    Ok(match key {
        Yaml::String(text) => text.into(),
        Yaml::Bool(value) => value.to_string().into(),
        Yaml::Number(number) => number.to_string().into(),
        Yaml::Null => "null".into(),
        Yaml::Sequence(_) | Yaml::Mapping(_) | Yaml::Tagged(_) => {
            return Err(String::from("a key is not a text"));
        }
    })
}
