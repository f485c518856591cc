//! The types of values. It does not know expressions; the checker compares types with
//! [`Type::accepts`] and shows them with `Display`, in the words of the language.

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
    Record(IndexMap<Name, Type>),
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
        Self::Record(
            fields
                .into_iter()
                .map(|(name, ty)| (name.into(), ty))
                .collect(),
        )
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
            (Self::String, Self::OneOf(_)) => true,
            (Self::OneOf(want), Self::OneOf(have)) => have.iter().all(|text| want.contains(text)),
            (Self::Service(None), Self::Service(_)) => true,
            (Self::Infrastructure(None), Self::Infrastructure(_)) => true,
            // Text may always become a secret; a secret never becomes text.
            (Self::Secret, Self::String | Self::OneOf(_)) => true,
            (a, b) => a == b,
        }
    }

    /// Whether a value of this type may be interpolated into a string.
    pub fn interpolates(&self) -> bool {
        match self {
            Self::String
            | Self::Int
            | Self::Float
            | Self::Bool
            | Self::Duration
            | Self::Percent
            | Self::OneOf(_)
            | Self::Json
            | Self::Any => true,
            Self::List(of) | Self::Map(of) | Self::Optional(of) => of.interpolates(),
            _ => false,
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::String => f.write_str("string"),
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
