//! The built-in function `ceil`.

use super::args::{any, required, wants_number, whole};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::Type;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "ceil",
    doc: "The smallest whole number that is not below a number.",
    params: &[required("value", any)],
    check: wants_number,
    result: |_| Type::Int,
    examples: &[("ceil(2.1)", "3"), ("ceil(-2.9)", "-2")],
    call: BuiltinBody::Pure(|args| whole(args, f64::ceil)),
};
