//! Runs: the list, one run, starting, cancelling, going on, retrying, taking back.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use indexmap::IndexMap;
use lockstep_access::Right;
use lockstep_plan::{InputValue, PipelinePart, RunRequest};
use lockstep_runtime::inbox::InboxRequestKind;
use lockstep_store::{QueueWait, RunStatus, StoredRun, time};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::database::{RunScope, RunStart, StartRequest, StartState};
use crate::http::caller::Caller;
use crate::http::input::{Body, Params, Path};
use crate::http::problem::Problem;
use crate::project::PlanError;
use crate::runner::RunnerCommand;
use crate::scope::{self, ForeseenScope, PermittedScope};
use crate::starts::{self, NewRunRequest, Started};
use crate::stores::Stores;

/// So many runs are listed where no number is given.
const DEFAULT_RUNS: u32 = 50;
/// So many runs are listed at most.
const MAX_RUNS: u32 = 200;
/// A key of a start is not longer.
const MAX_KEY_CHARS: usize = 200;

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunJson {
    /// Its id.
    run: String,
    /// Its number in the state directory; a page of the list begins before one.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// The pipeline with the file that declares it: `shop.deploy/ship`.
    pipeline: String,
    /// `starting`, `refused`, `running`, `stopped`, `queued` while it waits in a queue, or how it
    /// ended: `succeeded`, `failed`, `rollback-failed`, `cancelled`, `superseded`.
    status: String,
    /// When it was started, as RFC 3339.
    started_at: String,
    /// When it ended.
    finished_at: Option<String>,
    /// Who started it.
    user: String,
    /// The inputs with their values.
    #[schema(value_type = Object)]
    inputs: serde_json::Value,
    /// The infrastructures of its plan.
    targets: Vec<String>,
    /// The hash of its plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// The queue in which it waits, and the runs before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueJson>,
    /// Why it has not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    unstarted: Option<String>,
    /// Why it does not ask deployment windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside_window: Option<String>,
    /// The newer run of its queue that has put it aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    put_aside_by: Option<String>,
    /// The run that it retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<String>,
    /// The run that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<String>,
    /// What the caller may do to it: `view`, `run` (to resume, retry and take it back), `approve`,
    /// `cancel`, `answer`, `outside-window`. A question may be for others all the same.
    may: Vec<&'static str>,
}

/// The queue in which a run waits.
#[derive(Debug, Serialize, ToSchema)]
struct QueueJson {
    /// Its name.
    name: String,
    /// The runs before it.
    behind: Vec<String>,
}

/// Runs, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunsJson {
    runs: Vec<RunJson>,
    /// The number to ask for the next page with, if there is one: `?before=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// What to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunsQuery {
    /// Only runs that began before the one with this number.
    before: Option<i64>,
    /// At most so many runs, 200 at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Only runs of this pipeline.
    pipeline: Option<String>,
    /// Only runs with this status.
    status: Option<String>,
}

/// What to start.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartJson {
    /// The pipeline with its file: `shop.deploy/ship`.
    #[schema(example = "shop.deploy/ship")]
    pub(crate) pipeline: String,
    /// The inputs by their names. A list of infrastructures is a list of names, ids and groups, or
    /// says which of them it has: `{ "by": "name", "values": ["prod.eu"] }`, `{ "by": "id", … }`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"version": "v2"}))]
    pub(crate) inputs: serde_json::Map<String, serde_json::Value>,
    /// Inputs as they would be typed on a command line, whatever their types are:
    /// `{ "replicas": "9", "targets": "eu,us" }`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schema(value_type = Object)]
    pub(crate) texts: IndexMap<String, String>,
    /// Overridden fields by their paths: `{ "checkout.replicas": "9" }`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) set: IndexMap<String, String>,
    /// Why it does not ask deployment windows; that needs the right `outside-window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outside_window: Option<String>,
    /// Only this is run: a stage, or a deployment in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<String>,
    /// Only this and what comes after it is run: a stage, or a deployment in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// So many commands run at once, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub(crate) max: Option<NonZeroU32>,
}

