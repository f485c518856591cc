//! Runs that are kept in a state directory.

pub use crate::queue::{NOT_HAD, queue_of, stored_queue, take_place};
use lockstep_base::source::Name;
use lockstep_base::value::{Value, to_json};
use lockstep_engine::run_event::Status;
use lockstep_engine::way_back::{UndoneRun, WayBack};
use lockstep_engine::{LeftHalfDone, Machine, UnclearPlace};
use lockstep_lang::ir::{GlobalSource, Program};
use lockstep_plan::{BoundInputs, DeployedVersion, Locals, Plan, RunFacts, display};
use lockstep_runtime::driver::{RecordedRun, RunPersistence, RunSource, RunToTakeBack};
use lockstep_runtime::guardian::DeadRunner;
use lockstep_runtime::replay::replay;
use lockstep_runtime::secrets::SecretVault;
use lockstep_runtime::shown_events::EventRedactor;
use lockstep_store::{BrokenOffRuns, LedgerLine, PlaceState, ms_between, now, time};
use lockstep_store::{NewRun, RunJournal, SharedLocks, Store, StoredInbox};
pub use lockstep_store::{RunNumber, StoreError, StoreErrorKind};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::Engine;
use crate::run::{self, StartError};
use crate::session::{SessionOptions, StoredSession, open_facts, source_folders};

/// A run in a state directory that this process drives.
pub struct Recorded {
    store: Store,
    run: lockstep_store::StoredRun,
    way_back: Option<WayBack>,
}

impl Recorded {
    /// A run that has been begun or claimed by this process.
    pub fn new(store: Store, run: lockstep_store::StoredRun) -> Self {
        Self {
            store,
            run,
            way_back: None,
        }
    }

    /// The same, where it takes back what another run did.
    #[must_use]
    pub fn going_back(self, way_back: Option<WayBack>) -> Self {
        Self { way_back, ..self }
    }

    /// The state directory.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The run.
    pub fn run(&self) -> &lockstep_store::StoredRun {
        &self.run
    }

    /// Where the driver stores what happens in it, and what has happened. Where it `is_forced`,
    /// what later runs have deployed does not matter.
    ///
    /// # Errors
    ///
    /// Where the state directory cannot be opened again.
    pub fn persistence(
        &self,
        past: RecordedRun,
        is_forced: bool,
    ) -> Result<RunPersistence, StoreError> {
        let (store, run) = (&self.store, &self.run);
        let locks = SharedLocks::new(store, run.number)?
            .forced(is_forced)
            .resumed(past.is_resumed);
        Ok(RunPersistence {
            journal: Some(Box::new(RunJournal::new(store.reopen()?, run.number))),
            past,
            completed_work: run.kept.clone(),
            source: self.source()?,
            way_back: self.way_back.clone(),
            locks: Box::new(locks),
            logs: Some(store.run_logs(&run.id)),
            run_inbox: Some(Box::new(StoredInbox::new(
                store,
                run.number,
                &*run.plan_hash,
            )?)),
        })
    }

    /// What the run goes on from.
    fn source(&self) -> Result<RunSource, StoreError> {
        let (store, run) = (&self.store, &self.run);
        let mut source = RunSource::default();
        if let Some(parent) = run.parent {
            source.retries = Some(store.run(parent)?.id);
        }
        if let Some(undoes) = run.undoes {
            let undone = store.run(undoes)?;
            for it in undone_runs(store, &undone, Some(run.number))? {
                source.undone.push(RunToTakeBack {
                    records: store.records(it.number)?,
                    run: UndoneRun {
                        facts: it.facts(),
                        seed: it.seed,
                        completed: it.kept,
                        part: it.undo_part,
                    },
                });
            }
            source.part.clone_from(&run.undo_part);
        }
        Ok(source)
    }

    /// Seals what was stored of the run before all its secrets had been read.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn seal(self, vault: &SecretVault) -> Result<Self, StoreError> {
        self.store.seal_run(self.run.number, vault)?;
        let run = self.store.run(self.run.number)?;
        Ok(Self { run, ..self })
    }

    /// Ends a run that has its place in a queue, and cannot begin.
    pub fn does_not_begin(&self, status: Status, why: &str) {
        // Where it cannot be written, the end of this process says the same.
        let _ = self.store.end_unstarted(self.run.number, status, why);
    }

    /// Lets go of a run that has not ended.
    pub fn release(&self) {
        // Where it cannot be written, the end of this process says the same.
        let _ = self.store.release(self.run.number);
    }
}

