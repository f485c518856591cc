//! The built-in function `minutes`.

use super::args::{milliseconds, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "minutes",
    doc: "How many whole minutes a duration has, for programs that count in minutes.",
    params: &[required("duration", || Type::Duration)],
    check: no_more,
    result: |_| Type::Int,
    examples: &[("minutes(1h30m)", "90"), ("minutes(59s)", "0")],
    call: BuiltinBody::Pure(|args| Ok(Value::Int(milliseconds(args, 0)? / 60_000))),
};
