//! The stored journals of runs, and the events that they emitted.

use std::borrow::Cow;
use std::time::Instant;

use jiff::Timestamp;
use rusqlite::{Row, params};
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::runs::EVENTS_AHEAD;
use super::{LEASE_RENEW_INTERVAL, RunNumber, RunOwner, Store, StoreError, Stored};
use lockstep_engine::run_event::{RunEvent, RunEventKind, Status};
use lockstep_runtime::journal::{Journal, JournalError, JournalRecord};

/// The emitted events of a run, as `run --format json` would write them, but without the output of
/// commands, which is in their logs.
pub type PublishedEvents = Vec<RunEvent>;

/// The journal of one run in a state directory.
#[derive(Debug)]
pub struct RunJournal {
    store: Store,
    run: RunNumber,
    /// The process that drives the run: this one.
    this: RunOwner,
    /// When its heartbeat was last written.
    renewed: Instant,
}

impl RunJournal {
    /// The journal of a run that this process drives.
    pub fn new(store: Store, run: RunNumber) -> Self {
        Self {
            store,
            run,
            this: RunOwner::current(),
            renewed: Instant::now(),
        }
    }
}

impl Journal for RunJournal {
    fn write(&mut self, records: &[JournalRecord]) -> Result<(), JournalError> {
        let again = self.renewed.elapsed() >= LEASE_RENEW_INTERVAL;
        let store = &self.store;
        let change = store.write()?;
        store.check_driven(self.run, &self.this)?;
        if again {
            store.heartbeat(self.run)?;
            self.renewed = Instant::now();
        }
        for record in records {
            store.append(self.run, record)?;
            for told in &record.told {
                store.record_deployment(self.run, told, record.at)?;
                if let RunEventKind::RunFinished { status, .. } = told {
                    store.end(self.run, *status, record.at)?;
                }
            }
        }
        Ok(store.commit(change)?)
    }

    fn note_events(&mut self, count: u64, more: bool) -> Result<(), JournalError> {
        let ahead = if more { EVENTS_AHEAD.unsigned_abs() } else { 0 };
        let change = self.store.write()?;
        self.store.check_driven(self.run, &self.this)?;
        self.store.record_events(self.run, count + ahead)?;
        Ok(self.store.commit(change)?)
    }

    fn note_clock(&mut self, clock: i64) -> Result<(), JournalError> {
        let change = self.store.write()?;
        self.store.check_driven(self.run, &self.this)?;
        self.store.record_clock(self.run, clock)?;
        self.store.heartbeat(self.run)?;
        self.store.commit(change)?;
        self.renewed = Instant::now();
        Ok(())
    }
}

impl Store {
    fn append(&self, run: RunNumber, record: &JournalRecord) -> Result<(), StoreError> {
        let insert = "INSERT INTO journal (key, at, clock, event, told) VALUES (?, ?, ?, ?, ?)";
        let event = self.text(&record.what)?;
        let told = match record.told.is_empty() {
            true => None,
            false => Some(self.text(&record.told)?),
        };
        let key = key(run, record.seq);
        self.db
            .prepare_cached(insert)
            .and_then(|mut it| {
                it.execute(params![
                    key,
                    record.at.as_millisecond(),
                    record.clock,
                    event,
                    told
                ])
            })
            .map_err(|error| self.error(&error))?;
        Ok(())
    }

    fn text(&self, what: &impl Serialize) -> Result<String, StoreError> {
        let text = serde_json::to_string(what);
        text.map_err(|_| StoreError::refused("an event cannot be stored"))
    }

    /// The run has ended.
    pub(super) fn end(
        &self,
        run: RunNumber,
        status: Status,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = "UPDATE runs SET status = ?, finished_at = ?, owner = NULL, \
            owner_start = NULL WHERE number = ?";
        let done = (self.db).execute(update, params![status.as_str(), Stored(at), run.0]);
        done.map_err(|error| self.error(&error))?;
        self.leave_queue(run)
    }

    /// The journal of a run, from its beginning.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a record is missing or corrupt.
    pub fn records(&self, run: RunNumber) -> Result<Vec<JournalRecord>, StoreError> {
        let select = "SELECT key, at, clock, event, told FROM journal \
            WHERE key BETWEEN ? AND ? ORDER BY key";
        let rows = self.rows(select, run, 0, |row| {
            let texts: (String, Option<String>) = (row.get(3)?, row.get(4)?);
            let at = row.get::<_, Stored>(1)?.0;
            Ok((row.get::<_, i64>(0)?, at, row.get(2)?, texts))
        })?;
        let mut records = Vec::with_capacity(rows.len());
        for (place, (key, at, clock, (event, told))) in rows.into_iter().enumerate() {
            let seq = place as u64 + 1;
            if key != self::key(run, seq) {
                return Err(StoreError::damaged(self.folder()));
            }
            records.push(JournalRecord {
                seq,
                at,
                clock,
                what: self.json(&event)?,
                told: match told {
                    Some(told) => self.json(&told)?,
                    None => Vec::new(),
                },
            });
        }
        Ok(records)
    }

