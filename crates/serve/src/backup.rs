//! The server's part of a copy of a state directory.

use std::path::Path;

use lockstep_access::AccessStore;
use lockstep_store::copy_database;
use rusqlite::Connection;

use crate::database;
use crate::error::ServeError;

/// Copies the users, the rights, the audit log and what the server knows of runs into a copy of the
/// state directory. What had been asked for and had not begun does not begin in the copy. Says
/// whether there was anything to copy.
///
/// # Errors
///
/// If it cannot be read, or the copy cannot be written.
pub fn back_up(state: &Path, to: &Path) -> Result<bool, ServeError> {
    let from = database::path(state);
    if !from.exists() {
        return Ok(false);
    }
    let open = AccessStore::open(&from).map_err(ServeError::database)?;
    let copy = database::path(to);
    copy_database(open.connection(), &copy).map_err(ServeError::database)?;
    let settle = |copy: Connection| {
        let update = "UPDATE starts SET state = 'refused', reason = 'it had not begun when the \
            backup was made' WHERE state = 'asked'";
        copy.execute(update, [])
    };
    let settled = Connection::open(&copy).and_then(settle);
    settled.map(|_| true).map_err(ServeError::database)
}
