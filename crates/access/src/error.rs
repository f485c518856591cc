//! Errors of the access database, with messages for people.

use rusqlite::ErrorCode;

/// Why something could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessError {
    /// The kind of error.
    pub kind: AccessErrorKind,
    /// A sentence for people, without a full stop.
    pub message: String,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessErrorKind {
    /// A value is not allowed: a name, a password, a pattern, a time.
    Invalid,
    /// What is named does not exist.
    NotFound,
    /// What is to be created exists already.
    Exists,
    /// It cannot be done in the present state, such as taking the last administrator's rights.
    Refused,
    /// The disk is full, or a quota is used up.
    Full,
    /// The database is not writable.
    ReadOnly,
    /// The file is not a database, or a part of it is missing or corrupt.
    Damaged,
    /// It was written by a later version of the program.
    Later,
    /// Another process has locked it for too long.
    Busy,
    /// Any other error of the system.
    Other,
}

impl std::fmt::Display for AccessError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AccessError {}

impl From<rusqlite::Error> for AccessError {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, message) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                (AccessErrorKind::Full, "the disk of the database is full")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                (AccessErrorKind::ReadOnly, "the database cannot be written")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                (AccessErrorKind::Damaged, "the database is damaged")
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
                AccessErrorKind::Busy,
                "the database is locked by another process",
            ),
            _ => (AccessErrorKind::Other, "the database cannot be used"),
        };
        Self {
            kind,
            message: format!("{message}: {error}"),
        }
    }
}

impl AccessError {
    pub(crate) fn new(kind: AccessErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(AccessErrorKind::Invalid, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(AccessErrorKind::NotFound, message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(AccessErrorKind::Exists, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(AccessErrorKind::Refused, message)
    }

    /// A record that no version of this program has written.
    pub(crate) fn damaged(what: &str) -> Self {
        let message = format!("the database is damaged: it holds {what} that cannot be read");
        Self::new(AccessErrorKind::Damaged, message)
    }
}
