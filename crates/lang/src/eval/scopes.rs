//! Scopes that are empty or extend another scope.

use super::builtins::MadeSort;
use super::{GlobalId, Halt, RunField, Scope, Slot};
use lockstep_base::source::{FileId, Name, Span};
use lockstep_base::value::{EnvironmentId, Value};
use lockstep_base::world::FileError;

/// Everything but locals, as the scope around has it.
macro_rules! outer_scope {
    () => {
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

        fn made(&self, sort: MadeSort, template: u32) -> Result<Vec<Value>, Halt> {
            self.outer.made(sort, template)
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

        fn has_secret(&self, secret: u32) -> Result<bool, Halt> {
            self.outer.has_secret(secret)
        }

        fn file(&self, from: FileId, path: &str) -> Result<Result<Name, FileError>, Halt> {
            self.outer.file(from, path)
        }

        fn folder(&self, of: FileId) -> Result<Name, Halt> {
            self.outer.folder(of)
        }

        fn deployed(&self, service: &Value, target: &Value) -> Result<Value, Halt> {
            self.outer.deployed(service, target)
        }
    };
}

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

    outer_scope!();
}

/// Another scope in which some locals have values of their own, or are unknown.
pub(super) struct ScopeWithLocals<'a> {
    outer: &'a dyn Scope,
    values: Vec<(Slot, Option<Value>)>,
}

impl<'a> ScopeWithLocals<'a> {
    /// `outer`, with no locals yet.
    pub fn new(outer: &'a dyn Scope) -> Self {
        let values = Vec::new();
        Self { outer, values }
    }

    /// From here on, `slot` is `value`, or unknown.
    pub fn add(&mut self, slot: Slot, value: Option<Value>) {
        self.values.push((slot, value));
    }
}

impl Scope for ScopeWithLocals<'_> {
    fn local(&self, slot: Slot) -> Result<Value, Halt> {
        match self.values.iter().find(|(own, _)| *own == slot) {
            Some((_, value)) => value.clone().ok_or(Halt::Unknown),
            None => self.outer.local(slot),
        }
    }

    outer_scope!();
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
