//! The built-in function `capture`.

use super::args::{no_more, required, string, text};
use super::patterns::with_pattern;
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::{Type, Value};

pub(super) static FUNCTION: Builtin = Builtin {
    name: "capture",
    doc: "The texts of the groups of a regular expression where it first matches, in their \
          order; of an expression without groups the whole match. \
          A group that takes no part is \"\". \
          `none` where nothing matches.",
    params: &[required("text", string), required("pattern", string)],
    check: no_more,
    result: |_| Type::optional(Type::list(Type::String)),
    examples: &[
        (
            "capture(\"v2.10\", \"^v([0-9]+)\\\\.([0-9]+)\")",
            "[\"2\", \"10\"]",
        ),
        ("capture(\"build 42\", \"[0-9]+\")", "[\"42\"]"),
        ("capture(\"main\", \"[0-9]+\")", "none"),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (text, pattern) = (text(args, 0)?, text(args, 1)?);
    with_pattern(pattern, |regex| {
        let Some(found) = regex.captures(text) else {
            return Value::None;
        };
        let skipped = usize::from(found.len() > 1);
        let groups = found.iter().skip(skipped);
        Value::list(groups.map(|group| Value::string(group.map_or("", |it| it.as_str()))))
    })
}
