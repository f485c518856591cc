//! `sum`.

use super::args::{any, element, given, list, list_of_any, optional, required, wants};
use super::{BuiltinBody, Builtin, ArgumentMisfit, BuiltinError};
use crate::eval::operators::apply;
use lockstep_syntax::ast::BinaryOp;
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "sum",
    doc: "The sum of a list of numbers, 0 if it is empty. With durations or percents the sum \
          begins with `start`, which must be given: `sum(waits, 0s)`.",
    params: &[required("list", list_of_any), optional("start", any)],
    check,
    result,
    examples: &[
        ("sum([1, 2, 3])", "6"),
        ("sum([0.5, 1.5])", "2.0"),
        ("sum([])", "0"),
        ("sum([1m, 30s], 0s)", "90s"),
        ("sum([1, 2], 10)", "13"),
    ],
    call: BuiltinBody::Pure(call),
};

fn check(types: &[Type]) -> Result<(), ArgumentMisfit> {
    use Type::{Any, Duration, Float, Int, Json, None, Percent};
    let of = element(types);
    wants(types, 0, "a list of numbers, durations or percents", |ty| {
        matches!(ty, Type::List(_) | Json)
            && matches!(of, Int | Float | Duration | Percent | Json | Any)
    })?;
    let start = types.get(1).filter(|ty| **ty != None);
    // An empty list does not show whether it is one of durations, so the start must.
    let (fits, wanted) = match (&of, start) {
        (Duration, Option::None) => (false, "`0s` after the list, to begin with"),
        (Percent, Option::None) => (false, "`0%` after the list, to begin with"),
        (_, Option::None) | (Any, Some(Int | Float | Duration | Percent | Any)) => (true, ""),
        (Duration, Some(start)) => (*start == Duration, "a duration"),
        (Percent, Some(start)) => (*start == Percent, "a percent"),
        (_, Some(start)) => (matches!(start, Int | Float), "a number"),
    };
    if fits {
        return Ok(());
    }
    let argument = usize::from(start.is_some());
    Err(ArgumentMisfit { argument, wanted })
}

fn result(types: &[Type]) -> Type {
    match (element(types), types.get(1)) {
        (Type::Any, None | Some(Type::None)) => Type::Int,
        (Type::Any, Some(start)) => start.clone(),
        // Only the value decides whether it is an int or a float.
        (Type::Json, _) => Type::Json,
        (Type::Int, Some(Type::Float)) => Type::Float,
        (of, _) => of,
    }
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let start = given(args, 1).cloned().unwrap_or(Value::Int(0));
    list(args, 0)?.iter().try_fold(start, |sum, item| {
        let fits = matches!(
            item,
            Value::Int(_) | Value::Float(_) | Value::Duration(_) | Value::Percent(_)
        );
        if !fits {
            let text = format!("{} cannot be added", item.kind());
            return Err(BuiltinError::Argument(0, text));
        }
        apply(BinaryOp::Add, &sum, item).map_err(|error| {
            let text = format!("{} cannot be added to {}", item.kind(), sum.kind());
            BuiltinError::of_operator(error, &text)
        })
    })
}
