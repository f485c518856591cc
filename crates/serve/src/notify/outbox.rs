//! The outbox: the messages that are to be sent, or were, and how far the runs were looked at.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::decide::RunMemory;
use super::deliver::Delivery;
use super::message::Message;
use super::target::short_hash;

/// A message that cannot be sent is given up after this time.
pub(super) const GIVE_UP_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;
/// What was sent or given up is forgotten after this time.
const FORGET_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// So many messages wait for one target at most; then the oldest are given up.
const MAX_WAITING: i64 = 5_000;
/// The first of these is the pause after the first try.
const FIRST_PAUSE_MS: i64 = 2_000;
const MAX_PAUSE_MS: i64 = 15 * 60 * 1_000;

/// The tables of notifications.
pub(crate) struct Outbox<'c> {
    db: &'c Connection,
}

/// How far a run was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunCursor {
    pub(super) run: i64,
    /// The last record that was looked at.
    pub(super) record: u64,
    /// So many answers were looked at.
    pub(super) answers: usize,
    pub(super) memory: RunMemory,
    /// Whether nothing more comes.
    pub(super) is_done: bool,
}

/// A message for a target.
#[derive(Debug)]
pub(super) struct NewNotification<'a> {
    pub(super) target: &'a str,
    /// What it is about: the record and its place in it.
    pub(super) about: &'a str,
    pub(super) message: &'a Message,
}

/// A message of the outbox, for people.
#[derive(Debug, Clone)]
pub(crate) struct StoredNotification {
    pub(crate) number: i64,
    pub(crate) run: String,
    pub(crate) target: String,
    pub(crate) event: String,
    /// `waiting`, `sending`, `sent`, `given-up`
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) at: Timestamp,
    /// When it is tried again, while it waits.
    pub(crate) next_at: Timestamp,
    /// When it was sent or given up.
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
}

/// What a sender does next.
#[derive(Debug)]
pub(super) enum NextDelivery {
    Send(Box<Delivery>),
    /// There is something at this time.
    Wait(Timestamp),
    Nothing,
}

impl<'c> Outbox<'c> {
    pub(crate) fn of(db: &'c Connection) -> Self {
        Self { db }
    }

