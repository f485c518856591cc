//! The built-in function `local`.

use super::args::no_more;
use super::{BuiltinBody, Builtin};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "local",
    doc: "The connection to the machine that Lockstep runs on.",
    params: &[],
    check: no_more,
    result: |_| Type::Connection,
    examples: &[("local()", "{ type: \"local\" }")],
    call: BuiltinBody::Pure(|_| Ok(Value::map([("type", Value::string("local"))]))),
};
