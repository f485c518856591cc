//! What runs ask people: approvals, and what is to be done about failures.

use axum::Json;
use axum::extract::State;
use lockstep_access::Right;
use lockstep_engine::{Answer, ApprovalAnswer, FailureChoice, Question};
use lockstep_store::{AnswerStatus, RunStatus, StoredQuestion, StoredRun, time};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::database::RunScope;
use crate::http::caller::Caller;
use crate::http::input::{Body, Path};
use crate::http::problem::Problem;
use crate::routes::runs;
use crate::stores::Stores;

/// A question that a run asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuestionJson {
    run: String,
    pipeline: String,
    /// Who started the run.
    user: String,
    /// Identifies the question in its run.
    question: u64,
    /// The path of the node that asks.
    node: String,
    text: String,
    /// Who may answer: names and groups; nobody in particular where there are none.
    by: Vec<String>,
    /// How many people have to say yes to an approval.
    count: u32,
    /// Who has said yes.
    yes: Vec<String>,
    /// Whose yes does not count.
    except: Vec<String>,
    /// What can be answered.
    answers: Vec<&'static str>,
    asked_at: String,
    /// Whether the caller may answer, and if not, why.
    may_answer: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
    /// Whether the run is stopped: it hears the answer when it goes on.
    is_stopped: bool,
}

/// An answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerJson {
    /// The question's number.
    question: u64,
    /// The answer.
    answer: AnswerWord,
    /// A reason, which is kept with the answer.
    #[serde(default)]
    comment: Option<String>,
}

/// What can be answered: `yes` and `no` to an approval, the others after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AnswerWord {
    Yes,
    No,
    Retry,
    Ignore,
    Rollback,
    Abort,
}

/// An answer that was given.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GivenJson {
    run: String,
    node: String,
    /// What was asked.
    question: String,
    answer: AnswerWord,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl AnswerWord {
    fn answer(self, who: &str, comment: Option<&str>) -> Answer {
        match self {
            Self::Yes => ApprovalAnswer::Yes.into(),
            Self::No => ApprovalAnswer::No(match comment {
                Some(comment) => format!("{comment} ({who})"),
                None => format!("{who} said so"),
            })
            .into(),
            Self::Retry => FailureChoice::Retry.into(),
            Self::Ignore => FailureChoice::Ignore.into(),
            Self::Rollback => FailureChoice::Rollback.into(),
            Self::Abort => FailureChoice::Abort.into(),
        }
    }
}

/// The right that an answer needs.
fn right(question: &Question) -> Right {
    match question {
        Question::Approve(_) => Right::Approve,
        Question::Failed { .. } => Right::Answer,
    }
}

/// Why the caller may not say yes, if they may not.
fn objection(question: &Question, caller: &Caller, scope: &RunScope) -> Option<String> {
    let missing = caller.require(right(question), scope).err();
    if let Some(problem) = missing {
        return Some(problem.detail.unwrap_or(problem.title));
    }
    let Question::Approve(request) = question else {
        return None;
    };
    let is_one_of = |names: &[String]| {
        let mut names = names.iter();
        names.any(|name| name == caller.name() || caller.is_in(name))
    };
    if !request.by.is_empty() && !is_one_of(&request.by) {
        return Some(format!("the approval is for {}", request.by.join(", ")));
    }
    if is_one_of(&request.except) {
        return Some(String::from(
            "your yes does not count here: `except` names you",
        ));
    }
    let has_said = request.yeses.iter().any(|yes| *yes.by == *caller.name());
    has_said.then(|| String::from("you have said yes already"))
}

fn shown(
    run: &StoredRun,
    asked: &StoredQuestion,
    scope: &RunScope,
    caller: &Caller,
) -> QuestionJson {
    let why_not = objection(&asked.question, caller, scope);
    let request = match &asked.question {
        Question::Approve(request) => Some(&**request),
        Question::Failed { .. } => None,
    };
    QuestionJson {
        run: run.id.to_string(),
        pipeline: scope.pipeline.clone(),
        user: run.user.to_string(),
        question: asked.effect.0,
        node: asked.node.clone(),
        text: asked.question.text().to_owned(),
        by: request.map_or_else(Vec::new, |it| it.by.clone()),
        count: request.map_or(1, |it| it.count),
        yes: (request.iter().flat_map(|it| &it.yeses))
            .map(|yes| yes.by.to_string())
            .collect(),
        except: request.map_or_else(Vec::new, |it| it.except.clone()),
        answers: match request {
            Some(_) => vec!["yes", "no"],
            None => vec!["retry", "ignore", "rollback", "abort"],
        },
        asked_at: time(asked.asked_at),
        may_answer: why_not.is_none(),
        why_not,
        is_stopped: run.status == RunStatus::Stopped,
    }
}

