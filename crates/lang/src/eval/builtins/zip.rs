//! The built-in function `zip`.

use super::args::{list, list_of_any, no_more, required};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "zip",
    doc: "The elements of two lists of one length, side by side: `left` and `right`.",
    params: &[
        required("left", list_of_any),
        required("right", list_of_any),
    ],
    check: no_more,
    result,
    examples: &[
        ("zip([\"eu\"], [3])", "[{ left: \"eu\", right: 3 }]"),
        ("zip([], [])", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn result(types: &[Type]) -> Type {
    let of = |at: usize| match types.get(at) {
        Some(Type::List(of)) => (**of).clone(),
        Some(Type::Json) => Type::Json,
        _ => Type::Any,
    };
    Type::list(Type::record([("left", of(0)), ("right", of(1))]))
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (left, right) = (list(args, 0)?, list(args, 1)?);
    if left.len() != right.len() {
        let message = format!(
            "the lists are not of one length: {} and {}",
            left.len(),
            right.len()
        );
        return Err(BuiltinError::Argument(1, message));
    }
    let pair = |(left, right): (&Value, &Value)| {
        Value::map([("left", left.clone()), ("right", right.clone())])
    };
    Ok(Value::list(left.iter().zip(right).map(pair)))
}
