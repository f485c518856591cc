//! The state directory: a SQLite database with runs, journals, locks and questions, and a folder
//! for the logs of commands. Several processes share it.
//!
//! One file for each subject, and all access in small functions that take a [`Store`]. Each
//! process, and each thread, opens the directory for itself.

mod approvals;
mod backup;
mod connection;
mod deadlock;
mod deployments;
mod error;
mod journal;
mod leases;
mod ledger;
mod locks;
mod owner;
mod programs;
mod prune;
mod questions;
mod queues;
mod requests;
mod run_inbox;
mod runs;
mod shared_locks;
mod state_folder;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod truncation;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use approvals::Approval;
pub use backup::copy_database;
pub use deployments::BrokenOffRuns;
pub use error::{StoreError, StoreErrorKind};
pub use journal::{PublishedEvents, PublishedRecord, RunJournal};
pub use ledger::{LedgerLine, PlaceState};
pub use locks::{LockChange, LockHolder, LockRow, grantable};
use lockstep_runtime::logs::{LogAccess, RunLogs};
pub use owner::{LEASE_DURATION, LEASE_RENEW_INTERVAL, RunOwner, is_alive};
pub use prune::PruneLimits;
pub use questions::StoredQuestion;
pub use queues::{QueuePlace, QueueWait, QueuedRun};
pub use requests::{AnswerStatus, RequestStatus};
pub use run_inbox::StoredInbox;
pub use runs::{NewRun, RunNumber, RunStatus, StoredRun};
pub use shared_locks::SharedLocks;

/// The most memory for pages of the database.
const MAX_CACHE_KIB: i64 = 512;

/// The schema version. A directory with a later version is refused.
const VERSION: i64 = 6;

/// The migrations from each schema version to the next; the first creates the tables.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("leases.sql"),
    include_str!("concurrency.sql"),
    include_str!("undo.sql"),
    include_str!("windows.sql"),
    include_str!("numbers.sql"),
];

/// The target of the store's log events.
const TARGET: &str = "lockstep::store";

/// How long another process may hold the database before that is an error.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a database that is a copy has as its `application_id`.
const COPY_ID: i32 = 0x4c53_4350;

/// An open state directory.
pub struct Store {
    folder: PathBuf,
    db: Connection,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.folder.display())
    }
}

