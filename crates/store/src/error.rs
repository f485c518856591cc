//! What SQLite's errors are in words for people.
//! It does not know what is done about them.

use std::path::Path;

use lockstep_runtime::store_error::{StoreError, Trouble};
use rusqlite::ErrorCode;

/// Why the database of a state directory cannot be used.
pub(crate) fn database_error(folder: &Path, error: &rusqlite::Error) -> StoreError {
    let trouble = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Trouble::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Trouble::ReadOnly,
        Some(ErrorCode::CannotOpen) => Trouble::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Busy,
        _ => Trouble::Other,
    };
    StoreError::of(folder, trouble, &error.to_string())
}
