//! The journal of a run, a write-ahead log for resuming it: each event that the machine handled,
//! recorded before anything that depends on it is released.

use serde::{Deserialize, Serialize};

use lockstep_engine::run_event::RunEventKind;
use lockstep_engine::{EffectId, Event};

/// One record of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRecord {
    /// Its number in the run, from 1 without gaps.
    pub seq: u64,
    /// When it was handled.
    pub at: jiff::Timestamp,
    /// The machine's clock at that time, in milliseconds.
    pub clock: i64,
    /// The content.
    pub what: JournalEntry,
    /// The events emitted because of it, in order.
    pub told: Vec<RunEventKind>,
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum JournalEntry {
    /// The machine handled this event.
    Event(Event),
    /// A command or action that must not be started twice is being started.
    Begun(EffectId),
}

/// Why records cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalError {
    /// Another process drives the run now: this one may write nothing more (fencing).
    Taken,
    /// They cannot be written; the sentence says why.
    Unwritable(String),
}

impl std::fmt::Display for JournalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Taken => {
                "the lease of this process expired (no heartbeat), so the run was taken over"
            }
            Self::Unwritable(why) => why,
        })
    }
}

impl std::error::Error for JournalError {}

/// Stores the records of one run. A host may supply its own.
pub trait Journal: Send {
    /// Writes records, in their order. When this returns they must survive a crash. It is called on
    /// a thread of its own and may block.
    ///
    /// # Errors
    ///
    /// If they cannot be stored: the run stops.
    fn write(&mut self, records: &[JournalRecord]) -> Result<(), JournalError>;
    /// Stores how many events have been told, so that a resumed run goes on with other numbers.
    /// Where `more` follow, a reserve must be added for those that are told before the next call.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    fn note_events(&mut self, count: u64, more: bool) -> Result<(), JournalError> {
        let _ = (count, more);
        Ok(())
    }
    /// Heartbeat: stores how far the machine's clock has advanced without events, so that a resumed
    /// run does not wait for that time again.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    fn note_clock(&mut self, clock: i64) -> Result<(), JournalError> {
        let _ = clock;
        Ok(())
    }
}
