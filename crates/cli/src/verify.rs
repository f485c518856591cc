//! `lockstep verify`: checks the conformance of a stored run with its plan.

use std::sync::Arc;

use serde::Serialize;

use super::arguments::Verify;
use super::exit::Exit;
use super::output::Output;
use super::resume;
use super::state::{self, ListFormat};
use lockstep_api::session::StoredPlanError;
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::node_path::MASK;
use lockstep_engine::Machine;
use lockstep_engine::run_event::{RunEvent, RunEventKind};
use lockstep_plan::{BoundInputs, Plan};
use lockstep_runtime::replay::replay;
use lockstep_runtime::sealed;
use lockstep_runtime::shown_events::EventRedactor;
use lockstep_store::{Store, StoreError, StoredRun};
use lockstep_verify::conformance::{self, ConformanceReport, Violation};

/// The version of the JSON form, which changes when a field changes its meaning.
const VERSION: u32 = 1;

pub(super) fn run(arguments: &Verify, output: &mut Output) -> Exit {
    let instead = "verify a run on the machine of the server, with `--state`";
    if let Err(exit) = arguments
        .state
        .refuse_server("verify", instead, true, output)
    {
        return exit;
    }
    if let Err(exit) = arguments.state.connect(output) {
        return exit;
    }
    let named = arguments.run.as_deref();
    let (store, run) = match arguments.state.open_run(named, |_, _| true, "run", output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if run.undoes.is_some() {
        let message = format!(
            "run {} takes another run back: it does not follow a plan",
            run.id
        );
        return output.refuse(&Diagnostic::without_place(codes::NOT_CONTINUED, message));
    }
    let found = match read(&store, &run) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => open(&store, &run, output),
        Err(error) => return state::refuse(&error.of_run(&run.id), output),
    };
    let (plan, events) = match found {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let found = conformance::check(&plan, &events);
    match arguments.format {
        ListFormat::Text => text(&run, &found, output),
        ListFormat::Json => json(&run, &found, output),
    }
    match found {
        Ok(_) => Exit::Succeeded,
        Err(_) => Exit::Failed,
    }
}

/// What is compared.
type PlanAndEvents = (Arc<Plan>, Vec<RunEvent>);

/// The plan of a run, and all events that it has emitted; none where secrets are needed for that.
fn read(store: &Store, run: &StoredRun) -> Result<Option<PlanAndEvents>, StoreError> {
    let bound = store.bound(run)?;
    let events = store.published_events(run.number, 1)?;
    if !bound.program.secrets.is_empty() && (is_sealed(&bound) || events.iter().any(is_masked)) {
        return Ok(None);
    }
    let plan =
        Plan::new(bound).map_err(|_| StoreError::refused(StoredPlanError::Version.to_string()));
    Ok(Some((Arc::new(plan?), events)))
}

/// Whether what a run was begun with refers to secrets.
fn is_sealed(bound: &BoundInputs) -> bool {
    serde_json::to_string(&bound.facts).is_ok_and(|json| sealed::is_sealed(&json))
}

/// Whether a node has another path in an event than in the plan.
fn is_masked(event: &RunEvent) -> bool {
    let path = match &event.what {
        RunEventKind::NodeStarted { node, .. }
        | RunEventKind::NodeWaiting { node, .. }
        | RunEventKind::NodeOutput { node, .. }
        | RunEventKind::NodeFinished { node, .. }
        | RunEventKind::NoWayBack { node, .. }
        | RunEventKind::WindowOpen { node, .. } => node,
        RunEventKind::RunStarted { pipeline, .. } => return pipeline.contains(MASK),
        RunEventKind::RunResumed { .. } | RunEventKind::RunFinished { .. } => return false,
    };
    path.contains(MASK)
}

/// The same of a run whose nodes are called by secrets: the journal says what was told, and must
/// be what is stored.
fn open(store: &Store, run: &StoredRun, output: &mut Output) -> Result<PlanAndEvents, Exit> {
    let (plan, facts, past, secrets) = resume::open(store, run, output)?;
    let machine = Machine::new(plan.clone(), facts, run.seed);
    let mut redactor = EventRedactor::new(secrets.vault.clone());
    let mut events = Vec::new();
    let hear = |at, what, _| {
        let seq = events.len() as u64 + 1;
        events.push(RunEvent { seq, at, what });
    };
    let kept = secrets.vault.unsealed(run.kept.clone());
    let kept = kept.map_err(|error| StoreError::refused(error.to_string()));
    let replayed = kept.and_then(|kept| {
        let mut machine = machine.with_completed_work(kept);
        Ok(replay(&mut machine, past.records, &mut redactor, hear)?)
    });
    match replayed {
        Ok(_) => Ok((plan, events)),
        Err(error) => Err(state::refuse(&error.of_run(&run.id), output)),
    }
}

fn text(run: &StoredRun, found: &Result<ConformanceReport, Vec<Violation>>, output: &mut Output) {
    let style = output.stdout_style();
    let mut text = String::new();
    match found {
        Ok(report) => {
            let mark = if style.unicode { "✓" } else { "ok" };
            let so_far = if report.ended { "" } else { " so far" };
            text += &format!(
                "{} run {} conforms to its plan{so_far}: {} nodes, {} events\n",
                style.paint(Ink::Good, mark),
                run.id,
                report.nodes,
                report.events
            );
        }
        Err(violations) => {
            let mark = if style.unicode { "✗" } else { "FAIL" };
            let mark = style.paint(Ink::Error, mark);
            text += &format!("{mark} run {} does not conform to its plan\n\n", run.id);
            for violation in violations {
                let said = clean(&violation.to_string());
                text += &format!("  event {:>4}  {said}\n", violation.event);
            }
            text += "\nEither its journal was changed, or this is a bug in lockstep: please \
                     report it.\n";
        }
    }
    output.print(&text);
}

#[derive(Serialize)]
struct VerifyReportJson<'a> {
    version: u32,
    run: &'a str,
    kept: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    violations: Vec<ViolationJson<'a>>,
}

#[derive(Serialize)]
struct ViolationJson<'a> {
    event: u64,
    node: &'a str,
    what: &'a str,
}

fn json(run: &StoredRun, found: &Result<ConformanceReport, Vec<Violation>>, output: &mut Output) {
    let report = found.as_ref().ok();
    let violations = found.as_ref().err().into_iter().flatten();
    let json = VerifyReportJson {
        version: VERSION,
        run: &run.id,
        kept: report.is_some(),
        ended: report.map(|report| report.ended),
        nodes: report.map(|report| report.nodes),
        events: report.map(|report| report.events),
        violations: violations
            .map(|violation| ViolationJson {
                event: violation.event,
                node: &violation.node,
                what: &violation.what,
            })
            .collect(),
    };
    state::print_json(&json, output);
}
