//! The built-in function `pod`.

use super::args::{no_more, optional, optional_string, required, string};
use super::connection::connection;
use super::{BuiltinBody, Builtin, Param};
use lockstep_base::value::Type;

const PARAMS: &[Param] = &[
    required("context", string),
    required("namespace", string),
    required("pod", string),
    optional("container", optional_string),
];

pub(super) static FUNCTION: Builtin = Builtin {
    name: "pod",
    doc: "The connection into a running pod of a Kubernetes cluster, by the context of the \
          `kubectl` configuration.",
    params: PARAMS,
    check: no_more,
    result: |_| Type::Connection,
    examples: &[(
        "pod(\"prod-eu\", \"shop\", \"web-0\", \"app\")",
        "{ type: \"pod\", context: \"prod-eu\", namespace: \"shop\", pod: \"web-0\", \
         container: \"app\" }",
    )],
    call: BuiltinBody::Pure(|args| connection("pod", PARAMS, args)),
};
