//! The built-in function `contains`.

use super::args::{any, required};
use super::{BuiltinBody, Builtin, ArgumentMisfit, BuiltinError};
use crate::eval::operators;
use lockstep_syntax::ast::BinaryOp;
use lockstep_base::value::{Type, Value};

const WANTED: &str = "a text, a list or a map";

pub(super) static FUNCTION: Builtin = Builtin {
    name: "contains",
    doc: "Whether a text has a part, a list an element, or a map a key: `part in whole`.",
    params: &[required("whole", any), required("part", any)],
    check,
    result: |_| Type::Bool,
    examples: &[
        ("contains(\"release-2\", \"ease\")", "true"),
        ("contains([1, 2], 3)", "false"),
        ("contains({ a: 1 }, \"a\")", "true"),
    ],
    call: BuiltinBody::Pure(call),
};

fn check(types: &[Type]) -> Result<(), ArgumentMisfit> {
    let [whole, part] = types else { return Ok(()) };
    if operators::result(BinaryOp::In, part, whole).is_some() {
        return Ok(());
    }
    let (argument, wanted) = match whole {
        Type::String | Type::Path | Type::OneOf(_) => (1, "a text"),
        Type::List(_) => (1, "something that may be an element of the list"),
        Type::Map(_) | Type::Record(_) => (1, "a text, the key"),
        _ => (0, WANTED),
    };
    Err(ArgumentMisfit { argument, wanted })
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let [whole, part] = args else {
        return Err(BuiltinError::Message("expected two arguments".into()));
    };
    operators::contains(whole, part)
        .map(Value::Bool)
        .map_err(|_| {
            BuiltinError::Message(format!("{} cannot be in {}", part.kind(), whole.kind()))
        })
}
