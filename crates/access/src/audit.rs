//! The audit log: who did what, when, from where, and with what outcome.
//!
//! It is append-only. Each entry holds the hash of the one before it, so that a change, a hole or
//! another order anywhere is found by [`verify`]. Whoever can write the file could compute all
//! hashes anew or cut the end off; against that, an [`AuditHead`] is written down elsewhere, and
//! [`verify_since`] compares with it.
//!
//! An entry never holds a secret: ids and names only.

mod chain;
mod export;
mod log;

pub use chain::{AuditBreak, AuditHead};
pub use export::{ExportedChain, export, to_line, verify_line, verify_lines};
pub use log::{AuditFilter, append, entries, head, verify, verify_since};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::AccessError;

/// The most bytes of a text of an entry; what is longer is cut, as strangers choose some of them.
const MAX_TEXT: usize = 1024;
/// The most bytes of the detail.
const MAX_DETAIL: usize = 16 * 1024;

/// What is appended.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: a user, `trigger NAME` or `system`. Of a failed login, the name that was tried.
    pub who: String,
    /// By what: `session`, `token NAME`.
    pub via: String,
    /// The address from which it came; empty where there is none.
    pub client: String,
    /// What was done: words with dots, such as `user.disable`.
    pub action: String,
    /// To what: the name of a user, a pipeline or a run.
    pub object: String,
    /// How it ended: `ok`, `refused`, `failed`.
    pub outcome: String,
    /// What else belongs to it.
    pub detail: Map<String, Value>,
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1 without holes.
    pub seq: i64,
    /// When it happened, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who did it.
    pub who: String,
    /// By what.
    pub via: String,
    /// The address from which it came.
    pub client: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// How it ended.
    pub outcome: String,
    /// What else belongs to it, as the text of a JSON object.
    pub detail: String,
    /// The hash of the entry before; zeros for the first.
    pub previous: [u8; 32],
    /// The hash of this entry.
    pub hash: [u8; 32],
}

impl AuditRecord {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.at_ms).unwrap_or_default()
    }

    /// The detail as data; nothing if it is not JSON, which [`append`] never writes.
    pub fn detail(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(&self.detail).ok()
    }
}

/// Why a log could not be found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditFault {
    /// It is not as it was written.
    Break(AuditBreak),
    /// It cannot be read.
    Access(AccessError),
}

impl std::fmt::Display for AuditFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Break(found) => found.fmt(f),
            Self::Access(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AuditFault {}

impl From<AccessError> for AuditFault {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

impl From<rusqlite::Error> for AuditFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Access(error.into())
    }
}

impl From<AuditBreak> for AuditFault {
    fn from(found: AuditBreak) -> Self {
        Self::Break(found)
    }
}

/// Whether a character could steer a terminal, forge a line of a log, or make a text look like
/// another one: control characters, line separators, and those that turn the direction of writing.
pub fn is_unsafe_to_show(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text of an entry as it may be shown to people: what [`is_unsafe_to_show`] is written as
/// `\u{…}`.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match is_unsafe_to_show(char) {
            true => shown.extend(char.escape_unicode()),
            false => shown.push(char),
        }
    }
    shown
}

#[cfg(test)]
mod tests;
