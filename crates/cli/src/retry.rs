//! `lockstep retry`: runs again what failed or never started, as a new run of the same plan.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::arguments::Retry;
use super::exit::Exit;
use super::output::Output;
use super::run::execute::{self, RunJob, RunRecord};
use super::run::{RunOrigin, begin, facts};
use super::state::StateArgument;
use super::{engine, prepare, prompt, remote, resume, source_changes, unclear};
use lockstep_api::session::source_folders;
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::{NodePath, ancestors};
use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_engine::{CompletedWork as Done, Machine};
use lockstep_lang::ir::Program;
use lockstep_plan::{InputValue, Plan, RunFacts, RunRequest};
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::replay::replay;
use lockstep_runtime::secrets::SecretVault;
use lockstep_runtime::shown_events::EventRedactor;
use lockstep_store::{RunStatus, Store, StoreError, StoredRun};
use lockstep_view::{Style, path};

/// More than so many are counted, not listed.
const MAX_LISTED: usize = 40;

pub(super) fn run(arguments: &Retry, output: &mut Output) -> Exit {
    match arguments.options.state.server(output) {
        Ok(Some(server)) => return remote::retry(arguments, &server, output),
        Ok(None) => {}
        Err(exit) => return exit,
    }
    let named = arguments.run.as_deref();
    let (store, run) = match arguments
        .options
        .state
        .open_run(named, |_, _| true, "run", output)
    {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if let Err(error) = check_status(&store, &run).and_then(|()| engine::folder_is_there(&run)) {
        return resume::not_continued(&error, output);
    }
    let (plan, was, past, secrets) = match resume::open(&store, &run, output) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let (done, again) = match replay_history(&run, &plan, was, past, &secrets.vault) {
        Ok(found) => found,
        Err(error) => return resume::not_continued(&error.of_run(&run.id), output),
    };
    let was = &plan.bound.program.clone();
    let (plan, secrets) = match arguments.current {
        true => match current(&run, was, &arguments.options.state, output) {
            Ok(plan) => (Arc::new(plan), None),
            Err(exit) => return exit,
        },
        false => {
            let meaning = "it is retried as it was; `--current` uses it as it is now";
            source_changes::tell(&run, was, meaning, output);
            (plan, Some(secrets))
        }
    };
    let options = &arguments.options;
    if options.format.is_for_people() {
        show(&run, &done, &again, output);
    }
    if !options.yes && !options.no_input && !arguments.start {
        if !prompt::is_possible() || !options.format.is_for_people() {
            let message = "there is no terminal on which to confirm this retry";
            let mistake = Diagnostic::without_place(codes::NOT_CONTINUED, message);
            let help = "`--start` starts it and leaves approvals to `lockstep approve`, \
                        `--no-input` refuses them, `--yes` gives them all";
            return output.refuse(&mistake.help(help));
        }
        if !prompt::confirm("Run this again?", output) {
            return Exit::Cancelled;
        }
    }
    if let Err(exit) = unclear::check(&store, &plan, options.force, output) {
        return exit;
    }
    let source_folders = match arguments.current {
        true => source_folders(&plan.bound.program, Path::new(&run.folder)),
        false => lockstep_api::state::stored_folders(&run, &plan.bound.program),
    };
    let job = RunJob {
        plan,
        facts: facts(Some(&store), options.max.or(run.most), &options.starter),
        seed: execute::chance(),
        max: arguments.options.max.or(run.most),
        home: run.folder.clone().into(),
        source_folders,
        format: arguments.options.format,
        // Where both are given, `--yes` confirms the retry alone.
        yes: options.yes && !options.no_input,
        no_input: options.no_input,
        force: options.force,
        opened: secrets,
        goes_back: false,
        has_place: false,
    };
    let begin = |vault: &SecretVault| {
        let origin = RunOrigin {
            parent: Some((run.number, done)),
            ..RunOrigin::default()
        };
        let new = begin(&store, &job, vault, origin)?;
        RunRecord::by(store, new, RecordedRun::default())
    };
    execute::run(&job, begin, output)
}

/// What a run has done, with the values that came of it.
pub(super) fn completed_work(
    named: &str,
    state: &StateArgument,
    output: &mut Output,
) -> Result<Done, Exit> {
    let (store, run) = state.open_run(Some(named), |_, _| true, "run", output)?;
    let (plan, was, past, secrets) = resume::open(&store, &run, output)?;
    let found = replay_history(&run, &plan, was, past, &secrets.vault);
    found
        .map(|(done, _)| done)
        .map_err(|error| resume::not_continued(&error.of_run(&run.id), output))
}

/// The plan of a run's file as it is now, with the inputs that the run had.
fn current(
    run: &StoredRun,
    was: &Program,
    state: &StateArgument,
    output: &mut Output,
) -> Result<Plan, Exit> {
    let inputs = run.inputs.as_object().into_iter().flatten();
    let inputs = inputs.map(|(name, value)| (name.clone(), InputValue::Json(value.clone())));
    let asked = RunRequest {
        pipeline: Some(run.pipeline.to_string()),
        inputs: inputs.collect(),
        ..RunRequest::default()
    };
    let file = Path::new(&run.folder).join(&run.file);
    let here = std::env::current_dir().unwrap_or_default();
    let file = file.strip_prefix(here).unwrap_or(&file);
    let file = file.display().to_string();
    let plan = prepare::prepare_request(Some(&file), asked, state, None, output)?.plan;
    // What was done may hold a secret, which only those who read the same ones can keep.
    let now = &plan.bound.program.secrets;
    let gone = was
        .secrets
        .iter()
        .find(|secret| !now.iter().any(|it| it.name == secret.name));
    match gone {
        Some(secret) => {
            let message = format!(
                "the file has no secret `{}` any more, which run {} had",
                secret.name, run.id
            );
            Err(output.refuse(&Diagnostic::without_place(codes::NOT_CONTINUED, message)))
        }
        None => Ok(plan),
    }
}

/// Whether a run can be retried: it has ended badly.
fn check_status(store: &Store, run: &StoredRun) -> Result<(), StoreError> {
    let id = &run.id;
    let refused = |why: &str| Err(StoreError::refused(format!("run {id} {why}")));
    if run.undoes.is_some() {
        return refused("takes another run back: `lockstep undo` of that one does the rest");
    }
    if let Some(undo) = store.undos_of(run.number)?.last() {
        // What it has done is not done any more.
        return refused(&format!(
            "has been taken back by run {}: run it anew",
            undo.id
        ));
    }
    match run.status {
        RunStatus::Ended(Status::Succeeded) => refused("succeeded: there is nothing to retry"),
        RunStatus::Stopped => {
            let state = super::state::words(store.folder());
            refused(&format!(
                "has not ended: continue it with `lockstep resume {id}{state}`"
            ))
        }
        RunStatus::Running => refused("is still running"),
        RunStatus::Ended(_) => Ok(()),
    }
}

/// The completed work of a run that has ended badly, and what is to be run again.
fn replay_history(
    run: &StoredRun,
    plan: &Arc<Plan>,
    was: RunFacts,
    past: RecordedRun,
    vault: &Arc<SecretVault>,
) -> Result<(Done, RetrySummary), StoreError> {
    let refused = |why: &dyn std::fmt::Display| StoreError::refused(why.to_string());
    let kept = vault.unsealed(run.kept.clone());
    let machine = Machine::new(plan.clone(), was, run.seed);
    let mut machine = machine
        .with_completed_work(kept.map_err(|error| refused(&error))?)
        .recording_work();
    let mut redactor = EventRedactor::new(vault.clone());
    let mut again = RetrySummary::default();
    replay(&mut machine, past.records, &mut redactor, |_, what, _| {
        again.observe(what)
    })?;
    if let Some(broken) = machine.broken() {
        let said = format!(
            "its journal is not compatible with this version of the program: \
                            {broken}"
        );
        return Err(StoreError::refused(said));
    }
    let done = machine.completed_work_of_run();
    again.0.retain(|node, _| !done.contains_key(node));
    Ok((done, again))
}

/// The status of the deployments and steps that did not end well.
#[derive(Default)]
struct RetrySummary(IndexMap<NodePath, Status>);

impl RetrySummary {
    fn observe(&mut self, what: RunEventKind) {
        let RunEventKind::NodeFinished {
            node, kind, status, ..
        } = what
        else {
            return;
        };
        let is_unit = matches!(kind, NodeKind::Deploy | NodeKind::Step | NodeKind::Run);
        if !is_unit {
            return;
        }
        // Steps that never started are not listed one by one.
        if status.is_good() || (kind == NodeKind::Run && status == Status::Skipped) {
            self.0.shift_remove(&node);
        } else {
            self.0.insert(node, status);
        }
    }
}

/// Shows what will be run again, and how much will not.
fn show(run: &StoredRun, done: &Done, again: &RetrySummary, output: &mut Output) {
    let style = output.stdout_style();
    let plain = Style {
        unicode: style.unicode,
        ..Style::default()
    };
    let outermost = |node: &&NodePath| {
        let mut above = ancestors(node);
        !above.any(|above| above != &***node && again.0.contains_key(above))
    };
    let nodes: Vec<&NodePath> = again.0.keys().filter(outermost).collect();
    let label = |node: &str| clean(&path::label(node, plain)).to_string();
    let mut labels: Vec<String> = nodes.iter().map(|node| label(node)).collect();
    let alike = |label: &String| labels.iter().filter(|other| *other == label).count() > 1;
    let alike: Vec<bool> = labels.iter().map(alike).collect();
    for ((label, node), alike) in labels.iter_mut().zip(&nodes).zip(alike) {
        if let (true, Some((_, inside))) = (alike, node.split_once('/')) {
            *label = clean(inside).to_string();
        }
    }
    let width = labels.iter().map(|label| label.chars().count()).max();
    let mut text = format!(
        "Run {} {}. The retry runs this again, beside steps that never started:\n",
        run.id,
        run.status.as_str().replace('-', " ")
    );
    for (node, label) in nodes.iter().zip(&labels).take(MAX_LISTED) {
        let pad = width.unwrap_or(0).saturating_sub(label.chars().count());
        let status = match again.0.get(*node) {
            None => "",
            Some(Status::Skipped) => "not started",
            Some(status) => status.as_str(),
        };
        let status = style.paint(Ink::Dim, &status.replace('-', " "));
        text.push_str(&format!("  {label}{}  {status}\n", " ".repeat(pad)));
    }
    match nodes.len() {
        0 => text.push_str("  nothing that has a name\n"),
        more if more > MAX_LISTED => text.push_str(&format!("  and {} more\n", more - MAX_LISTED)),
        _ => {}
    }
    let kept = match done.len() {
        0 => String::from("Nothing that was done before is reused."),
        1 => String::from("1 thing that was done before is not run again."),
        more => format!("{more} things that were done before are not run again."),
    };
    text.push_str(&format!("{kept}\n\n"));
    output.print(&text);
}
