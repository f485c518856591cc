//! The exit codes of the program. Invariant: they are part of its interface and never change.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command succeeded.
    Succeeded = 0,
    /// The run failed, and its rollback succeeded.
    Failed = 1,
    /// Wrong usage, or the file has errors: nothing ran.
    Refused = 2,
    /// A rollback failed: a person must intervene.
    RollbackFailed = 3,
    /// The run was cancelled.
    Cancelled = 4,
    /// The run was stopped and can be resumed.
    Stopped = 5,
    /// Nothing failed, but something was left alone: a later run has deployed there, or the run was
    /// put aside by a newer one of its queue.
    Superseded = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
