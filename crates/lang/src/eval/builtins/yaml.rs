//! The built-in function `yaml`.

use super::args::{any, gives_string, plain, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value, to_json};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "yaml",
    doc: "The value as YAML, in lines. Durations and percents are texts such as \"1h30m\".",
    params: &[required("value", any)],
    check: |types| {
        wants(
            types,
            0,
            "data without secrets, services or places",
            Type::is_data,
        )
    },
    result: gives_string,
    examples: &[(
        "yaml({ a: [1, none], b: \"no\" })",
        "\"a:\\n- 1\\n- null\\nb: no\\n\"",
    )],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let value = args.first().unwrap_or(&Value::None);
    plain(value, 0)?;
    let json = to_json(value, &|value| value.kind().into());
    serde_yaml_ng::to_string(&json)
        .map(Value::string)
        .map_err(|error| BuiltinError::Argument(0, format!("there is no YAML of this: {error}")))
}
