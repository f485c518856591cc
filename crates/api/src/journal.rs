//! The lines of a host's journal: what a run was begun with, and what has happened to it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use lockstep_engine::run_event::RunEventKind;
use lockstep_plan::{BoundInputs, Plan, RunFacts};
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::journal::{
    Journal as DriverJournal, JournalEntry, JournalError, JournalRecord,
};
use lockstep_runtime::secrets::SecretVault;
use serde::{Deserialize, Serialize};

use crate::host::Journal;
use crate::session::StoredSession;

/// The version of the lines; another one is refused.
const VERSION: u32 = 1;

/// Why a run cannot be continued from lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalLinesError {
    /// They do not begin with what the run was begun with.
    NoBeginning,
    /// This line, counted from 1, is not one of a journal.
    Line(usize),
    /// They are of another version of Lockstep.
    Version,
}

impl fmt::Display for JournalLinesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBeginning => f.write_str("the journal has no beginning"),
            Self::Line(at) => write!(f, "line {at} of the journal cannot be read"),
            Self::Version => f.write_str("the journal is of another version of Lockstep"),
        }
    }
}

impl std::error::Error for JournalLinesError {}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Run {
        version: u32,
        id: String,
        user: String,
        started_at: String,
        seed: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outside_window: Option<String>,
        plan: Box<BoundInputs>,
    },
    Record {
        seq: u64,
        at: String,
        clock: i64,
        what: JournalEntry,
        told: Vec<RunEventKind>,
    },
    Clock(i64),
}

impl Line {
    fn text(&self) -> Result<String, JournalError> {
        serde_json::to_string(self).map_err(|error| JournalError::Unwritable(error.to_string()))
    }
}

/// The journal of a host, as the driver writes it.
pub(crate) struct Lines {
    journal: Box<dyn Journal>,
    /// What the run was begun with, until it is written.
    beginning: Option<Line>,
}

impl Lines {
    pub(crate) fn begin(
        journal: Box<dyn Journal>,
        plan: &Plan,
        facts: &RunFacts,
        seed: u64,
        vault: &SecretVault,
    ) -> Self {
        let bound = &plan.bound;
        let beginning = Line::Run {
            version: VERSION,
            id: facts.id.to_string(),
            user: vault.seal(&facts.user).into_owned(),
            started_at: facts.started_at.to_string(),
            seed,
            outside_window: (facts.outside_window.as_ref()).map(|reason| vault.mask(reason)),
            plan: Box::new(BoundInputs {
                facts: Arc::new(vault.sealed(&*bound.facts)),
                ..bound.clone()
            }),
        };
        Self {
            journal,
            beginning: Some(beginning),
        }
    }

    /// The journal of a run that is continued: it has a beginning.
    pub(crate) fn go_on(journal: Box<dyn Journal>) -> Self {
        Self {
            journal,
            beginning: None,
        }
    }

    fn append(&mut self, lines: Vec<Line>) -> Result<(), JournalError> {
        let all = self.beginning.take().into_iter().chain(lines);
        let texts: Result<Vec<String>, JournalError> = all.map(|line| line.text()).collect();
        self.journal.append(&texts?)
    }
}

impl DriverJournal for Lines {
    fn write(&mut self, records: &[JournalRecord]) -> Result<(), JournalError> {
        let line = |record: &JournalRecord| Line::Record {
            seq: record.seq,
            at: record.at.to_string(),
            clock: record.clock,
            what: record.what.clone(),
            told: record.told.clone(),
        };
        self.append(records.iter().map(line).collect())
    }

    fn note_clock(&mut self, clock: i64) -> Result<(), JournalError> {
        self.append(vec![Line::Clock(clock)])
    }
}

/// What a run was begun with, and what has happened to it.
pub(crate) fn read(
    lines: impl IntoIterator<Item = String>,
) -> Result<(StoredSession, RecordedRun), JournalLinesError> {
    let mut past = RecordedRun::default();
    let mut options = None;
    for (line, number) in lines.into_iter().zip(1..) {
        let unreadable = JournalLinesError::Line(number);
        let time = |text: &str| text.parse::<Timestamp>();
        match serde_json::from_str(&line).map_err(|_| unreadable.clone())? {
            Line::Run { version, .. } if version != VERSION => {
                return Err(JournalLinesError::Version);
            }
            Line::Run {
                id,
                user,
                started_at,
                seed,
                outside_window,
                plan,
                ..
            } => {
                let started_at = time(&started_at).map_err(|_| unreadable)?;
                let facts = RunFacts::new(id.into(), user.into(), started_at)
                    .with_outside_window(outside_window.map(Into::into));
                options = Some(StoredSession {
                    bound: *plan,
                    facts,
                    seed,
                    max_commands: None,
                    folder: None,
                    source_folders: None,
                });
            }
            Line::Record {
                seq,
                at,
                clock,
                what,
                told,
            } => past.records.push(JournalRecord {
                seq,
                at: time(&at).map_err(|_| unreadable)?,
                clock,
                what,
                told,
            }),
            Line::Clock(clock) => past.clock = past.clock.max(clock),
        }
    }
    let options = options.ok_or(JournalLinesError::NoBeginning)?;
    Ok((options, past))
}
