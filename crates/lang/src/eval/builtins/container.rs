//! The built-in function `container`.

use super::args::{no_more, optional, optional_string, required, string};
use super::connection::connection;
use super::{BuiltinBody, Builtin, Param};
use lockstep_base::value::Type;

const PARAMS: &[Param] = &[
    required("name", string),
    optional("engine", optional_string),
];

pub(super) static FUNCTION: Builtin = Builtin {
    name: "container",
    doc: "The connection into a running container; `engine` is the command that enters it, such \
          as `docker` or `podman`.",
    params: PARAMS,
    check: no_more,
    result: |_| Type::Connection,
    examples: &[
        ("container(\"shop\")", "{ type: \"container\", name: \"shop\" }"),
        (
            "container(\"shop\", \"podman\")",
            "{ type: \"container\", name: \"shop\", engine: \"podman\" }",
        ),
    ],
    call: BuiltinBody::Pure(|args| connection("container", PARAMS, args)),
};