    /// Prepares a start of the server with these targets: new ones are notified of runs behind
    /// `last`, and what was being sent when the server ended is sent again.
    pub(super) fn begin(
        &self,
        targets: &[&str],
        last: i64,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let known: Vec<String> = {
            let mut statement = self.db.prepare("SELECT target FROM notify_targets")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for gone in known.iter().filter(|it| !targets.contains(&it.as_str())) {
            let delete = "DELETE FROM notify_targets WHERE target = ?";
            self.db.execute(delete, [gone])?;
            let give_up = "UPDATE notifications SET state = 'given-up', settled_at = ?, \
                error = 'the settings do not name it any more' \
                WHERE target = ? AND state IN ('waiting', 'sending')";
            self.db
                .execute(give_up, params![now.as_millisecond(), gone])?;
        }
        for target in targets {
            let insert = "INSERT OR IGNORE INTO notify_targets (target, after) VALUES (?, ?)";
            self.db.execute(insert, params![target, last])?;
        }
        if targets.is_empty() {
            self.db.execute("DELETE FROM notify_runs", [])?;
        }
        let again = "UPDATE notifications SET state = 'waiting' WHERE state = 'sending'";
        self.db.execute(again, [])?;
        Ok(())
    }

    /// The number of the run behind which a target is notified of runs.
    pub(super) fn after(&self, target: &str) -> rusqlite::Result<Option<i64>> {
        let select = "SELECT after FROM notify_targets WHERE target = ?";
        let mut statement = self.db.prepare_cached(select)?;
        statement.query_row([target], |row| row.get(0)).optional()
    }

    /// The number of the last run that is known; runs behind it are new.
    pub(super) fn last_run(&self) -> rusqlite::Result<i64> {
        let select = "SELECT coalesce((SELECT max(run) FROM notify_runs), \
            (SELECT min(after) FROM notify_targets), 0)";
        self.db.query_row(select, [], |row| row.get(0))
    }

    /// Adds a run, of which nothing was looked at.
    pub(super) fn add_run(&self, run: i64) -> rusqlite::Result<()> {
        let insert = "INSERT OR IGNORE INTO notify_runs (run, record, answers, memory, is_done) \
            VALUES (?, 0, 0, '{}', 0)";
        self.db.execute(insert, [run]).map(|_| ())
    }

    /// The runs of which more may come, the oldest first.
    pub(super) fn open_runs(&self) -> rusqlite::Result<Vec<RunCursor>> {
        let select = "SELECT run, record, answers, memory FROM notify_runs WHERE is_done = 0 \
            ORDER BY run";
        let mut statement = self.db.prepare_cached(select)?;
        let rows = statement.query_map([], |row| {
            let memory: String = row.get(3)?;
            Ok(RunCursor {
                run: row.get(0)?,
                record: row.get::<_, i64>(1)?.cast_unsigned(),
                answers: usize::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                memory: serde_json::from_str(&memory).unwrap_or_default(),
                is_done: false,
            })
        })?;
        rows.collect()
    }

    /// Writes how far a run was looked at. The last run stays, since runs behind it are new.
    pub(super) fn put_run(&self, cursor: &RunCursor) -> rusqlite::Result<()> {
        let update = "UPDATE notify_runs SET record = ?, answers = ?, memory = ?, is_done = ? \
            WHERE run = ?";
        let memory = serde_json::to_string(&cursor.memory).unwrap_or_default();
        let answers = i64::try_from(cursor.answers).unwrap_or(i64::MAX);
        self.db.execute(
            update,
            params![
                cursor.record.cast_signed(),
                answers,
                memory,
                cursor.is_done,
                cursor.run
            ],
        )?;
        let delete = "DELETE FROM notify_runs WHERE is_done = 1 AND run < \
            (SELECT max(run) FROM notify_runs)";
        self.db.execute(delete, []).map(|_| ())
    }

    /// Adds a message, unless it is there: its id says what it is about.
    pub(super) fn add(&self, new: &NewNotification<'_>, now: Timestamp) -> rusqlite::Result<()> {
        let (run, target) = (new.message.run.as_str(), new.target);
        let begin = "INSERT OR IGNORE INTO notify_threads (run, target, at) VALUES (?, ?, ?)";
        let now = now.as_millisecond();
        let is_first = self.db.execute(begin, params![run, target, now])? == 1;
        let insert = "INSERT OR IGNORE INTO notifications (id, run, target, event, message, \
            is_first, state, attempts, created_at, next_at) \
            VALUES (?, ?, ?, ?, ?, ?, 'waiting', 0, ?, ?)";
        let id = format!("{run}.{}.{}", new.about, short_hash(target));
        let message = serde_json::to_string(new.message).unwrap_or_default();
        let event = new.message.event.as_str();
        self.db.execute(
            insert,
            params![id, run, target, event, message, is_first, now, now],
        )?;
        let limit = "UPDATE notifications SET state = 'given-up', settled_at = ?1, \
            error = 'too many messages wait for the target' \
            WHERE number IN (SELECT number FROM notifications WHERE target = ?2 \
            AND state = 'waiting' ORDER BY number DESC LIMIT -1 OFFSET ?3)";
        self.db.execute(limit, params![now, target, MAX_WAITING])?;
        Ok(())
    }

    /// Takes the next message for a target, and writes down that it is being sent. Those of one run
    /// are sent in their order.
    pub(super) fn take(&self, target: &str, now: Timestamp) -> rusqlite::Result<NextDelivery> {
        let select = "SELECT number, id, run, message, is_first, attempts, created_at, next_at \
            FROM notifications AS it WHERE target = ?1 AND state = 'waiting' AND NOT EXISTS \
            (SELECT 1 FROM notifications AS earlier WHERE earlier.target = ?1 \
            AND earlier.state IN ('waiting', 'sending') AND earlier.run = it.run \
            AND earlier.number < it.number) ORDER BY next_at, number LIMIT 1";
        let mut statement = self.db.prepare_cached(select)?;
        let found = statement.query_row([target], |row| {
            let run: String = row.get(2)?;
            let message: String = row.get(3)?;
            let number: i64 = row.get(0)?;
            let Ok(message) = serde_json::from_str(&message) else {
                return Ok(Err(number));
            };
            let delivery = Delivery {
                number,
                id: row.get(1)?,
                root: format!("{run}.{}", short_hash(target)),
                message,
                is_first: row.get(4)?,
                attempts: row.get::<_, i64>(5)? + 1,
                at: at(row.get(6)?).into(),
                thread: None,
            };
            Ok(Ok((delivery, run, at(row.get(7)?))))
        });
        let (delivery, run, next) = match found.optional()? {
            Some(Ok(found)) => found,
            Some(Err(number)) => {
                let give_up = "UPDATE notifications SET state = 'given-up', settled_at = ?, \
                    error = 'another version of the server has written it' WHERE number = ?";
                self.db.execute(give_up, [now.as_millisecond(), number])?;
                return Ok(NextDelivery::Wait(now));
            }
            None => return Ok(NextDelivery::Nothing),
        };
        if next > now {
            return Ok(NextDelivery::Wait(next));
        }
        let thread = "SELECT thread FROM notify_threads WHERE run = ? AND target = ?";
        let thread = self.db.query_row(thread, [run.as_str(), target], |row| {
            row.get::<_, Option<String>>(0)
        });
        let sending = "UPDATE notifications SET state = 'sending', attempts = ? WHERE number = ?";
        let values = params![delivery.attempts, delivery.number];
        self.db.execute(sending, values)?;
        Ok(NextDelivery::Send(Box::new(Delivery {
            thread: thread.optional()?.flatten(),
            ..delivery
        })))
    }

    /// Writes down that a message was sent, and the thread of its run.
    pub(super) fn sent(
        &self,
        delivery: &Delivery,
        target: &str,
        thread: Option<&str>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let now = now.as_millisecond();
        let update = "UPDATE notifications SET state = 'sent', settled_at = ?, error = NULL \
            WHERE number = ?";
        self.db.execute(update, params![now, delivery.number])?;
        if let Some(thread) = thread {
            let update = "UPDATE notify_threads SET thread = ? \
                WHERE run = ? AND target = ? AND thread IS NULL";
            let run = delivery.message.run.as_str();
            self.db.execute(update, params![thread, run, target])?;
        }
        self.forget(now)
    }

    /// Writes down that a message was not sent, and when it is tried again, if it is.
    pub(super) fn failed(
        &self,
        delivery: &Delivery,
        error: &super::post::SendError,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let now = now.as_millisecond();
        let created: i64 = {
            let select = "SELECT created_at FROM notifications WHERE number = ?";
            self.db
                .query_row(select, [delivery.number], |row| row.get(0))?
        };
        let is_over = error.is_final || now.saturating_sub(created) >= GIVE_UP_AFTER_MS;
        let asked = error.retry_after.map_or(0, |it| {
            i64::try_from(it.as_millis()).unwrap_or(MAX_PAUSE_MS)
        });
        let next = now + pause_ms(delivery.attempts).max(asked);
        let (state, settled) = match is_over {
            true => ("given-up", Some(now)),
            false => ("waiting", None),
        };
        let update = "UPDATE notifications SET state = ?, settled_at = ?, next_at = ?, error = ? \
            WHERE number = ?";
        let values = params![state, settled, next, error.message, delivery.number];
        self.db.execute(update, values)?;
        self.forget(now)?;
        Ok(is_over)
    }

    fn forget(&self, now: i64) -> rusqlite::Result<()> {
        let before = now.saturating_sub(FORGET_AFTER_MS);
        let delete = "DELETE FROM notifications WHERE settled_at < ? AND NOT EXISTS \
            (SELECT 1 FROM notifications AS other WHERE other.run = notifications.run \
            AND other.settled_at IS NULL)";
        self.db.execute(delete, [before])?;
        // A run may wait for an approval for weeks.
        let delete = "DELETE FROM notify_threads WHERE at < ?";
        self.db
            .execute(delete, [now.saturating_sub(13 * FORGET_AFTER_MS)])?;
        Ok(())
    }

    /// The latest messages, the latest first.
    pub(crate) fn latest(&self, limit: u32) -> rusqlite::Result<Vec<StoredNotification>> {
        let select = "SELECT number, run, target, event, state, attempts, created_at, next_at, \
            settled_at, error FROM notifications ORDER BY number DESC LIMIT ?";
        let mut statement = self.db.prepare_cached(select)?;
        let rows = statement.query_map([limit], stored)?;
        rows.collect()
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredNotification> {
    Ok(StoredNotification {
        number: row.get(0)?,
        run: row.get(1)?,
        target: row.get(2)?,
        event: row.get(3)?,
        state: row.get(4)?,
        attempts: row.get(5)?,
        at: at(row.get(6)?),
        next_at: at(row.get(7)?),
        settled_at: row.get::<_, Option<i64>>(8)?.map(at),
        error: row.get(9)?,
    })
}

/// The pause before the next try, after so many.
pub(super) fn pause_ms(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts - 1).unwrap_or(20).min(20);
    (FIRST_PAUSE_MS << doublings).min(MAX_PAUSE_MS)
}
