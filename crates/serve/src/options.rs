//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::settings::ServeSettings;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The folder whose `.deploy` files are served.
    pub folder: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The certificate chain and the private key, as PEM files.
    pub tls: Option<TlsFiles>,
    /// Whether a proxy in front of it ends TLS, and says in `X-Forwarded-…` who asks.
    pub behind_proxy: bool,
    /// The address by which people reach it, such as `https://deploy.example.com`; by default that
    /// of `listen`.
    pub public_url: Option<String>,
    /// The settings of the served folder.
    pub settings: ServeSettings,
    /// The folder that paths in the settings begin in.
    pub settings_folder: PathBuf,
    /// The program that is started for each run.
    pub program: PathBuf,
    /// The engine that drives the runs, where this machine does not; the state directory is a copy
    /// of what it knows, which somebody else brings up to date.
    pub engine: Option<String>,
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl ServeOptions {
    /// The origin by which people reach the server, without a slash at its end.
    pub fn origin(&self) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        if let Some(url) = &self.settings.url {
            return url.as_str().to_owned();
        }
        let scheme = match self.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.listen)
    }

    /// Whether people reach it by HTTPS.
    pub fn is_secure(&self) -> bool {
        self.origin().starts_with("https://")
    }
}
