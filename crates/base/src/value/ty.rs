//! The types of values. The type checker compares types with [`Type::accepts`] and shows them with
//! `Display`, in the syntax of the language.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::source::Name;

/// A kind of the program: its place in the program's table and its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KindRef {
    /// The place in the program's table.
    pub id: u32,
    /// The name as declared.
    pub name: Name,
    /// The kinds that it extends, the nearest first; these name none themselves.
    #[serde(default, skip_serializing_if = "<[KindRef]>::is_empty")]
    pub bases: Arc<[KindRef]>,
}

impl KindRef {
    /// Whether it is this kind, or extends it.
    pub fn is(&self, other: &Self) -> bool {
        self == other || self.bases.contains(other)
    }

    /// The nearest kind that both are.
    fn common(&self, other: &Self) -> Option<Self> {
        if other.is(self) {
            return Some(self.clone());
        }
        let at = self.bases.iter().position(|base| other.is(base))?;
        let (base, further) = (&self.bases[at], &self.bases[at + 1..]);
        Some(Self {
            bases: further.into(),
            ..base.clone()
        })
    }
}

impl PartialEq for KindRef {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Type {
    /// `string`
    String,
    /// `path`: the absolute path of a file or folder of this machine, as a text.
    Path,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `duration`
    Duration,
    /// `percent`
    Percent,
    /// The type of `none` alone.
    None,
    /// `[T]`
    List(Box<Type>),
    /// `{string: T}`
    Map(Box<Type>),
    /// `{ name: T, … }`
    Record(Arc<IndexMap<Name, Type>>),
    /// `T?`
    Optional(Box<Type>),
    /// `"a" | "b"`
    OneOf(Vec<Name>),
    /// `secret`
    Secret,
    /// `service`, `service<K>`
    Service(Option<KindRef>),
    /// `environment`
    Environment,
    /// `infrastructure`, `infrastructure<K>`
    Infrastructure(Option<KindRef>),
    /// What `local()`, `ssh(…)`, `container(…)` and `pod(…)` give: the field `connect`.
    Connection,
    /// What `from-json` gives: its fields and elements are JSON again.
    Json,
    /// What an effect without a result gives.
    Nothing,
    /// The element type of `[]`, and the type of an expression that has been reported already.
    /// It fits everywhere and everything fits it.
    Any,
}

impl Type {
    /// `[T]`
    pub fn list(of: Type) -> Self {
        Self::List(Box::new(of))
    }

    /// `T?`, without making it optional twice.
    pub fn optional(of: Type) -> Self {
        match of {
            Self::Optional(_) | Self::None | Self::Any => of,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// A record type.
    pub fn record<K: Into<Name>>(fields: impl IntoIterator<Item = (K, Type)>) -> Self {
        let fields = fields.into_iter().map(|(name, ty)| (name.into(), ty));
        Self::Record(Arc::new(fields.collect()))
    }

    /// Whether a value of type `other` may stand where this type is wanted.
    pub fn accepts(&self, other: &Type) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Optional(_), Self::None) => true,
            (Self::Optional(a), Self::Optional(b)) => a.accepts(b),
            (Self::Optional(a), b) => a.accepts(b),
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.accepts(b),
            (Self::Map(a), Self::Record(fields)) => fields.values().all(|field| a.accepts(field)),
            (Self::Record(want), Self::Record(have)) => {
                want.iter().all(|(name, ty)| match have.get(name) {
                    Some(field) => ty.accepts(field),
                    None => matches!(ty, Self::Optional(_)),
                }) && have.keys().all(|name| want.contains_key(name))
            }
            // What is a path already is a text like any other; the other way it is resolved.
            (Self::String, Self::OneOf(_) | Self::Path) => true,
            (Self::OneOf(want), Self::OneOf(have)) => have.iter().all(|text| want.contains(text)),
            (Self::Service(None), Self::Service(_)) => true,
            (Self::Infrastructure(None), Self::Infrastructure(_)) => true,
            (Self::Service(Some(want)), Self::Service(Some(have)))
            | (Self::Infrastructure(Some(want)), Self::Infrastructure(Some(have))) => have.is(want),
            // Text may always become a secret; a secret never becomes text.
            (Self::Secret, Self::String | Self::OneOf(_) | Self::Path) => true,
            (Self::Json, of) => of.is_json(),
            // What takes any list or any map also takes JSON, and checks it at evaluation.
            (Self::List(of) | Self::Map(of), Self::Json) => **of == Self::Any,
            (a, b) => a == b,
        }
    }

