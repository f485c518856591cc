//! Takes a journal in: the machine as it was when the journal ends, and what it had asked for and
//! not been answered. It does not know what is done with either.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::HashSet;

use super::journal::{Record, Recorded};
use lockstep_engine::notice::Happened;
use lockstep_engine::{Effect, EffectId, Machine, Outstanding};

/// What a journal leads to.
#[derive(Debug, Default)]
pub struct Replayed {
    /// What has been asked for and not been answered.
    pub left: Outstanding,
    /// Commands and actions that must not be started twice, and may have been.
    pub begun: HashSet<EffectId>,
    /// The number of the last record.
    pub seq: u64,
    /// The machine's clock then, in milliseconds.
    pub clock: i64,
}

/// The machine acts otherwise than the one did that wrote the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayError {
    /// The number of the first record that does not fit.
    pub record: u64,
}

impl std::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let record = self.record;
        write!(
            f,
            "what it wrote down does not fit this version of the program (record {record})"
        )
    }
}

impl std::error::Error for ReplayError {}

/// Has a new machine handle the records again. `hear` is told what was told then, and when. It
/// ends early where the machine finds a mistake of its own; ask [`Machine::broken`].
///
/// # Errors
///
/// Where the machine acts otherwise than the one did that wrote the journal.
pub fn replay(
    machine: &mut Machine,
    records: Vec<Record>,
    mut hear: impl FnMut(jiff::Timestamp, Happened),
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    for record in records {
        replayed.seq = record.seq;
        replayed.clock = record.clock.max(replayed.clock);
        let event = match record.what {
            Recorded::Begun(id) => {
                replayed.begun.insert(id);
                continue;
            }
            Recorded::Event(event) => event,
        };
        // A timer may have fired, or somebody answered, just when it did not matter any more.
        let _ = replayed.left.happened(&event);
        let mut effects = machine.handle(record.clock, event);
        if machine.broken().is_some() {
            break;
        }
        let told = told(&mut effects);
        if told != record.told {
            let record = record.seq;
            return Err(ReplayError { record });
        }
        for effect in effects {
            // What is to be told has been taken out.
            let _ = replayed.left.asked(effect);
        }
        for what in told {
            hear(record.at, what);
        }
    }
    Ok(replayed)
}

/// What is to be told, taken out of effects.
pub(super) fn told(effects: &mut Vec<Effect>) -> Vec<Happened> {
    let tells = effects.extract_if(.., |effect| matches!(effect, Effect::Tell(_)));
    let happened = |effect| match effect {
        Effect::Tell(happened) => Some(happened),
        Effect::Run { .. }
        | Effect::Act { .. }
        | Effect::Stop { .. }
        | Effect::SetTimer { .. }
        | Effect::ClearTimer { .. }
        | Effect::Acquire { .. }
        | Effect::Release { .. }
        | Effect::Ask { .. }
        | Effect::Unask { .. } => None,
    };
    tells.filter_map(happened).collect()
}
