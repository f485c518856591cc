//! The built-in function `floor`.

use super::args::{any, required, wants_number, whole};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::Type;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "floor",
    doc: "The largest whole number that is not above a number.",
    params: &[required("value", any)],
    check: wants_number,
    result: |_| Type::Int,
    examples: &[("floor(2.9)", "2"), ("floor(-2.1)", "-3")],
    call: BuiltinBody::Pure(|args| whole(args, f64::floor)),
};
