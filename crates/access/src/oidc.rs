//! Logins through an OpenID Connect provider: the authorization code flow with PKCE.
//!
//! [`Oidc::begin`] makes the address at the provider to which the browser is sent, and remembers
//! the login for ten minutes. [`Oidc::finish`] takes what the browser brings back, exchanges the
//! code, checks the ID token, and answers with the user, who is created at the first login.
//!
//! A user is known by issuer and subject, never by name or address: these can change hands at a
//! provider. A user who exists here is taken over by nobody: an administrator has to say that the
//! login of that name is expected
//! ([`AccessStore::expect_provider_login`](crate::AccessStore::expect_provider_login)).

mod config;
mod discovery;
mod error;
mod fetch;
mod id_token;
mod keys;
mod login;
mod parameters;
mod provision;
#[cfg(test)]
mod tests;

pub use config::OidcConfig;
pub use error::{OidcError, OidcErrorKind};
pub use fetch::{HttpFetch, HttpMethod, HttpRequest, HttpResponse, UreqFetch};
pub use login::{OidcCallback, OidcLogin, OidcRedirect};

use std::sync::Mutex;

use discovery::Cached;
use keys::Keys;

/// A provider, with what is remembered of it. One value serves all threads.
pub struct Oidc {
    config: OidcConfig,
    fetch: Box<dyn HttpFetch>,
    metadata: Mutex<Option<Cached<discovery::Metadata>>>,
    keys: Mutex<Option<Cached<Keys>>>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Oidc({})", self.config.issuer)
    }
}

impl Oidc {
    /// A provider. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// If the configuration cannot be right.
    pub fn new(config: OidcConfig, fetch: Box<dyn HttpFetch>) -> Result<Self, OidcError> {
        config.check()?;
        Ok(Self {
            config,
            fetch,
            metadata: Mutex::new(None),
            keys: Mutex::new(None),
        })
    }

    /// How the provider is used.
    pub fn config(&self) -> &OidcConfig {
        &self.config
    }
}
