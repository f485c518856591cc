//! The built-in function `ssh`.

use super::args::{
    no_more, optional, optional_int, optional_string, optional_strings, required, string,
    written_out,
};
use super::connection::connection;
use super::{BuiltinBody, Builtin, Param, BuiltinError};
use lockstep_base::value::{Type, Value};

const PARAMS: &[Param] = &[
    required("host", string),
    optional("user", optional_string),
    optional("port", optional_int),
    optional("identity", optional_string),
    optional("jump", optional_string),
    optional("config", optional_string),
    optional("known-hosts", optional_string),
    optional("sessions", optional_int),
    written_out("options", optional_strings),
];

/// The place of `sessions` and of `options` among them.
const SESSIONS: usize = 7;
const OPTIONS: usize = 8;

/// No server lets more sessions into one connection than it is told to.
const MAX_SESSIONS: i64 = 1_000;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "ssh",
    doc: "The connection to another machine over SSH. What is not given comes from the \
          configuration of `ssh`. `identity` is the path of a key file, `jump` the machine to go \
          through, `config` the path of a configuration to use instead, `known-hosts` that of the \
          keys of machines, `sessions` how many commands are there at once (8 without it), and \
          `options` are further options such as `\"Compression=yes\"`. Options are written out in \
          the file, since some of them run programs.",
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
    if let Some(Value::Int(sessions)) = args.get(SESSIONS)
        && !(1..=MAX_SESSIONS).contains(sessions)
    {
        let text = format!("this is a number from 1 to {MAX_SESSIONS}, not {sessions}");
        return Err(BuiltinError::Argument(SESSIONS, text));
    }
    if let Some(Value::List(options)) = args.get(OPTIONS) {
        let is_option = |option: &Value| {
            let name = option.as_str().and_then(|text| text.split_once('='));
            name.is_some_and(|(name, value)| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && !value.contains(char::is_control)
            })
        };
        if let Some(wrong) = options.iter().find(|option| !is_option(option)) {
            let shown = wrong.as_str().unwrap_or_default();
            let text = format!("`{shown}` is not an option: it is written `\"Name=value\"`");
            return Err(BuiltinError::Argument(OPTIONS, text));
        }
    }
    connection("ssh", PARAMS, args)
}
