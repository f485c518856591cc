//! The name of a secret that may be missing, `secret token: secret? = env("TOKEN", none)`: the
//! secret, or `none`. It is called by no name.

use super::args::{any, no_more, required};
use super::{Builtin, BuiltinBody};
use lockstep_base::value::Type;

/// What the name of such a secret is lowered to; its argument is the secret.
pub static OPTIONAL_SECRET: Builtin = Builtin {
    name: "secret.optional",
    doc: "The secret where its variable is set, else `none`.",
    params: &[required("secret", any)],
    check: no_more,
    result: |_| Type::optional(Type::Secret),
    examples: &[],
    call: BuiltinBody::OptionalSecret,
};