/// A reason for what is asked.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentJson {
    /// The reason, which is kept with the request.
    #[serde(default)]
    comment: Option<String>,
}

/// What to take back.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoJson {
    /// A stage, a deployment or a step of the run; all of it where there is none.
    #[serde(default)]
    path: Option<String>,
}

/// That a request has been passed on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedJson {
    /// The run.
    run: String,
    /// What happens now: `cancelling`.
    status: String,
}

impl RunJson {
    pub(crate) fn of(
        run: &StoredRun,
        wait: Option<&QueueWait>,
        scope: RunScope,
        caller: &Caller,
    ) -> Self {
        let status = status_word(run, wait);
        let wait = wait.filter(|_| run.status == RunStatus::Running);
        Self {
            may: caller.rights_on(&scope),
            run: run.id.to_string(),
            number: Some(run.number.0),
            pipeline: scope.pipeline,
            status: status.to_owned(),
            started_at: time(run.started_at),
            finished_at: run.finished_at.map(time),
            user: run.user.to_string(),
            inputs: run.inputs.clone(),
            targets: scope.targets,
            plan: Some(run.plan_hash.clone()),
            queue: wait.map(|wait| QueueJson {
                name: wait.queue.to_string(),
                behind: wait.behind.iter().map(ToString::to_string).collect(),
            }),
            unstarted: run.unstarted.clone(),
            outside_window: run.outside_window.as_ref().map(ToString::to_string),
            put_aside_by: run.put_aside_by.as_ref().map(ToString::to_string),
            retries: None,
            undoes: None,
        }
    }

    /// The same with the runs that it is about.
    fn related(mut self, run: &StoredRun, stores: &Stores) -> Self {
        let id = |number| {
            let found = stores.runs.run(number).ok();
            found.map(|run| run.id.to_string())
        };
        self.retries = run.parent.and_then(id);
        self.undoes = run.undoes.and_then(id);
        self
    }

    /// One that is not in the state directory.
    pub(crate) fn of_start(start: &RunStart, scope: RunScope, caller: &Caller) -> Self {
        let (status, unstarted) = match &start.state {
            StartState::Asked | StartState::Begun => ("starting", None),
            StartState::Refused(why) => ("refused", Some(why.clone())),
        };
        let inputs = match &start.command {
            RunnerCommand::Run { inputs, texts, .. } => {
                let mut inputs = inputs.clone();
                let texts = texts.iter();
                inputs.extend(texts.map(|(name, text)| (name.clone(), text.clone().into())));
                inputs
            }
            RunnerCommand::Resume { .. }
            | RunnerCommand::Retry { .. }
            | RunnerCommand::Undo { .. } => serde_json::Map::new(),
        };
        Self {
            may: caller.rights_on(&scope),
            run: start.run.clone(),
            number: None,
            pipeline: start.pipeline.clone(),
            status: status.to_owned(),
            started_at: time(start.at),
            finished_at: None,
            user: start.user.clone(),
            inputs: inputs.into(),
            targets: scope.targets,
            plan: None,
            queue: None,
            unstarted,
            outside_window: match &start.command {
                RunnerCommand::Run { outside_window, .. } => outside_window.clone(),
                RunnerCommand::Resume { .. }
                | RunnerCommand::Retry { .. }
                | RunnerCommand::Undo { .. } => None,
            },
            put_aside_by: None,
            retries: None,
            undoes: None,
        }
    }
}

/// The word for the status of a run, also of one that waits in a queue.
pub(crate) fn status_word(run: &StoredRun, wait: Option<&QueueWait>) -> &'static str {
    match (run.status, wait) {
        (RunStatus::Running, Some(_)) => "queued",
        (status, _) => status.as_str(),
    }
}

