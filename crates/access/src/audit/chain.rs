//! The chain of hashes.

use sha2::{Digest as _, Sha256};

use super::AuditRecord;

/// What each hash begins with, so that it is never that of anything else.
const DOMAIN: &[u8] = b"lockstep audit 1\n";

/// How far a log goes: the number and the hash of its last entry. Written down elsewhere, it proves
/// later that nothing up to it was changed or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the last entry; 0 of an empty log.
    pub seq: i64,
    /// The hash of the last entry; zeros of an empty log.
    pub hash: [u8; 32],
}

impl AuditHead {
    /// That of an empty log.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: [0; 32],
    };

    pub(super) fn of(record: &AuditRecord) -> Self {
        Self {
            seq: record.seq,
            hash: record.hash,
        }
    }
}

impl std::fmt::Display for AuditHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, hex(&self.hash))
    }
}

impl std::str::FromStr for AuditHead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (seq, hash) = text.trim().split_once(':')?;
            let seq = seq.parse().ok().filter(|seq| *seq >= 0)?;
            Some(Self {
                seq,
                hash: from_hex(hash)?,
            })
        };
        parse()
            .ok_or_else(|| String::from("the head of an audit log is a number, `:` and 64 digits"))
    }
}

/// Where a log is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBreak {
    /// The number of the entry.
    pub seq: i64,
    /// What is wrong there, as the end of a sentence about the entry.
    pub what: String,
}

impl AuditBreak {
    pub(super) fn new(seq: i64, what: impl Into<String>) -> Self {
        Self {
            seq,
            what: what.into(),
        }
    }
}

impl std::fmt::Display for AuditBreak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the audit log is broken: entry {} {}",
            self.seq, self.what
        )
    }
}

impl std::error::Error for AuditBreak {}

/// The hash of an entry: over all its fields but the hash, each with its length before it, so that
/// no two entries are the same bytes.
pub(super) fn hash(record: &AuditRecord) -> [u8; 32] {
    let AuditRecord {
        seq,
        at_ms,
        who,
        via,
        client,
        action,
        object,
        outcome,
        detail,
        previous,
        hash: _,
    } = record;
    let mut hasher = Sha256::new();
    hasher.update(DOMAIN);
    for number in [seq, at_ms] {
        hasher.update(number.to_be_bytes());
    }
    for text in [who, via, client, action, object, outcome, detail] {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(previous);
    hasher.finalize().into()
}

/// The head after one more entry, if it is the one that follows.
pub(super) fn follow(head: AuditHead, record: &AuditRecord) -> Result<AuditHead, AuditBreak> {
    let next = head.seq.saturating_add(1);
    if record.seq > next {
        return Err(AuditBreak::new(
            next,
            format!("is missing: {} follows {}", record.seq, head.seq),
        ));
    }
    if record.seq < next {
        return Err(AuditBreak::new(
            record.seq,
            format!("is out of order, behind {}", head.seq),
        ));
    }
    if record.previous != head.hash {
        return Err(AuditBreak::new(
            record.seq,
            "does not follow the one before it: one of the two was exchanged",
        ));
    }
    if hash(record) != record.hash {
        return Err(AuditBreak::new(record.seq, "was changed"));
    }
    Ok(AuditHead::of(record))
}

/// The record is the one that a head stands for, unchanged.
pub(super) fn is_at(head: AuditHead, record: &AuditRecord) -> Result<(), AuditBreak> {
    if hash(record) != record.hash {
        return Err(AuditBreak::new(record.seq, "was changed"));
    }
    if AuditHead::of(record) != head {
        return Err(AuditBreak::new(
            record.seq,
            "is another one than when the head was written down: the log was written anew",
        ));
    }
    Ok(())
}

/// The two digits of each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of 64 digits.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
