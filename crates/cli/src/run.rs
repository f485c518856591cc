//! `lockstep run`: starts a run of a pipeline.

mod ask;
pub(super) mod execute;
mod host;
mod signals;

use std::sync::Arc;

use super::arguments::Run;
use super::exit::Exit;
use super::output::Output;
use super::{prepare, state, unclear};
use execute::{RunJob, RunRecord};
use lockstep_api::session::source_folders;
use lockstep_api::state::{file, inputs};
use lockstep_base::source::Name;
use lockstep_plan::RunFacts;
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::run_id;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{NewRun, RunNumber, Store, StoreError};

pub(super) fn run(arguments: &Run, output: &mut Output) -> Exit {
    let plan = match prepare::prepare(&arguments.target, output) {
        Ok(plan) => Arc::new(plan),
        Err(exit) => return exit,
    };
    let store = match arguments.no_journal {
        true => None,
        false => {
            let folder = arguments.options.state.default_for(&file(&plan));
            let opened = match arguments.shared_group {
                true => Store::open_shared(&folder),
                false => Store::open(&folder),
            };
            match opened {
                Ok(store) => Some(store),
                Err(error) => return state::refuse(&error, output),
            }
        }
    };
    if let Some(store) = &store
        && let Err(exit) = unclear::check(store, &plan, arguments.options.force, output)
    {
        return exit;
    }
    let home = std::env::current_dir().unwrap_or_default();
    let job = RunJob {
        facts: facts(store.as_ref()),
        seed: execute::chance(),
        max: arguments.options.max,
        source_folders: source_folders(&plan.bound.program, &home),
        home,
        plan,
        format: arguments.options.format,
        yes: arguments.options.yes,
        no_input: arguments.options.no_input,
        force: arguments.options.force,
        opened: None,
    };
    let begin = |vault: &SecretVault| match store {
        None => Ok(RunRecord::nothing()),
        Some(store) => {
            let run = begin(&store, &job, vault, None)?;
            RunRecord::by(store, run, RecordedRun::default())
        }
    };
    execute::run(&job, begin, output)
}

/// Stores a run that starts now.
pub(super) fn begin(
    store: &Store,
    job: &RunJob,
    vault: &SecretVault,
    parent: Option<(RunNumber, lockstep_engine::CompletedWork)>,
) -> Result<lockstep_store::StoredRun, StoreError> {
    let folder = std::env::current_dir().unwrap_or_default();
    store.begin(&NewRun {
        bound: &job.plan.bound,
        vault,
        facts: job.facts.clone(),
        inputs: inputs(&job.plan),
        file: &file(&job.plan),
        folder: &folder.to_string_lossy(),
        source_folders: &job.source_folders,
        seed: job.seed,
        most: job.max,
        parent,
    })
}

/// The facts of a run that starts now; its id is unique in the state directory.
pub(super) fn facts(store: Option<&Store>) -> RunFacts {
    let id = || run_id::from_number(execute::chance());
    let taken = |id: &str| store.is_some_and(|store| store.runs(id).is_ok_and(|it| !it.is_empty()));
    let mut new = id();
    while taken(&new) {
        new = id();
    }
    RunFacts::new(new, Name::from(execute::user()), lockstep_store::now())
}
