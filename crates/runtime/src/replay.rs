//! Replays a journal: reconstructs the machine at the end of the journal, and the effects that are
//! outstanding (requested and not answered).

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::HashSet;

use super::journal::{JournalEntry, JournalRecord};
use super::sealed::UnsealError;
use super::shown_events::EventRedactor;
use lockstep_engine::run_event::RunEventKind;
use lockstep_engine::{Effect, EffectId, Machine, PendingEffects};

/// The result of a replay.
#[derive(Debug, Default)]
pub struct ReplayedRun {
    /// The outstanding effects.
    pub left: PendingEffects,
    /// Commands and actions marked `once` that may have been started.
    pub begun: HashSet<EffectId>,
    /// What makes secrets: they are made again when something needs them.
    pub makers: PendingEffects,
    /// The number of the last record.
    pub seq: u64,
    /// The machine's clock at that record, in milliseconds.
    pub clock: i64,
    /// The latest time of day of a record.
    pub last_at: Option<jiff::Timestamp>,
}

/// A journal that cannot be handled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayError {
    /// The number of the first record that does not match; 0 for what was done by the run before.
    pub record: u64,
    /// Why it cannot be read; none where the machine behaves differently from the one that wrote
    /// it.
    pub unread: Option<UnsealError>,
}

impl std::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let record = self.record;
        match self.unread {
            None => write!(
                f,
                "its journal is not compatible with this version of the program (record {record})"
            ),
            Some(why) => write!(f, "record {record} of its journal cannot be read: {why}"),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Lets a new machine handle the records again. `hear` receives the events that were emitted then:
/// when, as they were to the machine, and as they were told. It ends early if the machine violates
/// one of its invariants; check [`Machine::broken`].
///
/// # Errors
///
/// If the machine behaves differently from the one that wrote the journal.
pub fn replay(
    machine: &mut Machine,
    records: Vec<JournalRecord>,
    redactor: &mut EventRedactor,
    mut hear: impl FnMut(jiff::Timestamp, RunEventKind, RunEventKind),
) -> Result<ReplayedRun, ReplayError> {
    let mut replayed = ReplayedRun::default();
    for record in records {
        replayed.seq = record.seq;
        replayed.clock = record.clock.max(replayed.clock);
        replayed.last_at = replayed.last_at.max(Some(record.at));
        let event = match record.what {
            JournalEntry::Begun(id) => {
                replayed.begun.insert(id);
                continue;
            }
            JournalEntry::Event(event) => {
                let record = record.seq;
                let opened = redactor.vault().unsealed(event);
                let unread = |why| ReplayError {
                    record,
                    unread: Some(why),
                };
                opened.map_err(unread)?
            }
        };
        // A timer may have fired, or an answer arrived, just when it was no longer relevant.
        let _ = replayed.left.answered(&event);
        let mut effects = machine.handle(record.clock, event);
        if machine.broken().is_some() {
            break;
        }
        let happened = replayed_events(&mut effects);
        let told = happened.iter().cloned();
        let told: Vec<RunEventKind> = told.map(|event| redactor.told(event)).collect();
        // What has been made of secrets that are not made again yet is masked as a whole, where the
        // run before knew each part.
        if told != record.told && !redactor.vault().makes() {
            let record = record.seq;
            let unread = None;
            return Err(ReplayError { record, unread });
        }
        for effect in effects {
            let makes_secret = match &effect {
                Effect::Run { command, .. } => command.secret,
                Effect::Act { call, .. } => call.secret,
                Effect::Stop { .. }
                | Effect::SetTimer { .. }
                | Effect::ClearTimer { .. }
                | Effect::Acquire { .. }
                | Effect::Release { .. }
                | Effect::AwaitWindow { .. }
                | Effect::LeaveWindow { .. }
                | Effect::Ask { .. }
                | Effect::Unask { .. }
                | Effect::Tell(_) => false,
            };
            if makes_secret {
                let _ = replayed.makers.requested(effect.clone());
            }
            // Emitted events have been taken out.
            let _ = replayed.left.requested(effect);
        }
        for (what, told) in happened.into_iter().zip(told) {
            hear(record.at, what, told);
        }
    }
    Ok(replayed)
}

/// The events to emit, taken out of effects.
pub(super) fn replayed_events(effects: &mut Vec<Effect>) -> Vec<RunEventKind> {
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
        | Effect::AwaitWindow { .. }
        | Effect::LeaveWindow { .. }
        | Effect::Ask { .. }
        | Effect::Unask { .. } => None,
    };
    tells.filter_map(happened).collect()
}
