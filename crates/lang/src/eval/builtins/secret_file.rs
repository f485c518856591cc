//! `token.file`: the path of a file that holds a secret while a run goes on. It is written as a
//! field, and called by no name; the runtime makes the file when a command uses the path.

use super::args::{any, gives_string, no_more, required, string, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{SecretPart, Value};

/// What `.file` of a secret is lowered to; no program can write its name.
pub static SECRET_FILE: Builtin = Builtin {
    name: "secret.file",
    doc: "The path of a file on this machine that only you can read and that holds the secret's \
          text, for programs that want a file. It is there while the run goes on.",
    params: &[required("secret", any), required("folder", string)],
    check: no_more,
    result: gives_string,
    examples: &[],
    call: BuiltinBody::Pure(call),
};

/// The beginning of the name of such a file; the number of its secret follows.
pub const SECRET_FILE_PREFIX: &str = "secret-";

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let refuse = |why: &str| Err(BuiltinError::Argument(0, why.into()));
    let Some(Value::Secret(parts)) = args.first() else {
        return refuse("this text is no secret; only a declared `secret` has a file");
    };
    let mut parts = parts
        .iter()
        .filter(|part| !matches!(part, SecretPart::Text(text) if text.is_empty()));
    match (parts.next(), parts.next()) {
        (Some(SecretPart::Secret(at)), None) => {
            let folder = text(args, 1)?;
            Ok(Value::string(format!("{folder}/{SECRET_FILE_PREFIX}{at}")))
        }
        _ => refuse("it is made with a secret; only a declared `secret` itself has a file"),
    }
}
