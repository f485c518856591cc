//! The table of the audit log.

use rusqlite::types as sql;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::{Map, Value, json};

use super::chain::{self, AuditBreak, AuditHead};
use super::{AuditEntry, AuditFault, AuditRecord, MAX_DETAIL, MAX_TEXT};
use crate::error::AccessError;

/// The most entries that are read at once.
const MAX_ENTRIES: usize = 1000;

const COLUMNS: &str =
    "seq, at_ms, who, via, client, action, object, outcome, detail, previous, hash";

/// Which entries are asked for. What is not set does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those of somebody.
    pub who: Option<String>,
    /// Those of an action.
    pub action: Option<String>,
    /// Those about something.
    pub object: Option<String>,
    /// Those before this number: the next page after an entry.
    pub before_seq: Option<i64>,
    /// At most so many; 1000 at most, and if it is not set.
    pub limit: Option<usize>,
}

/// Appends an entry. Outside of a transaction it makes one; within one it is a part of that, which
/// should be immediate (as those of
/// [`AccessStore::in_transaction`](crate::AccessStore::in_transaction)): otherwise it fails
/// where another process has written in the meantime.
///
/// Texts of more than 1024 bytes are cut, and detail of more than 16 KiB is left out.
///
/// # Errors
///
/// If the database cannot be written.
pub fn append(db: &Connection, entry: &AuditEntry) -> Result<AuditRecord, AccessError> {
    if !db.is_autocommit() {
        return append_within(db, entry);
    }
    let transaction =
        rusqlite::Transaction::new_unchecked(db, rusqlite::TransactionBehavior::Immediate)?;
    let record = append_within(&transaction, entry)?;
    transaction.commit()?;
    Ok(record)
}

fn append_within(db: &Connection, entry: &AuditEntry) -> Result<AuditRecord, AccessError> {
    let AuditHead { seq, hash } = head(db)?;
    let mut record = AuditRecord {
        seq: seq.saturating_add(1),
        at_ms: entry.at.as_millisecond(),
        who: bounded(&entry.who),
        via: bounded(&entry.via),
        client: bounded(&entry.client),
        action: bounded(&entry.action),
        object: bounded(&entry.object),
        outcome: bounded(&entry.outcome),
        detail: detail(&entry.detail)?,
        previous: hash,
        hash: [0; 32],
    };
    record.hash = chain::hash(&record);
    let query = format!("INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    db.prepare_cached(&query)?.execute((
        record.seq,
        record.at_ms,
        &record.who,
        &record.via,
        &record.client,
        &record.action,
        &record.object,
        &record.outcome,
        &record.detail,
        record.previous,
        record.hash,
    ))?;
    Ok(record)
}

fn bounded(text: &str) -> String {
    match text.get(..text.floor_char_boundary(MAX_TEXT)) {
        Some(begin) if begin.len() < text.len() => format!("{begin}…"),
        Some(_) | None => text.to_owned(),
    }
}

fn detail(detail: &Map<String, Value>) -> Result<String, AccessError> {
    let text = serde_json::to_string(detail)
        .map_err(|error| AccessError::invalid(format!("the detail is not JSON: {error}")))?;
    Ok(match text.len() {
        0..=MAX_DETAIL => text,
        bytes => json!({ "left-out-bytes": bytes }).to_string(),
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: row.get(0)?,
        at_ms: row.get(1)?,
        who: row.get(2)?,
        via: row.get(3)?,
        client: row.get(4)?,
        action: row.get(5)?,
        object: row.get(6)?,
        outcome: row.get(7)?,
        detail: row.get(8)?,
        previous: row.get(9)?,
        hash: row.get(10)?,
    })
}

/// The number and the hash of the last entry.
///
/// # Errors
///
/// If the database cannot be read.
pub fn head(db: &Connection) -> Result<AuditHead, AccessError> {
    let mut statement =
        db.prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?;
    let found = statement.query_row([], |row| {
        Ok(AuditHead {
            seq: row.get(0)?,
            hash: row.get(1)?,
        })
    });
    Ok(found.optional()?.unwrap_or(AuditHead::EMPTY))
}

/// The entries that a filter asks for, the latest first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn entries(db: &Connection, filter: &AuditFilter) -> Result<Vec<AuditRecord>, AccessError> {
    let text = |text: &Option<String>| text.clone().map(sql::Value::from);
    let limit = filter.limit.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    // Only what is asked for is in the query, or no index would serve it.
    let (conditions, mut values): (Vec<&str>, Vec<sql::Value>) = [
        ("who = ?", text(&filter.who)),
        ("action = ?", text(&filter.action)),
        ("object = ?", text(&filter.object)),
        ("seq < ?", filter.before_seq.map(sql::Value::from)),
    ]
    .into_iter()
    .filter_map(|(condition, value)| Some((condition, value?)))
    .unzip();
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let conditions = match conditions.is_empty() {
        true => String::from("TRUE"),
        false => conditions.join(" AND "),
    };
    let query = format!("SELECT {COLUMNS} FROM audit WHERE {conditions} ORDER BY seq DESC LIMIT ?");
    let mut statement = db.prepare_cached(&query)?;
    let found = statement.query_map(rusqlite::params_from_iter(values), read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Visits all entries from a number on, the earliest first.
pub(super) fn each<E: From<AccessError>>(
    db: &Connection,
    from: i64,
    mut visit: impl FnMut(AuditRecord) -> Result<(), E>,
) -> Result<(), E> {
    let query = format!("SELECT {COLUMNS} FROM audit WHERE seq >= ? ORDER BY seq");
    let mut statement = db.prepare(&query).map_err(AccessError::from)?;
    let rows = statement
        .query_map([from], read)
        .map_err(AccessError::from)?;
    for record in rows {
        visit(record.map_err(AccessError::from)?)?;
    }
    Ok(())
}

/// Checks the whole log: that no entry was changed, is missing or stands at another place.
///
/// # Errors
///
/// The first place that is wrong, or that the database cannot be read.
pub fn verify(db: &Connection) -> Result<AuditHead, AuditFault> {
    let mut head = AuditHead::EMPTY;
    each(db, i64::MIN, |record| {
        head = chain::follow(head, &record)?;
        Ok::<_, AuditFault>(())
    })?;
    Ok(head)
}

/// Checks what was written after a head, and that the head is still in the log: nothing up to it
/// was written anew, and nothing was cut off.
///
/// # Errors
///
/// The first place that is wrong, or that the database cannot be read.
pub fn verify_since(db: &Connection, since: &AuditHead) -> Result<AuditHead, AuditFault> {
    let mut head = None;
    if since.seq == 0 {
        head = Some(AuditHead::EMPTY);
        chain_begins_empty(since)?;
    }
    each(db, since.seq, |record| {
        head = Some(match head {
            Some(head) => chain::follow(head, &record)?,
            None if record.seq == since.seq => {
                chain::is_at(*since, &record)?;
                *since
            }
            None => return Err(cut(since).into()),
        });
        Ok::<_, AuditFault>(())
    })?;
    Ok(head.ok_or_else(|| cut(since))?)
}

fn chain_begins_empty(since: &AuditHead) -> Result<(), AuditBreak> {
    match *since == AuditHead::EMPTY {
        true => Ok(()),
        false => Err(AuditBreak::new(
            0,
            "does not exist; the head is not one of a log",
        )),
    }
}

fn cut(since: &AuditHead) -> AuditBreak {
    AuditBreak::new(
        since.seq,
        "is missing: it was there when the head was written down",
    )
}
