//! `send` and `fetch`: what goes between this machine and the place of a command.
//!
//! A transfer is a command like any other, with a script of its own on the other side
//! ([`script`]), whose standard input or output is the content: the bytes of a file, or a tar
//! archive. This side of it ([`outgoing`], [`incoming`]) works in threads of its own, with a pipe
//! between it and the client, so that no content is ever held in memory as a whole.

mod incoming;
mod outgoing;
mod script;
mod tree;

use std::path::Path;

use sha2::{Digest, Sha256};

pub(super) use incoming::{Arrived, receive};
pub(super) use outgoing::Payload;
pub(super) use script::{TransferScript, TransferTask};

/// What has been transferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TransferSummary {
    /// How many files; a text is one.
    pub(super) files: u64,
    /// How many bytes they have together.
    pub(super) bytes: u64,
    /// The SHA-256 of the file's content; for a folder that of the lines that
    /// `find . -type f | LC_ALL=C sort | xargs sha256sum` prints in it.
    pub(super) sha256: String,
}

impl TransferSummary {
    /// The summary of one file.
    fn of_file(bytes: u64, sha256: String) -> Self {
        Self {
            files: 1,
            bytes,
            sha256,
        }
    }

    /// What people are shown of it.
    pub(super) fn shown(&self) -> String {
        let files = match self.files {
            1 => String::from("1 file"),
            files => format!("{files} files"),
        };
        let bytes = match self.bytes {
            1 => String::from("1 byte"),
            bytes => format!("{bytes} bytes"),
        };
        format!("{files}, {bytes}")
    }
}

/// The files of a folder, for its sum: each with its path below the folder.
#[derive(Debug, Default)]
struct FolderSum {
    files: Vec<(String, String)>,
    bytes: u64,
}

impl FolderSum {
    fn add(&mut self, path: &Path, bytes: u64, sha256: String) {
        self.files.push((path.display().to_string(), sha256));
        self.bytes += bytes;
    }

    fn finish(mut self) -> TransferSummary {
        self.files.sort();
        let mut sum = Sha256::new();
        for (path, sha256) in &self.files {
            sum.update(format!("{sha256}  ./{path}\n"));
        }
        TransferSummary {
            files: self.files.len() as u64,
            bytes: self.bytes,
            sha256: hex(sum),
        }
    }
}

/// Why a transfer cannot be done, on this side.
#[derive(Debug)]
pub(super) enum TransferError {
    /// A path has no text.
    EmptyPath,
    /// There is nothing at a path.
    Missing(String),
    /// Something is neither a file, nor a folder, nor a link.
    Special(String),
    /// A file became shorter while it was read.
    Changed(String),
    /// A folder is where something is to go, and holds something else: the first difference.
    Occupied(String, String),
    /// A folder is where a file is to go.
    Folder(String),
    /// What has come is not complete.
    Incomplete,
    /// The system says no.
    Io(String, std::io::Error),
}

impl std::fmt::Display for TransferError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EmptyPath => f.write_str("the path is empty"),
            Self::Missing(path) => write!(f, "`{path}` does not exist on this machine"),
            Self::Special(path) => write!(f, "`{path}` is neither a file nor a folder"),
            Self::Changed(path) => write!(f, "`{path}` became shorter while it was read"),
            Self::Occupied(path, what) => write!(
                f,
                "`{path}` is a folder that holds something else (`{what}` differs); with \
                 `replacing` it is replaced"
            ),
            Self::Folder(path) => write!(
                f,
                "`{path}` is a folder: a file takes its place only with `replacing`"
            ),
            Self::Incomplete => f.write_str("it has not arrived as a whole"),
            Self::Io(path, error) => write!(f, "`{path}`: {error}"),
        }
    }
}

impl std::error::Error for TransferError {}

impl TransferError {
    /// Whether it only says that the other side has ended, or has not sent all.
    pub(super) fn is_of_other_side(&self) -> bool {
        match self {
            Self::Incomplete => true,
            Self::Io(_, error) => matches!(
                error.kind(),
                std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::UnexpectedEof
            ),
            _ => false,
        }
    }

    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |error| match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing(path),
            _ => Self::Io(path, error),
        }
    }
}

fn hex(sum: Sha256) -> String {
    format!("{:x}", sum.finalize())
}
