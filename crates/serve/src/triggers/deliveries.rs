//! The stored deliveries of triggers, and what triggers have seen last.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Something that has come to a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// `shop.deploy/nightly`
    pub(crate) trigger: String,
    /// Its id, by the sender or by what it is about.
    pub(crate) id: String,
    /// The digest of its content, where that says which delivery it is.
    pub(crate) content: Option<String>,
    pub(crate) at: Timestamp,
}

/// A delivery with what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecidedDelivery {
    pub(crate) at: Timestamp,
    /// `started`, `no-match`, `refused`
    pub(crate) decision: String,
    pub(crate) reason: String,
    pub(crate) run: Option<String>,
    /// How often it has come again, which starts nothing, and when it did last.
    pub(crate) repeats: u32,
    pub(crate) repeated_at: Option<Timestamp>,
}

const COLUMNS: &str = "at, decision, reason, run, repeats, repeated";

fn read(row: &Row<'_>) -> rusqlite::Result<DecidedDelivery> {
    Ok(DecidedDelivery {
        at: Timestamp::from_millisecond(row.get(0)?).unwrap_or_default(),
        decision: row.get(1)?,
        reason: row.get(2)?,
        run: row.get(3)?,
        repeats: row.get(4)?,
        repeated_at: (row.get::<_, Option<i64>>(5)?)
            .and_then(|at| Timestamp::from_millisecond(at).ok()),
    })
}

/// What was decided about a delivery, if it has come before. That it has come again is written
/// down.
pub(crate) fn repeated(
    db: &Connection,
    delivery: &Delivery,
) -> rusqlite::Result<Option<DecidedDelivery>> {
    let update = format!(
        "UPDATE deliveries SET repeats = repeats + 1, repeated = ?4 \
         WHERE number = (SELECT number FROM deliveries \
           WHERE trigger = ?1 AND (delivery = ?2 OR content = ?3) LIMIT 1) \
         RETURNING {COLUMNS}"
    );
    let mut statement = db.prepare_cached(&update)?;
    let at = delivery.at.as_millisecond();
    let values = params![delivery.trigger, delivery.id, delivery.content, at];
    // It is read to its end, where it is committed.
    let mut rows = statement.query_map(values, read)?;
    let known = rows.next().transpose()?;
    match rows.next() {
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => Ok(known),
    }
}

/// Writes down what was decided about a delivery.
pub(crate) fn insert(
    db: &Connection,
    delivery: &Delivery,
    decided: &DecidedDelivery,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO deliveries (trigger, delivery, content, at, decision, reason, run) \
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    let mut statement = db.prepare_cached(insert)?;
    statement.execute(params![
        delivery.trigger,
        delivery.id,
        delivery.content,
        delivery.at.as_millisecond(),
        decided.decision,
        decided.reason,
        decided.run
    ])?;
    Ok(())
}

/// The latest deliveries of a trigger.
pub(crate) fn latest(
    db: &Connection,
    trigger: &str,
    limit: u32,
) -> rusqlite::Result<Vec<DecidedDelivery>> {
    let select =
        format!("SELECT {COLUMNS} FROM deliveries WHERE trigger = ? ORDER BY number DESC LIMIT ?");
    let mut statement = db.prepare_cached(&select)?;
    let rows = statement.query_map(params![trigger, limit], read)?;
    rows.collect()
}

/// What a trigger has seen last.
pub(crate) fn seen(db: &Connection, trigger: &str) -> rusqlite::Result<Option<String>> {
    let select = "SELECT seen FROM trigger_states WHERE trigger = ?";
    let mut statement = db.prepare_cached(select)?;
    statement.query_row([trigger], |row| row.get(0)).optional()
}

/// Writes down what a trigger has seen.
pub(crate) fn set_seen(db: &Connection, trigger: &str, seen: &str) -> rusqlite::Result<()> {
    let insert = "INSERT INTO trigger_states (trigger, seen) VALUES (?1, ?2) \
        ON CONFLICT (trigger) DO UPDATE SET seen = ?2";
    db.execute(insert, params![trigger, seen])?;
    Ok(())
}
