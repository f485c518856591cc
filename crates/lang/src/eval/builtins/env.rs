//! The built-in function `env`.

use super::args::{no_more, optional, optional_string, required, string};
use super::{BuiltinBody, Builtin};
use lockstep_base::value::Type;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "env",
    doc: "A variable of the environment that Lockstep was started in, read when the run is \
          planned and recorded in the plan. Without a default it must be set; the default may \
          be `none`.",
    params: &[
        required("name", string),
        optional("default", optional_string),
    ],
    check: no_more,
    result: |types| match types.get(1) {
        Some(Type::None | Type::Optional(_)) => Type::optional(Type::String),
        _ => Type::String,
    },
    examples: &[
        ("env(\"REGION\", \"eu\")", "\"eu\""),
        ("env(\"REGION\", none) ?? \"us\"", "\"us\""),
    ],
    call: BuiltinBody::Env,
};
