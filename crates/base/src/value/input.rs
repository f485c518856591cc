//! Parses input values from the text of `-i name=value`. Errors are sentences for people. Services,
//! environments and infrastructures are not resolved here: planning finds those by name.

use super::text::{parse_duration, parse_float, parse_int, parse_percent};
use super::{Type, Value, json, parse_json};
use crate::diagnostic::suggest::{did_you_mean, or_list};
use crate::source::Name;

/// The value of type `ty` that the text represents. A list is separated by commas or a JSON
/// array; maps and records are JSON; `none` is none where the type is optional, unless it is one
/// of the texts that the type names. The error is a sentence without a full stop.
pub fn from_text(text: &str, ty: &Type) -> Result<Value, String> {
    if let Some(reason) = not_from_text(ty) {
        return Err(reason.into());
    }
    let value = match ty {
        Type::String | Type::Path | Type::Any => Some(Value::string(text)),
        Type::OneOf(texts) => return one_of(text, texts),
        Type::Int => parse_int(text).map(Value::Int),
        Type::Float => parse_float(text).map(Value::Float),
        Type::Duration => parse_duration(text).map(Value::Duration),
        Type::Percent => parse_percent(text).map(Value::Percent),
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::None | Type::Nothing => (text == "none").then_some(Value::None),
        Type::Optional(of) if text == "none" && !names_none(of) => Some(Value::None),
        Type::Optional(of) => return from_text(text, of),
        Type::List(of) if !text.trim_start().starts_with('[') => return list(text, of),
        _ => return from_json_text(text, ty),
    };
    value.ok_or_else(|| format!("`{text}` is not {}", wanted(ty)))
}

/// Whether a type has the text `none` among those that it allows.
fn names_none(ty: &Type) -> bool {
    matches!(ty, Type::OneOf(texts) if texts.iter().any(|text| &**text == "none"))
}

/// Why a value of this type can never be given as text; also called for each part of JSON.
pub(super) fn not_from_text(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Secret => {
            Some("a secret cannot be given as a value: declare it with `secret NAME = env(\"…\")`")
        }
        Type::Service(_) => Some("a service cannot be given inside another value"),
        Type::Environment => Some("an environment cannot be given inside another value"),
        Type::Infrastructure(_) => Some("an infrastructure cannot be given inside another value"),
        Type::Connection => Some("a connection cannot be given as a value"),
        _ => None,
    }
}

/// One of the texts that a type allows.
pub(super) fn one_of(text: &str, allowed: &[Name]) -> Result<Value, String> {
    if let Some(known) = allowed.iter().find(|known| &***known == text) {
        return Ok(Value::String(known.clone()));
    }
    let hint = did_you_mean(text, allowed.iter().map(|known| &**known))
        .unwrap_or_else(|| format!("only {}", or_list(allowed)));
    Err(format!("`{text}` is not allowed, {hint}"))
}

/// What a type wants, in words.
pub(super) fn wanted(ty: &Type) -> String {
    let words = match ty {
        Type::String => "a text",
        Type::Path => "a path",
        Type::Int => "an int",
        Type::Float => "a float",
        Type::Bool => "`true` or `false`",
        Type::Duration => "a duration such as `1h30m`",
        Type::Percent => "a percent such as `10%`",
        Type::None | Type::Nothing => "none",
        Type::List(_) => "a list",
        Type::Map(_) => "a map",
        Type::Record(_) => "a record",
        Type::OneOf(texts) => return or_list(texts),
        Type::Optional(of) => return format!("{} or none", wanted(of)),
        other => return other.to_string(),
    };
    words.into()
}

fn list(text: &str, of: &Type) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::list([]));
    }
    if matches!(of, Type::List(_) | Type::Map(_) | Type::Record(_)) {
        return Err(String::from("expected a JSON array, such as `[…]`"));
    }
    let mut items = Vec::new();
    for (at, entry) in text.split(',').map(str::trim).enumerate() {
        let item = if entry.is_empty() {
            Err(String::from("it is empty"))
        } else {
            from_text(entry, of)
        };
        items.push(item.map_err(|error| format!("entry {}: {error}", at + 1))?);
    }
    Ok(Value::list(items))
}

