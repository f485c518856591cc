//! Formats values as text, as string interpolation does, and parses durations, percents and numbers
//! from text.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::Value;

/// How a service, environment or infrastructure is shown.
pub type EntityNames<'a> = dyn Fn(&Value) -> String + 'a;

/// Shown instead of a secret wherever a value is shown.
pub const SECRET_MASK: &str = "***";

/// Shown instead of what only the run knows.
pub const UNKNOWN_MARK: &str = "?";

/// The text of a value inside a string: `none` is empty, lists and maps are JSON.
pub fn display(value: &Value, names: &EntityNames) -> String {
    match value {
        Value::None => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::String(text) => text.to_string(),
        Value::Duration(value) => duration(*value),
        Value::Percent(value) => percent(*value),
        Value::List(_) | Value::Map(_) => json(value, names),
        Value::Secret(_) => String::from(SECRET_MASK),
        Value::Unknown => String::from(UNKNOWN_MARK),
        Value::Service { .. } | Value::Environment(_) | Value::Infrastructure(_) => names(value),
    }
}

/// The value as JSON on one line, without blanks between its parts.
pub fn json(value: &Value, names: &EntityNames) -> String {
    // A value has text keys and finite numbers only, so JSON can hold it.
    serde_json::to_string(&AsJson { value, names }).unwrap_or_default()
}

/// The shortest text that reads back as this number; a whole number has no point.
pub fn float(value: f64) -> String {
    // Adding zero makes `-0` plain.
    (value + 0.0).to_string()
}

/// `10%`, `2.5%`.
pub fn percent(value: f64) -> String {
    format!("{}%", float(value))
}

