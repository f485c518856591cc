//! Signing in through an OpenID Connect provider: to it and back. Both are addresses that a browser
//! visits, so every answer is a redirect.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lockstep_access::oidc::{Oidc, OidcCallback, OidcError, OidcErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::http::caller::{self, AuditDraft};
use crate::http::input::Params;
use crate::http::problem::Problem;
use crate::oidc::Provider;
use crate::routes::session;

/// The cookie by which a browser is known that is at the provider; with the prefix, browsers take
/// it only by HTTPS and from this host.
const COOKIE: &str = "lockstep_login";
const SECURE_COOKIE: &str = "__Host-lockstep_login";
/// A login may take as long.
const COOKIE_SECONDS: u32 = 600;

/// A way to sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderJson {
    /// What the button says.
    label: String,
    /// The address that the browser visits.
    url: &'static str,
}

/// Where a login goes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct BeginQuery {
    /// The page to go to afterwards: a path on this server.
    #[serde(default)]
    #[param(rename = "return-to")]
    return_to: Option<String>,
}

/// What a browser brings back from the provider.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Lists the ways to sign in beside a name and a password.
#[utoipa::path(
    get, path = "/api/v1/session/providers", tag = "session", security(()),
    responses((status = 200, body = Vec<ProviderJson>))
)]
pub(crate) async fn providers(State(app): State<App>) -> Json<Vec<ProviderJson>> {
    let provider = app.provider.iter().map(|it| ProviderJson {
        label: it.label.clone(),
        url: "/api/v1/session/oidc",
    });
    Json(provider.collect())
}

/// Sends a browser to the provider.
#[utoipa::path(
    get, path = "/api/v1/session/oidc", tag = "session", security(()), params(BeginQuery),
    responses((status = 303, description = "To the provider"), (status = "4XX", body = Problem))
)]
pub(crate) async fn begin(
    State(app): State<App>,
    headers: HeaderMap,
    Params(query): Params<BeginQuery>,
) -> Result<Response, Problem> {
    let provider = provider(&app)?;
    // Two logins of a browser may be under way, in two of its windows.
    let browser = match browser(&headers, &app) {
        Some(known) => known,
        None => {
            let made = Oidc::browser_value();
            let made = made.map_err(|error| Problem::internal(error.message))?;
            made.reveal().to_owned()
        }
    };
    let Ok(_place) = provider.places.try_acquire() else {
        return Ok(refused(BUSY));
    };
    let return_to = query.return_to.unwrap_or_else(|| String::from("/"));
    let (shared, known) = (app.clone(), browser.clone());
    let begun = app.stores.run(move |stores| {
        let provider = self::provider(&shared)?;
        let now = Timestamp::now();
        Ok::<_, Problem>(provider.oidc.begin(&stores.access, &known, &return_to, now))
    });
    match begun.await?? {
        Ok(to) => {
            let mut response = redirect(to.url.reveal());
            let cookie = cookie(&app, &browser);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => {
            // The message is for an administrator, and holds no secret.
            tracing::warn!(target: "lockstep::serve", %error, "a login cannot begin");
            Ok(refused(short(error.kind)))
        }
    }
}

/// Takes a browser back from the provider, and signs it in.
#[utoipa::path(
    get, path = "/api/v1/session/oidc/callback", tag = "session", security(()),
    params(CallbackQuery),
    responses((status = 303, description = "Signed in, or to the page that says why not"),
        (status = "4XX", body = Problem))
)]
pub(crate) async fn callback(
    State(app): State<App>,
    parts: Parts,
    Params(query): Params<CallbackQuery>,
) -> Result<Response, Problem> {
    let provider = provider(&app)?;
    let brought = OidcCallback {
        state: query.state,
        code: query.code,
        issuer: query.iss,
        error: query.error,
        error_description: query.error_description,
    };
    let Ok(_place) = provider.places.try_acquire() else {
        return Ok(refused(BUSY));
    };
    let browser = browser(&parts.headers, &app).unwrap_or_default();
    let client = caller::client(&parts, app.options.behind_proxy);
    let agent = session::agent(&parts.headers);
    let shared = app.clone();
    let signed_in = app.stores.run(move |stores| {
        let provider = self::provider(&shared)?;
        let now = Timestamp::now();
        let audit = |name: &str| AuditDraft::new(name, "oidc", &client, "session.sign-in");
        match provider
            .oidc
            .finish(&stores.access, &browser, &brought, now)
        {
            Ok(login) => {
                let name = login.user.name.as_str();
                let audit = match login.is_new {
                    true => audit(name).detail("account", "new"),
                    false => audit(name),
                };
                audit.write(stores)?;
                let cookie = session::new_session(stores, &login.user, &client, &agent, now)?;
                Ok::<_, Problem>(Ok((cookie, login.return_to)))
            }
            Err(error) => {
                if provider.is_audited() {
                    let audit = audit("").outcome("refused");
                    audit.detail("reason", &error.message).write(stores)?;
                }
                Ok(Err(error))
            }
        }
    });
    match signed_in.await?? {
        Ok((cookie, return_to)) => {
            let mut response = redirect(&escaped(&return_to, |byte| byte.is_ascii_graphic()));
            let cookie = session::set_cookie(&app, &cookie, None);
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(error) => {
            log_refusal(&error);
            Ok(refused(short(error.kind)))
        }
    }
}

fn log_refusal(error: &OidcError) {
    tracing::info!(target: "lockstep::serve", %error, "a login was refused");
}

fn provider(app: &App) -> Result<&Provider, Problem> {
    let none = || Problem::not_found("this server has no OpenID Connect provider");
    app.provider.as_ref().ok_or_else(none)
}

/// What a browser is known by, if it has been given that.
fn browser(headers: &HeaderMap, app: &App) -> Option<String> {
    let name = cookie_name(app);
    let all = headers.get_all(header::COOKIE);
    let pairs = all.iter().filter_map(|it| it.to_str().ok());
    let mut pairs = pairs
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='));
    let (_, value) = pairs.find(|(known, _)| *known == name)?;
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_good = (32..=64).contains(&value.len()) && value.bytes().all(is_ours);
    is_good.then(|| value.to_owned())
}

fn cookie_name(app: &App) -> &'static str {
    match app.options.is_secure() {
        true => SECURE_COOKIE,
        false => COOKIE,
    }
}