/// What a new run is written down with.
pub(crate) struct Beginning {
    plan: Arc<Plan>,
    facts: RunFacts,
    seed: u64,
}

impl Beginning {
    pub(crate) fn of(options: &SessionOptions) -> Self {
        Self {
            plan: options.plan.clone(),
            facts: options.facts.clone(),
            seed: options.seed,
        }
    }

    /// Writes the run down, where the engine has a store.
    pub(crate) fn record(
        &self,
        engine: &Engine,
        vault: &SecretVault,
    ) -> Result<Option<Recorded>, StartError> {
        let Some(folder) = &engine.parts.store else {
            return Ok(None);
        };
        let store = Store::open(folder)?;
        store.refuse_copy()?;
        if let Some(place) = unclear_place(&store, &self.plan)?.filter(|_| !engine.is_forced) {
            return Err(StartError::Unclear {
                service: place.service,
                target: place.target,
                run: place.run,
                is_broken_off: place.left == LeftHalfDone::BrokenOff,
            });
        }
        let run = store.begin(&NewRun {
            bound: &self.plan.bound,
            vault,
            facts: self.facts.clone(),
            inputs: inputs(&self.plan),
            file: &file(&self.plan),
            folder: &engine.parts.folder.to_string_lossy(),
            source_folders: &source_folders(&self.plan.bound.program, &engine.parts.folder),
            seed: self.seed,
            parent: None,
            undoes: None,
        })?;
        Ok(Some(Recorded::new(store, run)))
    }

    /// Where the run has to queue: writes it down, and waits until it has its place.
    pub(crate) async fn queue(
        &self,
        engine: &Engine,
        vault: &SecretVault,
        is_dropped: &dyn Fn() -> bool,
    ) -> Result<Option<Recorded>, StartError> {
        let Some(queue) = queue_of(&self.plan, false) else {
            return Ok(None);
        };
        let recorded = self.record(engine, vault)?;
        if let Some(recorded) = &recorded {
            run::take_place(recorded, &queue, is_dropped).await?;
        }
        Ok(recorded)
    }
}

/// What is deployed where, for `deployed(…)` of a plan that is made now.
///
/// # Errors
///
/// Where the state directory cannot be read.
pub fn deployed_versions(store: &Store) -> Result<Vec<DeployedVersion>, StoreError> {
    let planned_at = now();
    let known = store.ledger()?.into_iter();
    let known = known.filter(|line| line.state == PlaceState::Deployed);
    let version = |line: LedgerLine| DeployedVersion {
        service: line.service,
        target: line.target,
        after: line.after.unwrap_or_default().into(),
        since: time(line.since).into(),
        run: line.run,
        age_ms: ms_between(line.since, planned_at).max(0),
    };
    Ok(known.map(version).collect())
}

/// A place to which a plan deploys, and which an earlier run has left half done: what a new run
/// would find there is not what was there before, so that it could not take it back. A place that
/// becomes so later fails the deployment, once the run has its locks.
///
/// # Errors
///
/// Where the state directory cannot be read.
pub fn unclear_place(store: &Store, plan: &Plan) -> Result<Option<UnclearPlace>, StoreError> {
    let mut found = store.unclear_places(None, &mut BrokenOffRuns::default())?;
    // One that goes on there is waited for.
    found.retain(|place| place.left != LeftHalfDone::Resumed);
    if found.is_empty() {
        return Ok(None);
    }
    let walk = plan.walk();
    let body = lockstep_plan::body(plan.tree.get(plan.tree.root()));
    let Ok(sum) = walk.summary(body, &Locals::default()) else {
        return Ok(None);
    };
    let deployed: Vec<(String, String)> = (sum.places.iter())
        .map(|(service, target)| {
            let service = Value::Service {
                id: *service,
                at: None,
            };
            let target = Value::Infrastructure(*target);
            (walk.display(&service), walk.display(&target))
        })
        .collect();
    let is_deployed = |place: &UnclearPlace| {
        let mut all = deployed.iter();
        all.any(|(service, target)| **service == *place.service && **target == *place.target)
    };
    Ok(found.into_iter().find(is_deployed))
}

/// The file that a plan was made from.
pub fn file(plan: &Plan) -> String {
    let first = plan.bound.program.sources.iter().next();
    first.map_or_else(String::new, |(_, source)| source.name.to_string())
}

