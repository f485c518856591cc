//! What tests of the whole server share: a served folder, and requests through the real router.

mod logins;

use std::path::PathBuf;

use axum::body::to_bytes;
use axum::http::{HeaderMap, Request, StatusCode, header};
use lockstep_access::{NewUser, UserName};
use tempfile::TempDir;
use toml::de::{DeTable, DeValue};
use tower::ServiceExt;

use crate::app::App;
use crate::error::ServeError;
use crate::http::router::router;
use crate::options::ServeOptions;
use crate::settings::ServeSettings;

/// A served folder.
pub(crate) struct Served {
    pub(crate) folder: TempDir,
}

/// An answer to a request.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// The cookies that it sets, as a browser sends them.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let set = self.headers.get_all(header::SET_COOKIE).iter();
        set.map(|it| it.to_str().unwrap().split(';').next().unwrap())
            .collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is in `[serve]` of a `lockstep.toml`.
pub(crate) fn read_settings(text: &str) -> ServeSettings {
    let table = DeTable::parse(text).unwrap();
    match table
        .get_ref()
        .get("serve")
        .map(|it| (it.get_ref(), it.span()))
    {
        Some((DeValue::Table(serve), at)) => ServeSettings::read(serve, at).unwrap(),
        Some(_) => panic!("`serve` is a table"),
        None => ServeSettings::default(),
    }
}

impl Served {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join(".lockstep")
    }

    /// The server, started with the settings of a `lockstep.toml`.
    pub(crate) fn open(&self, settings: &str) -> Result<App, ServeError> {
        let app = App::new(ServeOptions {
            engine: None,
            folder: self.folder.path().to_path_buf(),
            state: self.state(),
            listen: "127.0.0.1:7420".parse().unwrap(),
            tls: None,
            behind_proxy: false,
            public_url: None,
            settings: read_settings(settings),
            settings_folder: self.folder.path().to_path_buf(),
            program: PathBuf::from("/nonexistent"),
        })?;
        crate::notify::prepare(&app)?;
        Ok(app)
    }
}

/// What a `GET` of a browser with these cookies brings.
pub(crate) async fn get(app: &App, path: &str, cookies: &[&str]) -> Answer {
    let request = Request::get(path).header(header::COOKIE, cookies.join("; "));
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = router(app.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// The cookie of an administrator.
pub(crate) fn administrator(app: &App) -> String {
    let now = jiff::Timestamp::now();
    let made = app.stores.with(|stores| {
        let name = UserName::new("root").unwrap();
        if stores.access.user(&name).unwrap().is_none() {
            let new = NewUser {
                name: name.clone(),
                display_name: String::new(),
                email: None,
                password: None,
                is_admin: true,
            };
            stores.access.create_user(&new, now).unwrap();
        }
        let session = stores.access.open_session(&name, "", "", now).unwrap();
        session.token.reveal().to_owned()
    });
    format!("{}={}", crate::http::caller::COOKIE, made.unwrap())
}
