//! The audit log as lines of JSON, and a check of these lines that needs nothing else.

use std::fmt::Write as _;
use std::io::BufRead;

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Deserialize;

use super::chain::{self, AuditBreak, AuditHead};
use super::{AuditRecord, is_unsafe_to_show, log};
use crate::error::AccessError;

/// Hands out each entry from a number on as a line of JSON, without its end.
///
/// `detail` is the text of a JSON object rather than the object: the hash is over this text, and no
/// other program would write the same object as the same text for certain.
///
/// # Errors
///
/// If the database cannot be read; and the first error of `write`.
pub fn export<E: From<AccessError>>(
    db: &Connection,
    from_seq: i64,
    mut write: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    log::each(db, from_seq, |record| write(&to_line(&record)))
}

/// An entry as a line of JSON, without its end. It holds no control characters: they are escaped.
pub fn to_line(record: &AuditRecord) -> String {
    let mut line = String::with_capacity(512);
    // To a text it is always written.
    let _ = write!(line, "{{\"seq\":{},\"at\":", record.seq);
    quote(&mut line, &time(record.at_ms));
    let _ = write!(line, ",\"at_ms\":{}", record.at_ms);
    for (name, text) in [
        ("who", &record.who),
        ("via", &record.via),
        ("client", &record.client),
        ("action", &record.action),
        ("object", &record.object),
        ("outcome", &record.outcome),
        ("detail", &record.detail),
        ("previous", &chain::hex(&record.previous)),
        ("hash", &chain::hex(&record.hash)),
    ] {
        let _ = write!(line, ",\"{name}\":");
        quote(&mut line, text);
    }
    line.push('}');
    line
}

/// The time for people.
fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// Writes a text as JSON, with everything escaped that could steer what shows it.
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for char in text.chars() {
        match char {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            _ if is_unsafe_to_show(char) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            _ => line.push(char),
        }
    }
    line.push('"');
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: i64,
    at: String,
    at_ms: i64,
    who: String,
    via: String,
    client: String,
    action: String,
    object: String,
    outcome: String,
    detail: String,
    previous: String,
    hash: String,
}

/// The entry of a line, if it is whole in itself: its hash is that of its fields. `number` is the
/// number of the line, for the message.
///
/// # Errors
///
/// If it is not a line of [`export`], or was changed.
pub fn verify_line(number: usize, line: &str) -> Result<AuditRecord, AuditBreak> {
    let unreadable = |why: &str| {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        AuditBreak::new(number, format!("(by its line) cannot be read: {why}"))
    };
    let line: Line = serde_json::from_str(line).map_err(|error| unreadable(&error.to_string()))?;
    let digits = |text: &str| chain::from_hex(text).ok_or_else(|| unreadable("a hash is none"));
    let record = AuditRecord {
        previous: digits(&line.previous)?,
        hash: digits(&line.hash)?,
        seq: line.seq,
        at_ms: line.at_ms,
        who: line.who,
        via: line.via,
        client: line.client,
        action: line.action,
        object: line.object,
        outcome: line.outcome,
        detail: line.detail,
    };
    // The time for people is not in the hash; it follows from the one that is.
    if chain::hash(&record) != record.hash || line.at != time(line.at_ms) {
        return Err(AuditBreak::new(record.seq, "was changed"));
    }
    Ok(record)
}

/// What the lines of an export hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportedChain {
    /// What is before the first line: with an export that ends there, both are one chain. Of a
    /// whole log it is [`AuditHead::EMPTY`].
    pub before: AuditHead,
    /// The last line.
    pub head: AuditHead,
}

/// Checks the lines of an export, without the database: that they are one chain. Empty lines do not
/// matter.
///
/// # Errors
///
/// The first place that is wrong; an error of reading as one, too.
pub fn verify_lines(lines: impl BufRead) -> Result<ExportedChain, AuditBreak> {
    let mut found: Option<ExportedChain> = None;
    for (at, line) in lines.lines().enumerate() {
        let number = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1);
        let line = line.map_err(|error| {
            AuditBreak::new(number, format!("(by its line) cannot be read: {error}"))
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let record = verify_line(at + 1, &line)?;
        let before = AuditHead {
            seq: record.seq.saturating_sub(1),
            hash: record.previous,
        };
        if before.seq == 0 && before != AuditHead::EMPTY {
            return Err(AuditBreak::new(record.seq, "does not begin a log"));
        }
        found = Some(match found {
            None => ExportedChain {
                before,
                head: chain::follow(before, &record)?,
            },
            Some(chain) => ExportedChain {
                head: chain::follow(chain.head, &record)?,
                ..chain
            },
        });
    }
    Ok(found.unwrap_or(ExportedChain {
        before: AuditHead::EMPTY,
        head: AuditHead::EMPTY,
    }))
}
