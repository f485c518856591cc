//! The built-in function `abs`.

use super::args::{any, gives_same, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "abs",
    doc: "The number, the duration or the percent without its sign.",
    params: &[required("value", any)],
    check: |types| wants(types, 0, WANTED, is_number),
    result: gives_same,
    examples: &[("abs(-3)", "3"), ("abs(-2.5)", "2.5"), ("abs(-30s)", "30s")],
    call: BuiltinBody::Pure(call),
};

const WANTED: &str = "a number, a duration or a percent";

fn is_number(ty: &Type) -> bool {
    matches!(
        ty,
        Type::Int | Type::Float | Type::Duration | Type::Percent | Type::Json
    )
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let too_large = || BuiltinError::Message("the result does not fit into 64 bits".into());
    match args.first().unwrap_or(&Value::None) {
        Value::Int(value) => value.checked_abs().map(Value::Int).ok_or_else(too_large),
        Value::Duration(ms) => ms.checked_abs().map(Value::Duration).ok_or_else(too_large),
        Value::Float(value) => Ok(Value::Float(value.abs())),
        Value::Percent(value) => Ok(Value::Percent(value.abs())),
        other => {
            let message = format!("expected {WANTED}, but this is {}", other.kind());
            Err(BuiltinError::Argument(0, message))
        }
    }
}
