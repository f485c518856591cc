//! Why a run cannot go on: its state cannot be persisted, or does not match the journal.

use crate::inbox::InboxError;
use crate::journal::JournalError;
use crate::locks::LocksError;
use crate::logs::LogError;
use crate::replay::ReplayError;
use lockstep_engine::BrokenInvariant;

/// Why the driver cannot go on with a run.
#[derive(Debug, Clone, PartialEq)]
pub enum DriveError {
    /// Its journal does not match the plan; nothing has been done.
    Replay(ReplayError),
    /// The system cannot start a thread for the journal; nothing has been done. The system's
    /// message.
    NoThread(String),
    /// The folder of the run cannot be made; nothing has been done. The system's message.
    NoScratch(String),
    /// Its journal cannot be written.
    Journal(JournalError),
    /// Its locks cannot be stored.
    Locks(LocksError),
    /// The output of its commands cannot be written.
    Logs(LogError),
    /// Its questions cannot be published, or their answers cannot be read.
    Inbox(InboxError),
    /// Who is to drive it in place of this process cannot begin it; nothing has been done. The
    /// sentence says why.
    NotBegun(String),
    /// Who drives it in place of this process is not heard of any more; the sentence says why.
    Remote(String),
    /// Who drives it in place of this process has broken it off; it can be resumed. The sentence
    /// says how.
    BrokenOff(String),
    /// The machine has violated one of its invariants: a bug of this program. The event that
    /// triggered it is not in the journal, so that a fixed version can resume the run.
    Machine(Box<BrokenInvariant>),
}

impl DriveError {
    /// Whether it occurred before anything was done.
    pub fn is_before_start(&self) -> bool {
        matches!(
            self,
            Self::Replay(_) | Self::NoThread(_) | Self::NoScratch(_) | Self::NotBegun(_)
        )
    }
}

impl std::fmt::Display for DriveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Replay(error) => error.fmt(f),
            Self::NoThread(said) => {
                write!(f, "cannot start a thread for the journal: {said}")
            }
            Self::NoScratch(said) => write!(f, "cannot make the folder `run.scratch`: {said}"),
            Self::Journal(error) => error.fmt(f),
            Self::Locks(error) => error.fmt(f),
            Self::Logs(error) => error.fmt(f),
            Self::Inbox(error) => error.fmt(f),
            Self::NotBegun(why) | Self::Remote(why) | Self::BrokenOff(why) => f.write_str(why),
            Self::Machine(broken) => broken.fmt(f),
        }
    }
}

impl std::error::Error for DriveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Replay(error) => Some(error),
            Self::NoThread(_)
            | Self::NoScratch(_)
            | Self::NotBegun(_)
            | Self::Remote(_)
            | Self::BrokenOff(_) => None,
            Self::Journal(error) => Some(error),
            Self::Locks(error) => Some(error),
            Self::Logs(error) => Some(error),
            Self::Inbox(error) => Some(error),
            Self::Machine(broken) => Some(&**broken),
        }
    }
}

impl From<ReplayError> for DriveError {
    fn from(error: ReplayError) -> Self {
        Self::Replay(error)
    }
}

impl From<JournalError> for DriveError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<LocksError> for DriveError {
    fn from(error: LocksError) -> Self {
        Self::Locks(error)
    }
}

impl From<LogError> for DriveError {
    fn from(error: LogError) -> Self {
        Self::Logs(error)
    }
}

impl From<InboxError> for DriveError {
    fn from(error: InboxError) -> Self {
        Self::Inbox(error)
    }
}
