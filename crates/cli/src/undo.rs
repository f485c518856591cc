//! `lockstep undo`: takes back what a finished run deployed, as a new run.

use super::arguments::Undo;
use super::exit::Exit;
use super::output::Output;
use super::run::execute::{self, RunJob, RunRecord};
use super::run::{RunOrigin, begin, facts};
use super::{engine, prompt, remote, resume, state};
use lockstep_api::state::{only, stored_folders, way_back};
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_engine::way_back::WayBack;
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::secrets::SecretVault;
use lockstep_store::{RunStatus, Store, StoreError, StoredRun};
use lockstep_view::{Style, path};

/// More than so many are counted, not listed.
const MAX_LISTED: usize = 40;

pub(super) fn run(arguments: &Undo, output: &mut Output) -> Exit {
    match arguments.options.state.server(output) {
        Ok(Some(server)) => return remote::undo(arguments, &server, output),
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let options = &arguments.options;
    let (named, part) = state::run_and_path(&arguments.run, &arguments.path);
    let is_deployed = |_: &Store, run: &StoredRun| run.undoes.is_none();
    let (store, run) = match options.state.open_run(named, is_deployed, "run", output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Err(error) = check_status(&store, &run).and_then(|()| engine::folder_is_there(&run)) {
        return resume::not_continued(&error, output);
    }
    let (plan, _, _, secrets) = match resume::open(&store, &run, output) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let way = match way_back(&store, &run, None, &plan, &secrets.vault) {
        Ok(way) => only(way, part),
        Err(error) => return resume::not_continued(&error, output),
    };
    if way.is_empty() {
        return output.refuse(&nothing_to_undo(&run, part));
    }
    if options.format.is_for_people() {
        show(&run, &way, output);
    }
    if !options.yes {
        if !prompt::is_possible() || !options.format.is_for_people() {
            let message = "there is no terminal on which to confirm this undo";
            let mistake = Diagnostic::without_place(codes::NOT_CONTINUED, message);
            return output.refuse(&mistake.help("`--yes` starts it"));
        }
        if !prompt::confirm("Take this back?", output) {
            return Exit::Cancelled;
        }
    }
    let job = RunJob {
        source_folders: stored_folders(&run, &plan.bound.program),
        plan,
        facts: facts(Some(&store), options.max.or(run.most), &options.starter),
        seed: execute::chance(),
        max: options.max.or(run.most),
        home: run.folder.clone().into(),
        format: options.format,
        yes: false,
        no_input: true,
        force: options.force,
        opened: Some(secrets),
        goes_back: true,
        has_place: false,
    };
    let begin = |vault: &SecretVault| {
        let origin = RunOrigin {
            undoes: Some((run.number, part)),
            ..RunOrigin::default()
        };
        let new = begin(&store, &job, vault, origin)?;
        let record = RunRecord::by(store, new, RecordedRun::default())?;
        Ok(record.going_back(Some(way)))
    };
    execute::run(&job, begin, output)
}

/// Whether a run can be taken back: it has ended, and nothing else takes it back just now.
fn check_status(store: &Store, run: &StoredRun) -> Result<(), StoreError> {
    let id = &run.id;
    let state = state::words(store.folder());
    let refused = |why: String| Err(StoreError::refused(format!("run {id} {why}")));
    if let Some(undoes) = run.undoes {
        let undone = store.run(undoes)?.id;
        return refused(format!(
            "takes run {undone} back: to deploy again, run its pipeline again"
        ));
    }
    match run.status {
        RunStatus::Stopped => refused(format!(
            "has not ended: continue it with `lockstep resume {id}{state}`"
        )),
        RunStatus::Running => refused(String::from("is still running")),
        RunStatus::Ended(_) => {
            let mut undos = store.undos_of(run.number)?.into_iter();
            let open = undos.find(|undo| !matches!(undo.status, RunStatus::Ended(_)));
            match open {
                Some(undo) if undo.status == RunStatus::Stopped => refused(format!(
                    "is half taken back by run {0}: go on with `lockstep resume {0}{state}`",
                    undo.id
                )),
                Some(undo) => refused(format!("is being taken back by run {}", undo.id)),
                None => Ok(()),
            }
        }
    }
}

fn nothing_to_undo(run: &StoredRun, part: Option<&str>) -> Diagnostic {
    let message = match part {
        Some(part) => format!("run {} has nothing to take back at `{part}`", run.id),
        None => format!("there is nothing to take back of run {}", run.id),
    };
    let help = "only steps with an `undo` that are not undone yet can be taken back";
    Diagnostic::without_place(codes::NOT_CONTINUED, message).help(help)
}

/// Shows what is taken back.
fn show(run: &StoredRun, way: &WayBack, output: &mut Output) {
    let style = output.stdout_style();
    let plain = Style {
        unicode: style.unicode,
        ..Style::default()
    };
    let deployments = way.deployments();
    let in_deployment = |step: &str| {
        let mut above = lockstep_base::node_path::ancestors(step);
        above.any(|above| deployments.keys().any(|node| **node == *above))
    };
    let mut lines: Vec<String> = (deployments.iter())
        .map(|(node, _)| clean(&path::label(node, plain)).to_string())
        .collect();
    for step in way.steps() {
        if !in_deployment(&step) {
            lines.push(clean(&path::label(&step, plain)).to_string());
        }
    }
    let mut text = format!(
        "Run {} {}. This is taken back, the last first:\n",
        run.id,
        run.status.as_str().replace('-', " ")
    );
    for line in lines.iter().take(MAX_LISTED) {
        text.push_str(&format!("  {}\n", style.paint(Ink::Bold, line)));
    }
    if lines.len() > MAX_LISTED {
        text.push_str(&format!("  and {} more\n", lines.len() - MAX_LISTED));
    }
    text.push('\n');
    output.print(&text);
}