const DURATION_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Milliseconds as the language writes them: `1h30m`; zero is `0s`.
pub fn duration(ms: i64) -> String {
    if ms == 0 {
        return String::from("0s");
    }
    let mut text = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (unit, size) in DURATION_UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

/// Reads `1h30m` and the like: whole numbers with units, the largest first, each unit at most
/// once. `None` where it is anything else, or too long for 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut units = DURATION_UNITS.as_slice();
    let mut total: i128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (count, behind) = split_at_end(rest, |c| c.is_ascii_digit() || c == '_');
        let (word, behind) = split_at_end(behind, |c| c.is_ascii_alphabetic());
        let at = units.iter().position(|(unit, _)| *unit == word)?;
        total += i128::from(whole(count)?) * i128::from(units[at].1);
        units = &units[at + 1..];
        rest = behind;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Reads `10%` or `-2.5%`.
pub fn parse_percent(text: &str) -> Option<f64> {
    parse_float(text.strip_suffix('%')?)
}

/// Reads a number of the language, with or without a point; also with an exponent.
pub fn parse_float(text: &str) -> Option<f64> {
    // Rust would also read `inf`, `+1`, `.5` and `1.`.
    let digit = |c: char| c.is_ascii_digit();
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if !unsigned.starts_with(digit) || !unsigned.ends_with(digit) {
        return None;
    }
    let plain = without_marks(text)?;
    plain.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Reads a whole number of the language: `42`, `-1_000`.
pub fn parse_int(text: &str) -> Option<i64> {
    if text.starts_with('+') {
        return None;
    }
    without_marks(text)?.parse().ok()
}

fn whole(text: &str) -> Option<u64> {
    without_marks(text)?.parse().ok()
}

/// The text without the `_` between its digits; `None` where one stands elsewhere.
fn without_marks(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'_' && !(at > 0 && digit(at - 1) && digit(at + 1)) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

fn split_at_end(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// A value as JSON data: durations and percents are texts, a secret is [`SECRET_MASK`].
pub(super) struct AsJson<'a> {
    /// The value.
    pub value: &'a Value,
    /// How the program's things are shown.
    pub names: &'a EntityNames<'a>,
}

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = |value| AsJson {
            value,
            names: self.names,
        };
        match self.value {
            Value::None => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value + 0.0),
            Value::String(text) => serializer.serialize_str(text),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(&inner(item))?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(&**key, &inner(value))?;
                }
                map.end()
            }
            other => serializer.serialize_str(&display(other, self.names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{InfrastructureId, SecretPart};

    fn shown(value: &Value) -> String {
        display(value, &|_| String::from("prod.eu"))
    }

    #[test]
    fn values_inside_strings() {
        let secret = Value::Secret(vec![SecretPart::Secret(0)].into());
        for (value, text) in [
            (Value::None, ""),
            (Value::Bool(true), "true"),
            (Value::Int(i64::MIN), "-9223372036854775808"),
            (Value::Float(2.0), "2"),
            (Value::Float(0.1), "0.1"),
            (Value::Float(-0.0), "0"),
            (Value::Float(1e21), "1000000000000000000000"),
            (Value::string("ü \"x\""), "ü \"x\""),
            (Value::Duration(5_400_000), "1h30m"),
            (Value::Percent(10.0), "10%"),
            (Value::Percent(-2.5), "-2.5%"),
            (Value::list([]), "[]"),
            (secret.clone(), "***"),
            (Value::Infrastructure(InfrastructureId(3)), "prod.eu"),
            (
                Value::list([
                    Value::None,
                    Value::string("a\n\"b\""),
                    Value::Float(-0.0),
                    Value::Duration(1),
                    Value::map([("k", Value::Percent(5.0)), ("s", secret)]),
                    Value::Infrastructure(InfrastructureId(3)),
                ]),
                r#"[null,"a\n\"b\"",0.0,"1ms",{"k":"5%","s":"***"},"prod.eu"]"#,
            ),
        ] {
            assert_eq!(shown(&value), text, "{value:?}");
        }
    }

    #[test]
    fn durations_read_and_written() {
        for (text, ms) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("1h30m", 5_400_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("-1h", -3_600_000),
            ("106751991167d7h12m55s807ms", i64::MAX),
            ("-106751991167d7h12m55s808ms", i64::MIN),
        ] {
            assert_eq!(duration(ms), text);
            assert_eq!(parse_duration(text), Some(ms), "{text}");
        }
        for (text, ms) in [("90m", 5_400_000), ("1_000ms", 1_000), ("0d0ms", 0)] {
            assert_eq!(parse_duration(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration() {
        for text in [
            "",
            "-",
            "5",
            "m",
            "5 m",
            "5M",
            "1m1h",
            "1h1h",
            "1.5h",
            "_1s",
            "1__0s",
            "+1s",
            "--1s",
            "5m-",
            "1hü",
            "٣s",
            "106751991167d7h12m55s808ms",
            "99999999999999999999999s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_read() {
        assert_eq!(parse_int("-1_000"), Some(-1000));
        assert_eq!(parse_int("-9223372036854775808"), Some(i64::MIN));
        for text in [
            "",
            "-",
            "+1",
            "1_",
            "_1",
            "1.0",
            "0x10",
            " 1",
            "9223372036854775808",
            "٣",
        ] {
            assert_eq!(parse_int(text), None, "{text}");
        }
        assert_eq!(parse_float("-2.5e3"), Some(-2500.0));
        assert_eq!(parse_float("1_000"), Some(1000.0));
        for text in [
            "", "inf", "nan", "-inf", "infinity", "1e999", "1.", ".5", "+1.5", "1_.5", "x1",
        ] {
            assert_eq!(parse_float(text), None, "{text}");
        }
        assert_eq!(parse_percent("12.5%"), Some(12.5));
        for text in ["%", "10", "10 %", "10%%", "nan%"] {
            assert_eq!(parse_percent(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_reads_back(ms: i64) {
            prop_assert_eq!(parse_duration(&duration(ms)), Some(ms));
        }

        #[test]
        fn a_float_reads_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(parse_float(&float(value)), Some(value));
            prop_assert_eq!(parse_percent(&percent(value)), Some(value));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = (parse_duration(&text), parse_float(&text));
            let _ = (parse_int(&text), parse_percent(&text));
        }
    }
}
