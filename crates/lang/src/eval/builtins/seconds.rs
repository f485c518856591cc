//! The built-in function `seconds`.

use super::args::{milliseconds, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "seconds",
    doc: "How many whole seconds a duration has, for programs that count in seconds.",
    params: &[required("duration", || Type::Duration)],
    check: no_more,
    result: |_| Type::Int,
    examples: &[("seconds(1m30s)", "90"), ("seconds(1500ms)", "1")],
    call: BuiltinBody::Pure(|args| Ok(Value::Int(milliseconds(args, 0)? / 1_000))),
};
