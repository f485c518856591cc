//! The built-in function `slice`.

use super::args::{any, given, gives_same, int, number, optional, optional_int, required, wants};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "slice",
    doc: "The elements of a list, or the characters of a text, from one place to before another, \
           or to the end. \
          Places begin with 0; negative ones count from the end. \
          What is not there is left out.",
    params: &[
        required("whole", any),
        required("from", int),
        optional("to", optional_int),
    ],
    check: |types| {
        wants(types, 0, "a list or a text", |ty| {
            matches!(
                ty,
                Type::List(_) | Type::String | Type::Path | Type::OneOf(_) | Type::Json
            )
        })
    },
    result,
    examples: &[
        ("slice([\"a\", \"b\", \"c\"], 1)", "[\"b\", \"c\"]"),
        ("slice(\"3f9c1d2e\", 0, 4)", "\"3f9c\""),
        ("slice([1, 2, 3], -2, -1)", "[2]"),
        ("slice([1, 2], 5)", "[]"),
    ],
    call: BuiltinBody::Pure(call),
};

/// A part of one of a few texts may be another one, and a part of a path is a text.
fn result(types: &[Type]) -> Type {
    match types.first() {
        Some(Type::OneOf(_) | Type::Path) => Type::String,
        _ => gives_same(types),
    }
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let from = number(args, 1)?;
    let to = match given(args, 2) {
        Some(_) => number(args, 2)?,
        None => i64::MAX,
    };
    match args.first().unwrap_or(&Value::None) {
        Value::List(items) => {
            let (from, to) = places(from, to, items.len());
            Ok(Value::list(items[from..to].iter().cloned()))
        }
        Value::String(text) => {
            let (from, to) = places(from, to, text.chars().count());
            let part: String = text.chars().skip(from).take(to - from).collect();
            Ok(Value::string(part))
        }
        other => {
            let message = format!("expected a list or a text, but this is {}", other.kind());
            Err(BuiltinError::Argument(0, message))
        }
    }
}

/// The places that there are; the second is never before the first.
fn places(from: i64, to: i64, length: usize) -> (usize, usize) {
    let place = |at: i64| match usize::try_from(at) {
        Ok(at) => at.min(length),
        Err(_) => length.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let from = place(from);
    (from, place(to).max(from))
}
