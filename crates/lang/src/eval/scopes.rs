//! Scopes that are empty or extend another scope.

use super::{GlobalId, Halt, RunField, Scope, Slot};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, Value};
use lockstep_base::world::FileError;

/// Another scope in which one local has a value of its own.
pub struct ScopeWithLocal<'a> {
    outer: &'a dyn Scope,
    slot: Slot,
    value: &'a Value,
}

impl<'a> ScopeWithLocal<'a> {
    /// `outer`, in which `slot` is `value`.
    pub fn new(outer: &'a dyn Scope, slot: Slot, value: &'a Value) -> Self {
        Self { outer, slot, value }
    }
}

impl Scope for ScopeWithLocal<'_> {
    fn local(&self, slot: Slot) -> Result<Value, Halt> {
        if slot == self.slot {
            return Ok(self.value.clone());
        }
        self.outer.local(slot)
    }

    fn global(&self, id: GlobalId) -> Result<Value, Halt> {
        self.outer.global(id)
    }

    fn field(&self, of: &Value, name: &Name, span: Span) -> Result<Value, Halt> {
        self.outer.field(of, name, span)
    }

    fn infrastructures(&self, of: EnvironmentId) -> Vec<Value> {
        self.outer.infrastructures(of)
    }

    fn star(&self, of: EnvironmentId) -> Result<Vec<Value>, Halt> {
        self.outer.star(of)
    }

    fn display(&self, value: &Value) -> String {
        self.outer.display(value)
    }

    fn run(&self, field: RunField) -> Result<Value, Halt> {
        self.outer.run(field)
    }

    fn env(&self, name: &str) -> Result<Option<Name>, Halt> {
        self.outer.env(name)
    }

    fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
        self.outer.file(from, path)
    }
}

/// A scope in which nothing is known: what has a value here is constant, and a fault here is a
/// fault always.
pub struct EmptyScope;

impl Scope for EmptyScope {
    fn local(&self, _: Slot) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn global(&self, _: GlobalId) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn field(&self, _: &Value, _: &Name, _: Span) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn infrastructures(&self, _: EnvironmentId) -> Vec<Value> {
        Vec::new()
    }

    fn star(&self, _: EnvironmentId) -> Result<Vec<Value>, Halt> {
        Err(Halt::Unknown)
    }

    fn display(&self, value: &Value) -> String {
        value.kind().into()
    }

    fn run(&self, _: RunField) -> Result<Value, Halt> {
        Err(Halt::Unknown)
    }

    fn env(&self, _: &str) -> Result<Option<Name>, Halt> {
        Err(Halt::Unknown)
    }

    fn file(&self, _: FileId, _: &str) -> Result<Result<Name, FileError>, Halt> {
        Err(Halt::Unknown)
    }
}