/// A run that the caller may see; the others are not there for them.
pub(crate) fn visible(
    app: &App,
    stores: &Stores,
    caller: &Caller,
    id: &str,
) -> Result<(StoredRun, RunScope), Problem> {
    let found = stores.runs.run_by_id(id)?;
    let found = found.map(|run| {
        let scope = app.scope(stores, &run);
        (run, scope)
    });
    found
        .filter(|(_, scope)| caller.may(Right::View, scope))
        .ok_or_else(|| no_run(id))
}

/// A run to which the caller may do something.
pub(crate) fn permitted(
    app: &App,
    stores: &Stores,
    caller: &Caller,
    id: &str,
    right: Right,
) -> Result<(StoredRun, RunScope), Problem> {
    let (run, scope) = visible(app, stores, caller, id)?;
    caller.require(right, &scope)?;
    Ok((run, scope))
}

pub(crate) fn no_run(id: &str) -> Problem {
    Problem::not_found(&format!("there is no run `{id}`"))
}

/// Lists runs, the latest first.
#[utoipa::path(
    get, path = "/api/v1/runs", tag = "runs", params(RunsQuery),
    responses((status = 200, body = RunsJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<RunsQuery>,
) -> Result<Json<RunsJson>, Problem> {
    let shared = app.clone();
    let listed = shared.stores.run(move |stores| {
        let limit = query.limit.unwrap_or(DEFAULT_RUNS).clamp(1, MAX_RUNS) as usize;
        let waits = stores.runs.queue_waits()?;
        let mut runs = Vec::new();
        let mut before = query.before.map(lockstep_store::RunNumber);
        let mut next = None;
        let is_asked = |pipeline: &str, status: &str| {
            (query.pipeline.as_ref()).is_none_or(|it| it == pipeline)
                && query.status.as_ref().is_none_or(|it| it == status)
        };
        let mut starting = match before {
            None => not_begun(stores)?,
            Some(_) => Vec::new(),
        };
        'pages: loop {
            let page = stores.runs.runs_before(before, MAX_RUNS)?;
            // One that has begun since is in the page of the latest runs.
            starting.retain(|start| page.iter().all(|run| *start.run != *run.id));
            for start in starting.drain(..) {
                let scope = start_scope(stores, &start);
                if caller.may(Right::View, &scope) {
                    let shown = RunJson::of_start(&start, scope, &caller);
                    if is_asked(&shown.pipeline, &shown.status) {
                        runs.push(shown);
                    }
                }
            }
            let Some(last) = page.last().map(|run| run.number) else {
                break;
            };
            before = Some(last);
            for run in &page {
                let scope = app.scope(stores, run);
                if !caller.may(Right::View, &scope) {
                    continue;
                }
                let shown = RunJson::of(run, waits.get(&run.number), scope, &caller);
                if !is_asked(&shown.pipeline, &shown.status) {
                    continue;
                }
                if runs.len() >= limit {
                    next = Some(run.number.0 + 1);
                    break 'pages;
                }
                runs.push(shown.related(run, stores));
            }
        }
        Ok::<_, Problem>(RunsJson { runs, next })
    });
    Ok(Json(listed.await??))
}

/// The starts of new runs that have not begun.
fn not_begun(stores: &Stores) -> Result<Vec<RunStart>, Problem> {
    let mut starts = Vec::new();
    for start in stores.own().open_starts()? {
        let is_new = !matches!(start.command, RunnerCommand::Resume { .. });
        if is_new && stores.runs.run_by_id(&start.run)?.is_none() {
            starts.push(start);
        }
    }
    Ok(starts)
}

/// What a run may touch that has not begun.
pub(crate) fn start_scope(stores: &Stores, start: &RunStart) -> RunScope {
    let known = stores.own().scope(&start.run).ok().flatten();
    known.unwrap_or_else(|| RunScope {
        pipeline: start.pipeline.clone(),
        targets: vec![String::from("*")],
    })
}

