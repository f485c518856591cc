//! Copies of a state directory while runs go on: the database as of one moment, and the logs.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rusqlite::Connection;

use super::{Store, StoreError, database};

/// What is copied beside the database.
const OTHERS: &[&str] = &["runs", "groups.toml", ".gitignore"];

impl Store {
    /// Copies the state directory into a new folder, which can be used as one. Runs that go on are
    /// stopped in the copy: they can be resumed, and nobody does it by itself, since what they did
    /// later is not in it.
    ///
    /// # Errors
    ///
    /// If the folder exists already, or something cannot be read or written. What has been written
    /// of the copy is removed then.
    pub fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let at = |error: std::io::Error| StoreError::file(to, &error);
        DirBuilder::new().mode(0o700).create(to).map_err(at)?;
        let done = self.copy_all(to);
        if done.is_err() {
            // What cannot be removed is seen by whoever looks for the copy.
            let _ = std::fs::remove_dir_all(to);
        }
        done
    }

    fn copy_all(&self, to: &Path) -> Result<(), StoreError> {
        let copy = database(to);
        copy_database(&self.db, &copy).map_err(|error| self.error(&error))?;
        let stop = |copy: Connection| {
            let update = "UPDATE runs SET owner = NULL, owner_start = NULL WHERE owner IS NOT NULL";
            copy.execute(update, [])
        };
        let stopped = Connection::open(&copy).and_then(stop);
        stopped.map_err(|error| StoreError::database(to, &error))?;
        // A log that grows has at least what the database knows of.
        for name in OTHERS {
            let (from, to) = (self.folder().join(name), to.join(name));
            copy_tree(&from, &to).map_err(|error| StoreError::file(&from, &error))?;
        }
        Ok(())
    }
}

/// Copies a database as of one moment, while others write to it.
///
/// # Errors
///
/// If it cannot be read, or the copy cannot be written.
pub fn copy_database(db: &Connection, to: &Path) -> rusqlite::Result<()> {
    let path = to.to_string_lossy();
    db.execute("VACUUM INTO ?", [&*path])?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    let set = std::fs::set_permissions(to, private);
    set.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    let kind = match std::fs::symlink_metadata(from) {
        Ok(data) => data.file_type(),
        // A run was forgotten meanwhile, or there is nothing.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if kind.is_file() {
        return match std::fs::copy(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            copied => copied.map(|_| ()),
        };
    }
    if !kind.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in std::fs::read_dir(from)? {
        let name = entry?.file_name();
        copy_tree(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
