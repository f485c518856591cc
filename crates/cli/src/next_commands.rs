//! The commands that can be given next for a run, by how it ended.

use lockstep_engine::run_event::Status;

/// The commands for a run that has ended; `state` are the words that name the state directory.
pub(super) fn after(status: Status, run: &str, state: &str) -> Vec<String> {
    match status {
        // A retry would find that a later run has deployed there, as this run did.
        Status::Succeeded | Status::Superseded => Vec::new(),
        // Its places are unclear, so nothing is deployed to them until they are taken back, or
        // somebody says that they are in order.
        Status::RollbackFailed => vec![
            format!("lockstep undo {run}{state}"),
            format!("lockstep retry {run} --force{state}"),
        ],
        _ => vec![format!("lockstep retry {run}{state}")],
    }
}

/// The command that goes on with a run that was stopped.
pub(super) fn resume(run: &str, state: &str) -> Vec<String> {
    vec![format!("lockstep resume {run}{state}")]
}
