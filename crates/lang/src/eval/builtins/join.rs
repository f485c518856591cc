//! The built-in function `join`.

use super::args::{
    gives_string, list, list_of_any, plain_text, required, string, text, wants,
};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_BYTES};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "join",
    doc: "The elements of a list as one text, with the separator between them.",
    params: &[required("list", list_of_any), required("separator", string)],
    check: |types| {
        let wanted = "a list of what can be put into a string";
        wants(types, 0, wanted, |ty| match ty {
            Type::List(of) => of.interpolates(),
            ty => *ty == Type::Json,
        })
    },
    result: gives_string,
    examples: &[
        ("join([\"a\", \"b\"], \"-\")", "\"a-b\""),
        ("join([1, 2.5, 3], \", \")", "\"1, 2.5, 3\""),
        ("join([], \", \")", "\"\""),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (items, separator) = (list(args, 0)?, text(args, 1)?);
    let mut joined = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&plain_text(item, 0)?);
        if joined.len() > MAX_BYTES {
            return Err(BuiltinError::TooLarge(LimitExceeded::Bytes));
        }
    }
    Ok(Value::string(joined))
}
