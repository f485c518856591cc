//! The pages, which are in the program itself.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use lockstep_view::drawing;

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

/// The files of the pages beside those of the drawing; every other address is one of a page, which
/// `app.js` draws.
const ASSETS: &[Asset] = assets! {
    "/index.html": PAGE,
    "/access.js": SCRIPT,
    "/account.js": SCRIPT,
    "/ansi.js": SCRIPT,
    "/api.js": SCRIPT,
    "/app.js": SCRIPT,
    "/approvals.js": SCRIPT,
    "/audit.js": SCRIPT,
    "/choices.js": SCRIPT,
    "/console.js": SCRIPT,
    "/environments.js": SCRIPT,
    "/inspector.js": SCRIPT,
    "/invitation.js": SCRIPT,
    "/ledger.js": SCRIPT,
    "/locks.js": SCRIPT,
    "/log-view.js": SCRIPT,
    "/outcome.js": SCRIPT,
    "/parts.js": SCRIPT,
    "/pipelines.js": SCRIPT,
    "/questions.js": SCRIPT,
    "/run-actions.js": SCRIPT,
    "/run-feed.js": SCRIPT,
    "/run-overview.js": SCRIPT,
    "/run-states.js": SCRIPT,
    "/run.css": STYLE,
    "/run.js": SCRIPT,
    "/runs.js": SCRIPT,
    "/sign-in.js": SCRIPT,
    "/start-form.js": SCRIPT,
    "/start.js": SCRIPT,
    "/style.css": STYLE,
    "/time-line.js": SCRIPT,
    "/tokens.js": SCRIPT,
    "/triggers.js": SCRIPT,
    "/what-if.js": SCRIPT,
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
    let index = || {
        let index = ASSETS.first().filter(|_| PAGES.contains(&first));
        index.map(|asset| (asset.kind, asset.text))
    };
    let Some((kind, text)) = file(path).or_else(index) else {
        let status = StatusCode::NOT_FOUND;
        return (status, "there is nothing at this address\n").into_response();
    };
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A new version of the program has new pages.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The kind and the text of a file at a path.
fn file(path: &str) -> Option<(&'static str, &'static str)> {
    if let Some(asset) = ASSETS.iter().find(|asset| asset.path == path) {
        return Some((asset.kind, asset.text));
    }
    let name = path.strip_prefix('/')?;
    if name == "icon.svg" {
        return Some((IMAGE, drawing::ICON));
    }
    if let Some(module) = drawing::MODULES.iter().find(|it| it.name == name) {
        return Some((SCRIPT, module.text));
    }
    let style = drawing::STYLES.iter().find(|it| it.name == name)?;
    Some((STYLE, style.text))
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

    /// Every module that a file imports, and every file that the page names.
    #[test]
    fn what_the_pages_ask_for_is_served() {
        let mut asked: Vec<&str> = Vec::new();
        for asset in ASSETS {
            let imports = asset.text.split(" from \"./").skip(1);
            let named = asset.text.split("=\"/").skip(1);
            let is_page = asset.kind == PAGE;
            let all = imports.chain(named.filter(|_| is_page));
            asked.extend(all.filter_map(|rest| rest.split('"').next()));
        }
        asked.sort_unstable();
        asked.dedup();
        assert!(
            asked.contains(&"drawing.js") && asked.contains(&"base.css"),
            "{asked:?}"
        );
        for name in asked {
            assert!(file(&format!("/{name}")).is_some(), "{name} is not served");
        }
    }
}
