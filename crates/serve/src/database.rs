//! The server's own tables: runs that were asked for, and what they may touch.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::runner::RunnerCommand;

/// The most memory of a connection for pages of the database.
const MAX_CACHE_KIB: i64 = 256;
/// The version of the tables.
const VERSION: i64 = 1;

/// The server's tables, behind a connection that is shared with those of its users, so that one
/// transaction can change both.
pub(crate) struct Database<'c> {
    db: &'c Connection,
}

/// A run that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct RunStart {
    /// The id that the run has, or will have.
    pub(crate) run: String,
    pub(crate) command: RunnerCommand,
    pub(crate) user: String,
    /// `shop.deploy/ship`
    pub(crate) pipeline: String,
    pub(crate) at: Timestamp,
    pub(crate) state: StartState,
}

/// What has come of a run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartState {
    /// Its process has not said anything yet.
    Asked,
    /// The run is in the state directory.
    Begun,
    /// Its process has refused to begin it.
    Refused(String),
}

/// The request that a start came with, so that a repeated one starts nothing twice.
#[derive(Debug, Clone)]
pub(crate) struct StartRequest {
    /// The caller's key, made unique among callers.
    pub(crate) key: Option<String>,
    /// Tells requests apart.
    pub(crate) fingerprint: String,
}

/// What the database says to a start.
#[derive(Debug)]
pub(crate) enum NewStart {
    /// It is new, and written down.
    Accepted,
    /// The same request was made before.
    Repeated(Box<RunStart>),
    /// Another request was made with this key.
    KeyTaken,
}

/// What a run may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunScope {
    /// `shop.deploy/ship`
    pub(crate) pipeline: String,
    /// The infrastructures of its plan.
    pub(crate) targets: Vec<String>,
}

/// The file of the server in a state directory: its own tables, and those of its users.
pub(crate) fn path(state: &Path) -> PathBuf {
    state.join("server.db")
}

impl<'c> Database<'c> {
    /// The tables behind a connection; they are made where they are missing.
    pub(crate) fn prepare(db: &'c Connection) -> rusqlite::Result<()> {
        // There may be one for each thread.
        db.pragma_update(None, "cache_size", -MAX_CACHE_KIB)?;
        db.execute_batch("CREATE TABLE IF NOT EXISTS serve_schema (version INTEGER NOT NULL)")?;
        let change = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
        let version: Option<i64> = change
            .query_row("SELECT version FROM serve_schema", [], |row| row.get(0))
            .optional()?;
        if version.is_none() {
            change.execute_batch(include_str!("schema.sql"))?;
            change.execute("INSERT INTO serve_schema VALUES (?)", [VERSION])?;
        }
        change.commit()
    }

    pub(crate) fn of(db: &'c Connection) -> Self {
        Self { db }
    }

    /// Writes a start down, unless the same was asked before. It is a part of a transaction.
    pub(crate) fn ask(
        &self,
        start: &RunStart,
        request: &StartRequest,
    ) -> rusqlite::Result<NewStart> {
        if let Some(key) = &request.key {
            let select = "SELECT run, fingerprint FROM starts WHERE key = ?";
            let known: Option<(String, String)> = (self.db)
                .query_row(select, [key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            match known {
                Some((_, was)) if was != request.fingerprint => return Ok(NewStart::KeyTaken),
                Some((run, _)) => {
                    if let Some(start) = self.start(&run)? {
                        return Ok(NewStart::Repeated(Box::new(start)));
                    }
                }
                None => {}
            }
        }
        let insert = "INSERT INTO starts (run, command, user, pipeline, at, key, fingerprint, \
            state) VALUES (?, ?, ?, ?, ?, ?, ?, 'asked')";
        let command = serde_json::to_string(&start.command).unwrap_or_default();
        self.db.execute(
            insert,
            params![
                start.run,
                command,
                start.user,
                start.pipeline,
                start.at.as_millisecond(),
                request.key,
                request.fingerprint
            ],
        )?;
        Ok(NewStart::Accepted)
    }

    /// Writes down what has come of a start.
    pub(crate) fn settle(&self, run: &str, state: &StartState) -> rusqlite::Result<()> {
        let (word, reason) = match state {
            StartState::Asked => ("asked", None),
            StartState::Begun => ("begun", None),
            StartState::Refused(why) => ("refused", Some(why)),
        };
        let update = "UPDATE starts SET state = ?, reason = ? WHERE run = ? AND state = 'asked'";
        self.db.execute(update, params![word, reason, run])?;
        Ok(())
    }

    pub(crate) fn start(&self, run: &str) -> rusqlite::Result<Option<RunStart>> {
        let mut found = self.select_starts("WHERE run = ?", params![run])?;
        Ok(found.pop())
    }

    /// The starts of which it is not known what has come of them.
    pub(crate) fn open_starts(&self) -> rusqlite::Result<Vec<RunStart>> {
        self.select_starts("WHERE state = 'asked' ORDER BY at", params![])
    }

    fn select_starts(
        &self,
        which: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> rusqlite::Result<Vec<RunStart>> {
        let select =
            format!("SELECT run, command, user, pipeline, at, state, reason FROM starts {which}");
        let mut statement = self.db.prepare_cached(&select)?;
        let rows = statement.query_map(values, start)?;
        rows.filter_map(Result::transpose).collect()
    }

    pub(crate) fn scope(&self, run: &str) -> rusqlite::Result<Option<RunScope>> {
        let select = "SELECT pipeline, targets FROM scopes WHERE run = ?";
        let mut statement = self.db.prepare_cached(select)?;
        let found = statement.query_row([run], |row| {
            let targets: String = row.get(1)?;
            Ok(RunScope {
                pipeline: row.get(0)?,
                targets: serde_json::from_str(&targets).unwrap_or_default(),
            })
        });
        found.optional()
    }

    pub(crate) fn put_scope(&self, run: &str, scope: &RunScope) -> rusqlite::Result<()> {
        let insert = "INSERT OR REPLACE INTO scopes (run, pipeline, targets) VALUES (?, ?, ?)";
        let targets = serde_json::to_string(&scope.targets).unwrap_or_default();
        (self.db).execute(insert, params![run, scope.pipeline, targets])?;
        Ok(())
    }
}

/// Nothing where a command is of another version.
fn start(row: &Row<'_>) -> rusqlite::Result<Option<RunStart>> {
    let command: String = row.get(1)?;
    let Ok(command) = serde_json::from_str(&command) else {
        return Ok(None);
    };
    let state: String = row.get(5)?;
    let reason: Option<String> = row.get(6)?;
    Ok(Some(RunStart {
        run: row.get(0)?,
        command,
        user: row.get(2)?,
        pipeline: row.get(3)?,
        at: Timestamp::from_millisecond(row.get(4)?).unwrap_or_default(),
        state: match state.as_str() {
            "begun" => StartState::Begun,
            "refused" => StartState::Refused(reason.unwrap_or_default()),
            _ => StartState::Asked,
        },
    }))
}
