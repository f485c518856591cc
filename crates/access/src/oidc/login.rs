//! A login: to the provider and back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rusqlite::OptionalExtension as _;
use serde::Deserialize;

use super::Oidc;
use super::discovery::{Metadata, parse, said};
use super::error::{OidcError, OidcErrorKind};
use super::fetch::{HttpMethod, HttpRequest};
use super::id_token::Claims;
use super::parameters::{escaped, form};
use crate::credential::{self, Credential, is_equal};
use crate::store::{self, AccessStore};
use crate::users::User;

/// How long a login may take at the provider.
const VALID: Duration = Duration::from_secs(10 * 60);
/// The most logins that are under way. Everybody can begin one.
const MAX_LOGINS: i64 = 10_000;
/// The fewest characters of what a browser is known by.
const MIN_BROWSER: usize = 22;
/// The longest path to return to.
const MAX_PATH: usize = 1024;

/// Where a browser is sent to.
#[derive(Debug, Clone)]
pub struct OidcRedirect {
    /// The address at the provider.
    pub url: Credential,
}

/// What a browser brings back from the provider: the parameters of the address. `Debug` does not
/// show them.
#[derive(Clone, Default)]
pub struct OidcCallback {
    /// `state`.
    pub state: Option<String>,
    /// `code`.
    pub code: Option<String>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub error_description: Option<String>,
}

impl std::fmt::Debug for OidcCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OidcCallback(…)")
    }
}

/// A login that worked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcLogin {
    /// Who has logged in.
    pub user: User,
    /// Whether the user was created by it.
    pub is_new: bool,
    /// Where the browser wanted to go: a path on this server.
    pub return_to: String,
}

/// A login that was begun.
struct Begun {
    browser_hash: [u8; 32],
    nonce: String,
    verifier: String,
    return_to: String,
    created_ms: i64,
}

