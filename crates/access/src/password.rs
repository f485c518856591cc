//! Passwords: what is allowed, and how they are stored.
//!
//! Argon2id with 19 MiB, two passes and one lane, as OWASP advises, in the PHC text format
//! (`$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`), which other programs read and which says with what
//! each one was made.

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::credential::{is_equal, random};
use crate::error::{AccessError, AccessErrorKind};

/// The fewest characters of a new password.
pub const MIN_PASSWORD_CHARACTERS: usize = 12;
/// The most bytes of a password.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Memory in KiB, passes and lanes of new hashes.
const COST: Cost = Cost {
    memory: 19 * 1024,
    passes: 2,
    lanes: 1,
};
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// The most that a stored text may ask for: nobody else writes them, but a memory of gigabytes for
/// a damaged digit would stop the server.
const MAX_MEMORY: u32 = 1024 * 1024;
/// How many hashes are computed at once: each needs its memory, and every stranger can ask for one.
const MAX_AT_ONCE: usize = 4;

/// A new password that keeps the rule for passwords. `Debug` does not show it.
#[derive(Clone)]
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// Takes a text as a password.
    ///
    /// # Errors
    ///
    /// If it has fewer than 12 characters or more than 1024 bytes.
    pub fn new(text: &str) -> Result<Self, AccessError> {
        if text.chars().count() < MIN_PASSWORD_CHARACTERS {
            return Err(AccessError::invalid(format!(
                "a password has at least {MIN_PASSWORD_CHARACTERS} characters"
            )));
        }
        if text.len() > MAX_PASSWORD_BYTES {
            return Err(AccessError::invalid(format!(
                "a password has at most {MAX_PASSWORD_BYTES} bytes"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text that is stored.
    pub(crate) fn hash(&self) -> Result<String, AccessError> {
        let salt = random::<SALT_BYTES>()?;
        let hash = COST.hash(self.0.as_bytes(), &salt)?;
        let Cost {
            memory,
            passes,
            lanes,
        } = COST;
        Ok(format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(hash),
        ))
    }
}

/// How a text and a stored hash compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Different,
    Same,
    /// The same, but the hash was made with another cost than new ones are.
    SameWithOldCost,
}

/// Compares a text with a stored hash. Where there is none it does the same work, so that the time
/// does not say whether a user exists.
pub(crate) fn compare(text: &str, stored: Option<&str>) -> Result<Comparison, AccessError> {
    // No password is longer, and hashing a long text is work that a stranger could ask for.
    let text = match text.len() {
        0..=MAX_PASSWORD_BYTES => text.as_bytes(),
        _ => b"",
    };
    let Some(stored) = stored else {
        COST.hash(text, &[0; SALT_BYTES])?;
        return Ok(Comparison::Different);
    };
    let (cost, salt, hash) =
        parse(stored).ok_or_else(|| AccessError::damaged("a password hash"))?;
    let computed = cost.hash(text, &salt)?;
    Ok(match is_equal(&computed, &hash) {
        false => Comparison::Different,
        true if cost == COST => Comparison::Same,
        true => Comparison::SameWithOldCost,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn hash(self, text: &[u8], salt: &[u8]) -> Result<[u8; HASH_BYTES], AccessError> {
        let failed = |error: argon2::Error| {
            AccessError::new(
                AccessErrorKind::Other,
                format!("a password cannot be hashed: {error}"),
            )
        };
        let params =
            Params::new(self.memory, self.passes, self.lanes, Some(HASH_BYTES)).map_err(failed)?;
        let _turn = Turn::take();
        let mut memory = vec![Block::default(); params.block_count()];
        let mut hash = [0; HASH_BYTES];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(text, salt, &mut hash, &mut memory)
            .map_err(failed)?;
        Ok(hash)
    }
}

fn parse(stored: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.strip_prefix("$argon2id$v=19$")?.split('$');
    let (costs, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut costs = costs.split(',');
    let mut cost = |name| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let cost = Cost {
        memory: cost("m=")?,
        passes: cost("t=")?,
        lanes: cost("p=")?,
    };
    let is_whole = parts.next().is_none() && costs.next().is_none();
    let decode = |text| STANDARD_NO_PAD.decode(text).ok();
    (is_whole && cost.memory <= MAX_MEMORY).then_some((cost, decode(salt)?, decode(hash)?))
}

/// A turn to compute a hash.
struct Turn;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = (GIVEN_BACK.wait_while(taken, |taken| *taken >= MAX_AT_ONCE))
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The end of a stored text with the cost `m=256,t=1,p=1`.
    pub(crate) fn cheap_hash(text: &str, salt: &str) -> String {
        let cost = Cost {
            memory: 256,
            passes: 1,
            lanes: 1,
        };
        STANDARD_NO_PAD.encode(cost.hash(text.as_bytes(), salt.as_bytes()).unwrap())
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert!(Password::new("elevenchars").is_err());
        assert!(Password::new("twelve chars").is_ok());
        // Characters, not bytes.
        assert!(Password::new("ääääää").is_err());
        assert!(Password::new(&"a".repeat(1024)).is_ok());
        assert!(Password::new(&"a".repeat(1025)).is_err());
        assert_eq!(
            format!("{:?}", Password::new("twelve chars").unwrap()),
            "Password(…)"
        );
    }

    #[test]
    fn a_hash_is_salted_and_only_its_text_matches() {
        let password = Password::new("correct horse battery").unwrap();
        let (one, other) = (password.hash().unwrap(), password.hash().unwrap());
        assert_ne!(one, other);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        let is = |text: &str| compare(text, Some(&one)).unwrap();
        assert_eq!(is("correct horse battery"), Comparison::Same);
        assert_eq!(is("correct horse batterY"), Comparison::Different);
        assert_eq!(is(""), Comparison::Different);
        assert_eq!(is(&"a".repeat(100_000)), Comparison::Different);
        assert_eq!(compare("", None).unwrap(), Comparison::Different);
    }

    #[test]
    fn a_hash_of_another_cost_is_read() {
        let stored = format!(
            "$argon2id$v=19$m=256,t=1,p=1${}${}",
            STANDARD_NO_PAD.encode("somesaltsomesalt"),
            cheap_hash("correct horse battery", "somesaltsomesalt")
        );
        let found = compare("correct horse battery", Some(&stored)).unwrap();
        assert_eq!(found, Comparison::SameWithOldCost);
        for damaged in [
            "",
            "secret",
            "$argon2id$v=19$m=256,t=1,p=1$$",
            "$argon2i$v=19$m=256,t=1,p=1$YQ$YQ",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$YQ",
        ] {
            assert!(
                compare("correct horse battery", Some(damaged)).is_err(),
                "{damaged}"
            );
        }
    }

    /// The RFC's own example of Argon2id needs a secret and associated data; this one is of the
    /// reference implementation's tests.
    #[test]
    fn the_hash_is_that_of_the_reference_implementation() {
        let cost = Cost {
            memory: 65536,
            passes: 2,
            lanes: 1,
        };
        let hash = cost.hash(b"password", b"somesalt").unwrap();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }
}
