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

const PAGE: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! assets {
    ($($path:literal: $kind:ident,)*) => {
        &[$(Asset {
            path: $path,
            kind: $kind,
            text: include_str!(concat!("../pages", $path)),
        },)*]
    };
}

/// All files of the pages; every other address is one of a page, which `app.js` draws.
const ASSETS: &[Asset] = assets! {
    "/index.html": PAGE,
    "/access.js": SCRIPT,
    "/account.js": SCRIPT,
    "/ansi.js": SCRIPT,
    "/api.js": SCRIPT,
    "/app.js": SCRIPT,
    "/approvals.js": SCRIPT,
    "/audit.js": SCRIPT,
    "/cells.js": SCRIPT,
    "/choices.js": SCRIPT,
    "/console.js": SCRIPT,
    "/dom.js": SCRIPT,
    "/drawing.css": STYLE,
    "/drawing.js": SCRIPT,
    "/environments.js": SCRIPT,
    "/icon.svg": IMAGE,
    "/inspector.js": SCRIPT,
    "/invitation.js": SCRIPT,
    "/ledger.js": SCRIPT,
    "/locks.js": SCRIPT,
    "/log-view.js": SCRIPT,
    "/node-path.js": SCRIPT,
    "/outcome.js": SCRIPT,
    "/outline.js": SCRIPT,
    "/parts.js": SCRIPT,
    "/pipelines.js": SCRIPT,
    "/questions.js": SCRIPT,
    "/run-actions.js": SCRIPT,
    "/run-feed.js": SCRIPT,
    "/run-overview.js": SCRIPT,
    "/run-states.js": SCRIPT,
    "/run.js": SCRIPT,
    "/runs.js": SCRIPT,
    "/sign-in.js": SCRIPT,
    "/start-form.js": SCRIPT,
    "/start.js": SCRIPT,
    "/style.css": STYLE,
    "/time-line.js": SCRIPT,
    "/tokens.js": SCRIPT,
    "/triggers.js": SCRIPT,
    "/virtual-list.js": SCRIPT,
    "/what-if.js": SCRIPT,
    "/words.js": SCRIPT,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_of_the_pages_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
        let files = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<String> = files
            .map(|it| format!("/{}", it.unwrap().file_name().to_string_lossy()))
            .collect();
        files.sort();
        let mut served: Vec<&str> = ASSETS.iter().map(|it| it.path).collect();
        served.sort_unstable();
        assert_eq!(served, files);
    }
}
