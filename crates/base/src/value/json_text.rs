//! Parses the text of JSON without changing anything silently: a key that is given twice and a
//! whole number that does not fit into 64 bits are errors.

use serde_json::{Map, Value as Json};

/// Why a text is not JSON that can be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonTextError {
    /// The reason, without a place.
    pub reason: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1; 0 before the first one.
    pub column: usize,
}

impl std::fmt::Display for JsonTextError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            reason,
            line,
            column,
        } = self;
        write!(f, "{reason} at line {line} column {column}")
    }
}

impl std::error::Error for JsonTextError {}

/// The JSON that a text stands for.
pub fn parse_json(text: &str) -> Result<Json, JsonTextError> {
    let unique: UniqueKeysJson = serde_json::from_str(text).map_err(|error| JsonTextError {
        reason: reason(&error),
        line: error.line(),
        column: error.column(),
    })?;
    match too_large(text) {
        None => Ok(unique.0),
        Some((at, number)) => {
            let before = text.get(..at).unwrap_or_default();
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            Err(JsonTextError {
                reason: format!("`{number}` does not fit into 64 bits; write it as a text"),
                line: before.matches('\n').count() + 1,
                column: before.len() - start + 1,
            })
        }
    }
}

/// The reader's message without its place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) => reason.into(),
        None => text,
    }
}

/// The first whole number of a JSON text that does not fit into 64 bits; the reader would round it.
fn too_large(text: &str) -> Option<(usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
                    .count();
                let number = text.get(at..at + length)?;
                let whole = !number.contains(['.', 'e', 'E']);
                if whole && number.parse::<i64>().is_err() {
                    return Some((at, number));
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    None
}

/// The place behind a string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// A JSON value without duplicate keys: otherwise the last one would win silently.
struct UniqueKeysJson(Json);

impl<'de> serde::Deserialize<'de> for UniqueKeysJson {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(UniqueKeysVisitor)
            .map(UniqueKeysJson)
    }
}

struct UniqueKeysVisitor;

impl<'de> serde::de::Visitor<'de> for UniqueKeysVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::from(text))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(UniqueKeysJson(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some((key, UniqueKeysJson(value))) =
            entries.next_entry::<String, UniqueKeysJson>()?
        {
            if map.contains_key(&key) {
                let message = format!("`{key}` is given twice");
                return Err(serde::de::Error::custom(message));
            }
            map.insert(key, value);
        }
        Ok(Json::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_fit_or_are_errors() {
        for (text, fits) in [
            ("9223372036854775807", true),
            ("-9223372036854775808", true),
            ("9223372036854775808", false),
            ("-9223372036854775809", false),
            ("[1, {\"a\": 18446744073709551615}]", false),
            ("{\"a\": 123456789012345678901234567890}", false),
            (
                "{\"123456789012345678901\": \"\\\"123456789012345678901\"}",
                true,
            ),
            ("1e30", true),
            ("123456789012345678901.5", true),
            ("9007199254740993", true),
        ] {
            assert_eq!(parse_json(text).is_ok(), fits, "{text}");
        }
        let error = parse_json("{\n  \"id\": 18446744073709551615\n}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 9));
        assert!(error.reason.contains("18446744073709551615"));
    }

    #[test]
    fn a_key_is_given_once() {
        let error = parse_json("{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}").unwrap_err();
        assert_eq!(error.reason, "`c` is given twice");
    }
}
