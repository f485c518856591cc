//! The built-in function `image`.

use super::args::{no_more, optional, optional_string, required, string};
use super::connection::connection;
use super::{BuiltinBody, Builtin, Param};
use lockstep_base::value::Type;

const PARAMS: &[Param] = &[
    required("name", string),
    optional("engine", optional_string),
];

pub(super) static FUNCTION: Builtin = Builtin {
    name: "image",
    doc: "A fresh container of an image for each command, on this machine, with the working folder \
          in it; `engine` is the command that makes it, such as `docker` or `podman`.",
    params: PARAMS,
    check: no_more,
    result: |_| Type::Connection,
    examples: &[
        ("image(\"node:22\")", "{ type: \"image\", name: \"node:22\" }"),
        (
            "image(\"node:22\", \"podman\")",
            "{ type: \"image\", name: \"node:22\", engine: \"podman\" }",
        ),
    ],
    call: BuiltinBody::Pure(|args| connection("image", PARAMS, args)),
};