impl Store {
    /// Opens a state directory, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// If it cannot be created, read or written, or is of a later version of the program.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        state_folder::create(folder, LogAccess::Owner)?;
        Self::connect(folder)
    }

    /// Opens a state directory that the group of its folder may use, and creates it if it does not
    /// exist. An existing one is opened to the group.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_shared(folder: &Path) -> Result<Self, StoreError> {
        state_folder::create(folder, LogAccess::Group)?;
        state_folder::share(folder)?;
        Self::connect(folder)
    }

    /// Opens an existing state directory; nothing if there is none. Where this process may only
    /// read it, what looks works, and what would change it is refused.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        match database(folder).try_exists() {
            Ok(true) => Self::connect(folder).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(StoreError::file(folder, &error)),
        }
    }

    fn connect(folder: &Path) -> Result<Self, StoreError> {
        let at = |error| StoreError::database(folder, &error);
        let db = connection::open(folder).map_err(at)?;
        let store = Self {
            // A link in the path may point elsewhere later.
            folder: std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf()),
            db,
        };
        // While another process creates the tables, SQLite refuses some accesses at once, without
        // asking the busy handler. Nothing has changed then, so the next try begins from the start.
        let mut times = 0;
        loop {
            match store.prepare().map_err(at).and_then(|()| store.migrate()) {
                Err(error) if error.kind == StoreErrorKind::Busy && back_off(times) => times += 1,
                opened => {
                    opened?;
                    break;
                }
            }
        }
        tracing::debug!(target: TARGET, folder = %folder.display(), "opened");
        Ok(store)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        self.db.busy_handler(Some(back_off))?;
        let mode: String = self
            .db
            .pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if mode != "wal" && !self.db.is_readonly("main")? {
            // If another process migrates at the same time, this one waits for it.
            self.db
                .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        }
        self.db.pragma_update(None, "synchronous", "full")?;
        self.db.pragma_update(None, "foreign_keys", true)?;
        // Records are written once and read once, in order; the system has the file's pages, too.
        self.db.pragma_update(None, "cache_size", -MAX_CACHE_KIB)?;
        // A text that has been masked or removed is not left in the file.
        self.db
            .pragma_update_and_check(None, "secure_delete", "fast", |_| Ok(()))?;
        self.db.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn migrate(&self) -> Result<(), StoreError> {
        let version = |db: &Connection| {
            db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        };
        let at = |error| StoreError::database(&self.folder, &error);
        let found = version(&self.db).map_err(at)?;
        if found == VERSION {
            return Ok(());
        }
        let transaction = self.write()?;
        // Another process may have migrated it in the meantime.
        let found = version(&transaction).map_err(at)?;
        if !(0..=VERSION).contains(&found) {
            return Err(StoreError::later(&self.folder));
        }
        let done = usize::try_from(found).unwrap_or(0);
        for migration in MIGRATIONS.iter().skip(done) {
            transaction.execute_batch(migration).map_err(at)?;
        }
        tracing::info!(
            target: TARGET, from = found, to = VERSION,
            "brings the tables to this version"
        );
        (transaction.pragma_update(None, "user_version", VERSION)).map_err(at)?;
        transaction.commit().map_err(at)
    }

    /// Who may use the directory.
    pub fn access(&self) -> LogAccess {
        state_folder::access(&self.folder)
    }

    /// The path of the directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Another connection to the same directory, for another thread.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn reopen(&self) -> Result<Self, StoreError> {
        Self::connect(&self.folder)
    }

    /// Notes that it is a copy of what an engine elsewhere knows: deployments are in the order of
    /// the time there, and not in that in which they are copied.
    ///
    /// # Errors
    ///
    /// If it holds runs of its own, or cannot be written.
    pub fn mark_as_copy(&self) -> Result<(), StoreError> {
        if self.is_copy().map_err(|error| self.error(&error))? {
            return Ok(());
        }
        if !self.runs_before(None, 1)?.is_empty() {
            return Err(StoreError::refused(format!(
                "the state directory `{}` holds runs that no engine drives: name another one for \
                 the copy of an engine",
                self.folder.display()
            )));
        }
        let marked = (self.db).pragma_update(None, "application_id", COPY_ID);
        marked.map_err(|error| self.error(&error))
    }

    /// Refuses to drive runs that an engine drives.
    ///
    /// # Errors
    ///
    /// If it is a copy of what an engine knows, or cannot be read.
    pub fn refuse_copy(&self) -> Result<(), StoreError> {
        match self.is_copy().map_err(|error| self.error(&error))? {
            false => Ok(()),
            true => Err(StoreError::refused(format!(
                "the state directory `{}` is a copy of what an engine knows: name the engine with \
                 `--engine`",
                self.folder.display()
            ))),
        }
    }

    fn is_copy(&self) -> rusqlite::Result<bool> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, i32>(0);
        let id = self.db.pragma_query_value(None, "application_id", read)?;
        Ok(id == COPY_ID)
    }

    /// The folder of a run's logs.
    pub fn logs(&self, run: &str) -> PathBuf {
        self.folder.join("runs").join(run)
    }

    /// The logs of a run, to be written.
    pub fn run_logs(&self, run: &str) -> RunLogs {
        RunLogs::new(self.folder.clone(), self.logs(run), self.access())
    }

    /// A number that changes whenever another connection has written.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn changes(&self) -> Result<i64, StoreError> {
        let version = self
            .db
            .pragma_query_value(None, "data_version", |row| row.get(0));
        version.map_err(|error| self.error(&error))
    }

    /// Checks the integrity of the database; takes as long as reading all of it.
    ///
    /// # Errors
    ///
    /// If it is corrupt.
    pub fn examine(&self) -> Result<(), StoreError> {
        let found: rusqlite::Result<String> =
            (self.db).pragma_query_value(None, "quick_check", |row| row.get(0));
        match found {
            Ok(found) if found == "ok" => Ok(()),
            Ok(_) => Err(StoreError::damaged(&self.folder)),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// Begins a write transaction, which excludes other writers.
    fn write(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)
            .map_err(|error| self.error(&error))
    }

    fn commit(&self, transaction: Transaction<'_>) -> Result<(), StoreError> {
        transaction.commit().map_err(|error| self.error(&error))?;
        tracing::trace!(target: TARGET, "committed");
        Ok(())
    }

    /// The message for a database error.
    fn error(&self, error: &rusqlite::Error) -> StoreError {
        tracing::debug!(target: TARGET, %error, "the database reports an error");
        StoreError::database(&self.folder, error)
    }
}

/// The present time to the millisecond, the precision of the store.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    // Only a clock at the end of the range could not be converted.
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// A time of a store for tools: RFC 3339 in UTC with milliseconds.
pub fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The milliseconds from one time of a store to a later one; negative where a clock was set.
pub fn ms_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond() - from.as_millisecond()
}

/// A time in a table: milliseconds since 1970.
struct Stored(Timestamp);

impl ToSql for Stored {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_millisecond().into())
    }
}

impl FromSql for Stored {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let ms = value.as_i64()?;
        let at = Timestamp::from_millisecond(ms);
        at.map(Self).map_err(|_| FromSqlError::OutOfRange(ms))
    }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("state.db")
}

/// Waits while another process writes: briefly at first, since most transactions are short.
fn back_off(times: i32) -> bool {
    let times = u32::try_from(times).unwrap_or(0);
    let pause = Duration::from_micros(200 * u64::from(times.min(50) + 1));
    // The pauses of the first fifty times add up to a quarter of a second.
    tracing::trace!(target: TARGET, times, "waits for another process");
    let waited = Duration::from_millis(10) * times.saturating_sub(50);
    std::thread::sleep(pause);
    waited < BUSY_TIMEOUT
}
