//! The built-in function `string`.

use super::args::{any, gives_string, plain_text, required, wants_text_forms};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "string",
    doc: "The text that the value has inside a string: lists and maps are JSON, in which `none` \
          is `null`. `none` itself has no text.",
    params: &[required("value", any)],
    check: |types| wants_text_forms(types, 0),
    result: gives_string,
    examples: &[
        ("string(42)", "\"42\""),
        ("string(90m)", "\"1h30m\""),
        ("string(2.0)", "\"2\""),
        ("string([\"a\", none])", "\"[\\\"a\\\",null]\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let value = args.first().unwrap_or(&Value::None);
    plain_text(value, 0).map(Value::string)
}
