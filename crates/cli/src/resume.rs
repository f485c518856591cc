//! `lockstep resume`: resumes an interrupted run by its stored plan.

use std::path::PathBuf;

use super::arguments::Resume;
use super::exit::Exit;
use super::output::Output;
use super::run::execute::{self, RunJob, RunRecord};
use super::state;
use lockstep_api::state::{claim, plan_and_past, stored_folders};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_runtime::driver::RecordedRun;
use lockstep_store::{StoreError, StoreErrorKind};

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
    let (plan, past) = match plan_and_past(&store, &run) {
        Ok((plan, past)) => {
            let resumed_by = execute::user().into();
            let resumer_uid = Some(rustix::process::getuid().as_raw());
            let past = RecordedRun {
                resumed_by,
                resumer_uid,
                ..past
            };
            (plan, past)
        }
        Err(error) => {
            // If this cannot be written the stored state is unchanged.
            let _ = store.release(run.number);
            return not_continued(&error.of_run(&run.id), output);
        }
    };
    let job = RunJob {
        facts: run.facts(),
        seed: run.seed,
        max: arguments.options.max.or(run.most),
        source_folders: stored_folders(&run, &plan),
        home: PathBuf::from(&run.folder),
        plan,
        format: arguments.options.format,
        yes: arguments.options.yes,
        no_input: arguments.options.no_input,
        force: arguments.options.force,
    };
    execute::run(&job, || RunRecord::by(store, run, past), output)
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
