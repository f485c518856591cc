//! Errors of a state directory, with messages for people.

use std::path::Path;

use rusqlite::ErrorCode;

use lockstep_runtime::inbox::InboxError;
use lockstep_runtime::journal::JournalError;
use lockstep_runtime::locks::LocksError;
use lockstep_runtime::logs::LogError;
use lockstep_runtime::replay::ReplayError;

/// Why a state directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// The kind of error.
    pub kind: StoreErrorKind,
    /// A sentence for people, without a full stop.
    pub message: String,
}

/// The kinds of errors of a state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The disk is full, or a quota is used up.
    Full,
    /// It is not writable.
    ReadOnly,
    /// It is not a database, or a part of it is missing or corrupt.
    Damaged,
    /// It was written by a later version of the program.
    Later,
    /// Another process has locked it for too long.
    Busy,
    /// What is requested does not exist, or cannot be done now.
    Refused,
    /// The run was taken from this process, since its heartbeat was missing for too long.
    Taken,
    /// Any other error of the system.
    Other,
}

impl StoreErrorKind {
    /// The kind of an I/O error for a file of the directory.
    fn of_file(kind: std::io::ErrorKind) -> Self {
        use std::io::ErrorKind;
        match kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Other,
        }
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreErrorKind::Taken => Self::Taken,
            _ => Self::Unwritable(error.message),
        }
    }
}

impl From<StoreError> for LocksError {
    fn from(error: StoreError) -> Self {
        Self(error.message)
    }
}

impl From<StoreError> for InboxError {
    fn from(error: StoreError) -> Self {
        Self(error.message)
    }
}

impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        Self {
            kind: StoreErrorKind::of_file(error.kind),
            message: error.to_string(),
        }
    }
}

impl From<ReplayError> for StoreError {
    fn from(error: ReplayError) -> Self {
        Self::refused(error.to_string())
    }
}

impl StoreError {
    /// An error of kind `Refused`, with a message in plain words.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            kind: StoreErrorKind::Refused,
            message: message.into(),
        }
    }

    /// The same error with the named run in it, if it is about a refused request.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        if self.kind == StoreErrorKind::Refused {
            self.message = format!("run {run} cannot be continued: {}", self.message);
        }
        self
    }

    pub(super) fn taken() -> Self {
        Self {
            kind: StoreErrorKind::Taken,
            message: JournalError::Taken.to_string(),
        }
    }

    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        LogError::new(path, error).into()
    }

    pub(super) fn database(folder: &Path, error: &rusqlite::Error) -> Self {
        let trouble = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreErrorKind::ReadOnly,
            Some(ErrorCode::CannotOpen) => StoreErrorKind::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Busy,
            _ => StoreErrorKind::Other,
        };
        if let Some(limit) = limit_behind(folder, error.sqlite_error_code()) {
            return Self::of(folder, StoreErrorKind::Other, &limit);
        }
        Self::of(folder, trouble, &error.to_string())
    }

    pub(super) fn later(folder: &Path) -> Self {
        Self::of(folder, StoreErrorKind::Later, "")
    }

    pub(crate) fn damaged(folder: &Path) -> Self {
        Self::of(folder, StoreErrorKind::Damaged, "")
    }

    fn of(path: &Path, trouble: StoreErrorKind, said: &str) -> Self {
        let path = path.display();
        let message = match trouble {
            StoreErrorKind::Full => format!("the disk of the state directory `{path}` is full"),
            StoreErrorKind::ReadOnly => format!("the state directory `{path}` cannot be written"),
            StoreErrorKind::Damaged => format!(
                "the state directory `{path}` is damaged: a part of its database is gone or changed"
            ),
            StoreErrorKind::Later => format!(
                "the state directory `{path}` was written by a later version of this program"
            ),
            StoreErrorKind::Busy => {
                format!("the state directory `{path}` is locked by another process")
            }
            StoreErrorKind::Refused | StoreErrorKind::Taken | StoreErrorKind::Other => {
                let said = said.split(" (os error").next().unwrap_or_default();
                format!(
                    "the state directory `{path}` cannot be used: {}",
                    said.to_lowercase()
                )
            }
        };
        Self {
            kind: trouble,
            message,
        }
    }
}

/// The longest path of a database, with the endings of the files beside it, in bytes: a limit of
/// SQLite's, on every system below that of the system itself.
const MAX_DATABASE_PATH: usize = 504;

/// The limit that an error of the database most likely comes from, of this process or of the
/// database itself: the database does not tell.
fn limit_behind(folder: &Path, code: Option<ErrorCode>) -> Option<String> {
    use rustix::process::{Resource, getrlimit};
    match code {
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {}
        _ => return None,
    }
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let length = super::database(&whole).as_os_str().len();
    if length > MAX_DATABASE_PATH {
        return Some(format!(
            "its path is too long, {length} bytes with its database where {MAX_DATABASE_PATH} are \
             possible; name another one with `--state`"
        ));
    }
    let full = rustix::io::Errno::MFILE.raw_os_error();
    let opened = std::fs::File::open("/dev/null");
    if opened.is_err_and(|error| error.raw_os_error() == Some(full)) {
        return Some(String::from(
            "no more files may be open at once here (`ulimit -n`)",
        ));
    }
    match (code, getrlimit(Resource::Fsize).current) {
        (Some(ErrorCode::SystemIoFailure), Some(largest)) => Some(format!(
            "no file may have more than {largest} bytes here (`ulimit -f`)"
        )),
        _ => None,
    }
}
