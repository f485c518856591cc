//! Converts a value that is JSON or a text, or has such in it, to a wanted type, deeply: texts
//! become paths here.

use std::sync::Arc;

use indexmap::IndexMap;

use super::text::{parse_duration, parse_percent};
use super::{Type, Value, input, path};
use crate::source::Name;

/// Why a text without a character is no path: it would silently mean the folder itself.
pub const EMPTY_PATH: &str = "this path is empty";

/// The value as one of type `ty`. What the type does not name is dropped; what it names and is not
/// there is `none` where it may be. A text that is to be a path is relative to `folder`. The error
/// is a sentence that names the place inside.
pub fn convert(value: Value, ty: &Type, folder: &str) -> Result<Value, String> {
    let mut inside = Inside {
        step: String::new(),
        folder,
    };
    converted(value, ty, &mut inside).map_err(|reason| match inside.step.as_str() {
        "" => reason,
        step => format!("at {step}: {reason}"),
    })
}

/// Where a conversion is.
struct Inside<'a> {
    /// The way to the place of the error, if there is one.
    step: String,
    /// What paths are relative to.
    folder: &'a str,
}

fn converted(value: Value, ty: &Type, place: &mut Inside<'_>) -> Result<Value, String> {
    Ok(match (ty, value) {
        (Type::Any | Type::Json, value) => value,
        (Type::Optional(_) | Type::None | Type::Nothing, Value::None) => Value::None,
        (Type::Optional(of), value) => converted(value, of, place)?,
        (Type::Float, Value::Int(value)) => Value::Float(value as f64),
        (Type::Int, Value::Float(value)) => {
            whole(value).ok_or_else(|| unfit(ty, &Value::Float(value)))?
        }
        (Type::Path, Value::String(text)) if text.is_empty() => return Err(EMPTY_PATH.into()),
        (Type::Path, Value::String(text)) => Value::string(path::absolute(place.folder, &text)),
        (Type::OneOf(texts), Value::String(text)) => input::one_of(&text, texts)?,
        (Type::Duration, Value::String(text)) => parse_duration(&text)
            .map(Value::Duration)
            .ok_or_else(|| format!("`{text}` is not {}", input::wanted(ty)))?,
        (Type::Percent, Value::String(text)) => parse_percent(&text)
            .map(Value::Percent)
            .ok_or_else(|| format!("`{text}` is not {}", input::wanted(ty)))?,
        (Type::List(of), Value::List(items)) => {
            let mut list = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                let step = format!("[{at}]");
                list.push(inside(step, place, item.clone(), of)?);
            }
            Value::List(Arc::new(list))
        }
        (Type::Map(of), Value::Map(entries)) => {
            let mut map = IndexMap::with_capacity(entries.len());
            for (key, item) in entries.iter() {
                let value = inside(step(key), place, item.clone(), of)?;
                map.insert(key.clone(), value);
            }
            Value::Map(Arc::new(map))
        }
        (Type::Record(fields), Value::Map(entries)) => {
            let mut map = IndexMap::with_capacity(fields.len());
            for (name, ty) in &**fields {
                let value = match (entries.get(name), ty) {
                    (Some(value), ty) => inside(step(name), place, value.clone(), ty)?,
                    (None, Type::Optional(_) | Type::None | Type::Any) => Value::None,
                    (None, _) => return Err(format!("the field `{name}` is missing")),
                };
                map.insert(name.clone(), value);
            }
            Value::Map(Arc::new(map))
        }
        (ty, value) if is_one(&value, ty) => value,
        (ty, value) => return Err(unfit(ty, &value)),
    })
}

fn inside(step: String, place: &mut Inside<'_>, value: Value, ty: &Type) -> Result<Value, String> {
    let before = place.step.len();
    place.step.push_str(&step);
    let value = converted(value, ty, place)?;
    place.step.truncate(before);
    Ok(value)
}

fn step(key: &Name) -> String {
    match super::json::is_plain(key) {
        true => format!(".{key}"),
        false => format!("[{key:?}]"),
    }
}

/// A float without a fraction as an int, if it fits.
pub(super) fn whole(value: f64) -> Option<Value> {
    // The upper bound is exact as a float and the first that does not fit.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (fits && value.fract() == 0.0).then_some(Value::Int(value as i64))
}

