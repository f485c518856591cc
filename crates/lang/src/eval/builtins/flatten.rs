//! The built-in function `flatten`.

use super::args::{element, list, required, unfit_element, wants};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_ELEMENTS};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "flatten",
    doc: "The elements of the lists in a list, as one list.",
    params: &[required("lists", || Type::list(Type::Any))],
    check: |types| {
        wants(types, 0, "a list of lists", |ty| match ty {
            Type::List(of) => matches!(**of, Type::List(_) | Type::Json | Type::Any),
            ty => *ty == Type::Json,
        })
    },
    result: |types| Type::list(element(&[element(types)])),
    examples: &[
        ("flatten([[1, 2], [], [3]])", "[1, 2, 3]"),
        ("flatten([[[1]], [[2]]])", "[[1], [2]]"),
        ("flatten([])", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let mut flat = Vec::new();
    for (at, item) in list(args, 0)?.iter().enumerate() {
        let inner = item
            .as_list()
            .ok_or_else(|| unfit_element(at, "a list", item))?;
        if flat.len() + inner.len() > MAX_ELEMENTS {
            return Err(BuiltinError::TooLarge(LimitExceeded::Elements));
        }
        flat.extend_from_slice(inner);
    }
    Ok(Value::list(flat))
}
