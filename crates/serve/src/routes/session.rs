//! Signing in and out, and one-time links.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lockstep_access::{InvitationPurpose, LoginError, NewAccount, Password, User, UserName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::caller::{self, AuditDraft, COOKIE, Caller, SECURE_COOKIE};
use crate::http::input::{Body, Path};
use crate::http::problem::Problem;
use crate::stores::Stores;

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionJson {
    /// The name, which is that of the runs they start.
    name: String,
    is_admin: bool,
    groups: Vec<String>,
    /// What a page sends as `X-CSRF-Token` with what changes something; none by a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// The version of the server.
    version: &'static str,
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInJson {
    name: String,
    password: String,
}

/// What a one-time link is for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationJson {
    /// `first-admin`, `new-user` or `password-reset`.
    purpose: &'static str,
    /// The name that the link is for, if it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// An account that is made by a one-time link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountJson {
    /// The name, where the link has not fixed it.
    #[serde(default)]
    name: Option<String>,
    /// At least 12 characters.
    password: String,
}

fn shown(caller: &Caller) -> SessionJson {
    SessionJson {
        name: caller.name().to_owned(),
        is_admin: caller.is_admin(),
        groups: caller.groups(),
        csrf_token: caller
            .session
            .as_ref()
            .map(|it| it.csrf.reveal().to_owned()),
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Shows who is signed in.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn show(caller: Caller) -> Json<SessionJson> {
    Json(shown(&caller))
}

/// Signs in with a name and a password. The answer sets a cookie.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", request_body = SignInJson, security(()),
    responses((status = 204, description = "Signed in"), (status = "4XX", body = Problem))
)]
pub(crate) async fn sign_in(
    State(app): State<App>,
    parts: Parts,
    Body(asked): Body<SignInJson>,
) -> Result<Response, Problem> {
    require_own_page(&parts.headers, &app)?;
    let client = caller::client(&parts, app.options.behind_proxy);
    let agent = agent(&parts.headers);
    let signed_in = app.stores.run(move |stores| {
        let now = Timestamp::now();
        let audit = |name: &str, outcome: &str| {
            let draft = AuditDraft::new(name, "password", &client, "session.sign-in");
            draft.outcome(outcome).write(stores)
        };
        let found = stores
            .access
            .log_in(&asked.name, &asked.password, &client, now);
        match found {
            Ok(user) => {
                audit(user.name.as_str(), "done")?;
                new_session(stores, &user, &client, &agent, now)
            }
            Err(LoginError::Throttled { retry_after }) => {
                let seconds = retry_after.as_secs().max(1);
                let why = format!("too many wrong passwords: try again in {seconds} s");
                Err(Problem::too_many(why))
            }
            Err(LoginError::Wrong) => {
                // What was typed may be a password.
                audit("", "refused")?;
                Err(Problem::no_caller().detail("the name or the password is wrong"))
            }
            Err(LoginError::Access(error)) => Err(error.into()),
        }
    });
    Ok(signed_in_response(&app, &signed_in.await??))
}

pub(crate) fn new_session(
    stores: &Stores,
    user: &User,
    client: &str,
    agent: &str,
    now: Timestamp,
) -> Result<String, Problem> {
    let session = stores.access.open_session(&user.name, client, agent, now)?;
    Ok(session.token.reveal().to_owned())
}

/// The browser, as it calls itself.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|it| it.to_str().ok());
    agent.unwrap_or_default().to_owned()
}

fn signed_in_response(app: &App, cookie: &str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&set_cookie(app, cookie, None)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The header that gives a browser its session, or takes it away.
pub(crate) fn set_cookie(app: &App, value: &str, max_age: Option<u32>) -> String {
    let (name, secure) = match app.options.is_secure() {
        true => (SECURE_COOKIE, "; Secure"),
        false => (COOKIE, ""),
    };
    let age = max_age.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")
}

/// Refuses a form of another site: it could sign somebody in as somebody else.
fn require_own_page(headers: &HeaderMap, app: &App) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let is_own = text("origin").is_none_or(|it| it == app.options.origin())
        && text("sec-fetch-site").is_none_or(|it| it == "same-origin");
    match is_own {
        true => Ok(()),
        false => Err(Problem::cross_site()),
    }
}

/// Signs out.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Signed out"), (status = "4XX", body = Problem))
)]
pub(crate) async fn sign_out(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let ended = app.stores.run(move |stores| {
        if let Some(opened) = &caller.session {
            let session = &opened.session;
            stores.access.end_session(&session.user, session.id)?;
        }
        caller.audit("session.sign-out").write(stores)?;
        Ok::<_, Problem>(())
    });
    ended.await??;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&set_cookie(&app, "", Some(0))) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Shows what a one-time link is for.
#[utoipa::path(
    get, path = "/api/v1/invitations/{token}", tag = "session", security(()),
    params(("token" = String, Path)),
    responses((status = 200, body = InvitationJson), (status = "4XX", body = Problem))
)]
pub(crate) async fn invitation(
    State(app): State<App>,
    Path(token): Path<String>,
    parts: Parts,
) -> Result<Json<InvitationJson>, Problem> {
    let client = caller::client(&parts, app.options.behind_proxy);
    app.refuse_guesses(&client)?;
    let found = app.stores.run(move |stores| {
        let found = stores.access.invitation(&token, Timestamp::now());
        let found = found.map_err(|error| Problem::not_found(&error.to_string()))?;
        Ok::<_, Problem>(InvitationJson {
            purpose: match found.purpose {
                InvitationPurpose::FirstAdmin => "first-admin",
                InvitationPurpose::NewUser => "new-user",
                InvitationPurpose::PasswordReset => "password-reset",
            },
            name: found.user.map(|it| it.to_string()),
        })
    });
    let found = found.await?;
    if found.is_err() {
        app.guesses.wrong(&client);
    }
    Ok(Json(found?))
}

/// Uses a one-time link: makes an account or sets a password, and signs in.
#[utoipa::path(
    post, path = "/api/v1/invitations/{token}", tag = "session", security(()),
    params(("token" = String, Path)), request_body = AccountJson,
    responses((status = 204, description = "Signed in"), (status = "4XX", body = Problem))
)]
pub(crate) async fn accept(
    State(app): State<App>,
    Path(token): Path<String>,
    parts: Parts,
    Body(asked): Body<AccountJson>,
) -> Result<Response, Problem> {
    require_own_page(&parts.headers, &app)?;
    let client = caller::client(&parts, app.options.behind_proxy);
    let agent = agent(&parts.headers);
    let accepted = app.stores.run(move |stores| {
        let now = Timestamp::now();
        let name = asked.name.as_deref().map(UserName::new).transpose()?;
        let account = NewAccount {
            display_name: name.as_ref().map_or_else(String::new, ToString::to_string),
            name,
            email: None,
            password: Password::new(&asked.password)?,
        };
        let user = stores.access.accept_invitation(&token, &account, now);
        let user = user.map_err(|error| Problem::refused(error.to_string()))?;
        let audit = AuditDraft::new(user.name.as_str(), "link", &client, "session.account");
        audit.object(&format!("user {}", user.name)).write(stores)?;
        new_session(stores, &user, &client, &agent, now)
    });
    Ok(signed_in_response(&app, &accepted.await??))
}
