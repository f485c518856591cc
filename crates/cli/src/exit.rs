//! The exit codes of the program. They are part of its interface and never change.
//! It does not know what led to them.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked for was done.
    Succeeded = 0,
    /// The run failed, and what had to be rolled back was.
    Failed = 1,
    /// Wrong usage, or the file has errors: nothing ran.
    Refused = 2,
    /// A rollback failed: somebody must look.
    RollbackFailed = 3,
    /// The run was cancelled.
    Cancelled = 4,
    /// The run was stopped and can be resumed.
    Stopped = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
