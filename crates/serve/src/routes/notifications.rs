//! The notifications that are to be sent, or were.

use axum::Json;
use axum::extract::State;
use lockstep_store::time;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::problem::Problem;
use crate::notify::Outbox;

/// So many are listed.
const MAX_LISTED: u32 = 500;

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationJson {
    /// Its number, from 1.
    number: i64,
    run: String,
    /// What has happened: `waiting`, `failed`, ….
    event: String,
    /// Who gets it.
    target: String,
    /// `waiting`, `sending`, `sent` or `given-up`.
    state: String,
    /// So often it was tried to send it.
    attempts: i64,
    at: String,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// When it was sent, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<String>,
    /// Why the last try did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Lists the latest notifications, the latest first.
#[utoipa::path(
    get, path = "/api/v1/notifications", tag = "notifications",
    responses((status = 200, body = Vec<NotificationJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<NotificationJson>>, Problem> {
    caller.require_admin()?;
    let shared = app.clone();
    let found = shared.stores.run(move |stores| {
        let latest = Outbox::of(stores.access.connection()).latest(MAX_LISTED)?;
        let shown = latest.into_iter().map(|it| NotificationJson {
            number: it.number,
            run: it.run,
            event: it.event,
            target: app
                .notify
                .name_of(&it.target)
                .unwrap_or(&it.target)
                .to_owned(),
            next_at: it.settled_at.is_none().then(|| time(it.next_at)),
            state: it.state,
            attempts: it.attempts,
            at: time(it.at),
            settled_at: it.settled_at.map(time),
            error: it.error,
        });
        Ok::<_, Problem>(shown.collect())
    });
    Ok(Json(found.await??))
}
