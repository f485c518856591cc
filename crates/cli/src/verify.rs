//! `lockstep verify`: checks the conformance of a stored run with its plan.

use std::sync::Arc;

use serde::Serialize;

use super::arguments::Verify;
use super::exit::Exit;
use super::output::Output;
use super::state::{self, ListFormat};
use lockstep_base::diagnostic::render::{Ink, clean};
use lockstep_engine::run_event::RunEvent;
use lockstep_plan::Plan;
use lockstep_store::{Store, StoreError, StoredRun};
use lockstep_verify::conformance::{self, ConformanceReport, Violation};

/// The version of the JSON form, which changes when a field changes its meaning.
const VERSION: u32 = 1;

pub(super) fn run(arguments: &Verify, output: &mut Output) -> Exit {
    let named = arguments.run.as_deref();
    let (store, run) = match arguments.state.open_run(named, |_, _| true, "run", output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let (plan, events) = match read(&store, &run) {
        Ok(found) => found,
        Err(error) => return state::refuse(&error.of_run(&run.id), output),
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

/// The plan of a run, and all events that it has emitted.
fn read(store: &Store, run: &StoredRun) -> Result<(Arc<Plan>, Vec<RunEvent>), StoreError> {
    let plan = Plan::new(store.bound(run)?).map_err(|_| {
        StoreError::refused(
            "its plan is not compatible with this version of the \
            program",
        )
    })?;
    Ok((Arc::new(plan), store.published_events(run.number, 1)?))
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
