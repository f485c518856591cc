//! What goes wrong with a state directory, in words for people.
//! It does not know what is done about it.

use std::path::Path;

/// Why a state directory cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// A sentence for people, without a full stop.
    pub message: String,
}

/// The kinds of trouble with a state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full, or a quota is used up.
    Full,
    /// It may not be written.
    ReadOnly,
    /// It is no database, or a part of it is gone or changed.
    Damaged,
    /// It was written by a later version of the program.
    Later,
    /// Another process did not let go of it.
    Busy,
    /// What is asked for is not in it, or cannot be done now.
    Refused,
    /// The run was taken from this process, of which nothing had been heard for too long.
    Taken,
    /// Anything else that the system says.
    Other,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// Something that cannot be done, in plain words.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            trouble: Trouble::Refused,
            message: message.into(),
        }
    }

    /// The same of a run that is named, where it is about what was asked for.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        if self.trouble == Trouble::Refused {
            self.message = format!("run {run} cannot be continued: {}", self.message);
        }
        self
    }

    /// The run belongs to another process now.
    pub fn taken() -> Self {
        Self {
            trouble: Trouble::Taken,
            message: String::from(
                "nothing was heard of this process for so long that the run was taken from it",
            ),
        }
    }

    /// A file of the directory could not be read or written.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let trouble = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Trouble::Full,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Trouble::ReadOnly,
            _ => Trouble::Other,
        };
        Self::of(path, trouble, &error.to_string())
    }

    /// The directory was written by a later version.
    pub fn later(folder: &Path) -> Self {
        Self::of(folder, Trouble::Later, "")
    }

    /// A part of the directory is gone or changed.
    pub fn damaged(folder: &Path) -> Self {
        Self::of(folder, Trouble::Damaged, "")
    }

    /// Trouble with a path, and what the system said of it.
    pub fn of(path: &Path, trouble: Trouble, said: &str) -> Self {
        let path = path.display();
        let message = match trouble {
            Trouble::Full => format!("the disk of the state directory `{path}` is full"),
            Trouble::ReadOnly => format!("the state directory `{path}` cannot be written"),
            Trouble::Damaged => format!(
                "the state directory `{path}` is damaged: a part of its database is gone or changed"
            ),
            Trouble::Later => format!(
                "the state directory `{path}` was written by a later version of this program"
            ),
            Trouble::Busy => {
                format!("another process does not let go of the state directory `{path}`")
            }
            Trouble::Refused | Trouble::Taken | Trouble::Other => {
                let said = said.split(" (os error").next().unwrap_or_default();
                format!(
                    "the state directory `{path}` cannot be used: {}",
                    said.to_lowercase()
                )
            }
        };
        Self { trouble, message }
    }
}