/// Lists the open questions of all runs that the caller may see.
#[utoipa::path(
    get, path = "/api/v1/questions", tag = "approvals",
    responses((status = 200, body = Vec<QuestionJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn all(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<QuestionJson>>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let mut all = Vec::new();
        for run in stores.runs.unended_runs()? {
            let scope = app.scope(stores, &run);
            if caller.may(Right::View, &scope) {
                all.extend(of_run(stores, &run, &scope, &caller)?);
            }
        }
        Ok::<_, Problem>(all)
    });
    Ok(Json(found.await??))
}

fn of_run(
    stores: &Stores,
    run: &StoredRun,
    scope: &RunScope,
    caller: &Caller,
) -> Result<Vec<QuestionJson>, Problem> {
    let asked = stores.runs.questions(run.number)?;
    Ok(asked
        .iter()
        .map(|asked| shown(run, asked, scope, caller))
        .collect())
}

/// Lists the answers that were given in a run.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/answers", tag = "approvals", params(("run" = String, Path)),
    responses((status = 200, body = Vec<GivenJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn given(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Vec<GivenJson>>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let (run, _) = runs::visible(&app, stores, &caller, &id)?;
        let given = stores.runs.approvals(run.number)?.into_iter();
        let shown = given.map(|it| GivenJson {
            run: id.clone(),
            answer: word(&it.answer),
            node: it.node,
            question: it.question,
            by: it.who,
            comment: it.comment,
            at: Some(time(it.answered_at)),
        });
        Ok::<_, Problem>(shown.collect::<Vec<_>>())
    });
    Ok(Json(found.await??))
}

fn word(answer: &Answer) -> AnswerWord {
    match answer {
        Answer::Approval(ApprovalAnswer::Yes) => AnswerWord::Yes,
        Answer::Approval(ApprovalAnswer::No(_)) => AnswerWord::No,
        Answer::Failure(FailureChoice::Retry) => AnswerWord::Retry,
        Answer::Failure(FailureChoice::Ignore) => AnswerWord::Ignore,
        Answer::Failure(FailureChoice::Rollback) => AnswerWord::Rollback,
        Answer::Failure(FailureChoice::Abort) | Answer::Nobody => AnswerWord::Abort,
    }
}

/// Answers a question of a run. The first answer counts; an approval may need several.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/answers", tag = "approvals", params(("run" = String, Path)),
    request_body = AnswerJson,
    responses((status = 202, body = GivenJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn answer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(asked): Body<AnswerJson>,
) -> Result<(axum::http::StatusCode, Json<GivenJson>), Problem> {
    let shared = app.clone();
    let done = shared.stores.run(move |stores| {
        let (run, scope) = runs::visible(&app, stores, &caller, &id)?;
        let questions = stores.runs.questions(run.number)?;
        let question = questions
            .into_iter()
            .find(|it| it.effect.0 == asked.question);
        let late = || Problem::conflict("this question has been answered, or matters no more");
        let question = question.ok_or_else(late)?;
        caller.require(right(&question.question), &scope)?;
        let objection = objection(&question.question, &caller, &scope);
        let is_no = asked.answer == AnswerWord::No;
        if let Some(why) = objection.filter(|_| !is_no) {
            return Err(Problem::no_right(why));
        }
        let comment = asked.comment.as_deref();
        let answer = asked.answer.answer(caller.name(), comment);
        match stores
            .runs
            .answer(&question, &answer, caller.name(), comment)?
        {
            AnswerStatus::Given(_) => {}
            AnswerStatus::Unfit => {
                return Err(Problem::refused(
                    "this question needs another kind of answer",
                ));
            }
            AnswerStatus::Objected(_) => {
                return Err(Problem::no_right("your yes does not count here"));
            }
            AnswerStatus::TooLate(_) => return Err(late()),
        }
        let audit = caller.audit("run.answer").about(&id, &scope).note(comment);
        audit
            .detail("answer", answer.as_str())
            .detail("node", &question.node)
            .write(stores)?;
        let given = GivenJson {
            run: id,
            node: question.node,
            question: question.question.text().to_owned(),
            answer: asked.answer,
            by: caller.name().to_owned(),
            comment: asked.comment,
            at: None,
        };
        Ok((axum::http::StatusCode::ACCEPTED, Json(given)))
    });
    done.await?
}
