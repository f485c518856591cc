//! Tables of programs, with the rows of a program found by its name: each word of a command may be
//! one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The first row of each name, the second one, and so on, in the order of the table.
pub struct Rows<R: 'static>(HashMap<(&'static str, u8), &'static R, BuildHasherDefault<NameHash>>);

impl<R> Rows<R> {
    /// Those of a table; `names` are the names of a row.
    pub fn of(table: &'static [R], names: fn(&R) -> &'static [&'static str]) -> Self {
        let count = table.iter().map(|row| names(row).len()).sum();
        let mut rows = HashMap::with_capacity_and_hasher(count, BuildHasherDefault::default());
        for row in table {
            for name in names(row) {
                let taken = |nth: &u8| rows.contains_key(&(*name, *nth));
                let next = (0..u8::MAX).take_while(taken).count();
                rows.insert((*name, u8::try_from(next).unwrap_or(u8::MAX)), row);
            }
        }
        Self(rows)
    }

    /// The rows of a program.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &'static R> {
        (0..u8::MAX).map_while(move |nth| self.0.get(&(name, nth)).copied())
    }
}

/// FNV-1a: the names of the table are known, so that nobody can choose such as collide, and most
/// programs that are checked use a few of them.
pub struct NameHash(u64);

impl Default for NameHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHash {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        // The table goes by the highest bits, too, which short names leave alike.
        self.0 ^ self.0.rotate_left(32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_name_are_found_in_the_order_of_the_table() {
        static TABLE: &[(&[&str], u32)] =
            &[(&["a", "b"], 1), (&["b"], 2), (&["c"], 3), (&["b", "c"], 4)];
        let rows = Rows::of(TABLE, |row| row.0);
        let named = |name: &str| rows.named(name).map(|row| row.1).collect::<Vec<_>>();
        assert_eq!(named("a"), [1]);
        assert_eq!(named("b"), [1, 2, 4]);
        assert_eq!(named("c"), [3, 4]);
        assert_eq!(named("d"), [0_u32; 0]);
    }
}
