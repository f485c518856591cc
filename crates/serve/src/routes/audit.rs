//! The audit log: who did what.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use lockstep_access::audit::{self, AuditFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::http::caller::Caller;
use crate::http::input::Params;
use crate::http::problem::Problem;

/// So many entries are listed at most.
const MAX_ENTRIES: u32 = 500;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only entries before this one.
    before: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Only what this user did.
    who: Option<String>,
    /// Only this action, such as `run.start`.
    action: Option<String>,
    /// Only what was about this, such as `run r-7f3a`.
    object: Option<String>,
}

/// An entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditJson {
    /// Its number, from 1.
    seq: i64,
    at: String,
    who: String,
    /// How they came: `session`, `token NAME`, `trigger …`.
    via: String,
    /// The address that the request came from.
    client: String,
    action: String,
    object: String,
    outcome: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    /// The hash over this entry and that of the one before.
    hash: String,
}

/// Whether the log is whole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditCheckJson {
    is_whole: bool,
    /// The number and the hash of the last entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lists entries, the latest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Vec<AuditJson>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Vec<AuditJson>>, Problem> {
    caller.require_admin()?;
    let found = app.stores.run(move |stores| {
        let filter = AuditFilter {
            who: query.who,
            action: query.action,
            object: query.object,
            before_seq: query.before,
            limit: Some(query.limit.unwrap_or(100).clamp(1, MAX_ENTRIES) as usize),
        };
        let entries = audit::entries(stores.access.connection(), &filter)?;
        let shown = entries.into_iter().map(|it| AuditJson {
            seq: it.seq,
            at: lockstep_store::time(it.at()),
            detail: it.detail().unwrap_or_default().into(),
            hash: hex(&it.hash),
            who: it.who,
            via: it.via,
            client: it.client,
            action: it.action,
            object: it.object,
            outcome: it.outcome,
        });
        Ok::<_, Problem>(shown.collect())
    });
    Ok(Json(found.await??))
}

/// Checks that nothing in the log has been changed or left out.
#[utoipa::path(
    get, path = "/api/v1/audit/check", tag = "audit",
    responses((status = 200, body = AuditCheckJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn check(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<AuditCheckJson>, Problem> {
    caller.require_admin()?;
    let checked = app
        .stores
        .run(|stores| audit::verify(stores.access.connection()))
        .await?;
    Ok(Json(match checked {
        Ok(head) => AuditCheckJson {
            is_whole: true,
            last: Some(head.seq),
            hash: Some(hex(&head.hash)),
            problem: None,
        },
        Err(broken) => AuditCheckJson {
            is_whole: false,
            last: None,
            hash: None,
            problem: Some(broken.to_string()),
        },
    }))
}

/// Hands out all entries as lines of JSON, which can be checked elsewhere.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit",
    responses(
        (status = 200, description = "Lines of JSON", content_type = "application/jsonl"),
        (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn export(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.require_admin()?;
    let text = app.stores.run(|stores| {
        let mut text = String::new();
        audit::export(stores.access.connection(), 1, |line| {
            text.push_str(line);
            text.push('\n');
            Ok::<_, Problem>(())
        })?;
        Ok::<_, Problem>(text)
    });
    let kind = [(header::CONTENT_TYPE, "application/jsonl")];
    Ok((kind, text.await??).into_response())
}
