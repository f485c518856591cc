//! A connection to the database of the server.

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::error::{AccessError, AccessErrorKind};

/// The migrations from each version of the tables to the next; the first creates them.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("numbers.sql")];

/// How long another process may hold the database before that is an error.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// The target of this crate's log events.
pub(crate) const TARGET: &str = "lockstep::access";

/// A connection to the database of the server. The file may hold tables of others, too: the version
/// of those of this crate is in the table `access_schema`.
///
/// A value is used by one thread at a time; each thread, and each process, opens its own.
pub struct AccessStore {
    db: Connection,
}

impl std::fmt::Debug for AccessStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessStore({})", self.db.path().unwrap_or_default())
    }
}

impl AccessStore {
    /// Opens the database file, and creates it if it does not exist: for its owner alone.
    ///
    /// # Errors
    ///
    /// If it cannot be created, read or written, or is of a later version of the program.
    pub fn open(path: &Path) -> Result<Self, AccessError> {
        create_private(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self {
            db: Connection::open_with_flags(path, flags)?,
        };
        // While another process changes the file to WAL or creates the tables, SQLite refuses some
        // accesses at once, without waiting. Nothing has changed then.
        let mut tries = 0;
        loop {
            match store.prepare().and_then(|()| store.migrate()) {
                Err(error) if error.kind == AccessErrorKind::Busy && tries < 100 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(store),
            }
        }
    }

    /// The connection, for tables of others and for the audit log.
    pub fn connection(&self) -> &Connection {
        &self.db
    }

    /// Does several changes together or not at all. Within it, every change of this store and each
    /// [`append`](crate::audit::append) is a part of the same transaction; one within another is a
    /// part of it. No password should be checked within it: that takes long, and keeps others from
    /// writing.
    ///
    /// # Errors
    ///
    /// Those of `change`, after which nothing of it remains, and those of the database.
    pub fn in_transaction<T, E: From<AccessError>>(
        &self,
        change: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let run = |statement: &str| {
            (self.db.execute_batch(statement)).map_err(|error| E::from(AccessError::from(error)))
        };
        let (begin, commit, roll_back) = match self.db.is_autocommit() {
            true => ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"),
            false => (
                "SAVEPOINT access",
                "RELEASE access",
                "ROLLBACK TO access; RELEASE access",
            ),
        };
        run(begin)?;
        let open = OpenTransaction {
            db: &self.db,
            roll_back,
            is_over: false,
        };
        let done = change()?;
        run(commit)?;
        open.keep();
        Ok(done)
    }

    fn prepare(&self) -> Result<(), AccessError> {
        self.db.busy_timeout(BUSY_TIMEOUT)?;
        let mode: String = (self.db).pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if mode != "wal" {
            (self.db).pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        }
        self.db.pragma_update(None, "synchronous", "full")?;
        self.db.pragma_update(None, "foreign_keys", true)?;
        self.db.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn migrate(&self) -> Result<(), AccessError> {
        if self.version()? == MIGRATIONS.len() {
            return Ok(());
        }
        self.in_transaction(|| {
            self.db.execute_batch(
                "CREATE TABLE IF NOT EXISTS access_schema (version INTEGER NOT NULL) STRICT",
            )?;
            // Another process may have migrated it in the meantime.
            let found = self.version()?;
            if found > MIGRATIONS.len() {
                return Err(AccessError::new(
                    AccessErrorKind::Later,
                    "the database was written by a later version of this program",
                ));
            }
            for migration in MIGRATIONS.iter().skip(found) {
                self.db.execute_batch(migration)?;
            }
            self.db.execute_batch("DELETE FROM access_schema")?;
            self.db.execute(
                "INSERT INTO access_schema VALUES (?)",
                [i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)],
            )?;
            tracing::info!(
                target: TARGET, from = found, to = MIGRATIONS.len(),
                "brings the tables to this version"
            );
            Ok(())
        })
    }

    /// The version of the tables; 0 where there are none.
    fn version(&self) -> Result<usize, AccessError> {
        let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'access_schema'";
        if (self.db.query_row(table, [], |_| Ok(())).optional()?).is_none() {
            return Ok(0);
        }
        let version = (self.db)
            .query_row("SELECT version FROM access_schema", [], |row| {
                row.get::<_, i64>(0)
            })
            .optional()?;
        usize::try_from(version.unwrap_or(0)).map_err(|_| AccessError::damaged("a version"))
    }
}

/// Takes a transaction back when it is dropped, be it by an error or by a panic.
struct OpenTransaction<'a> {
    db: &'a Connection,
    roll_back: &'static str,
    is_over: bool,
}

impl OpenTransaction<'_> {
    fn keep(mut self) {
        self.is_over = true;
    }
}

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        // SQLite has taken it back itself after some errors.
        if !self.is_over
            && !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch(self.roll_back)
        {
            tracing::warn!(target: TARGET, %error, "a transaction could not be taken back");
        }
    }
}

/// Held while a file is created and closed again: a process that closes a file loses all its locks
/// on it, those of its other connections, too.
static CREATION: Mutex<()> = Mutex::new(());

/// Creates the file for its owner alone if it does not exist. The files beside it get its mode from
/// SQLite. One that exists and that others may read or write is closed to them.
fn create_private(path: &Path) -> Result<(), AccessError> {
    let explain = |error: std::io::Error| {
        AccessError::new(
            AccessErrorKind::ReadOnly,
            format!(
                "the database `{}` cannot be opened: {error}",
                path.display()
            ),
        )
    };
    let _alone = CREATION.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(explain(error)),
    }
    let mode = std::fs::metadata(path)
        .map_err(explain)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, private).map_err(explain)?;
    }
    Ok(())
}

/// A time as it is stored.
pub(crate) fn stored(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A time of a column.
pub(crate) fn time(milliseconds: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            0,
            rusqlite::types::Type::Integer,
            Box::new(error),
        )
    })
}

/// A column with a time, or none.
pub(crate) fn time_or_none(milliseconds: Option<i64>) -> rusqlite::Result<Option<Timestamp>> {
    milliseconds.map(time).transpose()
}

/// A length of time in milliseconds.
pub(crate) fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
