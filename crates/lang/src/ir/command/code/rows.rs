//! Tables of programs, with the rows of a program found by its name: each word of a command may be
//! one.

use std::collections::HashMap;

/// The rows of each name, in the order of the table.
pub struct Rows<R: 'static>(HashMap<&'static str, Vec<&'static R>>);

impl<R> Rows<R> {
    /// Those of a table; `names` are the names of a row.
    pub fn of(table: &'static [R], names: fn(&R) -> &'static [&'static str]) -> Self {
        let mut rows: HashMap<&'static str, Vec<&'static R>> = HashMap::new();
        for row in table {
            for name in names(row) {
                rows.entry(name).or_default().push(row);
            }
        }
        Self(rows)
    }

    /// The rows of a program.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &'static R> {
        self.0.get(name).into_iter().flatten().copied()
    }
}
