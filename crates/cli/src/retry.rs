//! `lockstep retry`: runs again what failed or never started, as a new run of the same plan.

use std::sync::Arc;

use indexmap::IndexMap;

use super::arguments::{Retry, RunFormat};
use super::exit::Exit;
use super::output::Output;
use super::run::execute::{self, RunJob, RunRecord};
use super::run::{begin, facts};
use super::{prompt, resume, unclear};
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::{NodePath, ancestors};
use lockstep_engine::run_event::{NodeKind, RunEventKind, Status};
use lockstep_engine::{CompletedWork as Done, Machine};
use lockstep_plan::Plan;
use lockstep_runtime::driver::RecordedRun;
use lockstep_runtime::replay::replay;
use lockstep_store::{RunStatus, Store, StoreError, StoredRun};
use lockstep_view::{Style, path};

/// More than so many are counted, not listed.
const MAX_LISTED: usize = 40;

pub(super) fn run(arguments: &Retry, output: &mut Output) -> Exit {
    let named = arguments.run.as_deref();
    let (store, run) = match arguments
        .options
        .state
        .open_run(named, |_, _| true, "run", output)
    {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (plan, done, again) = match replay_history(&store, &run) {
        Ok(found) => found,
        Err(error) => return resume::not_continued(&error, output),
    };
    if arguments.options.format != RunFormat::Json {
        show(&run, &done, &again, output);
    }
    let options = &arguments.options;
    if !options.yes && !options.no_input && !arguments.start {
        if !prompt::is_possible() || arguments.options.format == RunFormat::Json {
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
    let facts = facts(Some(&store));
    let seed = execute::chance();
    let most = arguments.options.max.or(run.most);
    let source_folders = lockstep_api::state::stored_folders(&run, &plan);
    let job = RunJob {
        plan: plan.clone(),
        facts: facts.clone(),
        seed,
        max: most,
        home: run.folder.clone().into(),
        source_folders: source_folders.clone(),
        format: arguments.options.format,
        // Where both are given, `--yes` confirms the retry alone.
        yes: options.yes && !options.no_input,
        no_input: options.no_input,
        force: options.force,
    };
    let begin = || {
        let parent = Some((run.number, done));
        let new = begin(&store, &plan, &source_folders, facts, seed, most, parent)?;
        RunRecord::by(store, new, RecordedRun::default())
    };
    execute::run(&job, begin, output)
}

/// The plan of a run that has ended badly, its completed work, and what is to be run again.
fn replay_history(
    store: &Store,
    run: &StoredRun,
) -> Result<(Arc<Plan>, Done, RetrySummary), StoreError> {
    let id = &run.id;
    let refused = |why: &str| Err(StoreError::refused(format!("run {id} {why}")));
    match run.status {
        RunStatus::Ended(Status::Succeeded) => {
            return refused("succeeded: there is nothing to retry");
        }
        RunStatus::Stopped => {
            let state = super::state::words(store.folder());
            return refused(&format!(
                "has not ended: continue it with `lockstep resume {id}{state}`"
            ));
        }
        RunStatus::Running => return refused("is still running"),
        RunStatus::Ended(_) => {}
    }
    let of_run = |error: StoreError| error.of_run(id);
    let (plan, past) = lockstep_api::state::plan_and_past(store, run).map_err(of_run)?;
    let machine = Machine::new(plan.clone(), run.facts(), run.seed);
    let mut machine = machine
        .with_completed_work(run.kept.clone())
        .recording_work();
    let mut again = RetrySummary::default();
    replay(&mut machine, past.records, |_, what| again.observe(what))
        .map_err(|error| of_run(error.into()))?;
    if let Some(broken) = machine.broken() {
        let said = format!(
            "its journal is not compatible with this version of the program: \
                            {broken}"
        );
        return Err(of_run(StoreError::refused(said)));
    }
    let done = machine.completed_work_of_run();
    again.0.retain(|node, _| !done.contains_key(node));
    Ok((plan, done, again))
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