/// The inputs of a plan and their values, for people.
pub fn inputs(plan: &Plan) -> serde_json::Value {
    let globals = plan.bound.program.globals.iter();
    let shown = |value: &Value| display(&plan.bound.program, value);
    let given = globals
        .zip(&plan.bound.facts.globals)
        .filter(|(global, _)| matches!(global.source, GlobalSource::Input { .. }))
        .map(|(global, value)| (global.name.to_string(), to_json(value, &shown)));
    serde_json::Value::Object(given.collect())
}

/// A run that is continued.
pub(crate) struct Resumed {
    recorded: Recorded,
    past: RecordedRun,
}

impl Resumed {
    pub(crate) fn recorded(self) -> (Recorded, RecordedRun) {
        (self.recorded, self.past)
    }
}

/// Takes over a run that was stopped.
pub(crate) fn resume(engine: &Engine, run: &str) -> Result<(StoredSession, Resumed), StartError> {
    let folder = engine.parts.store.as_ref().ok_or(StartError::NoStore)?;
    let nothing = || StoreError::refused(format!("there is no run `{run}`"));
    let store = Store::open_existing(folder)?.ok_or_else(nothing)?;
    let mut found = store.runs(run)?;
    let found = match (found.pop(), found.is_empty()) {
        (Some(only), true) => only,
        (Some(_), false) => {
            let message = format!("several runs begin with `{run}`");
            return Err(StoreError::refused(message).into());
        }
        (None, _) => return Err(nothing().into()),
    };
    let run = claim(&store, &found)?;
    let (bound, past) = match bound_and_past(&store, &run) {
        Ok(found) => found,
        Err(error) => {
            // What cannot be written now is as it was.
            let _ = store.release(run.number);
            return Err(error.of_run(&run.id).into());
        }
    };
    let options = StoredSession {
        bound,
        facts: run.facts(),
        seed: run.seed,
        max_commands: run.most.map(|most| most as usize),
        folder: Some(run.folder.clone().into()),
        source_folders: run.source_folders.clone(),
    };
    let recorded = Recorded::new(store, run);
    Ok((options, Resumed { recorded, past }))
}

/// Takes a run over for this process. Where its process was killed, it waits until the commands
/// that it left behind are ended.
///
/// # Errors
///
/// Where the state directory is damaged, another process drives the run, or commands of its dead
/// process cannot be ended.
pub fn claim(
    store: &Store,
    run: &lockstep_store::StoredRun,
) -> Result<lockstep_store::StoredRun, StoreError> {
    store.examine()?;
    store.refuse_copy()?;
    folder_is_there(run)?;
    if let Some(owner) = &run.owner
        && owner.is_within_sight()
        && !owner.is_alive()
    {
        let dead = DeadRunner::new(owner.pid, &owner.start);
        dead.end_commands().map_err(|unended| {
            StoreError::refused(format!(
                "run {} was driven by {}, which was killed; {unended}",
                run.id,
                owner.shown()
            ))
        })?;
    }
    store.claim(run.number)
}

/// Looks whether the folder of the file that a run was begun with is there: its commands start in
/// it. Those of imported files may be gone: not every run needs them again.
///
/// # Errors
///
/// Where it was moved or removed.
pub fn folder_is_there(run: &lockstep_store::StoredRun) -> Result<(), StoreError> {
    let main = run.source_folders.iter().flatten().next();
    let folder = main.map_or(Path::new(&run.folder), PathBuf::as_path);
    // One that may not be looked at is left to what starts in it.
    match folder.try_exists() {
        Ok(true) | Err(_) => Ok(()),
        Ok(false) => Err(StoreError::refused(format!(
            "the commands of run {} start in `{}`, which is not there any more: move the folder \
             back, or make a link there to where it is now (`ln -s`)",
            run.id,
            folder.display()
        ))),
    }
}

