//! Converts values to JSON, and JSON to values of a wanted type; errors are sentences that name the
//! location inside.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::text::{AsJson, EntityNames, parse_duration, parse_percent};
use super::{Type, Value, convert, input};
use crate::diagnostic::suggest::{did_you_mean, or_list};
use crate::source::Name;

/// How deep lists and maps may stand in one another. Two levels of stored JSON are one level of
/// a value, and the JSON reader stops at 128.
pub const MAX_VALUE_DEPTH: usize = 50;

/// The value as JSON: durations and percents become text, a secret `***`; `display` names
/// services, environments and infrastructures.
pub fn to_json(value: &Value, display: &dyn Fn(&Value) -> String) -> Json {
    // A value has text keys only, so JSON can hold it.
    let names: &EntityNames = display;
    serde_json::to_value(AsJson { value, names }).unwrap_or(Json::Null)
}

/// The value of type `ty` that the JSON represents. The error is a sentence that names the place
/// inside: `at .replicas: a text was given, an int is wanted`.
pub fn from_json(json: Json, ty: &Type) -> Result<Value, String> {
    JsonReader::default()
        .read(json, ty)
        .map_err(|error| error.text())
}

/// What is wrong, and where inside.
struct JsonError {
    path: String,
    text: String,
}

impl JsonError {
    fn text(self) -> String {
        match self.path.as_str() {
            "" => self.text,
            path => format!("at {path}: {}", self.text),
        }
    }
}

/// A step into JSON.
enum JsonStep {
    Key(Name),
    Index(usize),
}

/// Reads JSON and tracks the path of the current location.
#[derive(Default)]
struct JsonReader {
    path: Vec<JsonStep>,
}

impl JsonReader {
    fn mistake<T>(&self, text: impl Into<String>) -> Result<T, JsonError> {
        let steps = self.path.iter().map(|step| match step {
            JsonStep::Key(key) if is_plain(key) => format!(".{key}"),
            JsonStep::Key(key) => format!("[{}]", Json::from(&**key)),
            JsonStep::Index(at) => format!("[{at}]"),
        });
        Err(JsonError {
            path: steps.collect(),
            text: text.into(),
        })
    }

    fn at<T>(
        &mut self,
        step: JsonStep,
        read: impl FnOnce(&mut Self) -> Result<T, JsonError>,
    ) -> Result<T, JsonError> {
        self.path.push(step);
        if self.path.len() > MAX_VALUE_DEPTH {
            self.path.clear();
            return self.mistake(format!(
                "lists and maps are nested more than {MAX_VALUE_DEPTH} deep"
            ));
        }
        let value = read(self)?;
        self.path.pop();
        Ok(value)
    }

    fn read(&mut self, json: Json, ty: &Type) -> Result<Value, JsonError> {
        if let Some(reason) = input::not_from_text(ty) {
            return self.mistake(reason);
        }
        match (ty, json) {
            (Type::Any | Type::Json, json) => self.untyped(json),
            (Type::None | Type::Nothing | Type::Optional(_), Json::Null) => Ok(Value::None),
            (Type::Optional(of), json) => self.read(json, of),
            (Type::String | Type::Path, Json::String(text)) => Ok(Value::string(text)),
            (Type::OneOf(texts), Json::String(text)) => match input::one_of(&text, texts) {
                Ok(value) => Ok(value),
                Err(sentence) => self.mistake(sentence),
            },
            (Type::Bool, Json::Bool(value)) => Ok(Value::Bool(value)),
            (Type::Int, Json::Number(number)) => match number.as_i64() {
                Some(value) => Ok(Value::Int(value)),
                None if number.is_f64() => match number.as_f64().and_then(convert::whole) {
                    Some(value) => Ok(value),
                    None => self.unfit(&Json::Number(number), ty),
                },
                None => self.mistake(format!("`{number}` is too large for an int")),
            },
            (Type::Float, Json::Number(number)) => self.float(&number),
            (Type::Duration, Json::String(text)) => match parse_duration(&text) {
                Some(value) => Ok(Value::Duration(value)),
                None => self.mistake(format!("`{text}` is not {}", input::wanted(ty))),
            },
            (Type::Percent, Json::String(text)) => match parse_percent(&text) {
                Some(value) => Ok(Value::Percent(value)),
                None => self.mistake(format!("`{text}` is not {}", input::wanted(ty))),
            },
            (Type::List(of), Json::Array(items)) => self.list(items, |_| of),
            (Type::Map(of), Json::Object(entries)) => self.map(entries, |_| of),
            (Type::Record(fields), Json::Object(entries)) => self.record(entries, fields),
            (ty, json) => self.unfit(&json, ty),
        }
    }

