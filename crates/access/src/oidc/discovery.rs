//! What the provider says of itself, and its keys; both are remembered for an hour.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Oidc;
use super::config::is_safe_url;
use super::error::{OidcError, OidcErrorKind};
use super::fetch::{HttpMethod, HttpRequest, HttpResponse};
use super::keys::Keys;
use crate::audit::shown;
use crate::store::{milliseconds, stored};

/// For how long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// Keys are not fetched again within this time, whoever asks for one that is not known: everybody
/// can do that.
const KEYS_REFRESH: Duration = Duration::from_secs(10);
/// The most characters of a provider's error that are passed on.
const MAX_SAID: usize = 300;

/// Something that was fetched, and when.
#[derive(Debug, Clone)]
pub(super) struct Cached<T> {
    value: T,
    fetched_ms: i64,
}

impl<T: Clone> Cached<T> {
    /// What is remembered, if it is not older than this. What was fetched in the future was fetched
    /// before the clock was set back.
    fn get(slot: &Mutex<Option<Self>>, at_most: Duration, now: Timestamp) -> Option<T> {
        let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let found = slot.as_ref()?;
        let age = stored(now).saturating_sub(found.fetched_ms);
        (0..milliseconds(at_most))
            .contains(&age)
            .then(|| found.value.clone())
    }

    fn set(slot: &Mutex<Option<Self>>, value: T, now: Timestamp) {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Self {
            value,
            fetched_ms: stored(now),
        });
    }
}

/// What the provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl Oidc {
    /// The discovery document.
    pub(super) fn metadata(&self, now: Timestamp) -> Result<Metadata, OidcError> {
        if let Some(found) = Cached::get(&self.metadata, REMEMBERED, now) {
            return Ok(found);
        }
        let issuer = &self.config.issuer;
        let url = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let found: Metadata = self.get("the discovery document", &url)?;
        if found.issuer != *issuer {
            return Err(OidcError::provider(format!(
                "issuer mismatch: the discovery document `{url}` is that of the issuer `{}`, but \
                 the server is configured with `{issuer}`; both must be the same to the last \
                 character, a `/` at the end included",
                shown(&found.issuer)
            )));
        }
        let endpoints = [
            Some(&found.authorization_endpoint),
            Some(&found.token_endpoint),
            Some(&found.jwks_uri),
            found.userinfo_endpoint.as_ref(),
        ];
        if let Some(unsafe_url) = endpoints
            .into_iter()
            .flatten()
            .find(|url| !is_safe_url(url))
        {
            return Err(OidcError::provider(format!(
                "the discovery document names `{}`, which is no address with `https://`",
                shown(unsafe_url)
            )));
        }
        // Those who do not say what they support mostly support it.
        let methods = found.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(OidcError::provider(
                "the provider does not support PKCE with S256 \
                 (`code_challenge_methods_supported` in its discovery document)",
            ));
        }
        Cached::set(&self.metadata, found.clone(), now);
        Ok(found)
    }

    /// The keys that the provider signs with.
    pub(super) fn keys(&self, metadata: &Metadata, now: Timestamp) -> Result<Keys, OidcError> {
        match Cached::get(&self.keys, REMEMBERED, now) {
            Some(found) => Ok(found),
            None => self.fetch_keys(metadata, now),
        }
    }

    /// The keys as they are now, for a token that is signed with one that is not known; nothing if
    /// they were fetched only just.
    pub(super) fn newer_keys(
        &self,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Option<Keys>, OidcError> {
        match Cached::get(&self.keys, KEYS_REFRESH, now) {
            Some(_) => Ok(None),
            None => self.fetch_keys(metadata, now).map(Some),
        }
    }

    fn fetch_keys(&self, metadata: &Metadata, now: Timestamp) -> Result<Keys, OidcError> {
        let found: Keys = self.get("the keys (JWKS)", &metadata.jwks_uri)?;
        Cached::set(&self.keys, found.clone(), now);
        Ok(found)
    }

    fn get<T: DeserializeOwned>(&self, what: &str, url: &str) -> Result<T, OidcError> {
        let request = HttpRequest {
            method: HttpMethod::Get,
            url: url.to_owned(),
            headers: vec![("accept", String::from("application/json"))],
            body: String::new(),
        };
        let answer = self.ask(what, &request)?;
        if answer.status != 200 {
            return Err(OidcError::provider(format!(
                "{what} of the provider cannot be read: `{}` answers with status {}",
                shown(url),
                answer.status
            )));
        }
        parse(what, &answer)
    }

    pub(super) fn ask(&self, what: &str, request: &HttpRequest) -> Result<HttpResponse, OidcError> {
        self.fetch.fetch(request).map_err(|why| {
            OidcError::new(
                OidcErrorKind::Unreachable,
                format!(
                    "{what} of the provider cannot be read: `{}` cannot be reached: {}",
                    shown(&request.url),
                    shown(&why)
                ),
            )
        })
    }
}

/// The data of an answer.
pub(super) fn parse<T: DeserializeOwned>(
    what: &str,
    answer: &HttpResponse,
) -> Result<T, OidcError> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        // An error of the parser could quote a secret.
        let why = match error.classify() {
            serde_json::error::Category::Data => "a field is missing or of another kind",
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => "it is not JSON",
        };
        OidcError::provider(format!(
            "{what} of the provider cannot be read: {why} (line {})",
            error.line()
        ))
    })
}

/// What a provider says about an error, bounded and harmless to show.
pub(super) fn said(text: &str) -> String {
    let text: String = text.chars().take(MAX_SAID).collect();
    shown(&text)
}
