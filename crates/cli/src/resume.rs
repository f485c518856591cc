//! `lockstep resume`: resumes an interrupted run by its stored plan.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::Resume;
use super::exit::Exit;
use super::output::Output;
use super::run::execute::{self, OpenedSecrets, RunJob, RunRecord};
use super::{engine, remote, source_changes, state};
use lockstep_api::session::{StoredPlanError, open_facts, open_plan};
use lockstep_api::state::{bound_and_past, stored_folders, stored_queue};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_plan::{Plan, RunFacts};
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{Store, StoreError, StoreErrorKind, StoredRun};

pub(super) fn run(arguments: &Resume, output: &mut Output) -> Exit {
    match arguments.options.state.server(output) {
        Ok(Some(server)) => return remote::resume(arguments, &server, output),
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let named = arguments.run.as_deref();
    let kind = "interrupted run";
    let (store, run) = match arguments.options.state.open_run(
        named,
        |_, run| engine::can_be_resumed(run),
        kind,
        output,
    ) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let run = match engine::claim(&store, &run) {
        Ok(run) => run,
        Err(error) => return not_continued(&error, output),
    };
    match go_on(arguments, store, run, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// Goes on with a run that this process has taken over.
fn go_on(
    arguments: &Resume,
    store: Store,
    run: StoredRun,
    output: &mut Output,
) -> Result<Exit, Exit> {
    let number = run.number;
    // If this cannot be written the stored state is unchanged.
    let release = |store: &Store, exit: Exit| {
        let _ = store.release(number);
        exit
    };
    let found = bound_and_past(&store, &run).map_err(|error| error.of_run(&run.id));
    let (bound, past) = match found {
        Ok(found) => found,
        Err(error) => return Err(release(&store, not_continued(&error, output))),
    };
    let options = &arguments.options;
    let queue = stored_queue(&run, &bound);
    let mut job = RunJob {
        facts: run.facts(),
        seed: run.seed,
        max: options.max.or(run.most),
        source_folders: stored_folders(&run, &bound.program),
        home: PathBuf::from(&run.folder),
        plan: match Plan::new(bound) {
            Ok(plan) => Arc::new(plan),
            Err(_) => {
                let why = StoreError::refused(StoredPlanError::Version.to_string());
                let exit = not_continued(&why.of_run(&run.id), output);
                return Err(release(&store, exit));
            }
        },
        format: options.format,
        yes: options.yes,
        no_input: options.no_input,
        force: options.force,
        opened: None,
        goes_back: run.undoes.is_some(),
        has_place: true,
    };
    let mut record = match RunRecord::by(store, run, past) {
        Ok(record) => record,
        Err(error) => return Err(state::refuse(&error, output)),
    };
    // Its secrets are read when it has its place.
    if let Some(queue) = &queue {
        record = execute::wait(&job, queue, record, output)?;
    }
    let opened = record.open(queue.is_some(), output);
    let (record, plan, facts, secrets) = opened?;
    let record = record.resumed_by(options.starter.user());
    let goes_on = "it goes on as it was planned";
    if let Some(run) = record.run() {
        source_changes::tell(run, &plan.bound.program, goes_on, output);
    }
    (job.plan, job.facts, job.opened) = (plan, facts, Some(secrets));
    Ok(execute::run(&job, |_: &SecretVault| Ok(record), output))
}

/// What a stored run goes on with.
type OpenedRun = (Arc<Plan>, RunFacts, RecordedRun, OpenedSecrets);

/// Reads what is stored of a run, and the secrets that open it.
pub(super) fn open(store: &Store, run: &StoredRun, output: &mut Output) -> Result<OpenedRun, Exit> {
    let refuse =
        |error: StoreError, output: &mut Output| Err(not_continued(&error.of_run(&run.id), output));
    let (bound, past) = match bound_and_past(store, run) {
        Ok(found) => found,
        Err(error) => return refuse(error, output),
    };
    let folders = stored_folders(run, &bound.program);
    let secrets = execute::open_secrets(&bound, &run.facts(), &folders, output)?;
    let opened = open_plan(bound, &secrets.vault)
        .and_then(|plan| Ok((plan, open_facts(run.facts(), &secrets.vault)?)));
    let (plan, facts) = match opened {
        Ok(opened) => opened,
        Err(error) => return refuse(StoreError::refused(error.to_string()), output),
    };
    let past = RecordedRun {
        resumed_by: execute::user().into(),
        resumer_uid: Some(rustix::process::getuid().as_raw()),
        ..past
    };
    Ok((plan, facts, past, secrets))
}

/// Reports why a run is not resumed.
pub(super) fn not_continued(error: &StoreError, output: &mut Output) -> Exit {
    match error.kind {
        StoreErrorKind::Refused => {
            let message = error.message.clone();
            output.refuse(&Diagnostic::without_place(codes::NOT_CONTINUED, message))
        }
        _ => state::refuse(error, output),
    }
}