/// The answer of the token endpoint. It is never shown.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Oidc {
    /// What a browser is known by: the value of a cookie that is set before [`Oidc::begin`], for
    /// the callback's path only, not readable by scripts, and `SameSite=Lax`, since the browser
    /// comes back from another site.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn browser_value() -> Result<Credential, OidcError> {
        Ok(Credential::random()?)
    }

    /// Begins a login of a browser. `return_to` is the path to which it goes afterwards; what is no
    /// path on this server becomes `/`.
    ///
    /// # Errors
    ///
    /// If the provider cannot be reached, or is configured wrongly.
    pub fn begin(
        &self,
        store: &AccessStore,
        browser: &str,
        return_to: &str,
        now: Timestamp,
    ) -> Result<OidcRedirect, OidcError> {
        if browser.len() < MIN_BROWSER {
            return Err(unknown_browser());
        }
        let metadata = self.metadata(now)?;
        let (state, nonce) = (Credential::random()?, Credential::random()?);
        let verifier = Credential::random()?;
        let now_ms = store::stored(now);
        store.in_transaction(|| {
            let db = store.connection();
            db.execute(
                "DELETE FROM oidc_logins WHERE created_ms <= ?1
                 OR state_hash IN (SELECT state_hash FROM oidc_logins
                                   ORDER BY created_ms DESC LIMIT -1 OFFSET ?2)",
                (
                    now_ms.saturating_sub(store::milliseconds(VALID)),
                    MAX_LOGINS - 1,
                ),
            )?;
            db.execute(
                "INSERT INTO oidc_logins
                     (state_hash, browser_hash, nonce, verifier, return_to, created_ms)
                 VALUES (?, ?, ?, ?, ?, ?)",
                (
                    credential::hash(state.reveal()),
                    credential::hash(browser),
                    nonce.reveal(),
                    verifier.reveal(),
                    local_path(return_to),
                    now_ms,
                ),
            )?;
            Ok::<_, OidcError>(())
        })?;
        let challenge = URL_SAFE_NO_PAD.encode(credential::hash(verifier.reveal()));
        let mut scopes = self.config.scopes.clone();
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, String::from("openid"));
        }
        let parameters = form(&[
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.config.redirect_url),
            ("scope", &scopes.join(" ")),
            ("state", state.reveal()),
            ("nonce", nonce.reveal()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &metadata.authorization_endpoint;
        let separator = if endpoint.contains('?') { '&' } else { '?' };
        Ok(OidcRedirect {
            url: Credential::of(format!("{endpoint}{separator}{parameters}")),
        })
    }

    /// Ends a login with what the browser brings back. It can be ended once: whatever comes of it,
    /// the same `state` is not accepted again.
    ///
    /// # Errors
    ///
    /// If it is not a login of this browser, the provider has refused it, its answer is not valid,
    /// or the user may not log in here.
    pub fn finish(
        &self,
        store: &AccessStore,
        browser: &str,
        callback: &OidcCallback,
        now: Timestamp,
    ) -> Result<OidcLogin, OidcError> {
        let state = callback.state.as_deref().unwrap_or_default();
        let begun = take(store, state)?.ok_or_else(|| {
            OidcError::new(
                OidcErrorKind::State,
                "this login is not known (`state`): it was ended already, or took longer than 10 \
                 minutes; log in again",
            )
        })?;
        if !is_equal(&credential::hash(browser), &begun.browser_hash) {
            return Err(unknown_browser());
        }
        let age = store::stored(now).saturating_sub(begun.created_ms);
        if age >= store::milliseconds(VALID) {
            return Err(OidcError::new(
                OidcErrorKind::State,
                "this login took longer than 10 minutes; log in again",
            ));
        }
        if let Some(error) = &callback.error {
            let description = callback.error_description.as_deref().unwrap_or_default();
            return Err(OidcError::new(
                OidcErrorKind::Denied,
                format!(
                    "the provider has refused the login: `{}` {}",
                    said(error),
                    said(description)
                ),
            ));
        }
        let metadata = self.metadata(now)?;
        self.check_issuer_of(callback, &metadata)?;
        let code = callback.code.as_deref().unwrap_or_default();
        if code.is_empty() {
            return Err(OidcError::provider(
                "the provider has sent the browser back without a `code`",
            ));
        }
        let tokens = self.exchange(code, &begun.verifier, &metadata)?;
        let mut claims = self.verified_claims(&tokens.id_token, &begun.nonce, &metadata, now)?;
        if self.needs_more(&claims)
            && let (Some(url), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token)
        {
            self.add_userinfo(&mut claims, url, token)?;
        }
        let (user, is_new) = self.provision(store, &claims, now)?;
        Ok(OidcLogin {
            user,
            is_new,
            return_to: begun.return_to,
        })
    }

    /// The answer must be this provider's: with several, one could pass on the code of another.
    fn check_issuer_of(
        &self,
        callback: &OidcCallback,
        metadata: &Metadata,
    ) -> Result<(), OidcError> {
        let is_needed = metadata.authorization_response_iss_parameter_supported;
        match callback.issuer.as_deref() {
            Some(issuer) if issuer == self.config.issuer => Ok(()),
            None if !is_needed => Ok(()),
            other => Err(OidcError::provider(format!(
                "issuer mismatch: the browser was sent back by `{}` (`iss`), but the server is \
                 configured with `{}`",
                said(other.unwrap_or_default()),
                self.config.issuer
            ))),
        }
    }

    /// Exchanges the code for tokens.
    fn exchange(
        &self,
        code: &str,
        verifier: &str,
        metadata: &Metadata,
    ) -> Result<Tokens, OidcError> {
        let client = self.config.client_id.as_str();
        let mut headers = vec![
            ("accept", String::from("application/json")),
            (
                "content-type",
                String::from("application/x-www-form-urlencoded"),
            ),
        ];
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.config.redirect_url.as_str()),
            ("code_verifier", verifier),
        ];
        match &self.config.client_secret {
            None => pairs.push(("client_id", client)),
            Some(secret) => {
                let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
                let has = |name: &str| methods.is_some_and(|all| all.iter().any(|it| it == name));
                if methods.is_none() || has("client_secret_basic") {
                    let both = format!("{}:{}", escaped(client), escaped(secret.reveal()));
                    headers.push(("authorization", format!("Basic {}", STANDARD.encode(both))));
                } else if has("client_secret_post") {
                    pairs.extend([("client_id", client), ("client_secret", secret.reveal())]);
                } else {
                    return Err(OidcError::provider(
                        "the provider supports neither `client_secret_basic` nor \
                         `client_secret_post` (`token_endpoint_auth_methods_supported` in its \
                         discovery document)",
                    ));
                }
            }
        }
        let what = "the tokens";
        let request = HttpRequest {
            method: HttpMethod::Post,
            url: metadata.token_endpoint.clone(),
            headers,
            body: form(&pairs),
        };
        let answer = self.ask(what, &request)?;
        if answer.status == 200 {
            return parse(what, &answer);
        }
        let why = match serde_json::from_slice::<TokenError>(&answer.body) {
            Ok(found) => format!(
                "`{}` {}",
                said(&found.error),
                said(found.error_description.as_deref().unwrap_or_default())
            ),
            Err(_) => String::from("without saying why"),
        };
        let hint = match answer.status {
            401 => "; is the client secret right?",
            _ => "",
        };
        Err(OidcError::provider(format!(
            "the provider does not exchange the code for tokens: status {}, {}{hint}",
            answer.status,
            why.trim_end()
        )))
    }

    /// Adds what the provider says elsewhere about the same user. What the ID token says stays.
    fn add_userinfo(
        &self,
        claims: &mut Claims,
        url: &str,
        access_token: &str,
    ) -> Result<(), OidcError> {
        let what = "the user's data (userinfo)";
        let request = HttpRequest {
            method: HttpMethod::Get,
            url: url.to_owned(),
            headers: vec![
                ("accept", String::from("application/json")),
                ("authorization", format!("Bearer {access_token}")),
            ],
            body: String::new(),
        };
        let answer = self.ask(what, &request)?;
        if answer.status != 200 {
            return Err(OidcError::provider(format!(
                "{what} cannot be read: the provider answers with status {}",
                answer.status
            )));
        }
        let found: Claims = parse(what, &answer)?;
        if found.get("sub") != claims.get("sub") {
            return Err(OidcError::token(format!(
                "{what} is about another user than the ID token (`sub`)"
            )));
        }
        for (name, value) in found {
            claims.entry(name).or_insert(value);
        }
        Ok(())
    }
}

/// Takes a login that was begun out of the database.
fn take(store: &AccessStore, state: &str) -> Result<Option<Begun>, OidcError> {
    if !credential::is_well_formed(state) {
        return Ok(None);
    }
    let found = (store.connection())
        .query_row(
            "DELETE FROM oidc_logins WHERE state_hash = ?
             RETURNING browser_hash, nonce, verifier, return_to, created_ms",
            [credential::hash(state)],
            |row| {
                Ok(Begun {
                    browser_hash: row.get(0)?,
                    nonce: row.get(1)?,
                    verifier: row.get(2)?,
                    return_to: row.get(3)?,
                    created_ms: row.get(4)?,
                })
            },
        )
        .optional()?;
    Ok(found)
}

fn unknown_browser() -> OidcError {
    OidcError::new(
        OidcErrorKind::State,
        "this login was begun in another browser, or the browser does not keep cookies; log in \
         again",
    )
}

/// A path on this server, or `/`. Browsers read `//host` and `/\host` as another server, and
/// leave out control characters before they look.
fn local_path(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
        && path.len() <= MAX_PATH;
    if is_local { path } else { "/" }
}