/// Shows one run.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}", tag = "runs", params(("run" = String, Path)),
    responses((status = 200, body = RunJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<RunJson>, Problem> {
    let shared = app.clone();
    let shown = shared.stores.run(move |stores| {
        if stores.runs.run_by_id(&id)?.is_none() {
            let start = stores.own().start(&id)?.ok_or_else(|| no_run(&id))?;
            let scope = start_scope(stores, &start);
            return match caller.may(Right::View, &scope) {
                true => Ok(RunJson::of_start(&start, scope, &caller)),
                false => Err(no_run(&id)),
            };
        }
        let (run, scope) = visible(&app, stores, &caller, &id)?;
        let waits = stores.runs.queue_waits()?;
        let shown = RunJson::of(&run, waits.get(&run.number), scope, &caller);
        Ok(shown.related(&run, stores))
    });
    Ok(Json(shown.await??))
}

/// Starts a run. With an `Idempotency-Key` the same request, sent again, starts nothing more and
/// has the same answer.
#[utoipa::path(
    post, path = "/api/v1/runs", tag = "runs", request_body = StartJson,
    params(("Idempotency-Key" = Option<String>, Header, description = "A text of at most 200 \
        characters that the caller has not used for another start")),
    responses(
        (status = 201, body = RunJson, description = "It has begun, or is starting"),
        (status = 200, body = RunJson, description = "The same was asked before"),
        (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(asked): Body<StartJson>,
) -> Result<Response, Problem> {
    let request = request_of(&caller, &headers, "run", &asked)?;
    let shared = app.clone();
    let planned = shared.stores.run(move |stores| {
        let foreseen = planned_scope(&app, stores, &caller, &asked)?;
        let PermittedScope { scope, denied } = foreseen.run_by(&caller)?;
        if let Some(reason) = &asked.outside_window {
            caller.require(Right::FreezeException, &scope)?;
            if reason.trim().is_empty() {
                return Err(Problem::refused(
                    "say why it does not ask deployment windows",
                ));
            }
        }
        let (file, pipeline) = split(&asked.pipeline)?;
        let command = RunnerCommand::Run {
            file: file.to_owned(),
            pipeline: pipeline.to_owned(),
            inputs: asked.inputs,
            texts: asked.texts,
            set: asked.set,
            outside_window: asked.outside_window,
            only: asked.only,
            from: asked.from,
            max: asked.max,
            denied,
        };
        Ok::<_, Problem>((caller, scope, command))
    });
    let (caller, scope, command) = planned.await??;
    begin(&shared, &caller, scope, command, request).await
}

/// What the run would touch that is asked for: the plan is made for it, so that whatever is wrong
/// is found before anything is started.
pub(crate) fn planned_scope(
    app: &App,
    stores: &Stores,
    caller: &Caller,
    asked: &StartJson,
) -> Result<ForeseenScope, Problem> {
    let (_, plan) = planned(app, stores, caller, asked)?;
    Ok(ForeseenScope::of(asked.pipeline.clone(), &plan))
}

/// The plan of what is asked for.
pub(crate) fn planned(
    app: &App,
    stores: &Stores,
    caller: &Caller,
    asked: &StartJson,
) -> Result<(String, lockstep_plan::Plan), Problem> {
    let none = || Problem::not_found(&format!("there is no pipeline `{}`", asked.pipeline));
    let (file, pipeline) = split(&asked.pipeline)?;
    if !caller.on_pipeline(Right::View, &asked.pipeline) {
        return Err(none());
    }
    let compiled = app.project.file(file).ok_or_else(none)?;
    if let Some(program) = &compiled.program
        && !program.pipelines.iter().any(|it| *it.name == *pipeline)
    {
        return Err(none());
    }
    let twice = asked.texts.keys().find(|it| asked.inputs.contains_key(*it));
    if let Some(twice) = twice {
        let why = format!("the input `{twice}` is in `inputs` and in `texts`: leave out one");
        return Err(Problem::bad_request(why));
    }
    let inputs = asked.inputs.iter();
    let inputs = inputs.map(|(name, value)| (name.clone(), InputValue::Json(value.clone())));
    let texts = asked.texts.iter();
    let texts = texts.map(|(name, text)| (name.clone(), InputValue::Text(text.clone())));
    let request = RunRequest {
        pipeline: Some(pipeline.to_owned()),
        inputs: inputs.chain(texts).collect(),
        fields: asked.set.clone(),
        ..RunRequest::default()
    };
    let part = match (&asked.only, &asked.from) {
        (Some(_), Some(_)) => {
            let why = "`only` and `from` are both parts of the pipeline: leave out one";
            return Err(Problem::bad_request(why));
        }
        (Some(path), None) => Some(PipelinePart::only(path)),
        (None, Some(path)) => Some(PipelinePart::from(path)),
        (None, None) => None,
    };
    let planned = app.project.plan(&compiled, request, &stores.runs);
    let planned = planned.and_then(|plan| match part {
        Some(part) => lockstep_verify::proved_part(&plan, &part, &|_| None)
            .map_err(|wrong| PlanError::Refused(wrong, Box::new(compiled.sources.clone()))),
        None => Ok(plan),
    });
    match planned {
        Ok(plan) => Ok((file.to_owned(), plan)),
        Err(PlanError::Refused(mistakes, sources)) => {
            Err(Problem::diagnostics(&mistakes, &sources))
        }
        Err(PlanError::Store(error)) => Err(error.into()),
    }
}

/// The file and the name of a pipeline.
pub(crate) fn split(pipeline: &str) -> Result<(&str, &str), Problem> {
    let parts = pipeline.rsplit_once('/');
    parts.ok_or_else(|| {
        let why = "a pipeline is named with its file, such as `shop.deploy/ship`";
        Problem::bad_request(why)
    })
}

fn request_of(
    caller: &Caller,
    headers: &HeaderMap,
    what: &str,
    body: &impl Serialize,
) -> Result<StartRequest, Problem> {
    let key = headers.get("idempotency-key").map(|key| key.to_str());
    let key = key.transpose().ok().flatten();
    if key.is_some_and(|key| key.is_empty() || key.len() > MAX_KEY_CHARS) {
        let why = format!("an `Idempotency-Key` has 1 to {MAX_KEY_CHARS} characters");
        return Err(Problem::bad_request(why));
    }
    let body = serde_json::to_string(body).unwrap_or_default();
    let digest = Sha256::digest(format!("{what}\n{body}"));
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    Ok(StartRequest {
        key: key.map(|key| format!("{}\n{key}", caller.name())),
        fingerprint: digits.collect(),
    })
}

async fn begin(
    app: &App,
    caller: &Caller,
    scope: RunScope,
    command: RunnerCommand,
    request: StartRequest,
) -> Result<Response, Problem> {
    let new = NewRunRequest {
        command,
        user: caller.name().to_owned(),
        scope: scope.clone(),
        request,
        audit: caller.audit("run.start"),
    };
    let (start, status) = match starts::start(app, new).await? {
        Started::Run(start) => (start, StatusCode::CREATED),
        Started::Repeated(start) => (start, StatusCode::OK),
        Started::KeyTaken => {
            let why = "this `Idempotency-Key` was used for another request";
            return Err(Problem::conflict(why));
        }
    };
    if let StartState::Refused(why) = &start.state {
        return Err(Problem::refused(why.clone()));
    }
    let id = match &start.command {
        RunnerCommand::Resume { run } => run.clone(),
        RunnerCommand::Run { .. } | RunnerCommand::Retry { .. } | RunnerCommand::Undo { .. } => {
            start.run.clone()
        }
    };
    let caller = caller.clone();
    let found = app.stores.run(move |stores| {
        let run = stores.runs.run_by_id(&id)?;
        let waits = stores.runs.queue_waits()?;
        Ok::<_, Problem>(match run {
            Some(run) => {
                let shown = RunJson::of(&run, waits.get(&run.number), scope, &caller);
                shown.related(&run, stores)
            }
            None => RunJson::of_start(&start, scope, &caller),
        })
    });
    let shown = found.await??;
    let location = format!("/api/v1/runs/{}", shown.run);
    Ok((status, [(header::LOCATION, location)], Json(shown)).into_response())
}

/// Asks a run to cancel: what is running is stopped, and what is not finished is rolled back.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/cancel", tag = "runs", params(("run" = String, Path)),
    request_body = CommentJson,
    responses((status = 202, body = AcceptedJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(asked): Body<CommentJson>,
) -> Result<Response, Problem> {
    let shared = app.clone();
    let done = shared.stores.run(move |stores| {
        let (run, scope) = permitted(&app, stores, &caller, &id, Right::Cancel)?;
        if run.status != RunStatus::Running {
            let why = format!("run {id} is not running: it is {}", run.status.as_str());
            return Err(Problem::conflict(why));
        }
        let kind = InboxRequestKind::Cancel;
        let comment = asked.comment.as_deref();
        stores
            .runs
            .request(run.number, &kind, caller.name(), comment)?;
        caller
            .audit("run.cancel")
            .about(&id, &scope)
            .note(comment)
            .write(stores)?;
        let accepted = AcceptedJson {
            run: id,
            status: String::from("cancelling"),
        };
        Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
    });
    done.await?
}

/// Goes on with a run that was stopped.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/resume", tag = "runs", params(("run" = String, Path)),
    responses((status = 201, body = RunJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn resume(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let command = RunnerCommand::Resume { run: id.clone() };
    of_run(app, caller, headers, id, command).await
}

/// Runs again what failed or never started, as a new run.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/retry", tag = "runs", params(("run" = String, Path)),
    responses((status = 201, body = RunJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn retry(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let command = RunnerCommand::Retry {
        run: id.clone(),
        denied: Vec::new(),
    };
    of_run(app, caller, headers, id, command).await
}

/// Takes back what a run has deployed, or a part of it, as a new run.
#[utoipa::path(
    post, path = "/api/v1/runs/{run}/undo", tag = "runs", params(("run" = String, Path)),
    request_body = UndoJson,
    responses((status = 201, body = RunJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn undo(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(asked): Body<UndoJson>,
) -> Result<Response, Problem> {
    let run = id.clone();
    let path = asked.path;
    of_run(app, caller, headers, id, RunnerCommand::Undo { run, path }).await
}

/// Starts what is about a run, which needs the right to run it.
async fn of_run(
    app: App,
    caller: Caller,
    headers: HeaderMap,
    id: String,
    mut command: RunnerCommand,
) -> Result<Response, Problem> {
    let request = request_of(&caller, &headers, "of-run", &command)?;
    let shared = app.clone();
    let allowed = shared.stores.run(move |stores| {
        let (run, mut scope) = visible(&app, stores, &caller, &id)?;
        match &mut command {
            // It goes on with the rights of who has started it, on no more than that.
            RunnerCommand::Resume { .. } | RunnerCommand::Undo { .. } => {
                caller.require(Right::Run, &scope)?;
            }
            // It is a run of its own.
            RunnerCommand::Retry { denied, .. } => {
                let foreseen = scope::of_stored(&stores.runs, &run, app.project.folder());
                let permitted = foreseen.run_by(&caller)?;
                (scope, *denied) = (permitted.scope, permitted.denied);
            }
            RunnerCommand::Run { .. } => {}
        }
        let is_stopped = run.status == RunStatus::Stopped;
        if matches!(command, RunnerCommand::Resume { .. }) && !is_stopped {
            let why = format!("run {id} is not stopped: it is {}", run.status.as_str());
            return Err(Problem::conflict(why));
        }
        Ok((caller, scope, command))
    });
    let (caller, scope, command) = allowed.await??;
    begin(&shared, &caller, scope, command, request).await
}