fn from_json_text(text: &str, ty: &Type) -> Result<Value, String> {
    match parse_json(text) {
        Ok(json) => json::from_json(json, ty),
        Err(error) => Err(format!(
            "expected {} as JSON, but this is not JSON (column {}: {})",
            wanted(ty),
            error.column,
            error.reason
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{MAX_VALUE_DEPTH, text};

    fn strategy() -> Type {
        Type::OneOf(vec!["rolling".into(), "canary".into(), "none".into()])
    }

    #[test]
    fn text_of_the_right_type() {
        let text = Value::string;
        for (given, ty, value) in [
            ("", Type::String, text("")),
            (" a,b ", Type::String, text(" a,b ")),
            ("canary", strategy(), text("canary")),
            ("-1_000", Type::Int, Value::Int(-1000)),
            ("2", Type::Float, Value::Float(2.0)),
            ("-2.5", Type::Float, Value::Float(-2.5)),
            ("true", Type::Bool, Value::Bool(true)),
            ("1h30m", Type::Duration, Value::Duration(5_400_000)),
            ("10%", Type::Percent, Value::Percent(10.0)),
            ("none", Type::optional(Type::Int), Value::None),
            ("7", Type::optional(Type::Int), Value::Int(7)),
            ("none", Type::optional(Type::String), Value::None),
            ("none", Type::String, text("none")),
            ("none", Type::optional(strategy()), text("none")),
            ("none", Type::optional(Type::list(Type::Int)), Value::None),
            ("", Type::list(Type::String), Value::list([])),
            ("a", Type::list(Type::String), Value::list([text("a")])),
            (
                "ü, b",
                Type::list(Type::String),
                Value::list([text("ü"), text("b")]),
            ),
            (
                " [\"a,b\"]",
                Type::list(Type::String),
                Value::list([text("a,b")]),
            ),
            (
                "1,2",
                Type::list(Type::Int),
                Value::list([Value::Int(1), Value::Int(2)]),
            ),
            (
                "{\"a\": \"1s\"}",
                Type::Map(Box::new(Type::Duration)),
                Value::map([("a", Value::Duration(1000))]),
            ),
            (
                "[[1],[]]",
                Type::list(Type::list(Type::Int)),
                Value::list([Value::list([Value::Int(1)]), Value::list([])]),
            ),
            ("null", Type::Json, Value::None),
        ] {
            let read = from_text(given, &ty);
            assert_eq!(
                format!("{read:?}"),
                format!("{:?}", Ok::<_, String>(value)),
                "{given}"
            );
        }
    }

    #[test]
    fn text_of_the_wrong_type() {
        let ints = || Type::list(Type::Int);
        for (given, ty, sentence) in [
            ("x", Type::Int, "`x` is not an int"),
            (
                "9223372036854775808",
                Type::Int,
                "`9223372036854775808` is not an int",
            ),
            ("nan", Type::Float, "`nan` is not a float"),
            ("True", Type::Bool, "`True` is not `true` or `false`"),
            (
                "30",
                Type::Duration,
                "`30` is not a duration such as `1h30m`",
            ),
            ("10", Type::Percent, "`10` is not a percent such as `10%`"),
            ("x", Type::optional(Type::Int), "`x` is not an int"),
            (
                "cannary",
                strategy(),
                "`cannary` is not allowed, did you mean `canary`?",
            ),
            (
                "x",
                strategy(),
                "`x` is not allowed, only `rolling`, `canary` or `none`",
            ),
            ("1,,2", ints(), "entry 2: it is empty"),
            ("1,", ints(), "entry 2: it is empty"),
            ("1,x", ints(), "entry 2: `x` is not an int"),
            ("[1,true]", ints(), "at [1]: got a bool, expected an int"),
            (
                "[1",
                ints(),
                "expected a list as JSON, but this is not JSON (column 2: EOF while parsing a \
                 list)",
            ),
            (
                "a",
                Type::list(ints()),
                "expected a JSON array, such as `[…]`",
            ),
            (
                "a=1",
                Type::Map(Box::new(Type::Int)),
                "expected a map as JSON, but this is not JSON (column 1: expected value)",
            ),
            (
                "x",
                Type::Secret,
                "a secret cannot be given as a value: declare it with `secret NAME = env(\"…\")`",
            ),
            (
                "x",
                Type::Service(None),
                "a service cannot be given inside another value",
            ),
            (
                "prod",
                Type::Environment,
                "an environment cannot be given inside another value",
            ),
            (
                "x",
                Type::list(Type::Infrastructure(None)),
                "entry 1: an infrastructure cannot be given inside another value",
            ),
        ] {
            assert_eq!(from_text(given, &ty), Err(sentence.into()), "{given}");
        }
    }

    #[test]
    fn deep_json_is_refused() {
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(from_text(&deep(MAX_VALUE_DEPTH), &Type::Json).is_ok());
        for levels in [MAX_VALUE_DEPTH + 2, 1_000, 100_000] {
            assert!(from_text(&deep(levels), &Type::Json).is_err());
        }
    }

    fn shown(value: &Value) -> String {
        text::display(value, &|_| String::new())
    }

    proptest! {
        #[test]
        fn a_shown_value_reads_back(
            given in ".*",
            int: i64,
            float in proptest::num::f64::NORMAL | proptest::num::f64::ZERO,
            bool: bool,
        ) {
            for (value, ty) in [
                (Value::string(given.clone()), Type::String),
                (Value::Int(int), Type::Int),
                (Value::Float(float), Type::Float),
                (Value::Bool(bool), Type::Bool),
                (Value::Duration(int), Type::Duration),
                (Value::Percent(float), Type::Percent),
                (Value::list([Value::string(given)]), Type::list(Type::String)),
                (Value::map([("a", Value::Int(int))]), Type::Map(Box::new(Type::Int))),
            ] {
                prop_assert_eq!(from_text(&shown(&value), &ty), Ok(value));
            }
        }
    }
}
