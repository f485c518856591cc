//! Which values can be in a text, and in the variables and files of a script.

use std::collections::{BTreeMap, BTreeSet};

/// The values that can be in a text, by their pieces.
pub type Taint = BTreeSet<usize>;

/// What the variables or files of a script can hold, by their names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Store(BTreeMap<String, Taint>);

impl Store {
    /// What one of them can hold.
    pub fn get(&self, name: &str) -> Taint {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// Adds what one of them can hold.
    pub fn put(&mut self, name: &str, taint: &Taint) {
        if !taint.is_empty() && !name.is_empty() {
            self.0.entry(name.to_string()).or_default().extend(taint);
        }
    }
}
