//! The built-in function `format`.

use super::args::{
    any, gives_string, plain_text, required, rest, string, text, wants_text_forms,
};
use super::{BuiltinBody, Builtin, BuiltinError};
use crate::eval::limits::{LimitExceeded, MAX_BYTES};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "format",
    doc: "The pattern with `{}` replaced by the values in order, or `{0}`, `{1}` by number. \
          `{:8}` pads with spaces to 8 characters (numbers to the left, all else to the right), \
          `{:03}` pads a number with zeros, `{:.2}` rounds to 2 places after the point. \
          `{{` and `}}` stand for braces. Every value must be used.",
    params: &[required("pattern", string), rest("values", any)],
    check: |types| wants_text_forms(types, 1),
    result: gives_string,
    examples: &[
        ("format(\"{} of {}\", 1, \"two\")", "\"1 of two\""),
        ("format(\"{1}-{0}-{1}\", \"a\", \"b\")", "\"b-a-b\""),
        ("format(\"v{:03}|{:4}|{:4}|\", 7, 7, \"x\")", "\"v007|   7|x   |\""),
        ("format(\"{:.2} {:06.1}\", 2, -2.55)", "\"2.00 -002.5\""),
        ("format(\"{{{}}}\", 30s)", "\"{30s}\""),
    ],
    call: BuiltinBody::Pure(call),
};

/// The widest padding and the most places behind the point.
const WIDEST: usize = 1_000;

/// What stands between braces, behind the number of the value.
#[derive(Default)]
struct FormatSpec {
    zeros: bool,
    width: usize,
    places: Option<usize>,
}

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let pattern = text(args, 0)?;
    let values = args.get(1..).unwrap_or_default();
    let mut used = vec![false; values.len()];
    let (mut made, mut rest, mut next) = (String::new(), &**pattern, 0);
    while let Some(at) = rest.find(['{', '}']) {
        made.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix("{{").or(rest.strip_prefix("}}")) {
            made.push_str(&rest[..1]);
            rest = behind;
            continue;
        }
        let (inside, behind) = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'))
            .ok_or_else(|| wrong("a brace has no partner; write `{{` or `}}` for a brace"))?;
        let (number, shape) = placeholder(inside)?;
        let number = number.unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        let (Some(value), Some(used)) = (values.get(number), used.get_mut(number)) else {
            return Err(wrong(format!(
                "it asks for value {number}, but there are {} (counted from 0)",
                values.len()
            )));
        };
        *used = true;
        made.push_str(&shaped(value, &shape, number + 1)?);
        if made.len() > MAX_BYTES {
            return Err(BuiltinError::TooLarge(LimitExceeded::Bytes));
        }
        rest = behind;
    }
    made.push_str(rest);
    match used.iter().position(|used| !used) {
        Some(unused) => Err(BuiltinError::Argument(
            unused + 1,
            String::from("the pattern does not use this value"),
        )),
        None => Ok(Value::string(made)),
    }
}

fn wrong(text: impl Into<String>) -> BuiltinError {
    BuiltinError::Argument(0, text.into())
}

/// `1:08.2`: the value's number, a zero for zeros, the width, the places behind the point.
fn placeholder(inside: &str) -> Result<(Option<usize>, FormatSpec), BuiltinError> {
    let unknown = || wrong(format!("`{{{inside}}}` is not a placeholder"));
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = plain.then(|| digits.parse().ok()).flatten();
        value.filter(|value| *value <= WIDEST).ok_or_else(unknown)
    };
    let (index, shape) = inside.split_once(':').unwrap_or((inside, ""));
    let index = match index {
        "" => None,
        digits => Some(number(digits)?),
    };
    let (width, places) = match shape.split_once('.') {
        Some((width, places)) => (width, Some(number(places)?)),
        None => (shape, None),
    };
    let zeros = width.len() > 1 && width.starts_with('0');
    let width = match width {
        "" => 0,
        digits => number(digits)?,
    };
    Ok((index, FormatSpec { zeros, width, places }))
}

fn shaped(value: &Value, shape: &FormatSpec, argument: usize) -> Result<String, BuiltinError> {
    let refuse = |what: &str| {
        let text = format!("{} cannot be {what}", value.kind());
        Err(BuiltinError::Argument(argument, text))
    };
    let is_number = matches!(value, Value::Int(_) | Value::Float(_));
    let text = match (value, shape.places) {
        (value, None) => plain_text(value, argument)?,
        (Value::Int(value), Some(0)) => value.to_string(),
        (Value::Int(value), Some(places)) => format!("{value}.{}", "0".repeat(places)),
        (Value::Float(value), Some(places)) => format!("{value:.places$}"),
        _ => return refuse("rounded"),
    };
    let missing = shape.width.saturating_sub(text.chars().count());
    if shape.zeros {
        if !is_number {
            return refuse("padded with zeros");
        }
        let (sign, digits) = text.split_at(usize::from(text.starts_with('-')));
        return Ok(format!("{sign}{}{digits}", "0".repeat(missing)));
    }
    let blanks = " ".repeat(missing);
    Ok(if is_number {
        blanks + &text
    } else {
        text + &blanks
    })
}
