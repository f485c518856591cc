//! The values that expressions evaluate to, before and during a run. Invariant: a secret value
//! never contains the text of the secret, only how to obtain it.

mod convert;
mod input;
mod json;
mod json_text;
mod order;
pub mod path;
pub mod text;
mod ty;

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::source::Name;
pub use convert::{EMPTY_PATH, convert};
pub use input::from_text;
pub use json::{MAX_VALUE_DEPTH, from_json, to_json};
pub use json_text::{JsonTextError, parse_json};
pub use order::{ValueKey, compare};
pub use ty::{KindRef, Type};

/// A service of the program, by its place in the program's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceId(pub u32);

/// An environment of the program, by its place in the program's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvironmentId(pub u32);

/// An infrastructure of the program, by its place in the program's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InfrastructureId(pub u32);

/// A value. Cheap to clone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Value {
    /// `none`
    None,
    /// `true`, `false`
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text.
    String(Name),
    /// Milliseconds.
    Duration(i64),
    /// `10%` is 10.
    Percent(f64),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A map or a record.
    Map(Arc<IndexMap<Name, Value>>),
    /// A secret: a recipe that only the runtime can turn into text.
    Secret(Arc<Vec<SecretPart>>),
    /// A service; `at` is the infrastructure whose overrides apply to its fields.
    Service {
        /// Which.
        id: ServiceId,
        /// Where it is being deployed to, inside a deployment.
        at: Option<InfrastructureId>,
    },
    /// An environment.
    Environment(EnvironmentId),
    /// An infrastructure.
    Infrastructure(InfrastructureId),
    /// What only the run knows. It is there in a foresight alone, which supposes what follows from
    /// it; never inside of another value, never where expressions look, and never stored.
    #[serde(skip)]
    Unknown,
}

/// A part of a secret's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SecretPart {
    /// Text that is no secret.
    Text(Name),
    /// The text of a declared secret, by its place in the program's table.
    Secret(u32),
    /// What a command has written, or the body of an answer.
    Made(MadeSecret),
    /// What is made of values of which at least one holds a secret.
    Derived(Arc<DerivedSecret>),
}

/// A secret that is made while a run goes on, by what made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MadeSecret {
    /// The run.
    pub run: Name,
    /// The number of the effect.
    pub effect: u64,
}

/// What a function makes of values of which at least one holds a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DerivedSecret {
    /// The function; [`MEMBER`] for a field or an element of JSON.
    pub function: Name,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// The name by which a secret is a part of JSON that is a secret. No function is called so.
pub const MEMBER: &str = ".";

impl Value {
    /// A text.
    pub fn string(text: impl Into<Name>) -> Self {
        Self::String(text.into())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// A map or record.
    pub fn map<K: Into<Name>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect(),
        ))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is a secret, or a list or map with one inside.
    pub fn has_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::List(items) => items.iter().any(Self::has_secret),
            Self::Map(entries) => entries.values().any(Self::has_secret),
            _ => false,
        }
    }

    /// Whether it is, or has in it, a secret that was made while a run went on.
    pub fn has_made_secret(&self) -> bool {
        match self {
            Self::Secret(parts) => parts.iter().any(|part| match part {
                SecretPart::Made(_) => true,
                SecretPart::Derived(derived) => derived.args.iter().any(Self::has_made_secret),
                SecretPart::Text(_) | SecretPart::Secret(_) => false,
            }),
            Self::List(items) => items.iter().any(Self::has_made_secret),
            Self::Map(entries) => entries.values().any(Self::has_made_secret),
            _ => false,
        }
    }

    /// The secret that a function makes of values, of which at least one holds a secret.
    pub fn derived(function: impl Into<Name>, args: Vec<Self>) -> Self {
        let function = function.into();
        let derived = DerivedSecret { function, args };
        Self::Secret(Arc::new(vec![SecretPart::Derived(Arc::new(derived))]))
    }

    /// What it is, in words: `an int`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::String(_) => "a text",
            Self::Duration(_) => "a duration",
            Self::Percent(_) => "a percent",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Secret(_) => "a secret",
            Self::Service { .. } => "a service",
            Self::Environment(_) => "an environment",
            Self::Infrastructure(_) => "an infrastructure",
            Self::Unknown => "unknown",
        }
    }

    /// The entries, if it is a map or record.
    pub fn as_map(&self) -> Option<&IndexMap<Name, Self>> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }
}

/// Equality of the language: an integer equals the float of the same size; a service is itself,
/// wherever it is being deployed to.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Int(a), Self::Float(b)) | (Self::Float(b), Self::Int(a)) => {
                order::int_with_float(*a, *b) == Some(std::cmp::Ordering::Equal)
            }
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Percent(a), Self::Percent(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a == b,
            (Self::Service { id: a, .. }, Self::Service { id: b, .. }) => a == b,
            (Self::Environment(a), Self::Environment(b)) => a == b,
            (Self::Infrastructure(a), Self::Infrastructure(b)) => a == b,
            (Self::Unknown, Self::Unknown) => true,
            _ => false,
        }
    }
}