    /// The emitted events of a run, from the record with this number on (1 for all).
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn published_events(
        &self,
        run: RunNumber,
        from: u64,
    ) -> Result<PublishedEvents, StoreError> {
        let select = "SELECT told, at FROM journal WHERE key BETWEEN ? AND ? \
            AND told IS NOT NULL ORDER BY key";
        let rows = self.rows(select, run, from, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Stored>(1)?.0))
        })?;
        let mut events = Vec::new();
        for (told, at) in rows {
            let told: Vec<RunEventKind> = self.json(&told)?;
            for what in told {
                events.push(RunEvent {
                    seq: events.len() as u64 + 1,
                    at,
                    what,
                });
            }
        }
        Ok(events)
    }

    /// The records of a run that say something to others, from this number on (1 for all), at most
    /// so many: of each its number, its time, and its events as a JSON array. Nothing of it is
    /// parsed, so that many can follow a run.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn published_records(
        &self,
        run: RunNumber,
        from: u64,
        limit: u32,
    ) -> Result<Vec<PublishedRecord>, StoreError> {
        let select = "SELECT key, at, told FROM journal WHERE key BETWEEN ? AND ? \
            AND told IS NOT NULL ORDER BY key LIMIT ?";
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let keys = params![key(run, from), key(run, u64::from(u32::MAX)), limit];
            let rows = statement.query_map(keys, |row| {
                Ok(PublishedRecord {
                    record: sequence(row.get(0)?),
                    at: row.get::<_, Stored>(1)?.0,
                    events: row.get(2)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        rows.map_err(|error| self.error(&error))
    }

    /// Tells each node that has started in a run, and when, in that order, from the record with
    /// this number on (1 for all). Nothing else of what was told is read.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn started_nodes(
        &self,
        run: RunNumber,
        from: u64,
        mut started: impl FnMut(&str, Timestamp),
    ) -> Result<(), StoreError> {
        let select = "SELECT told, at FROM journal WHERE key BETWEEN ? AND ? \
            AND told IS NOT NULL ORDER BY key";
        let read = self.rows(select, run, from, |row| {
            let at = row.get::<_, Stored>(1)?.0;
            let mut started = |node: &str| started(node, at);
            let mut told = serde_json::Deserializer::from_str(row.get_ref(0)?.as_str()?);
            let nodes = StartedNodes(&mut started);
            Ok(told.deserialize_seq(nodes).is_ok() && told.end().is_ok())
        })?;
        match read.into_iter().all(|is_read| is_read) {
            true => Ok(()),
            false => Err(StoreError::damaged(self.folder())),
        }
    }

    /// The number of the last record of a run; 0 where there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn last_sequence(&self, run: RunNumber) -> Result<u64, StoreError> {
        let select = "SELECT max(key) FROM journal WHERE key BETWEEN ? AND ?";
        let rows = self.rows(select, run, 0, |row| row.get::<_, Option<i64>>(0))?;
        let last = rows.into_iter().flatten().next();
        Ok(last.map_or(0, sequence))
    }

    fn rows<T>(
        &self,
        select: &str,
        run: RunNumber,
        from: u64,
        mut row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let keys = params![key(run, from), key(run, u64::from(u32::MAX))];
        let rows = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map(keys, |found| row(found))?;
            rows.collect::<rusqlite::Result<Vec<T>>>()
        });
        rows.map_err(|error| self.error(&error))
    }
}

/// Finds the nodes that start in the events that one record tells.
struct StartedNodes<'a>(&'a mut dyn FnMut(&str));

/// As much of an event as says whether a node has started.
#[derive(Deserialize)]
struct ToldStart<'t> {
    event: ToldEvent,
    #[serde(borrow, default)]
    node: Cow<'t, str>,
}

/// What is told.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ToldEvent {
    NodeStarted,
    #[serde(other)]
    Other,
}

impl<'t> Visitor<'t> for StartedNodes<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("events")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(told) = events.next_element::<ToldStart<'t>>()? {
            match told.event {
                ToldEvent::NodeStarted => (self.0)(&told.node),
                ToldEvent::Other => {}
            }
        }
        Ok(())
    }
}

/// A record of a journal, as far as it says something to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRecord {
    /// Its number in the journal of its run, from 1; records that say nothing have numbers, too.
    pub record: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Its events, as a JSON array of [`RunEventKind`].
    pub events: String,
}

/// The number of a record in the journal of its run.
fn sequence(key: i64) -> u64 {
    (key & 0xffff_ffff).cast_unsigned()
}

/// The key of a record: those of one run lie together, in their order.
fn key(run: RunNumber, seq: u64) -> i64 {
    (run.0 << 32) | i64::try_from(seq.min(u64::from(u32::MAX))).unwrap_or(i64::MAX)
}
