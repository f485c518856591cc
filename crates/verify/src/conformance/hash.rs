//! A fast hasher for the tables that every event goes through: a few instructions for a path, where
//! that of the standard library takes a few hundred. It is seeded anew in every table's audit, so
//! that names cannot be chosen to collide.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};

/// A map with the fast hasher.
pub(super) type FastMap<K, V> = HashMap<K, V, Seed>;

/// A set with the fast hasher.
pub(super) type FastSet<K> = HashSet<K, Seed>;

/// Makes the hashers of one table.
#[derive(Debug, Clone)]
pub(super) struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

impl BuildHasher for Seed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

/// Multiplies word by word and folds the two halves of each product together.
#[derive(Debug)]
pub(super) struct Folded(u64);

/// An odd number without a pattern: the fraction of the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Folded {
    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        // The length distinguishes a text from the same text with zeros behind it.
        let mut last = (rest.len() as u64) << 56;
        for (at, byte) in rest.iter().enumerate() {
            last |= u64::from(*byte) << (8 * at);
        }
        self.word(last);
    }

    fn write_u8(&mut self, number: u8) {
        self.word(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.word(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_texts_have_different_hashes() {
        let seed = Seed::default();
        let mut found = HashSet::new();
        let mut all = 0;
        for length in 0..40 {
            for last in ['\0', 'a', 'b', '1'] {
                all += 1;
                let text = format!("{}{last}", "p/".repeat(length));
                found.insert(seed.hash_one(text.as_str()));
            }
        }
        assert_eq!(found.len(), all);
    }
}
