//! What happens, while it happens: streams of events (SSE).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::app::App;
use crate::feed::RunFeed;
use crate::http::caller::Caller;
use crate::http::input::Params;
use crate::http::problem::Problem;
use crate::routes::runs;

/// A comment is sent so often where there is nothing else, so that proxies do not give up.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// So often it is asked whether the caller may still see the run.
const RIGHTS_INTERVAL: Duration = Duration::from_secs(30);
/// How often pages are told that something has changed, at most.
const CHANGES_INTERVAL: Duration = Duration::from_millis(500);
/// So many messages wait for a slow reader; then nothing more is read for it.
const MAX_UNSENT: usize = 4;

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
