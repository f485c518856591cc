//! What a run writes down of itself, so that it can be continued: each event that the machine
//! took in, before anything that depends on it is released.
//! It does not know where the records are kept.

use serde::{Deserialize, Serialize};

use lockstep_engine::notice::Happened;
use lockstep_engine::{EffectId, Event};

/// One record of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its number in the run, from 1 without gaps.
    pub seq: u64,
    /// When it was taken in.
    pub at: jiff::Timestamp,
    /// The machine's clock then, in milliseconds.
    pub clock: i64,
    /// What happened.
    pub what: Recorded,
    /// What is told because of it, in order.
    pub told: Vec<Happened>,
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Recorded {
    /// The machine took this in.
    Event(Event),
    /// A command or action that must not be started twice is being started.
    Begun(EffectId),
}

/// Why records cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalError {
    /// Another process drives the run now: nothing more of it may be written down here.
    Taken,
    /// They cannot be written; the sentence says why.
    Unwritable(String),
}

impl std::fmt::Display for JournalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Taken => {
                "nothing was heard of this process for so long that the run was taken from it"
            }
            Self::Unwritable(why) => why,
        })
    }
}

impl std::error::Error for JournalError {}

/// Keeps the records of one run. A host may supply its own.
pub trait Journal: Send {
    /// Writes records, in their order. When this returns they outlive a crash. It is called on a
    /// thread of its own and may wait.
    ///
    /// # Errors
    ///
    /// Where they cannot be kept: the run stops.
    fn write(&mut self, records: &[Record]) -> Result<(), JournalError>;
    /// Notes how far the machine's clock has come while nothing happened, so that a run that is
    /// continued does not wait for it again.
    ///
    /// # Errors
    ///
    /// As [`Journal::write`].
    fn note_clock(&mut self, clock: i64) -> Result<(), JournalError> {
        let _ = clock;
        Ok(())
    }
}
