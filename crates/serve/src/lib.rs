//! The server of Lockstep: an HTTP API, pages, triggers.
//!
//! It is a thin layer over a state directory and holds no run: each is a process of its own, which
//! the server starts as a person would. So it may be killed at any moment, and no run notices.

mod app;
mod backup;
mod database;
mod error;
mod feed;
mod foresights;
mod http;
mod listen;
mod log_lines;
mod notify;
mod oidc;
mod options;
mod project;
mod routes;
mod runner;
mod scope;
mod server;
mod settings;
mod starts;
mod stores;
#[cfg(test)]
mod tests;
mod triggers;

pub use backup::back_up;
pub use error::ServeError;
pub use options::{ServeOptions, TlsFiles};
pub use server::{Server, ServerStop};
pub use settings::{
    MailSettings, NotifyEvent, NotifySettings, NotifyTarget, OidcSettings, SERVE_KEYS,
    SecretSource, ServeSettings, ServeUrl, SettingText, SettingsMistake,
};

/// The description of the API (OpenAPI 3.1), as JSON.
pub fn openapi() -> String {
    // Texts and numbers can always be serialized.
    serde_json::to_string_pretty(&http::router::description()).unwrap_or_default()
}
