//! The built-in function `ssh`.

use super::args::{no_more, optional, optional_int, optional_string, required, string};
use super::connection::connection;
use super::{BuiltinBody, Builtin, Param, BuiltinError};
use lockstep_base::value::{Type, Value};

const PARAMS: &[Param] = &[
    required("host", string),
    optional("user", optional_string),
    optional("port", optional_int),
    optional("identity", optional_string),
];

pub(super) static FUNCTION: Builtin = Builtin {
    name: "ssh",
    doc: "The connection to another machine over SSH; `identity` is the path of a key file. What \
          is not given comes from the configuration of `ssh`.",
    params: PARAMS,
    check: no_more,
    result: |_| Type::Connection,
    examples: &[
        (
            "ssh(\"eu-1.example.com\")",
            "{ type: \"ssh\", host: \"eu-1.example.com\" }",
        ),
        (
            "ssh(\"eu-1\", \"deploy\", 2222)",
            "{ type: \"ssh\", host: \"eu-1\", user: \"deploy\", port: 2222 }",
        ),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    if let Some(Value::Int(port)) = args.get(2)
        && !(1..=65_535).contains(port)
    {
        let text = format!("a port is a number from 1 to 65535, not {port}");
        return Err(BuiltinError::Argument(2, text));
    }
    connection("ssh", PARAMS, args)
}
