//! Tests of the evaluator, written as expressions of the language.

mod examples;
mod faults;
mod limits;
mod types;
mod values;

use super::expr_reader::read;
use super::{Expr, GlobalId, Halt, RunField, Scope, Slot, eval};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, InfrastructureId, SecretPart, ServiceId, Type, Value};
use lockstep_base::world::FileError;

/// The names that the expressions of these tests may use, each in the slot of its place.
const NAMES: [&str; 10] = [
    "unknown", "token", "ports", "least", "huge", "qa", "eu", "shop", "data", "mebibyte",
];

/// A scope with a value for each of [`NAMES`].
struct SampleScope;

impl Scope for SampleScope {
    fn local(&self, slot: Slot) -> Result<Value, Halt> {
        Ok(match NAMES[slot.0 as usize] {
            "token" => Value::Secret(vec![SecretPart::Secret(0)].into()),
            "ports" => Value::map([("web", Value::Int(80)), ("admin", Value::Int(8080))]),
            "least" => Value::Int(i64::MIN),
            "huge" => Value::Float(f64::MAX),
            "qa" => Value::Environment(EnvironmentId(0)),
            "eu" => Value::Infrastructure(InfrastructureId(1)),
            "shop" => Value::Service {
                id: ServiceId(0),
                at: None,
            },
            "data" => Value::list([Value::None, Value::string("x"), Value::list([])]),
            "mebibyte" => Value::string("x".repeat(1 << 20)),
            _ => return Err(Halt::Unknown),
        })
    }

    fn global(&self, id: GlobalId) -> Result<Value, Halt> {
        Ok(Value::Int(i64::from(id.0)))
    }

    fn field(&self, of: &Value, name: &Name, _: Span) -> Result<Value, Halt> {
        Ok(Value::string(format!("{} of {}", name, self.display(of))))
    }

    fn infrastructures(&self, _: EnvironmentId) -> Vec<Value> {
        vec![
            Value::Infrastructure(InfrastructureId(1)),
            Value::Infrastructure(InfrastructureId(2)),
        ]
    }

    fn display(&self, value: &Value) -> String {
        match value {
            Value::Service { .. } => "shop",
            Value::Environment(_) => "qa",
            Value::Infrastructure(InfrastructureId(1)) => "qa.eu",
            _ => "qa.us",
        }
        .into()
    }

    fn run(&self, field: RunField) -> Result<Value, Halt> {
        match field {
            RunField::User => Ok(Value::string("ada")),
            RunField::Id | RunField::StartedAt | RunField::Scratch | RunField::SecretFolder => {
                Err(Halt::Unknown)
            }
        }
    }

    fn env(&self, name: &str) -> Result<Option<Name>, Halt> {
        match name {
            "LATER" => Err(Halt::Unknown),
            "EMPTY" => Ok(Some("".into())),
            "HOME" => Ok(Some("/root".into())),
            _ => Ok(None),
        }
    }

    fn deployed(&self, _: &Value, _: &Value) -> Result<Value, Halt> {
        Ok(Value::None)
    }

    fn file(&self, _: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
        Ok(match path {
            "VERSION" => Ok("1.4.2\n".into()),
            _ => Err(FileError::NotFound),
        })
    }
}

fn expr(source: &str) -> Expr {
    read(source, &NAMES)
}

/// What an expression gives, with all that `==` of the language does not see.
fn exact(source: &str) -> String {
    match eval(&expr(source), &SampleScope) {
        Ok(value) => format!("{value:?}"),
        Err(Halt::Unknown) => String::from("unknown"),
        Err(Halt::Fault(fault)) => format!("{}: {}", fault.code, fault.message),
    }
}

/// The type of a value, as the checker would see it written out.
fn type_of(value: &Value) -> Type {
    match value {
        Value::None => Type::None,
        Value::Unknown => Type::Any,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::String(_) => Type::String,
        Value::Duration(_) => Type::Duration,
        Value::Percent(_) => Type::Percent,
        Value::List(items) => {
            let types: Vec<Type> = items.iter().map(type_of).collect();
            Type::list(Type::common_of(&types).unwrap_or(Type::Any))
        }
        Value::Map(entries) => Type::record(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), type_of(value))),
        ),
        Value::Secret(_) => Type::Secret,
        Value::Service { .. } => Type::Service(None),
        Value::Environment(_) => Type::Environment,
        Value::Infrastructure(_) => Type::Infrastructure(None),
    }
}
