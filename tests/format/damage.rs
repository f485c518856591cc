//! A generator of files with syntax errors: valid files with random mutations.

use super::generate::file;
use super::tokens::Chance;

/// A file with some of its bytes removed, inserted, doubled or swapped.
pub fn damaged(seed: u64) -> String {
    let mut chance = Chance::new(seed ^ 0x00da_3a9e);
    let count = chance.below(6);
    spoiled(file(seed), "", count, &mut chance)
}

/// A file into which stretches of itself and of another one have come, and from which others are
/// gone.
pub fn mutant(text: &str, other: &str, seed: u64) -> String {
    let mut chance = Chance::new(seed ^ 0x0035_71e5);
    let count = chance.below(3);
    spoiled(String::from(text), other, count, &mut chance)
}

fn spoiled(text: String, other: &str, count: usize, chance: &mut Chance) -> String {
    let mut bytes = text.into_bytes();
    for _ in 0..=count {
        let at = chance.below(bytes.len());
        let to = chance.below(bytes.len());
        match chance.below(6) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, b"{}[]()\"'#\n=:,;$.-%"[chance.below(18)]),
            2 => bytes.swap(at, to),
            3 => bytes[at] = chance.below(256) as u8,
            4 => {
                let from = match other.is_empty() || chance.one_in(2) {
                    true => bytes.as_slice(),
                    false => other.as_bytes(),
                };
                let start = at.min(from.len());
                let end = (start + chance.below(40)).min(from.len());
                let stretch = from[start..end].to_vec();
                bytes.splice(to..to, stretch);
            }
            _ => drop(bytes.drain(at..(at + chance.below(12)).min(bytes.len()))),
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