    fn unfit<T>(&self, json: &Json, ty: &Type) -> Result<T, JsonError> {
        self.mistake(format!(
            "got {}, expected {}",
            given(json),
            input::wanted(ty)
        ))
    }

    fn float(&self, number: &serde_json::Number) -> Result<Value, JsonError> {
        match number.as_f64().filter(|value| value.is_finite()) {
            Some(value) => Ok(Value::Float(value)),
            None => self.mistake(format!("`{number}` is too large for a float")),
        }
    }

    fn list<'t>(
        &mut self,
        items: Vec<Json>,
        ty: impl Fn(usize) -> &'t Type,
    ) -> Result<Value, JsonError> {
        let mut list = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            list.push(self.at(JsonStep::Index(at), |reader| reader.read(item, ty(at)))?);
        }
        Ok(Value::List(Arc::new(list)))
    }

    fn map<'t>(
        &mut self,
        entries: serde_json::Map<String, Json>,
        ty: impl Fn(&str) -> &'t Type,
    ) -> Result<Value, JsonError> {
        let mut map = IndexMap::with_capacity(entries.len());
        for (key, item) in entries {
            let key = Name::from(key);
            let value = self.at(JsonStep::Key(key.clone()), |reader| {
                reader.read(item, ty(&key))
            })?;
            map.insert(key, value);
        }
        Ok(Value::Map(Arc::new(map)))
    }

    /// The fields in the type's order; those that may be left out and are, are `none`.
    fn record(
        &mut self,
        mut entries: serde_json::Map<String, Json>,
        fields: &IndexMap<Name, Type>,
    ) -> Result<Value, JsonError> {
        let mut map = IndexMap::with_capacity(fields.len());
        if let Some(extra) = entries
            .keys()
            .find(|key| !fields.contains_key(key.as_str()))
        {
            let near = did_you_mean(extra, fields.keys().map(|name| &**name));
            let names: Vec<&Name> = fields.keys().collect();
            let hint = match near {
                Some(near) => format!(", {near}"),
                None if names.is_empty() => String::new(),
                None => format!(", only {}", or_list(&names)),
            };
            return self.mistake(format!("there is no field `{extra}` here{hint}"));
        }
        for (name, ty) in fields {
            let value = match entries.remove(&**name) {
                Some(json) => {
                    self.at(JsonStep::Key(name.clone()), |reader| reader.read(json, ty))?
                }
                None if matches!(ty, Type::Optional(_) | Type::None) => Value::None,
                None => return self.mistake(format!("the field `{name}` is missing")),
            };
            map.insert(name.clone(), value);
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn untyped(&mut self, json: Json) -> Result<Value, JsonError> {
        match json {
            Json::Null => Ok(Value::None),
            Json::Bool(value) => Ok(Value::Bool(value)),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Ok(Value::Int(value)),
                None if number.is_f64() => self.float(&number),
                None => self.mistake(format!("`{number}` is too large for an int")),
            },
            Json::String(text) => Ok(Value::string(text)),
            Json::Array(items) => self.list(items, |_| &Type::Json),
            Json::Object(entries) => self.map(entries, |_| &Type::Json),
        }
    }
}

