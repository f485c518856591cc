//! Traits for what compiling and planning read from outside: source files and environment
//! variables. The command line, a test or an embedder implements them.

use serde::{Deserialize, Serialize};

/// Where source files are read from.
pub trait Files {
    /// The text of the file at `path` (as a person wrote it, joined lexically to its importer's
    /// folder).
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or is no text.
    fn read(&self, path: &str) -> Result<String, FileError>;

    /// The one path of the file at `path`, whichever links lead to it, so that a file that is
    /// imported by two paths is loaded once. `None` where the file is not there, or where each path
    /// is a file of its own: files in memory need not say anything.
    ///
    /// ```
    /// use lockstep_base::world::{FileError, Files};
    ///
    /// struct Linked;
    ///
    /// impl Files for Linked {
    ///     fn read(&self, _: &str) -> Result<String, FileError> {
    ///         Ok(String::from("let x = 1"))
    ///     }
    ///
    ///     fn real(&self, path: &str) -> Option<String> {
    ///         Some(path.replace("shared/", "common/"))
    ///     }
    /// }
    ///
    /// assert_eq!(Linked.real("shared/a.deploy"), Linked.real("common/a.deploy"));
    /// ```
    fn real(&self, path: &str) -> Option<String> {
        let _ = path;
        None
    }

    /// The absolute path of a folder that is named as files are; the empty name is the folder in
    /// which relative names begin. Values of type `path` are relative to it. `None` where the files
    /// are in no folder: then their names begin in `/`.
    fn folder(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }
}

/// Variables of the caller's environment.
pub trait EnvironmentVariables {
    /// The variable's text.
    ///
    /// # Errors
    ///
    /// Where it is not set, or is no text.
    fn var(&self, name: &str) -> Result<String, VariableError>;
}

/// Why a file cannot be read. It is displayed as what follows the path in a sentence:
/// `is a folder`. A stored plan holds that sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FileError {
    /// There is no such file.
    NotFound,
    /// It is a folder.
    IsFolder,
    /// It is a pipe, a device or a socket.
    NotRegular,
    /// This user may not read it.
    Denied,
    /// The text cannot be a path.
    NotAPath,
    /// It is larger than a source can be: positions are stored as 32-bit offsets.
    TooLarge,
    /// It is not UTF-8.
    NotUtf8 {
        /// The first byte that is wrong, from 1.
        byte: usize,
    },
    /// The path is relative, and its importer is not a file.
    NoFolder,
    /// Anything else, as a sentence.
    Other(String),
}

impl FileError {
    /// Those that are a complete sentence.
    const PLAIN: [Self; 7] = [
        Self::NotFound,
        Self::IsFolder,
        Self::NotRegular,
        Self::Denied,
        Self::NotAPath,
        Self::TooLarge,
        Self::NoFolder,
    ];
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such file",
            Self::IsFolder => "is a folder",
            Self::NotRegular => "is a pipe, a device or a socket, not a file",
            Self::Denied => "may not be read",
            Self::NotAPath => "is not a path",
            Self::TooLarge => "is larger than 1 GiB",
            Self::NotUtf8 { byte } => return write!(f, "is not UTF-8 (byte {byte})"),
            Self::NoFolder => "this document is not a file, so it has no folder",
            Self::Other(sentence) => sentence,
        })
    }
}

impl std::error::Error for FileError {}

impl From<&std::io::Error> for FileError {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::NotFound,
            ErrorKind::IsADirectory => Self::IsFolder,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::InvalidInput => Self::NotAPath,
            _ => {
                let text = error.to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                Self::Other(text.to_lowercase())
            }
        }
    }
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<std::string::FromUtf8Error> for FileError {
    fn from(error: std::string::FromUtf8Error) -> Self {
        let byte = error.utf8_error().valid_up_to() + 1;
        Self::NotUtf8 { byte }
    }
}

/// Reads what a stored plan holds.
impl From<String> for FileError {
    fn from(sentence: String) -> Self {
        let found = (Self::PLAIN.into_iter()).find(|it| it.to_string() == sentence);
        found.unwrap_or(Self::Other(sentence))
    }
}

impl From<FileError> for String {
    fn from(error: FileError) -> Self {
        error.to_string()
    }
}

/// Why a variable of the environment has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableError {
    /// It is not set.
    NotSet,
    /// It is not UTF-8.
    NotUtf8,
}

impl std::fmt::Display for VariableError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotSet => "is not set",
            Self::NotUtf8 => "is not UTF-8 text",
        })
    }
}

impl std::error::Error for VariableError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_error_is_read_again() {
        let other = FileError::Other(String::from("too many open files"));
        for error in FileError::PLAIN.into_iter().chain([other]) {
            let json = serde_json::to_string(&error).unwrap();
            assert_eq!(json, format!("\"{error}\""));
            assert_eq!(serde_json::from_str::<FileError>(&json).unwrap(), error);
        }
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(FileError::from(missing), FileError::NotFound);
    }
}
