//! What is known of a run of a server, in the form of one that is stored here.

use super::super::exit::Exit;
use super::super::groups::GroupMembers;
use super::super::output::Output;
use super::super::show::{
    Actor, MAX_OUTPUT_LINES, RunDetails, did_not_begin, logged, next, written,
};
use super::answers::{
    GivenAnswer, LogAnswer, PlanAnswer, QuestionAnswer, RecordsAnswer, RunAnswer,
};
use super::client::{RemoteError, RemoteServer, escaped};
use super::named::choose;
use lockstep_engine::run_event::RunEvent;
use lockstep_outline::Outline;
use lockstep_store::{RunStatus, now};
use lockstep_view::{RunHistory, RunSummary};

/// The plan of a run, as far as it is drawn; nothing where it is of another version.
pub(super) fn outline(server: &RemoteServer, run: &str) -> Option<Outline> {
    let plan = server.get::<PlanAnswer>(&format!("/runs/{}/plan", escaped(run)));
    plan.ok().map(PlanAnswer::outline)
}

/// Records behind one; it is waited so many seconds where there are none.
pub(super) fn records(
    server: &RemoteServer,
    run: &str,
    after: u64,
    wait: u64,
) -> Result<RecordsAnswer, RemoteError> {
    let run = escaped(run);
    server.get(&format!("/runs/{run}/records?after={after}&wait={wait}"))
}

/// The last lines that a command has written.
pub(super) fn last_lines(
    server: &RemoteServer,
    run: &str,
    node: &str,
) -> Result<LogAnswer, RemoteError> {
    let (run, node) = (escaped(run), escaped(node));
    server.get(&format!(
        "/runs/{run}/log?node={node}&lines={MAX_OUTPUT_LINES}"
    ))
}

/// What is known of the run that is named, or the last one.
pub(crate) fn show(
    server: &RemoteServer,
    named: Option<&str>,
    output: &mut Output,
) -> Result<RunDetails, Exit> {
    let run = choose(server, named, |_| true, "run", output)?;
    read(server, &run).map_err(|error| error.show(server, output))
}

fn read(server: &RemoteServer, run: &RunAnswer) -> Result<RunDetails, RemoteError> {
    let shown = run.shown();
    let mut history = RunHistory::default();
    let mut summary = RunSummary::new();
    let mut resumed = Vec::new();
    let (mut after, mut seq) = (0, 0);
    loop {
        let page = records(server, &run.run, after, 0)?;
        if page.records.is_empty() {
            break;
        }
        after = page.last;
        for record in page.records {
            for what in record.events {
                seq += 1;
                let at = record.at;
                let event = RunEvent { seq, at, what };
                history.take(&event);
                resumed.extend(Actor::of_resume(&event));
                if let Some(node) = logged(&event) {
                    for text in last_lines(server, &run.run, node)?.lines {
                        summary.take(&written(&event, node, &text));
                    }
                }
                summary.take(&event);
            }
        }
    }
    did_not_begin(&shown, &mut summary);
    if shown.status == RunStatus::Running {
        history.until(now().as_millisecond());
    }
    if run.undoes.is_none()
        && let Some(outline) = outline(server, &run.run)
    {
        summary.by_plan(&outline);
    }
    let questions: Vec<QuestionAnswer> = server.get("/questions")?;
    let questions = questions.iter().filter(|it| it.run == run.run);
    let questions: Vec<_> = questions.map(QuestionAnswer::asked).collect();
    let id = escaped(&run.run);
    let answers: Vec<GivenAnswer> = match server.get(&format!("/runs/{id}/answers")) {
        // One that is only being started has none.
        Err(error) if error.is_not_found() => Vec::new(),
        answers => answers?,
    };
    let words = server.words();
    Ok(RunDetails {
        next: next(&shown, &questions, &words),
        answers: answers.iter().map(|it| it.approval(&shown)).collect(),
        run: shown,
        history,
        summary,
        resumed,
        cancelled: Vec::new(),
        questions,
        plan: None,
        groups: GroupMembers::default(),
        words,
    })
}