/// Whether a value is of a type without parts, as it stands.
fn is_one(value: &Value, ty: &Type) -> bool {
    match ty {
        Type::String => matches!(value, Value::String(_)),
        Type::Int => matches!(value, Value::Int(_)),
        Type::Float => matches!(value, Value::Float(_)),
        Type::Bool => matches!(value, Value::Bool(_)),
        Type::Duration => matches!(value, Value::Duration(_)),
        Type::Percent => matches!(value, Value::Percent(_)),
        Type::Secret => matches!(value, Value::Secret(_) | Value::String(_)),
        Type::Service(_) => matches!(value, Value::Service { .. }),
        Type::Environment => matches!(value, Value::Environment(_)),
        Type::Infrastructure(_) => matches!(value, Value::Infrastructure(_)),
        // Only functions make one, so it has been checked.
        Type::Connection => matches!(value, Value::Map(_)),
        Type::None
        | Type::Nothing
        | Type::List(_)
        | Type::Map(_)
        | Type::Record(_)
        | Type::Optional(_)
        | Type::OneOf(_)
        | Type::Path
        | Type::Json
        | Type::Any => false,
    }
}

fn unfit(ty: &Type, value: &Value) -> String {
    format!("got {}, expected {}", value.kind(), input::wanted(ty))
}

impl Type {
    /// Whether a value of type `have`, which this type does not accept, can be converted to it:
    /// there is JSON where they differ, or a text where a path is wanted.
    pub fn converts(&self, have: &Type) -> bool {
        if self.accepts(have) {
            return true;
        }
        match (self, have) {
            (want, Type::Json) => want.takes_json(),
            (Type::Path, Type::String | Type::OneOf(_)) => true,
            (Type::Optional(want), Type::Optional(have)) => want.converts(have),
            (Type::Optional(want), have) => want.converts(have),
            (Type::List(want), Type::List(have)) | (Type::Map(want), Type::Map(have)) => {
                want.converts(have)
            }
            (Type::Map(want), Type::Record(have)) => have.values().all(|have| want.converts(have)),
            (Type::Record(want), Type::Record(have)) => {
                have.keys().all(|name| want.contains_key(name))
                    && want.iter().all(|(name, want)| match have.get(name) {
                        Some(have) => want.converts(have),
                        None => matches!(want, Type::Optional(_)),
                    })
            }
            (Type::Record(want), Type::Map(have)) => {
                **have == Type::Json && want.values().all(Type::takes_json)
            }
            _ => false,
        }
    }

    /// Whether JSON can become a value of this type: never a secret, nor a thing of the program.
    fn takes_json(&self) -> bool {
        match self {
            Self::String
            | Self::Path
            | Self::Int
            | Self::Float
            | Self::Bool
            | Self::Duration
            | Self::Percent
            | Self::None
            | Self::OneOf(_)
            | Self::Json
            | Self::Any => true,
            Self::List(of) | Self::Map(of) | Self::Optional(of) => of.takes_json(),
            Self::Record(fields) => fields.values().all(Self::takes_json),
            Self::Secret
            | Self::Service(_)
            | Self::Environment
            | Self::Infrastructure(_)
            | Self::Connection
            | Self::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::from_json;
    use super::*;

    fn of(json: serde_json::Value, ty: &Type) -> Result<Value, String> {
        convert(from_json(json, &Type::Json).unwrap(), ty, "/a/b")
    }

    #[test]
    fn json_becomes_what_is_wanted() {
        let item = Type::record([
            ("name", Type::String),
            ("note", Type::optional(Type::String)),
            ("wait", Type::Duration),
        ]);
        let items = Type::record([("items", Type::list(item))]);
        let read = of(
            json!({"items": [{"name": "a", "wait": "1s", "other": 1}], "more": 2}),
            &items,
        );
        let item = Value::map([
            ("name", Value::string("a")),
            ("note", Value::None),
            ("wait", Value::Duration(1000)),
        ]);
        assert_eq!(read, Ok(Value::map([("items", Value::list([item]))])));
        for (json, ty, value) in [
            (json!(3.0), Type::Int, Value::Int(3)),
            (json!(3), Type::Float, Value::Float(3.0)),
            (json!("10%"), Type::Percent, Value::Percent(10.0)),
            (json!(null), Type::optional(Type::Int), Value::None),
            (json!("c/../d"), Type::Path, Value::string("/a/b/d")),
            (
                json!(["/c"]),
                Type::list(Type::Path),
                Value::list([Value::string("/c")]),
            ),
        ] {
            let read = of(json, &ty);
            assert_eq!(format!("{read:?}"), format!("{:?}", Ok::<_, String>(value)));
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let ty = Type::record([("a", Type::list(Type::record([("b", Type::Int)])))]);
        for (json, reason) in [
            (
                json!({"a": [{"b": 1}, {"b": "x"}]}),
                "at .a[1].b: got a text, expected an int",
            ),
            (json!({"a": [{}]}), "at .a[0]: the field `b` is missing"),
            (
                json!({"a": [null]}),
                "at .a[0]: got none, expected a record",
            ),
            (
                json!({"a": [{"b": 1.5}]}),
                "at .a[0].b: got a float, expected an int",
            ),
            (json!([]), "got a list, expected a record"),
        ] {
            assert_eq!(of(json, &ty), Err(String::from(reason)));
        }
    }
}
