//! The local variables of a body while it is walked or run: a persistent linked list that shares
//! its tail, so that a cell or an undo captures its scope at the cost of one pointer.

use std::sync::Arc;

use lockstep_base::value::Value;
use lockstep_lang::eval::Slot;

/// The bindings that a statement sees. A binding without a value is one that only the run knows.
#[derive(Debug, Clone, Default)]
pub struct Locals(Option<Arc<Binding>>);

#[derive(Debug)]
struct Binding {
    slot: Slot,
    value: Option<Value>,
    rest: Locals,
}

impl Locals {
    /// These bindings and one more.
    pub fn bind(&self, slot: Slot, value: Value) -> Self {
        match value {
            Value::Unknown => self.bind_unknown(slot),
            value => self.with(slot, Some(value)),
        }
    }

    /// These bindings and one whose value is not known yet.
    pub fn bind_unknown(&self, slot: Slot) -> Self {
        self.with(slot, None)
    }

    fn with(&self, slot: Slot, value: Option<Value>) -> Self {
        Self(Some(Arc::new(Binding {
            slot,
            value,
            rest: self.clone(),
        })))
    }

    /// The bindings up to the latest one of a name, with it; whoever has these names the same
    /// binding.
    pub fn from_binding(&self, slot: Slot) -> Option<Self> {
        let mut at = self;
        while let Some(binding) = &at.0 {
            if binding.slot == slot {
                return Some(at.clone());
            }
            at = &binding.rest;
        }
        None
    }

    /// Where the latest binding is kept; another one has another place as long as both are there.
    pub fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |it| Arc::as_ptr(it).addr())
    }

    /// All bindings, the latest first; one of a name that was bound again comes after it.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, Option<&Value>)> {
        let bindings = std::iter::successors(self.0.as_deref(), |at| at.rest.0.as_deref());
        bindings.map(|binding| (binding.slot, binding.value.as_ref()))
    }

    /// The value of a name, if it is bound and known.
    pub fn get(&self, slot: Slot) -> Option<&Value> {
        let mut at = self;
        while let Some(binding) = &at.0 {
            if binding.slot == slot {
                return binding.value.as_ref();
            }
            at = &binding.rest;
        }
        None
    }
}

/// Long lists are dropped in a loop; the derived way would recurse once for each binding.
impl Drop for Binding {
    fn drop(&mut self) {
        let mut rest = self.rest.0.take();
        while let Some(mut binding) = rest.and_then(Arc::into_inner) {
            rest = binding.rest.0.take();
        }
    }
}