    /// The type of what may be either: of `if … then a else b`, of the elements of a list.
    /// `None` where no type holds both; there is no conversion of an int to a float.
    pub fn common(&self, other: &Type) -> Option<Type> {
        Some(match (self, other) {
            (Self::Any, of) | (of, Self::Any) => of.clone(),
            (Self::None, of) | (of, Self::None) => Self::optional(of.clone()),
            (Self::Optional(a), Self::Optional(b)) => Self::optional(a.common(b)?),
            (Self::Optional(a), b) => Self::optional(a.common(b)?),
            (a, Self::Optional(b)) => Self::optional(a.common(b)?),
            (Self::Json, of) | (of, Self::Json) if of.is_json() => Self::Json,
            (Self::List(a), Self::List(b)) => Self::list(a.common(b)?),
            (Self::Map(a), Self::Map(b)) => Self::Map(Box::new(a.common(b)?)),
            (Self::Map(of), Self::Record(fields)) | (Self::Record(fields), Self::Map(of)) => {
                let of = Self::common_of(fields.values().chain([&**of]))?;
                Self::Map(Box::new(of))
            }
            (Self::Record(a), Self::Record(b)) => common_record(a, b)?,
            (Self::OneOf(a), Self::OneOf(b)) => {
                let new = b.iter().filter(|text| !a.contains(text));
                Self::OneOf(a.iter().chain(new).cloned().collect())
            }
            (Self::Service(a), Self::Service(b)) => {
                Self::Service(a.as_ref().zip(b.as_ref()).and_then(|(a, b)| a.common(b)))
            }
            (Self::Infrastructure(a), Self::Infrastructure(b)) => {
                let common = a.as_ref().zip(b.as_ref());
                Self::Infrastructure(common.and_then(|(a, b)| a.common(b)))
            }
            (Self::Path, Self::OneOf(_)) | (Self::OneOf(_), Self::Path) => Self::String,
            (a, b) if a.accepts(b) => a.clone(),
            (a, b) if b.accepts(a) => b.clone(),
            _ => return None,
        })
    }

