//! What happens, while it happens: streams of events (SSE).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use lockstep_access::Right;
use lockstep_store::{PublishedRecord, RunNumber, time};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::database::StartState;
use crate::feed::RunFeed;
use crate::http::caller::Caller;
use crate::http::input::{Params, Path};
use crate::http::problem::Problem;
use crate::routes::runs;
use crate::stores::Stores;

/// A comment is sent so often where there is nothing else, so that proxies do not give up.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// So often it is asked whether the caller may still see the run.
const RIGHTS_INTERVAL: Duration = Duration::from_secs(30);
/// How often pages are told that something has changed, at most.
const CHANGES_INTERVAL: Duration = Duration::from_millis(500);
/// So many messages wait for a slow reader; then nothing more is read for it.
const MAX_UNSENT: usize = 4;

/// So long it is waited for a record at most.
const MAX_WAIT_SECONDS: u64 = 25;
/// So often it is asked how a run is while it is waited for its records.
const STATUS_INTERVAL: Duration = Duration::from_millis(250);
/// So many records are in an answer.
const PAGE_RECORDS: u32 = 256;

/// Where a stream begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only records behind this one; `Last-Event-ID` says the same, and goes before it.
    after: Option<u64>,
}

/// The body of a response that is written while something happens.
struct Messages(mpsc::Receiver<Bytes>);

impl Stream for Messages {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|it| it.map(Ok))
    }
}

