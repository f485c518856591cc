//! What is known of a run: its plan, what a failure would lead to, and the logs of its commands.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use lockstep_outline::Outline;
use lockstep_plan::Plan;
use lockstep_runtime::logs::{file_name, log_names};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::pipelines::MAX_OUTLINE_CELLS;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::input::{Params, Path};
use crate::http::problem::Problem;
use crate::log_lines::MAX_LINES;
use crate::routes::runs;

/// So many lines are answered where no number is given.
const DEFAULT_LINES: u64 = 500;

/// A command with a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoggedJson {
    /// The command's path.
    node: String,
    /// When it began.
    began: String,
    /// How long its log is.
    bytes: u64,
}

/// Which lines of which log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// The command's path.
    node: String,
    /// The number of the first line, from 0; without it the last lines.
    from: Option<u64>,
    /// At most so many lines, 2,000 at most.
    #[param(minimum = 1, maximum = 2000)]
    lines: Option<u64>,
}

/// Lines of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogJson {
    node: String,
    /// How many lines it has now.
    total: u64,
    /// The number of the first of these, from 0.
    first: u64,
    lines: Vec<String>,
    /// Whether the last line of the log has no end yet.
    is_open: bool,
}

/// What to foresee.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhatIfQuery {
    /// The path of what fails; each deployment where there is none.
    fails: Option<String>,
}

/// Shows the plan of a run: the outline of `lockstep plan --format json`.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/plan", tag = "runs", params(("run" = String, Path)),
    responses((status = 200, body = Object), (status = "4XX", body = Problem))
)]
pub(crate) async fn plan(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<serde_json::Value>, Problem> {
    let shared = app.clone();
    let outline = shared.stores.run(move |stores| {
        let (run, _) = runs::visible(&app, stores, &caller, &id)?;
        let plan = Plan::new(stores.runs.bound(&run)?);
        let plan = plan.map_err(|_| other_version(&id))?;
        let outline = Outline::with(&plan, MAX_OUTLINE_CELLS);
        let text = lockstep_view::plan::json(&outline);
        Ok::<_, Problem>(serde_json::from_str(&text).unwrap_or_default())
    });
    Ok(Json(outline.await??))
}

fn other_version(id: &str) -> Problem {
    Problem::conflict(format!("run {id} is of another version of Lockstep"))
}

/// Shows what failures would lead to: the report of `lockstep plan --blast --format json`.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/what-if", tag = "runs",
    params(("run" = String, Path), WhatIfQuery),
    responses((status = 200, body = Object), (status = "4XX", body = Problem))
)]
pub(crate) async fn foresee(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params<WhatIfQuery>,
) -> Result<Json<serde_json::Value>, Problem> {
    let shared = app.clone();
    let found = app.stores.run(move |stores| {
        let (run, _) = runs::visible(&shared, stores, &caller, &id)?;
        Ok::<_, Problem>(run)
    });
    let run = found.await??;
    let key = (run.plan_hash.clone(), query.fails);
    let plan = async {
        let made =
            (app.stores).run(move |stores| Ok::<_, Problem>((stores.runs.bound(&run)?, run.id)));
        let (bound, id) = made.await??;
        Plan::new(bound).map_err(|_| other_version(&id))
    };
    match app.foresights.of(key, plan).await? {
        Ok(report) => Ok(Json((*report).clone())),
        Err(why) => Err(Problem::refused(&*why)),
    }
}

/// Lists the commands of a run that have written something, in the order of their starts.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/logs", tag = "runs", params(("run" = String, Path)),
    responses((status = 200, body = Vec<LoggedJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn logs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Vec<LoggedJson>>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let (run, _) = runs::visible(&app, stores, &caller, &id)?;
        let folder = stores.runs.logs(&run.id);
        let unread = |error: lockstep_runtime::logs::LogError| Problem::internal(error.to_string());
        let names = log_names(&folder).map_err(unread)?;
        let mut names: HashSet<String> = names.into_iter().collect();
        let mut found: Vec<LoggedJson> = Vec::new();
        stores.runs.started_nodes(run.number, 1, |node, at| {
            let name = file_name(node);
            if names.remove(&name) {
                let data = std::fs::metadata(folder.join(&name));
                found.push(LoggedJson {
                    node: node.to_owned(),
                    began: lockstep_store::time(at),
                    bytes: data.map_or(0, |data| data.len()),
                });
            }
        })?;
        Ok::<_, Problem>(found)
    });
    Ok(Json(found.await??))
}

/// Reads lines of the log of a command.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/log", tag = "runs",
    params(("run" = String, Path), LogQuery),
    responses((status = 200, body = LogJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn log(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params<LogQuery>,
) -> Result<Json<LogJson>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let (run, _) = runs::visible(&app, stores, &caller, &id)?;
        // The name of the file is made of the path, and cannot leave the folder.
        let path = stores.runs.logs(&run.id).join(file_name(&query.node));
        let count = query.lines.unwrap_or(DEFAULT_LINES).clamp(1, MAX_LINES);
        let lines = app.log_indexes.read(&path, query.from, count);
        let lines = lines.map_err(|error| Problem::internal(error.to_string()))?;
        Ok::<_, Problem>(LogJson {
            node: query.node,
            total: lines.total,
            first: lines.first,
            lines: lines.lines,
            is_open: lines.is_open,
        })
    });
    Ok(Json(found.await??))
}
