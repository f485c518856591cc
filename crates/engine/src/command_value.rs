//! The value of a command that has ended with a code.

use lockstep_base::source::Name;
use lockstep_base::value::Value;

/// What a command wrote to one of its streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputText {
    /// Its last 1 MiB, less one final line end.
    pub text: String,
    /// Whether there was more.
    pub is_cut: bool,
}

impl OutputText {
    /// All that it wrote.
    pub fn whole(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_cut: false,
        }
    }
}

/// The value of a transfer: how many files it had, their bytes together, and their SHA-256 sum.
pub fn transfer_value(files: i64, bytes: i64, sha256: &str) -> Value {
    Value::map([
        ("files", Value::Int(files)),
        ("bytes", Value::Int(bytes)),
        ("sha256", Value::string(sha256)),
    ])
}

/// The value of a command. A stream that was cut has no field, so that reading it is a failure; the
/// last part of its output is the field `tail` then.
pub fn command_value<K: Into<Name>>(
    stdout: OutputText,
    stderr: OutputText,
    code: i64,
    outputs: impl IntoIterator<Item = (K, Value)>,
) -> Value {
    let is_cut = stdout.is_cut || stderr.is_cut;
    let mut fields: Vec<(&str, Value)> = Vec::with_capacity(6);
    match stdout.is_cut {
        true => fields.push(("tail", Value::string(stdout.text))),
        false => fields.push(("stdout", Value::string(stdout.text))),
    }
    if !stderr.is_cut {
        fields.push(("stderr", Value::string(stderr.text)));
    }
    fields.push(("code", Value::Int(code)));
    fields.push(("outputs", Value::map(outputs)));
    fields.push(("cut", Value::Bool(is_cut)));
    Value::map(fields)
}
