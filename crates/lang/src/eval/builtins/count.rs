//! The built-in function `count`.

use super::args::{any, bools, element, given, list, list_of_any, optional, required};
use super::{ArgumentMisfit, Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "count",
    doc: "How many elements of a list are equal to a value; without one, how many are true.",
    params: &[required("list", list_of_any), optional("value", any)],
    check,
    result: |_| Type::Int,
    examples: &[
        ("count([true, false, true])", "2"),
        ("count([\"eu\", \"us\", \"eu\"], \"eu\")", "2"),
        ("count([], 1)", "0"),
    ],
    call: BuiltinBody::Pure(call),
};

fn check(types: &[Type]) -> Result<(), ArgumentMisfit> {
    let of = element(types);
    match types.get(1).filter(|ty| **ty != Type::None) {
        Some(_) => Ok(()),
        None if matches!(of, Type::Bool | Type::Json | Type::Any) => Ok(()),
        None => Err(ArgumentMisfit {
            argument: 0,
            wanted: "a list of bools, or a value to look for behind it",
        }),
    }
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let count = match given(args, 1) {
        Some(value) => list(args, 0)?.iter().filter(|item| *item == value).count(),
        None => bools(args)?.into_iter().filter(|it| *it).count(),
    };
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}
