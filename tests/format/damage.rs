//! A generator of files with syntax errors: valid files with random mutations.

use super::generate::file;
use super::tokens::Chance;

/// A file with some of its bytes removed, inserted, doubled or swapped.
pub fn damaged(seed: u64) -> String {
    let mut chance = Chance::new(seed ^ 0x00da_3a9e);
    let mut bytes = file(seed).into_bytes();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len());
        let to = chance.below(bytes.len());
        match chance.below(6) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, b"{}[]()\"'#\n=:,;$.-%"[chance.below(18)]),
            2 => bytes.swap(at, to),
            3 => bytes[at] = chance.below(256) as u8,
            4 => {
                let end = (at + chance.below(40)).min(bytes.len());
                let stretch = bytes[at..end].to_vec();
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