fn cookie(app: &App, browser: &str) -> HeaderValue {
    let secure = if app.options.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let name = cookie_name(app);
    // The browser comes back from another site, which `Strict` would not allow.
    let text = format!(
        "{name}={browser}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age={COOKIE_SECONDS}"
    );
    // It holds letters and digits alone.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

const BUSY: &str = "Too many people sign in just now: try again in a moment.";

/// What the page of signing in says. Details are in the audit log and that of the server: a
/// stranger may read this.
fn short(kind: OidcErrorKind) -> &'static str {
    match kind {
        OidcErrorKind::Config | OidcErrorKind::Provider | OidcErrorKind::Token => {
            "Signing in by the provider does not work: an administrator finds the reason in the \
             audit log."
        }
        OidcErrorKind::Claims => {
            "The provider does not say enough about you: an administrator finds the reason in the \
             audit log."
        }
        OidcErrorKind::Unreachable => "The provider does not answer: try again later.",
        OidcErrorKind::State => "This took too long, or was begun elsewhere: sign in again.",
        OidcErrorKind::Denied => "The provider has refused to sign you in.",
        OidcErrorKind::NotAllowed => {
            "You may not sign in here: an administrator finds the reason in the audit log."
        }
        OidcErrorKind::Access => "The server cannot do this now: try again later.",
    }
}

fn refused(why: &str) -> Response {
    let why = escaped(why, |byte| byte.is_ascii_alphanumeric());
    redirect(&format!("/sign-in?error={why}"))
}

fn escaped(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match stays(byte) {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn redirect(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return Problem::internal("the address to go to cannot be sent").into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, to);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
