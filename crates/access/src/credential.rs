//! Random texts that grant something to whoever has them, and the hashes that are stored of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};

use crate::error::{AccessError, AccessErrorKind};

/// The random bytes of a credential: 256 bits.
pub(crate) const BYTES: usize = 32;
/// The characters that these bytes are in base64 without padding.
pub(crate) const CHARACTERS: usize = 43;

/// A text that grants something to whoever has it. It is handed out once, and is not shown by
/// `Debug`, so that it is in no log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// A new one of 256 random bits, as 43 characters of the URL-safe base64 alphabet.
    pub(crate) fn random() -> Result<Self, AccessError> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<BYTES>()?)))
    }

    /// Takes a text as one, such as the secret that a provider has given out.
    pub fn of(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for whom it is made.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Random bytes of the system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AccessError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        AccessError::new(
            AccessErrorKind::Other,
            "the system's random number generator does not answer",
        )
    })?;
    Ok(bytes)
}

/// What is stored of a credential, and looked up.
///
/// SHA-256 without a salt is right here and wrong for passwords: of 256 random bits no table can be
/// made beforehand, and no number of guesses per second finds one. It also makes the comparison
/// harmless: an index is searched for a hash, which tells a guesser nothing about the text.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether a text may be a credential of [`Credential::random`]; what may not is not looked up.
pub(crate) fn is_well_formed(text: &str) -> bool {
    text.len() == CHARACTERS && text.bytes().all(is_base64)
}

pub(crate) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether two texts are equal, in a time that depends on their lengths alone.
pub(crate) fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let differences = left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b));
    left.len() == right.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_long_random_and_not_shown() {
        let one = Credential::random().unwrap();
        let other = Credential::random().unwrap();
        assert_ne!(one, other);
        assert!(is_well_formed(one.reveal()));
        assert!(!format!("{one:?}").contains(one.reveal()));
        assert!(!is_well_formed(&one.reveal()[1..]));
        assert!(!is_well_formed(&one.reveal().replacen(|_| true, "+", 1)));
    }

    #[test]
    fn equality_looks_at_every_byte_and_the_length() {
        assert!(is_equal(b"", b""));
        assert!(is_equal(b"abc", b"abc"));
        for other in [&b"abd"[..], b"bbc", b"ab", b"abcd", b""] {
            assert!(!is_equal(b"abc", other));
        }
    }
}
