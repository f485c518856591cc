//! The built-in function `from-base64`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::args::{gives_string, no_more, required, string, text};
use super::{BuiltinBody, Builtin, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "from-base64",
    doc: "The text that is encoded in Base64. White space in it does not count, the padding may be \
          missing; the bytes must be UTF-8.",
    params: &[required("text", string)],
    check: no_more,
    result: gives_string,
    examples: &[
        ("from-base64(\"Z3LDvG4=\")", "\"grün\""),
        ("from-base64(\"Z3LD\\nvG4\\n\")", "\"grün\""),
    ],
    call: BuiltinBody::Pure(call),
};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let mut plain = text(args, 0)?.to_string();
    plain.retain(|c| !c.is_ascii_whitespace());
    let refuse = |what: &str| BuiltinError::Argument(0, what.into());
    let bytes = ENGINE
        .decode(plain)
        .map_err(|_| refuse("the text is not Base64"))?;
    String::from_utf8(bytes)
        .map(Value::string)
        .map_err(|_| refuse("the bytes in it are not UTF-8 text"))
}