    /// The common type of several; [`Type::Any`] where there is none at all.
    pub fn common_of<'a>(types: impl IntoIterator<Item = &'a Type>) -> Option<Type> {
        types
            .into_iter()
            .try_fold(Self::Any, |common, ty| common.common(ty))
    }

    /// Whether values of this type are texts.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::String | Self::OneOf(_) | Self::Path)
    }

    /// Whether a value of this type is a path, or has paths in it.
    pub fn has_path(&self) -> bool {
        match self {
            Self::Path => true,
            Self::List(of) | Self::Map(of) | Self::Optional(of) => of.has_path(),
            Self::Record(fields) => fields.values().any(Self::has_path),
            Self::String
            | Self::Int
            | Self::Float
            | Self::Bool
            | Self::Duration
            | Self::Percent
            | Self::None
            | Self::OneOf(_)
            | Self::Secret
            | Self::Service(_)
            | Self::Environment
            | Self::Infrastructure(_)
            | Self::Connection
            | Self::Json
            | Self::Nothing
            | Self::Any => false,
        }
    }

    /// Whether values of this type are JSON as they stand.
    fn is_json(&self) -> bool {
        match self {
            Self::String
            | Self::Path
            | Self::OneOf(_)
            | Self::Int
            | Self::Float
            | Self::Bool
            | Self::None
            | Self::Json
            | Self::Any => true,
            Self::List(of) | Self::Map(of) | Self::Optional(of) => of.is_json(),
            Self::Record(fields) => fields.values().all(Self::is_json),
            _ => false,
        }
    }

    /// Whether values of this type can be written as JSON: nothing in them is a secret or a
    /// thing of the program.
    pub fn is_data(&self) -> bool {
        match self {
            Self::Secret
            | Self::Service(_)
            | Self::Environment
            | Self::Infrastructure(_)
            | Self::Nothing => false,
            Self::List(of) | Self::Map(of) | Self::Optional(of) => of.is_data(),
            Self::Record(fields) => fields.values().all(Self::is_data),
            _ => true,
        }
    }

    /// Whether a value of this type may be interpolated into a string. What may be `none` may not.
    pub fn interpolates(&self) -> bool {
        match self {
            Self::String
            | Self::Path
            | Self::Int
            | Self::Float
            | Self::Bool
            | Self::Duration
            | Self::Percent
            | Self::OneOf(_)
            | Self::Json
            | Self::Any => true,
            // As JSON, in which `none` is `null`; by itself it would be an empty text.
            Self::List(of) | Self::Map(of) => match &**of {
                Self::Optional(of) => of.interpolates(),
                of => of.interpolates(),
            },
            _ => false,
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Path => f.write_str("path"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Bool => f.write_str("bool"),
            Self::Duration => f.write_str("duration"),
            Self::Percent => f.write_str("percent"),
            Self::None => f.write_str("none"),
            Self::List(of) => write!(f, "[{of}]"),
            Self::Map(of) => write!(f, "{{string: {of}}}"),
            Self::Record(fields) => {
                f.write_str("{ ")?;
                for (at, (name, ty)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {ty}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str(" }")
            }
            Self::Optional(of) => write!(f, "{of}?"),
            Self::OneOf(texts) => {
                for (at, text) in texts.iter().enumerate() {
                    write!(f, "{}\"{text}\"", if at > 0 { " | " } else { "" })?;
                }
                Ok(())
            }
            Self::Secret => f.write_str("secret"),
            Self::Service(kind) => of_kind(f, "service", kind),
            Self::Environment => f.write_str("environment"),
            Self::Infrastructure(kind) => of_kind(f, "infrastructure", kind),
            Self::Connection => f.write_str("connection"),
            Self::Json => f.write_str("json"),
            Self::Nothing => f.write_str("nothing"),
            Self::Any => f.write_str("anything"),
        }
    }
}

/// A field that only one of them has may be missing.
fn common_record(a: &IndexMap<Name, Type>, b: &IndexMap<Name, Type>) -> Option<Type> {
    let mut fields = IndexMap::with_capacity(a.len());
    for (name, ty) in a {
        let common = match b.get(name) {
            Some(other) => ty.common(other)?,
            None => Type::optional(ty.clone()),
        };
        fields.insert(name.clone(), common);
    }
    for (name, ty) in b {
        if !a.contains_key(name) {
            fields.insert(name.clone(), Type::optional(ty.clone()));
        }
    }
    Some(Type::Record(Arc::new(fields)))
}

fn of_kind(
    f: &mut std::fmt::Formatter<'_>,
    word: &str,
    kind: &Option<KindRef>,
) -> std::fmt::Result {
    match kind {
        Some(kind) => write!(f, "{word}<{}>", kind.name),
        None => f.write_str(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of(texts: &[&str]) -> Type {
        Type::OneOf(texts.iter().map(|text| Name::from(*text)).collect())
    }

    fn map(of: Type) -> Type {
        Type::Map(Box::new(of))
    }

    fn kind(id: u32) -> Option<KindRef> {
        Some(KindRef {
            id,
            name: "k".into(),
            bases: Arc::default(),
        })
    }

    #[test]
    fn the_type_of_what_may_be_either() {
        use Type::{Any, Bool, Float, Int, Json, None, Path, Secret, String};
        let rec = Type::record::<&str>;
        for (a, b, common) in [
            (Int, Int, "int"),
            (Int, Any, "int"),
            (Any, Any, "anything"),
            (None, None, "none"),
            (None, Int, "int?"),
            (None, Type::optional(Int), "int?"),
            (Type::optional(Int), Int, "int?"),
            (Type::optional(Int), Type::optional(Any), "int?"),
            (Type::list(Any), Type::list(Int), "[int]"),
            (Type::list(Int), Type::list(None), "[int?]"),
            (
                one_of(&["a", "b"]),
                one_of(&["b", "c"]),
                "\"a\" | \"b\" | \"c\"",
            ),
            (one_of(&["a"]), String, "string"),
            (Path, Path, "path"),
            (Path, None, "path?"),
            (Path, String, "string"),
            (Path, one_of(&["a"]), "string"),
            (Path, Secret, "secret"),
            (Path, Json, "json"),
            (Secret, String, "secret"),
            (one_of(&["a"]), Secret, "secret"),
            (Type::Service(kind(1)), Type::Service(kind(1)), "service<k>"),
            (Type::Service(kind(1)), Type::Service(kind(2)), "service"),
            (
                Type::Infrastructure(kind(1)),
                Type::Infrastructure(Option::None),
                "infrastructure",
            ),
            (map(Int), map(None), "{string: int?}"),
            (map(Int), rec(vec![("a", None)]), "{string: int?}"),
            (map(Any), rec(vec![]), "{string: anything}"),
            (
                rec(vec![("a", Int)]),
                rec(vec![("a", None), ("b", Bool)]),
                "{ a: int?, b: bool? }",
            ),
            (Json, Type::list(map(Int)), "json"),
            (Json, Type::list(Any), "json"),
            (rec(vec![("a", Type::optional(Float))]), Json, "json"),
        ] {
            assert_eq!(a.common(&b).unwrap().to_string(), common, "{a} and {b}");
            let back = b.common(&a).unwrap();
            assert!(
                back.accepts(&a) && back.accepts(&b),
                "{back} from {b} and {a}"
            );
        }
    }

    #[test]
    fn what_has_no_common_type() {
        use Type::{Bool, Duration, Float, Int, Json, Percent, Secret, String};
        for (a, b) in [
            (Int, Float),
            (Int, String),
            (Bool, String),
            (Secret, Int),
            (Int, Percent),
            (Json, Duration),
            (Json, Secret),
            (Type::list(Int), Type::list(String)),
            (Type::list(Int), map(Int)),
            (map(Int), Type::record([("a", String)])),
            (Type::record([("a", Int)]), Type::record([("a", String)])),
            (Type::optional(Int), String),
            (Type::Environment, Type::Service(None)),
        ] {
            assert_eq!(a.common(&b), None, "{a} and {b}");
            assert_eq!(b.common(&a), None, "{b} and {a}");
        }
    }

    #[test]
    fn what_may_stand_where() {
        use Type::{Any, Float, Int, Json, Path, Secret, String};
        let wanted = Type::record([("a", Int), ("b", Type::optional(Int))]);
        for (want, have, accepted) in [
            (Float, Int, false),
            (Type::list(Int), Type::list(Any), true),
            (Type::optional(Int), Int, true),
            (Int, Type::optional(Int), false),
            (String, one_of(&["a"]), true),
            (String, Path, true),
            (Path, String, false),
            (Type::list(String), Type::list(Path), true),
            (one_of(&["a"]), Path, false),
            (one_of(&["a"]), String, false),
            (one_of(&["a"]), one_of(&["a", "b"]), false),
            (Secret, String, true),
            (String, Secret, false),
            (Json, Type::list(String), true),
            (String, Json, false),
            (Type::list(Any), Json, true),
            (Type::list(Int), Json, false),
            (wanted.clone(), Type::record([("a", Int)]), true),
            (wanted.clone(), Type::record([("b", Int)]), false),
            (
                wanted.clone(),
                Type::record([("a", Int), ("c", Int)]),
                false,
            ),
            (map(Int), wanted, false),
        ] {
            assert_eq!(want.accepts(&have), accepted, "{want} for {have}");
        }
    }
}
