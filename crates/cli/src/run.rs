//! `lockstep run`: starts a run of a pipeline.

mod ask;
pub(super) mod execute;
mod host;
mod queue;
pub(super) mod signals;

use std::sync::Arc;

use super::arguments::{Run, RunStarter};
use super::exit::Exit;
use super::output::Output;
use super::plan_file::{self, PlanFile};
use super::{engine, prepare, remote, retry, state, unclear};
use execute::{RunJob, RunRecord};
use lockstep_api::session::source_folders;
use lockstep_api::state::{file, inputs};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use lockstep_engine::CompletedWork;
use lockstep_plan::{BoundInputs, PipelinePart, Plan, RunFacts};
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::run_id;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{NewRun, RunNumber, Store, StoreError};

pub(super) fn run(arguments: &Run, output: &mut Output) -> Exit {
    match arguments.options.state.server(output) {
        Ok(Some(server)) => return remote::run(arguments, &server, output),
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let plan = match &arguments.plan {
        Some(path) => planned(path, arguments, output),
        None => prepare::prepare(&arguments.target, &arguments.options.state, output),
    };
    let plan = match plan.and_then(|plan| part(plan, arguments, output)) {
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
        facts: facts(
            store.as_ref(),
            arguments.options.max,
            &arguments.options.starter,
        )
        .with_outside_window(arguments.outside_window.as_deref().map(Name::from)),
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
        goes_back: false,
        has_place: false,
    };
    let begin = |vault: &SecretVault| match store {
        None => Ok(RunRecord::nothing()),
        Some(store) => {
            let run = begin(&store, &job, vault, RunOrigin::default())?;
            RunRecord::by(store, run, RecordedRun::default())
        }
    };
    execute::run(&job, begin, output)
}

/// The part of a plan that is asked for.
fn part(plan: Plan, arguments: &Run, output: &mut Output) -> Result<Plan, Exit> {
    let part = match (&arguments.only, &arguments.from) {
        (Some(path), _) => PipelinePart::only(path),
        (None, Some(path)) => PipelinePart::from(path),
        (None, None) => return Ok(plan),
    };
    let state = &arguments.options.state;
    let done = match &arguments.values_of {
        Some(run) => retry::completed_work(run, state, output)?,
        None => CompletedWork::default(),
    };
    let lent = |node: &NodePath| done.get(node).map(|done| done.value.clone());
    let sources = plan.bound.program.sources.clone();
    let cut = lockstep_verify::proved_part(&plan, &part, &lent);
    cut.map_err(|mistakes| prepare::show(&mistakes, &sources, output))
}

/// The plan in a file, if nothing of it has changed.
fn planned(path: &str, arguments: &Run, output: &mut Output) -> Result<Plan, Exit> {
    let written = PlanFile::read(path, output)?;
    let (file, pipeline) = arguments.target.names();
    let mut asked = prepare::read_inputs(&arguments.target, pipeline, output)?;
    written.complete(&mut asked);
    let file = file.unwrap_or(&written.file);
    let state = &arguments.options.state;
    let plan = prepare::prepare_request(Some(file), asked, state, None, output)?.plan;
    let differences = written.differences(&plan);
    if !differences.is_empty() {
        return Err(plan_file::refuse(path, &differences, output));
    }
    // What depends on the time of planning is as it was then.
    let bound = BoundInputs {
        facts: Arc::new(written.facts(&plan)),
        ..plan.bound
    };
    lockstep_verify::proved(bound)
        .map_err(|mistakes| prepare::show(&mistakes, &Default::default(), output))
}

/// The run that a new run goes on from, if there is one.
#[derive(Default)]
pub(super) struct RunOrigin<'a> {
    /// The run that it retries, and the completed work of that one.
    pub(super) parent: Option<(RunNumber, CompletedWork)>,
    /// The run that it takes back, and the part of it, if not all.
    pub(super) undoes: Option<(RunNumber, Option<&'a str>)>,
}

/// Stores a run that starts now.
pub(super) fn begin(
    store: &Store,
    job: &RunJob,
    vault: &SecretVault,
    origin: RunOrigin<'_>,
) -> Result<lockstep_store::StoredRun, StoreError> {
    engine::mark(store)?;
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
        parent: origin.parent,
        undoes: origin.undoes,
    })
}

/// The facts of a run that starts now, with at most so many commands at once where that was asked
/// for; its id is unique in the state directory.
pub(super) fn facts(
    store: Option<&Store>,
    max_commands: Option<u32>,
    starter: &RunStarter,
) -> RunFacts {
    let id = || run_id::from_number(execute::chance());
    let taken = |id: &str| store.is_some_and(|store| store.runs(id).is_ok_and(|it| !it.is_empty()));
    let new = match &starter.run_id {
        // One that is taken is refused by the store.
        Some(id) => Name::from(id.as_str()),
        None => {
            let mut new = id();
            while taken(&new) {
                new = id();
            }
            new
        }
    };
    let user = Name::from(starter.user());
    RunFacts::new(new, user, lockstep_store::now())
        .with_max_commands(max_commands)
        .with_denied(starter.run_denied.clone().unwrap_or_default())
}
