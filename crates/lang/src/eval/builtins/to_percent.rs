//! The built-in function `percent`.

use super::args::{any, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::text::parse_percent;
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "percent",
    doc: "The percent that a text says (white space around it does not count).",
    params: &[required("value", any)],
    check: |types| {
        wants(types, 0, WANTED, |ty| {
            matches!(
                ty,
                Type::String | Type::Path | Type::OneOf(_) | Type::Percent | Type::Json
            )
        })
    },
    result: |_| Type::Percent,
    examples: &[("percent(\"12.5%\")", "12.5%")],
    call: BuiltinBody::Pure(call),
};

const WANTED: &str = "a text or a percent";

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let found = match args.first().unwrap_or(&Value::None) {
        Value::Percent(value) => Ok(*value),
        Value::String(text) => parsed(text).ok_or_else(|| {
            let start: String = text.chars().take(60).collect();
            format!("{start:?} is not a percent such as `10%`")
        }),
        other => Err(format!("expected {WANTED}, but this is {}", other.kind())),
    };
    found
        .map(Value::Percent)
        .map_err(|text| BuiltinError::Argument(0, text))
}

fn parsed(text: &str) -> Option<f64> {
    parse_percent(text.trim())
}
