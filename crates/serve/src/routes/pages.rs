//! The pages, which are in the program itself.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;

/// A file of the pages.
struct Asset {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($path:literal: $kind:literal,)*) => {
        &[$(Asset {
            path: $path,
            kind: $kind,
            text: include_str!(concat!("../pages", $path)),
        },)*]
    };
}

/// All files of the pages; every other address is one of a page, which `app.js` draws.
const ASSETS: &[Asset] = assets! {
    "/index.html": "text/html; charset=utf-8",
    "/app.js": "text/javascript; charset=utf-8",
    "/style.css": "text/css; charset=utf-8",
};

/// The addresses of pages begin with one of these, so that a mistyped one is not found.
const PAGES: &[&str] = &[
    "",
    "runs",
    "pipelines",
    "environments",
    "approvals",
    "triggers",
    "access",
    "audit",
    "locks",
    "invitation",
    "sign-in",
    "account",
];

/// A page, or one of its files.
pub(crate) async fn page(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::method().into_response();
    }
    let path = request.uri().path();
    let first = path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let found = ASSETS.iter().find(|asset| asset.path == path);
    let index = || ASSETS.first().filter(|_| PAGES.contains(&first));
    let Some(asset) = found.or_else(index) else {
        let status = StatusCode::NOT_FOUND;
        return (status, "there is nothing at this address\n").into_response();
    };
    let mut response = asset.text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    // A new version of the program has new pages.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
