//! Errors as problem details (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::diagnostic::render::{RenderStyle, render};
use lockstep_base::source::Sources;
use lockstep_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ServeError;

/// An error, as RFC 9457 describes it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A stable word for what is wrong, such as `no-right`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What is wrong, in a few words that are the same for all problems of this type.
    pub(crate) title: String,
    /// The HTTP status code.
    pub(crate) status: u16,
    /// What is wrong this time, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The mistakes in a file or in what was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) diagnostics: Vec<ProblemDiagnostic>,
}

/// A mistake in a file or in what was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProblemDiagnostic {
    /// Its code, which `lockstep explain` explains.
    code: String,
    /// What is wrong.
    message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// The message with the lines of the file that it is about, as the command line shows it.
    text: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: None,
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// There is no such thing, or the caller may not know of it.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing").detail(what)
    }

    /// It is not known who asks.
    pub(crate) fn no_caller() -> Self {
        let problem = Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "Not signed in");
        problem.detail("sign in, or send a token: `Authorization: Bearer lst_…`")
    }

    /// The caller may not do it.
    pub(crate) fn no_right(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "no-right",
            "This is not allowed to you",
        )
        .detail(detail)
    }

    /// A delivery of a webhook that is not what it says.
    pub(crate) fn not_genuine(detail: impl Into<String>) -> Self {
        let title = "The delivery is not genuine";
        Self::new(StatusCode::UNAUTHORIZED, "not-genuine", title).detail(detail)
    }

    /// A request that another site may have caused.
    pub(crate) fn cross_site() -> Self {
        let problem = Self::new(StatusCode::FORBIDDEN, "cross-site", "Not from this site");
        problem.detail("send the `X-CSRF-Token` of `GET /api/v1/session`, or use a token")
    }

    /// The request is not one that can be understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        let title = "The request cannot be understood";
        Self::new(StatusCode::BAD_REQUEST, "bad-request", title).detail(detail)
    }

    /// It is understood and cannot be done.
    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::new(status, "refused", "This cannot be done").detail(detail)
    }

    /// It does not fit what has happened meanwhile.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        let title = "This does not fit the present state";
        Self::new(StatusCode::CONFLICT, "conflict", title).detail(detail)
    }

    /// Too many requests.
    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "too-many-requests", "Too many requests").detail(detail)
    }

    /// The body is too large.
    pub(crate) fn too_large() -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(status, "too-large", "The body is too large")
    }

    /// Another HTTP method is needed.
    pub(crate) fn method() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "method", "This method is not allowed here")
    }

    /// Something of the server does not work.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "internal", "The server cannot do this now").detail(detail)
    }

    /// There is no answer in the time that there is for one.
    pub(crate) fn too_slow() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "too-slow", "There is no answer in time")
            .detail("the request came too slowly, or what it asks for takes too long: ask for less")
    }

    /// The mistakes in a file, or in what was asked for.
    pub(crate) fn diagnostics(mistakes: &[Diagnostic], sources: &Sources) -> Self {
        let style = RenderStyle {
            color: false,
            unicode: true,
            width: 100,
        };
        let diagnostics = mistakes.iter().map(|it| ProblemDiagnostic {
            code: it.code.to_string(),
            message: it.message.clone(),
            help: it.help.clone(),
            text: render(std::slice::from_ref(it), sources, style),
        });
        Self {
            diagnostics: diagnostics.collect(),
            ..Self::refused(match mistakes {
                [only] => only.message.clone(),
                several => format!("there are {} mistakes", several.len()),
            })
        }
    }
}

impl From<ServeError> for Problem {
    fn from(error: ServeError) -> Self {
        tracing::warn!(target: "lockstep::serve", %error, "a request failed");
        Self::internal(error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        ServeError::from(error).into()
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        ServeError::Database(error.to_string()).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"lockstep\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
