mod attacks;
mod logins;

use std::sync::{Arc, LazyLock};

use lockstep_stand_ins::{CLIENT, Provider, Signer};
use serde_json::{Value, json};

use super::*;
use crate::AccessStore;
use crate::tests::{Fresh, at, fresh};

const BROWSER: &str = "a-cookie-of-this-browser-alone";

/// A server with a provider, a browser, and the time.
struct Setting {
    provider: Arc<Provider>,
    fresh: Fresh,
    oidc: Oidc,
}

impl Setting {
    fn new() -> Self {
        Self::with(Signer::es256("key 1"), |_| {})
    }

    fn with(signer: Signer, change: impl FnOnce(&mut OidcConfig)) -> Self {
        let provider = Provider::start(signer, alice());
        provider.behaviour().now = Some(at(0).as_second());
        let oidc = oidc_of(&provider, change);
        Self {
            provider,
            fresh: fresh(),
            oidc,
        }
    }

    fn store(&self) -> &AccessStore {
        &self.fresh.store
    }

    /// Sends the browser to the provider and has it log in; what it brings back.
    fn begin(&self, time: i64) -> OidcCallback {
        let redirect = self
            .oidc
            .begin(self.store(), BROWSER, "/runs?all=1", at(time))
            .unwrap();
        self.visit(redirect.url.reveal())
    }

    fn visit(&self, url: &str) -> OidcCallback {
        let visit = self.provider.visit(url);
        OidcCallback {
            state: visit.state,
            code: Some(visit.code),
            ..OidcCallback::default()
        }
    }

    fn finish(&self, callback: &OidcCallback, time: i64) -> Result<OidcLogin, OidcError> {
        self.oidc.finish(self.store(), BROWSER, callback, at(time))
    }

    /// A whole login.
    fn log_in(&self, time: i64) -> Result<OidcLogin, OidcError> {
        let callback = self.begin(time);
        self.finish(&callback, time + 1)
    }
}

/// One client for all tests: it takes long to read the certificates of the system.
static FETCH: LazyLock<UreqFetch> = LazyLock::new(UreqFetch::new);

struct Shared;

impl HttpFetch for Shared {
    fn fetch(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        FETCH.fetch(request)
    }
}

fn oidc_of(provider: &Provider, change: impl FnOnce(&mut OidcConfig)) -> Oidc {
    let mut config = OidcConfig::new(
        &provider.issuer(),
        CLIENT,
        "https://deploy.example.org/login/oidc",
    );
    change(&mut config);
    Oidc::new(config, Box::new(Shared)).unwrap()
}

/// The kind of an error, and its message.
fn refusal(result: Result<OidcLogin, OidcError>) -> (OidcErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind, error.message)
}

fn alice() -> Value {
    json!({
        "sub": "0001",
        "preferred_username": "Alice",
        "name": "Alice A.",
        "email": "alice@example.org",
        "email_verified": true,
    })
}