fn response(messages: mpsc::Receiver<Bytes>) -> Response {
    let mut response = Body::from_stream(Messages(messages)).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold messages back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Follows a run. Each message (`event: events`) is a record of the run's journal:
/// `{"record": 7, "at": "…", "events": […]}` with the events of `lockstep run --format json`; its
/// id is the record's number. When the run has ended, and all has been sent, `event: end` says how.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/events", tag = "runs",
    params(("run" = String, Path), EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Only records behind this one")),
    responses(
        (status = 200, description = "A stream of events", content_type = "text/event-stream"),
        (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn of_run(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Params(query): Params<EventsQuery>,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let after = last.and_then(|it| it.parse().ok()).or(query.after);
    let shared = app.clone();
    let asking = (caller.clone(), id.clone());
    let found = app.stores.run(move |stores| {
        let (caller, id) = asking;
        runs::visible(&shared, stores, &caller, &id).map(|(run, _)| run.number)
    });
    let number = found.await??;
    let (to, messages) = mpsc::channel(MAX_UNSENT);
    let follower = Follower {
        feed: app.feeds.of(number),
        after: after.unwrap_or(0),
        app,
        caller,
        id,
        to,
    };
    tokio::spawn(follower.follow());
    Ok(response(messages))
}

/// Which records, and how long it is waited for them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordsQuery {
    /// Only records behind this one.
    after: Option<u64>,
    /// Where there are none yet, so many seconds are waited for some, 25 at most.
    #[param(maximum = 25)]
    wait: Option<u64>,
}

/// A record of a run's journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordJson {
    /// Its number.
    record: u64,
    /// When it was written.
    at: String,
    /// The events of `lockstep run --format json`, without their numbers and times.
    #[schema(value_type = Vec<Object>)]
    events: serde_json::Value,
}

/// Some records, and how the run was before they were read: where it had ended and there are none,
/// none will follow.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordsJson {
    records: Vec<RecordJson>,
    /// How the run is, as in `GET /api/v1/runs/{run}`.
    status: String,
    /// Why it has not begun, where it will not.
    #[serde(skip_serializing_if = "Option::is_none")]
    unstarted: Option<String>,
    /// The number of the last record that this answer has looked at: what to ask for next.
    last: u64,
}

impl RecordsJson {
    /// Records of a run that the caller may see, and its number where it is written down.
    fn read(
        app: &App,
        stores: &Stores,
        caller: &Caller,
        id: &str,
        after: u64,
    ) -> Result<(Self, Option<RunNumber>), Problem> {
        let empty = |status: &str, unstarted| Self {
            records: Vec::new(),
            status: status.to_owned(),
            unstarted,
            last: after,
        };
        if stores.runs.run_by_id(id)?.is_none() {
            let none = || runs::no_run(id);
            let start = stores.own().start(id)?.ok_or_else(none)?;
            let scope = runs::start_scope(stores, &start);
            if !caller.may(Right::View, &scope) {
                return Err(none());
            }
            let is = match start.state {
                StartState::Asked | StartState::Begun => empty("starting", None),
                StartState::Refused(why) => empty("refused", Some(why)),
            };
            return Ok((is, None));
        }
        // How the run is, before what has happened is read: what comes between is read, too.
        let (run, _) = runs::visible(app, stores, caller, id)?;
        let waits = stores.runs.queue_waits()?;
        let is = empty(
            runs::status_word(&run, waits.get(&run.number)),
            run.unstarted.clone(),
        );
        let found = stores
            .runs
            .published_records(run.number, after + 1, PAGE_RECORDS)?;
        let is = Self {
            last: found.last().map_or(after, |it| it.record),
            records: found.into_iter().map(RecordJson::of).collect(),
            ..is
        };
        Ok((is, Some(run.number)))
    }

    /// Whether it is not waited any more.
    fn is_news(&self) -> bool {
        let goes_on = ["starting", "running", "queued", "stopped"];
        !self.records.is_empty() || !goes_on.contains(&self.status.as_str())
    }
}

impl RecordJson {
    fn of(record: PublishedRecord) -> Self {
        Self {
            record: record.record,
            at: time(record.at),
            // It is written as JSON.
            events: serde_json::from_str(&record.events).unwrap_or_default(),
        }
    }
}

/// Reads the records of a run behind one, and waits for some where there are none yet: for programs
/// that follow a run, and can ask again after a lost connection.
#[utoipa::path(
    get, path = "/api/v1/runs/{run}/records", tag = "runs",
    params(("run" = String, Path), RecordsQuery),
    responses((status = 200, body = RecordsJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn records(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Params(query): Params<RecordsQuery>,
) -> Result<axum::Json<RecordsJson>, Problem> {
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(MAX_WAIT_SECONDS));
    let deadline = tokio::time::Instant::now() + wait;
    let after = query.after.unwrap_or(0);
    let mut feed: Option<Arc<RunFeed>> = None;
    loop {
        let mut state = feed.as_ref().map(|feed| feed.state());
        if let Some(state) = &mut state {
            state.borrow_and_update();
        }
        let (shared, caller, id) = (app.clone(), caller.clone(), id.clone());
        let read = app.stores.run(move |stores| {
            let caller = caller.renewed(stores)?;
            RecordsJson::read(&shared, stores, &caller, &id, after)
        });
        let (found, number) = read.await??;
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if found.is_news() || left.is_zero() {
            return Ok(axum::Json(found));
        }
        let pause = left.min(STATUS_INTERVAL);
        match state {
            // What ends early has the reason that there is something new.
            Some(mut state) => drop(tokio::time::timeout(pause, state.changed()).await),
            None => {
                feed = number.map(|number| app.feeds.of(number));
                tokio::time::sleep(pause.min(Duration::from_millis(50))).await;
            }
        }
    }
}

/// Sends the events of a run to one reader.
struct Follower {
    app: App,
    feed: Arc<RunFeed>,
    caller: Caller,
    id: String,
    after: u64,
    to: mpsc::Sender<Bytes>,
}

impl Follower {
    async fn follow(mut self) {
        let mut state = self.feed.state();
        let mut checked = tokio::time::Instant::now();
        loop {
            // What comes after this is heard of by another change.
            let ended = state.borrow_and_update().ended;
            if !self.send_all().await {
                return;
            }
            if let Some(status) = ended {
                let text = format!("event: end\ndata: {{\"status\":\"{status}\"}}\n\n");
                let _ = self.to.send(text.into()).await;
                return;
            }
            let is_new = tokio::time::timeout(KEEP_ALIVE_INTERVAL, state.changed());
            if let Err(_) | Ok(Err(_)) = is_new.await
                && self.to.send(Bytes::from_static(b":\n\n")).await.is_err()
            {
                return;
            }
            if checked.elapsed() >= RIGHTS_INTERVAL {
                checked = tokio::time::Instant::now();
                if !self.may_still_see().await {
                    return;
                }
            }
        }
    }

    /// Sends all that there is; says whether the reader is still there.
    async fn send_all(&mut self) -> bool {
        loop {
            let Ok(page) = self.feed.page(self.after, &self.app.stores).await else {
                return false;
            };
            let is_all = page.messages.is_empty();
            self.after = page.reached;
            let mut text = Vec::with_capacity(page.messages.iter().map(|it| it.len()).sum());
            for message in page.messages {
                text.extend_from_slice(message.as_bytes());
            }
            if is_all {
                return !self.to.is_closed();
            }
            if self.to.send(text.into()).await.is_err() {
                return false;
            }
        }
    }

    async fn may_still_see(&self) -> bool {
        let (app, caller, id) = (self.app.clone(), self.caller.clone(), self.id.clone());
        let found = self.app.stores.run(move |stores| {
            let caller = caller.renewed(stores)?;
            runs::visible(&app, stores, &caller, &id).map(|_| ())
        });
        matches!(found.await, Ok(Ok(())))
    }
}

/// Says whenever something has changed (`event: changed`), so that pages ask again what they show.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "runs",
    responses(
        (status = 200, description = "A stream of events", content_type = "text/event-stream"),
        (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn changes(State(app): State<App>, _caller: Caller) -> Response {
    let (to, messages) = mpsc::channel(MAX_UNSENT);
    let mut changes = app.feeds.changes();
    tokio::spawn(async move {
        loop {
            let is_new = tokio::time::timeout(KEEP_ALIVE_INTERVAL, changes.changed()).await;
            let text: &'static [u8] = match is_new {
                Ok(Ok(())) => b"event: changed\ndata: {}\n\n",
                Ok(Err(_)) => return,
                Err(_) => b":\n\n",
            };
            if to.send(Bytes::from_static(text)).await.is_err() {
                return;
            }
            tokio::time::sleep(CHANGES_INTERVAL).await;
        }
    });
    response(messages)
}