/// The kind of a JSON value, as the language names it.
fn given(json: &Json) -> &'static str {
    match json {
        Json::Null => "none",
        Json::Bool(_) => "a bool",
        Json::Number(number) if number.is_f64() => "a float",
        Json::Number(_) => "an int",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// Whether a key can be written behind a point.
pub(super) fn is_plain(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::value::{EnvironmentId, SecretPart};

    fn one_of() -> Type {
        Type::OneOf(vec!["rolling".into(), "canary".into()])
    }

    #[test]
    fn json_of_the_right_type() {
        let record = Type::record([
            ("name", Type::String),
            ("port", Type::optional(Type::Int)),
            ("ratio", Type::Float),
        ]);
        for (json, ty, value) in [
            (json!("a"), Type::String, Value::string("a")),
            (json!("canary"), one_of(), Value::string("canary")),
            (json!(-3), Type::Int, Value::Int(-3)),
            (json!(3), Type::Float, Value::Float(3.0)),
            (json!(2.5), Type::Float, Value::Float(2.5)),
            (json!(true), Type::Bool, Value::Bool(true)),
            (json!("1h30m"), Type::Duration, Value::Duration(5_400_000)),
            (json!("10%"), Type::Percent, Value::Percent(10.0)),
            (json!(null), Type::optional(Type::Int), Value::None),
            (json!(1), Type::optional(Type::Int), Value::Int(1)),
            (json!(null), Type::Nothing, Value::None),
            (json!([]), Type::list(Type::Int), Value::list([])),
            (
                json!({"b": 1, "a": 2}),
                Type::Map(Box::new(Type::Int)),
                Value::map([("b", Value::Int(1)), ("a", Value::Int(2))]),
            ),
            (
                json!({"ratio": 1, "name": "x"}),
                record,
                Value::map([
                    ("name", Value::string("x")),
                    ("port", Value::None),
                    ("ratio", Value::Float(1.0)),
                ]),
            ),
            (
                json!([1, 2.0, null, {"a": [true]}]),
                Type::Json,
                Value::list([
                    Value::Int(1),
                    Value::Float(2.0),
                    Value::None,
                    Value::map([("a", Value::list([Value::Bool(true)]))]),
                ]),
            ),
        ] {
            let read = from_json(json.clone(), &ty);
            // `{:?}` also compares the order of a record's fields, and int with float.
            assert_eq!(
                format!("{read:?}"),
                format!("{:?}", Ok::<_, String>(value)),
                "{json}"
            );
        }
    }

    #[test]
    fn json_of_the_wrong_type() {
        let service = Type::record([
            ("replicas", Type::Int),
            ("strategy", Type::optional(one_of())),
            ("waits", Type::list(Type::Duration)),
        ]);
        let labels = Type::Map(Box::new(Type::Map(Box::new(Type::Int))));
        for (json, ty, sentence) in [
            (json!("3"), Type::Int, "got a text, expected an int"),
            (json!(3.5), Type::Int, "got a float, expected an int"),
            (
                json!(u64::MAX),
                Type::Int,
                "`18446744073709551615` is too large for an int",
            ),
            (json!(3), Type::String, "got an int, expected a text"),
            (
                json!(null),
                Type::Bool,
                "got none, expected `true` or `false`",
            ),
            (
                json!({}),
                Type::list(Type::Int),
                "got a map, expected a list",
            ),
            (json!([]), service.clone(), "got a list, expected a record"),
            (json!(true), Type::Nothing, "got a bool, expected none"),
            (
                json!(30),
                Type::Duration,
                "got an int, expected a duration such as `1h30m`",
            ),
            (
                json!("30"),
                Type::Duration,
                "`30` is not a duration such as `1h30m`",
            ),
            (
                json!("10"),
                Type::Percent,
                "`10` is not a percent such as `10%`",
            ),
            (
                json!({"replicas": "3", "waits": []}),
                service.clone(),
                "at .replicas: got a text, expected an int",
            ),
            (
                json!({"replicas": 3}),
                service.clone(),
                "the field `waits` is missing",
            ),
            (
                json!({"replica": 3}),
                service.clone(),
                "there is no field `replica` here, did you mean `replicas`?",
            ),
            (
                json!({"x": 3}),
                service.clone(),
                "there is no field `x` here, only `replicas`, `strategy` or `waits`",
            ),
            (
                json!({"x": 3}),
                Type::record([] as [(&str, Type); 0]),
                "there is no field `x` here",
            ),
            (
                json!([{"replicas": 1, "waits": ["1s", "x"]}]),
                Type::list(service.clone()),
                "at [0].waits[1]: `x` is not a duration such as `1h30m`",
            ),
            (
                json!({"replicas": 1, "waits": [], "strategy": "cannary"}),
                service,
                "at .strategy: `cannary` is not allowed, did you mean `canary`?",
            ),
            (
                json!({"a b": {"ok-1": true}}),
                labels,
                "at [\"a b\"].ok-1: got a bool, expected an int",
            ),
            (
                json!("x"),
                Type::Secret,
                "a secret cannot be given as a value: declare it with `secret NAME = env(\"…\")`",
            ),
        ] {
            assert_eq!(from_json(json.clone(), &ty), Err(sentence.into()), "{json}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(from_json(nested(MAX_VALUE_DEPTH), &Type::Json).is_ok());
        let error = from_json(nested(MAX_VALUE_DEPTH + 1), &Type::Json);
        assert_eq!(
            error,
            Err("lists and maps are nested more than 50 deep".into())
        );
    }

    #[test]
    fn the_deepest_value_can_be_stored() {
        let value = (0..MAX_VALUE_DEPTH).fold(Value::Int(1), |inner, _| Value::map([("a", inner)]));
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_secret_is_masked_and_things_are_named() {
        let value = Value::list([
            Value::Secret(vec![SecretPart::Text("x".into())].into()),
            Value::Environment(EnvironmentId(0)),
        ]);
        assert_eq!(to_json(&value, &|_| "qa".into()), json!(["***", "qa"]));
    }

    /// A type and a value of it.
    fn typed() -> impl Strategy<Value = (Type, Value)> {
        let leaf = prop_oneof![
            ".*".prop_map(|text| (Type::String, Value::string(text))),
            any::<i64>().prop_map(|int| (Type::Int, Value::Int(int))),
            (proptest::num::f64::NORMAL | proptest::num::f64::ZERO)
                .prop_map(|float| (Type::Float, Value::Float(float))),
            any::<bool>().prop_map(|bool| (Type::Bool, Value::Bool(bool))),
            any::<i64>().prop_map(|ms| (Type::Duration, Value::Duration(ms))),
            proptest::num::f64::NORMAL.prop_map(|p| (Type::Percent, Value::Percent(p))),
            Just((Type::optional(Type::Int), Value::None)),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                (inner.clone(), 0..4_usize).prop_map(|((ty, value), count)| {
                    (Type::list(ty), Value::list(vec![value; count]))
                }),
                (inner.clone(), ".*").prop_map(|((ty, value), key)| {
                    (Type::Map(Box::new(ty)), Value::map([(key, value)]))
                }),
                (inner.clone(), inner).prop_map(|(a, b)| {
                    (
                        Type::record([("a", a.0), ("b", b.0)]),
                        Value::map([("a", a.1), ("b", b.1)]),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_reads_back((ty, value) in typed()) {
            let text = to_json(&value, &|_| String::new()).to_string();
            let back = from_json(serde_json::from_str(&text).unwrap(), &ty);
            prop_assert_eq!(back, Ok(value));
        }

        #[test]
        fn the_text_of_a_list_is_its_json((ty, value) in typed()) {
            let list = Value::list([value]);
            let text = crate::value::text::display(&list, &|_| String::new());
            let back = from_json(serde_json::from_str(&text).unwrap(), &Type::list(ty));
            prop_assert_eq!(back, Ok(list));
        }
    }
}
