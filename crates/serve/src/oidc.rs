//! The OpenID Connect provider of the users, as the server uses it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lockstep_access::oidc::{Oidc, UreqFetch};
use tokio::sync::Semaphore;

use crate::error::ServeError;
use crate::options::ServeOptions;

/// Where the provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/api/v1/session/oidc/callback";
/// So many logins ask the provider at once: each holds a thread and a connection meanwhile.
const MAX_ASKING: usize = 8;
/// Logins that were refused are written into the audit log so often at most, since everybody can
/// try one.
const MAX_REFUSED: u32 = 120;
const REFUSED_WITHIN: Duration = Duration::from_secs(60);

/// The provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) oidc: Oidc,
    /// What the button says.
    pub(crate) label: String,
    pub(crate) places: Semaphore,
    refused: Mutex<(Instant, u32)>,
}

impl Provider {
    /// The provider that the settings name, if they name one. The secret is read now.
    ///
    /// # Errors
    ///
    /// If the secret is missing, or the address of the server cannot be one to come back to.
    pub(crate) fn of(options: &ServeOptions) -> Result<Option<Self>, ServeError> {
        let Some(settings) = &options.settings.oidc else {
            return Ok(None);
        };
        let secret = settings.client_secret.as_ref();
        let what = "`client-secret` in `[serve.oidc]`";
        let secret = secret.map(|it| it.read(what, &options.settings_folder));
        let mut config = settings.config(&format!("{}{CALLBACK}", options.origin()));
        config.client_secret = secret.transpose()?;
        let oidc = Oidc::new(config, Box::new(UreqFetch::new()));
        let oidc = oidc.map_err(|error| ServeError::Settings(error.message))?;
        Ok(Some(Self {
            oidc,
            label: settings.label.clone(),
            places: Semaphore::new(MAX_ASKING),
            refused: Mutex::new((Instant::now(), 0)),
        }))
    }

    /// Whether a login that was refused is written into the audit log.
    pub(crate) fn is_audited(&self) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.0.elapsed() >= REFUSED_WITHIN {
            *refused = (Instant::now(), 0);
        }
        refused.1 += 1;
        refused.1 <= MAX_REFUSED
    }
}
