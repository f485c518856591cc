//! The ids of runs.

use lockstep_base::source::Name;

/// Digits and consonants: no id spells a word or looks like a number.
const SIGNS: [u8; 29] = *b"0123456789bcdfghjkmnpqrstvwxz";

/// How many signs follow `r-`: an id can be typed, and hundreds of millions differ.
const LENGTH: u32 = 6;

/// The id that a random number stands for.
pub fn from_number(number: u64) -> Name {
    let base = SIGNS.len() as u64;
    let sign = |place: u32| SIGNS.get((number / base.pow(place) % base) as usize);
    let signs = (0..LENGTH).filter_map(sign).copied().map(char::from);
    Name::from(format!("r-{}", signs.collect::<String>()))
}

#[test]
fn ids_are_short_and_differ() {
    assert_eq!(&*from_number(0), "r-000000");
    assert_eq!(&*from_number(30), "r-110000");
    let mut ids: Vec<Name> = (0..2_000).map(|step| from_number(step * 7)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2_000);
    assert!(ids.iter().all(|id| id.len() == 8));
    assert!(from_number(u64::MAX).len() == 8);
}
