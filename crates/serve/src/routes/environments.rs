//! What is where now, and who holds or waits for which lock.

use axum::Json;
use axum::extract::State;
use indexmap::IndexMap;
use lockstep_access::Right;
use lockstep_plan::lock_for_people;
use lockstep_store::{LockRow, RunOwner, StoreError, time};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;

/// An environment, with what is deployed there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlacesJson {
    environment: String,
    infrastructures: Vec<String>,
    services: Vec<ServicePlacesJson>,
}

/// A service in an environment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServicePlacesJson {
    service: String,
    /// Whether its infrastructures have different versions.
    differs: bool,
    /// What is on each infrastructure that has it.
    places: Vec<PlaceJson>,
}

/// What is at a place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceJson {
    infrastructure: String,
    /// The version, as the workflow says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// What was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// `deployed`, `under-way`, `broken-off`, `failed`, `unclear`.
    state: &'static str,
    since: String,
    /// The run that brought it, the node of that run, and who started it; none where the caller
    /// may not see the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The last run that found it there and changed nothing, where the caller may see it, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<String>,
    /// Whether the caller may take it back: that is about the run that brought it.
    may_undo: bool,
}

/// A lock.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct LockJson {
    lock: String,
    /// How many may hold it at once.
    places: u32,
    holders: Vec<LockRequestJson>,
    queue: Vec<LockRequestJson>,
}

/// Who holds a lock, or waits for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LockRequestJson {
    /// The run; none where the caller may not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Since when it holds it, or waits.
    since: String,
    /// Whether a process drives the run.
    is_driven: bool,
}

/// Shows what is where now, by environment.
#[utoipa::path(
    get, path = "/api/v1/environments", tag = "environments",
    responses((status = 200, body = Vec<PlacesJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<PlacesJson>>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let mut all: IndexMap<String, PlacesJson> = IndexMap::new();
        // Places where nothing has been deployed are shown, too.
        for file in app.project.files() {
            for it in file
                .program
                .iter()
                .flat_map(|program| &program.infrastructures)
            {
                if caller.on_target(Right::View, &it.name) {
                    environment(&mut all, &it.name);
                }
            }
        }
        for line in stores.runs.ledger()? {
            if !caller.on_target(Right::View, &line.target) {
                continue;
            }
            let may = |id: &str, right: Right| {
                let run = stores.runs.run_by_id(id)?;
                let run = run.filter(|run| caller.may(right, &app.scope(stores, run)));
                Ok::<_, StoreError>(run)
            };
            let run = may(&line.run, Right::View)?;
            let confirmed_by = match &line.confirmed {
                Some((id, _)) => may(id, Right::View)?.map(|run| run.id.to_string()),
                None => None,
            };
            let may_undo = may(&line.run, Right::Run)?.is_some();
            let place = PlaceJson {
                infrastructure: line.target.to_string(),
                version: line.after,
                before: line.before,
                state: line.state.as_str(),
                since: time(line.since),
                node: run.is_some().then_some(line.node),
                user: run.as_ref().map(|run| run.user.to_string()),
                run: run.map(|run| run.id.to_string()),
                confirmed_by,
                confirmed_at: line.confirmed.as_ref().map(|(_, at)| time(*at)),
                may_undo,
            };
            let services = &mut environment(&mut all, &line.target).services;
            let known = services.iter_mut().find(|it| *it.service == *line.service);
            match known {
                Some(known) => known.places.push(place),
                None => services.push(ServicePlacesJson {
                    service: line.service.to_string(),
                    differs: false,
                    places: vec![place],
                }),
            }
        }
        let mut all: Vec<PlacesJson> = all.into_values().collect();
        for service in all.iter_mut().flat_map(|it| &mut it.services) {
            let mut versions = service.places.iter().map(|it| &it.version);
            let first = versions.next();
            service.differs = versions.any(|version| Some(version) != first);
        }
        Ok::<_, Problem>(all)
    });
    Ok(Json(found.await??))
}

/// The environment of an infrastructure.
fn environment<'a>(all: &'a mut IndexMap<String, PlacesJson>, target: &str) -> &'a mut PlacesJson {
    let name = target
        .split_once('.')
        .map_or(target, |(environment, _)| environment);
    let found = all.entry(name.to_owned()).or_insert_with(|| PlacesJson {
        environment: name.to_owned(),
        infrastructures: Vec::new(),
        services: Vec::new(),
    });
    if !found.infrastructures.iter().any(|it| it == target) {
        found.infrastructures.push(target.to_owned());
    }
    found
}

/// Shows the locks that are held, and who waits for them.
#[utoipa::path(
    get, path = "/api/v1/locks", tag = "environments",
    responses((status = 200, body = Vec<LockJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn locks(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<LockJson>>, Problem> {
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let mut all: IndexMap<String, LockJson> = IndexMap::new();
        for row in stores.runs.locks()? {
            let run = stores.runs.run(row.holder.run)?;
            let is_visible = caller.may(Right::View, &app.scope(stores, &run));
            let name = lock_for_people(&row.want.name).to_owned();
            let lock = all.entry(name.clone()).or_default();
            lock.lock = name;
            lock.places = row.want.limit;
            let request = request(&row, is_visible);
            match row.granted_at {
                Some(_) => lock.holders.push(request),
                None => lock.queue.push(request),
            }
        }
        // A lock that only others have is nothing that the caller may know of.
        all.retain(|_, lock| {
            lock.holders
                .iter()
                .chain(&lock.queue)
                .any(|it| it.run.is_some())
        });
        Ok::<_, Problem>(all.into_values().collect())
    });
    Ok(Json(found.await??))
}

fn request(row: &LockRow, is_visible: bool) -> LockRequestJson {
    LockRequestJson {
        run: is_visible.then(|| row.run.to_string()),
        node: is_visible.then(|| row.node.clone()),
        since: time(row.granted_at.unwrap_or(row.asked_at)),
        is_driven: row.owner.as_ref().is_some_and(RunOwner::is_alive),
    }
}
