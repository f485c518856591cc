//! The built-in function `json`.

use super::args::{any, gives_string, plain, required, wants};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::{Type, Value, text};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "json",
    doc: "The value as JSON on one line. Durations and percents are texts such as \"1h30m\".",
    params: &[required("value", any)],
    check: |types| wants(types, 0, "data without secrets, services or places", Type::is_data),
    result: gives_string,
    examples: &[
        (
            "json({ a: [1, none], b: \"ü\\n\" })",
            "\"{\\\"a\\\":[1,null],\\\"b\\\":\\\"ü\\\\n\\\"}\"",
        ),
        ("json(1h30m)", "\"\\\"1h30m\\\"\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let value = args.first().unwrap_or(&Value::None);
    plain(value, 0)?;
    Ok(Value::string(text::json(value, &|value| {
        value.kind().into()
    })))
}