/// What there is to take back of a run that has ended, by the journals of the run and of the runs
/// that have taken something of it back, before `until` where that is one of them.
///
/// # Errors
///
/// Where a journal cannot be read, or one that takes it back has not ended.
pub fn way_back(
    store: &Store,
    run: &lockstep_store::StoredRun,
    until: Option<RunNumber>,
    plan: &Arc<Plan>,
    vault: &Arc<SecretVault>,
) -> Result<WayBack, StoreError> {
    let stored = undone_runs(store, run, until)?;
    let refused = |run: &lockstep_store::StoredRun, why: &dyn std::fmt::Display| {
        StoreError::refused(why.to_string()).of_run(&run.id)
    };
    let open = |run: &lockstep_store::StoredRun| {
        let kept = vault.unsealed(run.kept.clone());
        Ok(UndoneRun {
            facts: open_facts(run.facts(), vault).map_err(|why| refused(run, &why))?,
            seed: run.seed,
            completed: kept.map_err(|why| refused(run, &why))?,
            part: run.undo_part.clone(),
        })
    };
    let runs: Result<Vec<UndoneRun>, StoreError> = stored.iter().map(open).collect();
    WayBack::of(plan, &runs?, &mut |at, machine| match stored.get(at) {
        Some(run) => replay_run(store, run, machine, vault),
        None => Ok(()),
    })
}

/// A run, and those that have taken something of it back, before `until` where that is one of them.
fn undone_runs(
    store: &Store,
    run: &lockstep_store::StoredRun,
    until: Option<RunNumber>,
) -> Result<Vec<lockstep_store::StoredRun>, StoreError> {
    let mut runs = vec![run.clone()];
    for undo in store.undos_of(run.number)? {
        if Some(undo.number) == until {
            break;
        }
        if !matches!(undo.status, lockstep_store::RunStatus::Ended(_)) {
            let message = format!("run {} is taking run {} back", undo.id, run.id);
            return Err(StoreError::refused(message));
        }
        runs.push(undo);
    }
    Ok(runs)
}

/// What a stored run takes back, where it is one that does.
///
/// # Errors
///
/// As [`way_back`].
pub fn way_back_of(
    store: &Store,
    run: &lockstep_store::StoredRun,
    plan: &Arc<Plan>,
    vault: &Arc<SecretVault>,
) -> Result<Option<WayBack>, StoreError> {
    let Some(undoes) = run.undoes else {
        return Ok(None);
    };
    let undone = store.run(undoes)?;
    let way = way_back(store, &undone, Some(run.number), plan, vault)?;
    Ok(Some(only(way, run.undo_part.as_deref())))
}

/// A part of what there is to take back, where one is named.
pub fn only(way: WayBack, part: Option<&str>) -> WayBack {
    way.only_part(part)
}

/// Lets a machine do again what a run has done.
fn replay_run(
    store: &Store,
    run: &lockstep_store::StoredRun,
    machine: &mut Machine,
    vault: &Arc<SecretVault>,
) -> Result<(), StoreError> {
    let mut redactor = EventRedactor::new(vault.clone());
    let records = store.records(run.number)?;
    let replayed = replay(machine, records, &mut redactor, |_, _, _| {});
    replayed.map_err(|error| StoreError::refused(error.to_string()).of_run(&run.id))?;
    match machine.broken() {
        Some(broken) => {
            let message =
                format!("its journal is not compatible with this version of the program: {broken}");
            Err(StoreError::refused(message).of_run(&run.id))
        }
        None => Ok(()),
    }
}

/// The real folder of each source file of a stored run.
pub fn stored_folders(run: &lockstep_store::StoredRun, program: &Program) -> Vec<PathBuf> {
    let found = run.source_folders.clone();
    found.unwrap_or_else(|| source_folders(program, Path::new(&run.folder)))
}

/// What a run was begun with, and what has happened to it: both sealed.
///
/// # Errors
///
/// Where they cannot be read, or are of another version of the program.
pub fn bound_and_past(
    store: &Store,
    run: &lockstep_store::StoredRun,
) -> Result<(BoundInputs, RecordedRun), StoreError> {
    let bound = store.bound(run)?;
    let past = RecordedRun {
        is_resumed: true,
        records: store.records(run.number)?,
        clock: run.clock,
        events: run.events,
        resumed_by: run.user.clone(),
        resumer_uid: None,
    };
    Ok((bound, past))
}

/// Tells whether an id is taken in the engine's store.
pub(crate) fn ids(
    engine: &Engine,
) -> Result<impl Fn(&Name) -> Result<bool, StoreError>, StoreError> {
    let store = match &engine.parts.store {
        Some(folder) => Store::open_existing(folder)?,
        None => None,
    };
    Ok(move |id: &Name| match &store {
        Some(store) => Ok(!store.runs(id)?.is_empty()),
        None => Ok(false),
    })
}
