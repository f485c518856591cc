//! `lockstep resume`: resumes an interrupted run by its stored plan.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::Resume;
use super::exit::Exit;
use super::output::Output;
use super::run::execute::{self, OpenedSecrets, RunJob, RunRecord};
use super::state;
use lockstep_api::session::{open_facts, open_plan};
use lockstep_api::state::{bound_and_past, claim, stored_folders};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_plan::{Plan, RunFacts};
use lockstep_runtime::driver::RecordedRun;
use lockstep_store::{Store, StoreError, StoreErrorKind, StoredRun};

pub(super) fn run(arguments: &Resume, output: &mut Output) -> Exit {
    let named = arguments.run.as_deref();
    let kind = "interrupted run";
    let (store, run) = match arguments.options.state.open_run(
        named,
        |_, run| state::is_unfinished(run),
        kind,
        output,
    ) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let run = match claim(&store, &run) {
        Ok(run) => run,
        Err(error) => return not_continued(&error, output),
    };
    let opened = open(&store, &run, output);
    let (plan, facts, past, secrets) = match opened {
        Ok(opened) => opened,
        Err(exit) => {
            // If this cannot be written the stored state is unchanged.
            let _ = store.release(run.number);
            return exit;
        }
    };
    let job = RunJob {
        facts,
        seed: run.seed,
        max: arguments.options.max.or(run.most),
        source_folders: stored_folders(&run, &plan.bound.program),
        home: PathBuf::from(&run.folder),
        plan,
        format: arguments.options.format,
        yes: arguments.options.yes,
        no_input: arguments.options.no_input,
        force: arguments.options.force,
        opened: Some(secrets),
    };
    execute::run(&job, |_| RunRecord::by(store, run, past), output)
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
