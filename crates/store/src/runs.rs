//! The stored runs of a state directory: plan and inputs, status, and the process that drives each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::leases::{OWNER_COLUMNS, owner};
use super::programs::hash;
use super::{LEASE_DURATION, RunOwner, Store, StoreError, Stored, TARGET};
use lockstep_base::source::Name;
use lockstep_engine::CompletedWork;
use lockstep_engine::run_event::Status;
use lockstep_plan::{BoundInputs, Facts, RunFacts};
use lockstep_runtime::sealed::shown;
use lockstep_runtime::secrets::SecretVault;

/// So many numbers of events are reserved ahead of those that have been used.
pub(super) const EVENTS_AHEAD: i64 = 10_000;

/// The user id of this process.
pub(super) fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Identifies a run inside one state directory: from 1, in the order in which they were stored.
/// That of a run that was forgotten is not given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunNumber(pub i64);

/// A run that is about to begin.
#[derive(Debug, Clone)]
pub struct NewRun<'a> {
    /// Its plan.
    pub bound: &'a BoundInputs,
    /// Its secrets: what holds them is stored sealed.
    pub vault: &'a SecretVault,
    /// Its id, user and start.
    pub facts: RunFacts,
    /// The inputs, for display.
    pub inputs: serde_json::Value,
    /// The file argument.
    pub file: &'a str,
    /// The folder that the file argument is relative to.
    pub folder: &'a str,
    /// The real folder of each source file.
    pub source_folders: &'a [PathBuf],
    /// The seed for the jitter of retries.
    pub seed: u64,
    /// The run that it retries, and the completed work of that one.
    pub parent: Option<(RunNumber, CompletedWork)>,
    /// The run that it takes back, and the part of it, if not all.
    pub undoes: Option<(RunNumber, Option<&'a str>)>,
}

/// The status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// A process drives it.
    Running,
    /// No process drives it, and it has not ended: it can be resumed.
    Stopped,
    /// It has ended.
    Ended(Status),
}

impl RunStatus {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Ended(status) => status.as_str(),
        }
    }
}

/// A run as it is stored.
#[derive(Debug, Clone)]
pub struct StoredRun {
    /// Its number.
    pub number: RunNumber,
    /// Its id.
    pub id: Name,
    /// The pipeline's name.
    pub pipeline: Name,
    /// The hash of its plan, in hexadecimal digits.
    pub plan_hash: String,
    /// The inputs, as a JSON object.
    pub inputs: serde_json::Value,
    /// The file argument.
    pub file: String,
    /// The folder that the file argument is relative to.
    pub folder: String,
    /// The real folder of each source file when it began; none if an earlier version began it.
    pub source_folders: Option<Vec<PathBuf>>,
    /// Who started it.
    pub user: Name,
    /// The user id of who started it, if it is known.
    pub uid: Option<u32>,
    /// The seed for the jitter of retries.
    pub seed: u64,
    /// The maximum number of concurrent commands, if it was set.
    pub most: Option<u32>,
    /// The run that it retries.
    pub parent: Option<RunNumber>,
    /// The run that it takes back.
    pub undoes: Option<RunNumber>,
    /// The part of that run, if not all of it.
    pub undo_part: Option<String>,
    /// The queue in which it waits for others, or has waited.
    pub queue: Option<Name>,
    /// Why it has ended without having begun, if it has.
    pub unstarted: Option<String>,
    /// The newer run of its queue that has put it aside.
    pub put_aside_by: Option<Name>,
    /// Why it does not ask the windows of what it deploys to, if it does not.
    pub outside_window: Option<Name>,
    /// The infrastructures on which its user may not run anything.
    pub denied: Arc<[Name]>,
    /// The completed work of the run that it retries, sealed.
    pub kept: CompletedWork,
    /// Its status.
    pub status: RunStatus,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// When it ended.
    pub finished_at: Option<jiff::Timestamp>,
    /// The process that drives it, or drove it when that died.
    pub owner: Option<RunOwner>,
    /// The machine's clock at its last heartbeat, in milliseconds.
    pub clock: i64,
    /// The numbers of its events up to this one may have been used.
    pub events: u64,
    /// The version of this program that started it.
    pub made_by: String,
    program: i64,
    place: u32,
    sealed_user: Name,
    /// The state directory.
    state: String,
}

impl StoredRun {
    /// Its id, user and start; the user is sealed.
    pub fn facts(&self) -> RunFacts {
        RunFacts::new(self.id.clone(), self.sealed_user.clone(), self.started_at)
            .with_scratch_in(&self.state)
            .with_max_commands(self.most)
            .with_outside_window(self.outside_window.clone())
            .with_denied(self.denied.clone())
    }
}

