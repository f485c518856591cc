//! The open questions of the runs of a server, and answers to them.

use std::time::Duration;

use serde_json::json;

use super::super::approve::{OpenQuestion, select, too_late, unfit};
use super::super::exit::Exit;
use super::super::output::Output;
use super::answers::{GivenAnswer, QuestionAnswer, RunAnswer};
use super::cancel::settles;
use super::client::{RemoteError, RemoteServer, escaped};
use super::named::choose;
use lockstep_engine::{Answer, ApprovalRequest, Question};

/// A run takes an answer in within this time, if nothing hinders it.
const MAX_HEED_WAIT: Duration = Duration::from_secs(10);

/// An answer that is to be given.
pub(crate) struct ApproveRequest<'a> {
    pub(crate) named: Option<&'a str>,
    pub(crate) path: Option<&'a str>,
    pub(crate) answer: &'a Answer,
    pub(crate) comment: Option<&'a str>,
}

/// An answer that was given.
pub(crate) struct RemoteApproval {
    pub(crate) run: String,
    pub(crate) node: String,
    pub(crate) by: String,
    /// Whether the run is stopped, and hears the answer later.
    pub(crate) is_stopped: bool,
    /// Whether the run has taken it in.
    pub(crate) is_heeded: bool,
    /// The question, where more people have to answer it.
    pub(crate) open: Option<Box<ApprovalRequest>>,
}

fn questions(server: &RemoteServer) -> Result<Vec<QuestionAnswer>, RemoteError> {
    server.get("/questions")
}

/// The open questions of the runs whose ids begin with a prefix.
pub(crate) fn open_questions(
    server: &RemoteServer,
    prefix: &str,
    output: &mut Output,
) -> Result<Vec<OpenQuestion>, Exit> {
    let all = questions(server).map_err(|error| error.show(server, output))?;
    let all = all.iter().filter(|it| it.run.starts_with(prefix));
    let open = all.map(|it| OpenQuestion {
        run: it.run.as_str().into(),
        is_stopped: it.is_stopped,
        asked: it.asked(),
    });
    Ok(open.collect())
}

/// Answers a question, and waits a little until the run has taken that in.
pub(crate) fn approve(
    server: &RemoteServer,
    request: &ApproveRequest<'_>,
    output: &mut Output,
) -> Result<RemoteApproval, Exit> {
    let all = questions(server).map_err(|error| error.show(server, output))?;
    let asks = |run: &RunAnswer| all.iter().any(|it| it.run == run.run);
    let kind = "run with an open question";
    let run = choose(server, request.named, asks, kind, output)?;
    let of_run: Vec<&QuestionAnswer> = all.iter().filter(|it| it.run == run.run).collect();
    let given = || -> Result<Vec<GivenAnswer>, RemoteError> {
        server.get(&format!("/runs/{}/answers", escaped(&run.run)))
    };
    let last = match of_run.is_empty() {
        true => given().map_err(|error| error.show(server, output))?.pop(),
        false => None,
    };
    let last = last.map(|it| it.approval(&run.shown()));
    let is_stopped = of_run.iter().any(|it| it.is_stopped);
    let of_run = of_run.into_iter().map(QuestionAnswer::asked).collect();
    let asked = select(&run.run, of_run, last, request.path);
    let asked = asked.map_err(|refused| output.refuse(&refused))?;
    if !request.answer.fits(&asked.question) {
        return Err(output.refuse(&unfit(&asked)));
    }
    let body = json!({
        "question": asked.effect.0,
        "answer": request.answer.as_str(),
        "comment": request.comment,
    });
    let path = format!("/runs/{}/answers", escaped(&run.run));
    let done: GivenAnswer = match server.post(&path, &body) {
        Ok(done) => done,
        Err(RemoteError::Refused(problem)) if problem.status == 409 => {
            let mut given = given().unwrap_or_default().into_iter();
            let first = given.rfind(|it| it.node == asked.node);
            let first = first.map(|it| (it.by.clone(), it.said()));
            return Err(output.refuse(&too_late(&asked, first)));
        }
        Err(error) => return Err(error.show(server, output)),
    };
    output.took_effect();
    let mut open = None;
    let is_heeded = !is_stopped
        && settles(MAX_HEED_WAIT, || {
            let Ok(now) = questions(server) else {
                return false;
            };
            let now = now.iter().filter(|it| it.run == run.run);
            let same = now
                .map(QuestionAnswer::asked)
                .find(|it| it.effect == asked.effect);
            let is_same = same
                .as_ref()
                .is_some_and(|it| it.question == asked.question);
            open = same.and_then(|it| match it.question {
                Question::Approve(request) => Some(request),
                Question::Failed { .. } => None,
            });
            !is_same
        });
    Ok(RemoteApproval {
        run: run.run,
        node: asked.node,
        by: done.by,
        is_stopped,
        is_heeded,
        open: open.filter(|_| is_heeded),
    })
}