const RUN_COLUMNS: &str = "number, id, pipeline, plan_hash, inputs, file, folder, user, seed, \
    most, parent, kept, status, started_at, finished_at, clock, program, place, made_by, \
    folders, uid, events, undoes, undo_part, queue, unstarted, put_aside_by, \
    outside_window, denied";

/// The columns of a run; those of its owner come last.
fn columns() -> String {
    format!("{RUN_COLUMNS}, {OWNER_COLUMNS}")
}

impl Store {
    /// Stores a run that starts now and is driven by this process.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn begin(&self, new: &NewRun<'_>) -> Result<StoredRun, StoreError> {
        let unwritable = |_| StoreError::refused("the plan cannot be stored");
        let program = serde_json::to_string(&new.bound.program).map_err(unwritable)?;
        let facts = serde_json::to_string(&new.bound.facts).map_err(unwritable)?;
        let facts = new.vault.seal_json(&facts);
        let place = new.bound.pipeline;
        let plan_hash = hash(&[&program, &place.to_string(), &facts]);
        let (parent, kept) = match &new.parent {
            Some((parent, kept)) => {
                let kept = serde_json::to_string(kept).ok();
                (Some(parent.0), kept.map(|kept| new.vault.seal_json(&kept)))
            }
            None => (None, None),
        };
        let change = self.write()?;
        let program = self.insert_program(&program)?;
        let number = RunNumber(self.last_number()?.0 + 1);
        let insert = "INSERT INTO runs (number, id, pipeline, place, program, facts, plan_hash, \
            inputs, file, folder, user, made_by, seed, most, parent, kept, started_at, folders, \
            uid, events, undoes, undo_part, outside_window, denied, status) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
            'running')";
        let undoes = new.undoes.map(|(undoes, _)| undoes.0);
        let undo_part = new.undoes.and_then(|(_, part)| part);
        let outside = new.facts.outside_window.as_ref();
        let denied = Some(&new.facts.denied).filter(|it| !it.is_empty());
        let denied = denied.and_then(|it| serde_json::to_string(&**it).ok());
        change
            .execute(
                insert,
                params![
                    number.0,
                    &*new.facts.id,
                    new.vault.mask(&new.bound.pipeline().name),
                    place,
                    program,
                    facts,
                    plan_hash,
                    shown(&new.vault.seal_json(&new.inputs.to_string())),
                    new.vault.mask(new.file),
                    new.folder,
                    new.vault.seal(&new.facts.user),
                    env!("CARGO_PKG_VERSION"),
                    new.seed.cast_signed(),
                    new.facts.max_commands,
                    parent,
                    kept,
                    Stored(new.facts.started_at),
                    serde_json::to_string(new.source_folders).ok(),
                    user_id(),
                    EVENTS_AHEAD,
                    undoes,
                    undo_part.map(|part| new.vault.mask(part)),
                    outside.map(|reason| new.vault.mask(reason)),
                    denied,
                ],
            )
            .map_err(|error| self.error(&error))?;
        (self.assign_owner(number, &RunOwner::current())).map_err(|error| self.error(&error))?;
        self.commit(change)?;
        tracing::debug!(target: TARGET, id = %new.facts.id, number = number.0, "a run begins");
        self.run(number)
    }

    /// A run by its number.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn run(&self, number: RunNumber) -> Result<StoredRun, StoreError> {
        let select = format!("SELECT {} FROM runs WHERE number = ?", columns());
        let found = self
            .db
            .prepare_cached(&select)
            .and_then(|mut it| it.query_row([number.0], row).optional());
        match found {
            Ok(Some(run)) => self.check_owner(run),
            Ok(None) => Err(StoreError::refused("there is no such run")),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// All runs whose id begins like this, the latest first; all of them for an empty text.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn runs(&self, prefix: &str) -> Result<Vec<StoredRun>, StoreError> {
        let which = "WHERE substr(id, 1, length(?1)) = ?1";
        self.select_latest(which, None, params![prefix])
    }

    /// The run with exactly this id, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn run_by_id(&self, id: &str) -> Result<Option<StoredRun>, StoreError> {
        let found = self.select_runs("WHERE id = ?", params![id])?;
        Ok(found.into_iter().next())
    }

    /// The latest runs that began before this one (before none: the latest of all), at most so
    /// many.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn runs_before(
        &self,
        before: Option<RunNumber>,
        limit: u32,
    ) -> Result<Vec<StoredRun>, StoreError> {
        let before = before.map_or(i64::MAX, |run| run.0);
        let which = match self.is_copy().map_err(|error| self.error(&error))? {
            false => "WHERE number < ?1",
            true => {
                "WHERE ?1 NOT IN (SELECT number FROM runs) OR (started_at, number) < \
                 (SELECT started_at, number FROM runs WHERE number = ?1)"
            }
        };
        self.select_latest(which, Some(limit), params![before])
    }

    /// The number that was given last, 0 before the first. A run that is stored later has a higher
    /// one, also where this one is forgotten.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn last_number(&self) -> Result<RunNumber, StoreError> {
        let select = "SELECT max(last, coalesce((SELECT max(number) FROM runs), 0)) \
            FROM forgotten_runs";
        let found =
            (self.db.prepare_cached(select)).and_then(|mut it| it.query_row([], |row| row.get(0)));
        found.map(RunNumber).map_err(|error| self.error(&error))
    }

    /// The numbers of the runs that were stored after this one, in the order in which they were.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn stored_after(&self, last: RunNumber) -> Result<Vec<RunNumber>, StoreError> {
        let select = "SELECT number FROM runs WHERE number > ? ORDER BY number";
        let found = self.db.prepare_cached(select).and_then(|mut statement| {
            let rows = statement.query_map([last.0], |row| row.get(0).map(RunNumber))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        found.map_err(|error| self.error(&error))
    }

    /// The runs that have not ended, the latest first.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn unended_runs(&self) -> Result<Vec<StoredRun>, StoreError> {
        self.select_latest("WHERE status = 'running'", None, params![])
    }

    /// The latest run comes first. Runs come to a copy in any order, so that there it is the time
    /// that says which is later.
    fn select_latest(
        &self,
        which: &str,
        limit: Option<u32>,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<StoredRun>, StoreError> {
        let order = match self.is_copy().map_err(|error| self.error(&error))? {
            false => "number DESC",
            true => "started_at DESC, number DESC",
        };
        let limit = limit.map_or(-1, i64::from);
        self.select_runs(&format!("{which} ORDER BY {order} LIMIT {limit}"), values)
    }

    fn select_runs(
        &self,
        which: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<StoredRun>, StoreError> {
        let select = format!("SELECT {} FROM runs {which}", columns());
        let found = self.db.prepare_cached(&select).and_then(|mut statement| {
            let rows = statement.query_map(values, row)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let found = found.map_err(|error| self.error(&error))?;
        found.into_iter().map(|run| self.check_owner(run)).collect()
    }

    /// The runs that take back what a run did, the first one first.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn undos_of(&self, run: RunNumber) -> Result<Vec<StoredRun>, StoreError> {
        self.select_runs("WHERE undoes = ? ORDER BY number", params![run.0])
    }

    /// The plan of a run, without what is derived from it.
    ///
    /// # Errors
    ///
    /// If it was planned by another version of the program, or cannot be read.
    pub fn bound(&self, run: &StoredRun) -> Result<BoundInputs, StoreError> {
        let program = self.program(run.program)?;
        let facts: rusqlite::Result<String> = self.db.query_row(
            "SELECT facts FROM runs WHERE number = ?",
            [run.number.0],
            |row| row.get(0),
        );
        let facts: Facts = self.json(&facts.map_err(|error| self.error(&error))?)?;
        if program.pipelines.get(run.place as usize).is_none() {
            return Err(StoreError::damaged(&self.folder));
        }
        Ok(BoundInputs {
            program: std::sync::Arc::new(program),
            pipeline: run.place,
            facts: std::sync::Arc::new(facts),
        })
    }

    /// Makes this process the owner of a run that has not ended.
    ///
    /// # Errors
    ///
    /// If it has ended, or another living process drives it.
    pub fn claim(&self, number: RunNumber) -> Result<StoredRun, StoreError> {
        let change = self.write()?;
        let run = self.run(number)?;
        match run.status {
            RunStatus::Ended(status) => {
                let message = format!("run {} has ended: {status}", run.id);
                return Err(StoreError::refused(message));
            }
            RunStatus::Running => {
                let owner = run.owner.unwrap_or_default();
                let mut message = format!("run {} is being run by {}", run.id, owner.shown());
                if !owner.is_within_sight() {
                    let silent = owner.silent_for().as_secs();
                    message += &format!(
                        ", last heartbeat {silent} s ago; its lease expires after {} s",
                        LEASE_DURATION.as_secs()
                    );
                }
                return Err(StoreError::refused(message));
            }
            RunStatus::Stopped => {}
        }
        (self.assign_owner(number, &RunOwner::current())).map_err(|error| self.error(&error))?;
        self.commit(change)?;
        tracing::debug!(target: TARGET, id = %run.id, "this process takes the run over");
        Ok(run)
    }

    /// Releases a run that this process has driven. If another process has taken it over, that one
    /// keeps it.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn release(&self, number: RunNumber) -> Result<(), StoreError> {
        let this = RunOwner::current();
        let change = self.write()?;
        if self.check_driven(number, &this).is_ok() {
            (self.clear_owner(number)).map_err(|error| self.error(&error))?;
        }
        self.commit(change)
    }

    /// Stores the machine's clock of a run, so that it continues from there after a crash.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn record_clock(&self, number: RunNumber, clock: i64) -> Result<(), StoreError> {
        let update = "UPDATE runs SET clock = max(clock, ?) WHERE number = ?";
        let done = self.db.execute(update, params![clock, number.0]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// Stores how many events of a run have been told. While it runs, a reserve is added: what is
    /// told before the next call must not be told again after a crash.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn record_events(&self, run: RunNumber, count: u64) -> Result<(), StoreError> {
        let update = "UPDATE runs SET events = ? WHERE number = ?";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let done = self.db.execute(update, params![count, run.0]);
        done.map(|_| ()).map_err(|error| self.error(&error))
    }

    /// Corrects the status of a run whose process is no longer alive.
    fn check_owner(&self, found: Option<StoredRun>) -> Result<StoredRun, StoreError> {
        let mut run = found.ok_or_else(|| StoreError::damaged(&self.folder))?;
        run.state = absolute(&self.folder);
        if run.status == RunStatus::Running && !run.owner.as_ref().is_some_and(RunOwner::is_alive) {
            run.status = RunStatus::Stopped;
        }
        Ok(run)
    }
}

/// The path of a folder from the root.
fn absolute(folder: &Path) -> String {
    let path = std::path::absolute(folder);
    let path = path.unwrap_or_else(|_| folder.to_path_buf());
    path.to_string_lossy().into_owned()
}

/// Nothing if it cannot be parsed.
fn row(row: &Row<'_>) -> rusqlite::Result<Option<StoredRun>> {
    let text = |at| row.get::<_, String>(at);
    let status: String = text(12)?;
    let status = match status.as_str() {
        "running" => RunStatus::Running,
        word => {
            let word = serde_json::Value::from(word);
            match serde_json::from_value(word) {
                Ok(status) => RunStatus::Ended(status),
                Err(_) => return Ok(None),
            }
        }
    };
    let (Ok(inputs), Ok(kept)) = (
        serde_json::from_str(&text(4)?),
        serde_json::from_str(row.get::<_, Option<String>>(11)?.as_deref().unwrap_or("{}")),
    ) else {
        return Ok(None);
    };
    // One that cannot be read would permit what is denied.
    let denied: Result<Vec<Name>, _> =
        serde_json::from_str(row.get::<_, Option<String>>(28)?.as_deref().unwrap_or("[]"));
    let Ok(denied) = denied.map(Arc::from) else {
        return Ok(None);
    };
    Ok(Some(StoredRun {
        number: RunNumber(row.get(0)?),
        id: text(1)?.into(),
        pipeline: text(2)?.into(),
        plan_hash: text(3)?,
        inputs,
        file: text(5)?,
        folder: text(6)?,
        user: shown(&text(7)?).into(),
        sealed_user: text(7)?.into(),
        state: String::new(),
        seed: row.get::<_, i64>(8)?.cast_unsigned(),
        most: row.get(9)?,
        parent: row.get::<_, Option<i64>>(10)?.map(RunNumber),
        kept,
        status,
        started_at: row.get::<_, Stored>(13)?.0,
        finished_at: row.get::<_, Option<Stored>>(14)?.map(|it| it.0),
        clock: row.get(15)?,
        program: row.get(16)?,
        place: row.get(17)?,
        made_by: text(18)?,
        source_folders: row
            .get::<_, Option<String>>(19)?
            .and_then(|text| serde_json::from_str(&text).ok()),
        uid: row.get(20)?,
        events: row.get::<_, i64>(21)?.cast_unsigned(),
        undoes: row.get::<_, Option<i64>>(22)?.map(RunNumber),
        undo_part: row.get(23)?,
        queue: row.get::<_, Option<String>>(24)?.map(Name::from),
        unstarted: row.get(25)?,
        put_aside_by: row.get::<_, Option<String>>(26)?.map(Name::from),
        outside_window: row.get::<_, Option<String>>(27)?.map(Name::from),
        denied,
        owner: owner(row, 29)?,
    }))
}
