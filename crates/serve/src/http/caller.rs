//! Who asks. A browser has a session in a cookie; for what changes something it shows that it comes
//! from a page of this server. A program has a token.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use jiff::Timestamp;
use lockstep_access::audit::{self, AuditEntry};
use lockstep_access::{AccessStore, OpenedSession, Permissions, Principal, Right, Via};
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::app::App;
use crate::database::RunScope;
use crate::error::ServeError;
use crate::listen::Peer;
use crate::stores::Stores;

/// The cookie of a session; with the prefix, browsers take it only by HTTPS and from this host.
pub(crate) const COOKIE: &str = "lockstep_session";
pub(crate) const SECURE_COOKIE: &str = "__Host-lockstep_session";

/// Who asks, and what they may do.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    principal: Principal,
    permissions: Permissions,
    /// The address that the request came from.
    client: String,
    /// The session, for callers who have one.
    pub(crate) session: Option<Arc<OpenedSession>>,
    credential: Credentials,
}

/// What a request shows of its sender.
#[derive(Debug, Clone)]
enum Credentials {
    Token(String),
    Session(String),
}

/// An entry of the audit log that is being written.
#[derive(Debug, Clone)]
pub(crate) struct AuditDraft(AuditEntry);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let client = client(parts, app.options.behind_proxy);
        let credential = credential(&parts.headers).ok_or_else(Problem::no_caller)?;
        app.refuse_guesses(&client)?;
        let from = client.clone();
        let opened = app
            .stores
            .run(move |stores| open(stores, credential, client));
        let opened = opened.await?;
        if opened.as_ref().is_err_and(|problem| problem.status == 401) {
            app.guesses.wrong(&from);
        }
        let caller = opened?;
        let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if let (Some(session), true) = (&caller.session, changes)
            && !is_of_this_site(&parts.headers, session, &app.options.origin())
        {
            return Err(Problem::cross_site());
        }
        Ok(caller)
    }
}

/// The address that a request came from: of the last proxy's word where one is in front.
pub(crate) fn client(parts: &Parts, behind_proxy: bool) -> String {
    let forwarded = parts.headers.get("x-forwarded-for");
    let forwarded = forwarded.and_then(|it| it.to_str().ok());
    // What a client claims stands before what the proxy has added.
    let last = forwarded.and_then(|it| it.rsplit(',').next());
    let last = last.and_then(|it| it.trim().parse::<IpAddr>().ok());
    if let (Some(last), true) = (last, behind_proxy) {
        return last.to_string();
    }
    let peer = parts.extensions.get::<ConnectInfo<Peer>>();
    peer.map_or_else(String::new, |peer| peer.0.0.ip().to_string())
}

fn credential(headers: &HeaderMap) -> Option<Credentials> {
    if let Some(said) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = said.to_str().ok()?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then(|| Credentials::Token(token.trim().to_owned()));
    }
    session_cookie(headers).map(Credentials::Session)
}

/// The session that a browser has.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE);
    let pairs = all.iter().filter_map(|it| it.to_str().ok());
    let mut pairs = pairs
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE || *name == SECURE_COOKIE)
        .map(|(_, value)| value.to_owned())
}

fn open(stores: &Stores, shown: Credentials, client: String) -> Result<Caller, Problem> {
    let access = &stores.access;
    let now = Timestamp::now();
    let (principal, session) = match &shown {
        Credentials::Token(token) => {
            let principal = access.authenticate_token(token, now);
            (principal.map_err(|_| Problem::no_caller())?.0, None)
        }
        Credentials::Session(cookie) => {
            let opened = access.session(cookie, now)?;
            let opened = opened.ok_or_else(Problem::no_caller)?;
            (opened.principal.clone(), Some(Arc::new(opened)))
        }
    };
    Ok(Caller {
        permissions: access.permissions_of(&principal)?,
        principal,
        client,
        session,
        credential: shown,
    })
}

/// Whether a request that a browser sends comes from a page of this server.
fn is_of_this_site(headers: &HeaderMap, session: &OpenedSession, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let is_same_origin = text("origin").is_none_or(|from| from == origin);
    let is_same_site = text("sec-fetch-site").is_none_or(|it| it == "same-origin");
    let token = text("x-csrf-token").unwrap_or_default();
    is_same_origin && is_same_site && session.is_csrf(token)
}

impl Caller {
    /// A trigger that starts a pipeline.
    pub(crate) fn trigger(
        access: &AccessStore,
        name: &str,
        pipeline: &str,
    ) -> Result<Self, Problem> {
        let principal = Principal::trigger(name, pipeline);
        Ok(Self {
            permissions: access.permissions_of(&principal)?,
            principal,
            client: String::new(),
            session: None,
            credential: Credentials::Token(String::new()),
        })
    }

    /// The same as it is now: what it may do may have been changed.
    pub(crate) fn renewed(&self, stores: &Stores) -> Result<Self, Problem> {
        open(stores, self.credential.clone(), self.client.clone())
    }

    pub(crate) fn name(&self) -> &str {
        &self.principal.user
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.permissions.is_admin()
    }

    pub(crate) fn is_by_token(&self) -> bool {
        matches!(self.principal.via, Via::Token { .. })
    }

    /// Whether they are in a group.
    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.principal.groups.iter().any(|it| it.as_str() == group)
    }

    pub(crate) fn groups(&self) -> Vec<String> {
        self.principal
            .groups
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    pub(crate) fn on_pipeline(&self, right: Right, pipeline: &str) -> bool {
        self.permissions.on_pipeline(right, pipeline)
    }

    pub(crate) fn on_target(&self, right: Right, target: &str) -> bool {
        self.permissions.on_target(right, target)
    }

    /// Whether they may do something to all that a run touches.
    pub(crate) fn may(&self, right: Right, scope: &RunScope) -> bool {
        self.permissions
            .may_on_run(right, &scope.pipeline, &scope.targets)
    }

    /// What they may do to all that a run touches.
    pub(crate) fn rights_on(&self, scope: &RunScope) -> Vec<&'static str> {
        let all = Right::ALL.into_iter();
        // That one is a property of users, and of no run.
        let of_runs = all.filter(|right| *right != Right::Admin);
        let granted = of_runs.filter(|right| self.may(*right, scope));
        granted.map(Right::as_str).collect()
    }

    /// The infrastructures on which they have not this right.
    pub(crate) fn missing(&self, right: Right, scope: &RunScope) -> Vec<String> {
        self.permissions
            .first_missing_targets(right, &scope.targets)
    }

    /// Refuses what they may not do, with what is missing.
    pub(crate) fn require(&self, right: Right, scope: &RunScope) -> Result<(), Problem> {
        if self.may(right, scope) {
            return Ok(());
        }
        if !self.may(Right::View, scope) {
            // What they may not see is not named.
            let why = format!("you have not the right `{right}` on all that this run touches");
            return Err(Problem::no_right(why));
        }
        let missing = self.missing(right, scope);
        Err(Problem::no_right(match missing.is_empty() {
            true => format!(
                "you have not the right `{right}` on pipeline `{}`",
                scope.pipeline
            ),
            false => format!("you have not the right `{right}` on {}", missing.join(", ")),
        }))
    }

    /// Refuses whoever is not an administrator.
    pub(crate) fn require_admin(&self) -> Result<(), Problem> {
        match self.is_admin() {
            true => Ok(()),
            false => Err(Problem::no_right("this is for administrators")),
        }
    }

    /// An entry of the audit log: that they did this.
    pub(crate) fn audit(&self, action: &str) -> AuditDraft {
        AuditDraft::new(
            self.name(),
            &self.principal.via_text(),
            &self.client,
            action,
        )
    }
}

impl AuditDraft {
    pub(crate) fn new(who: &str, via: &str, client: &str, action: &str) -> Self {
        let entry = AuditEntry {
            who: who.to_owned(),
            via: via.to_owned(),
            client: client.to_owned(),
            action: action.to_owned(),
            object: String::new(),
            outcome: String::from("done"),
            detail: Map::new(),
            at: Timestamp::now(),
        };
        Self(entry)
    }

    /// It is about a run.
    pub(crate) fn about(self, run: &str, scope: &RunScope) -> Self {
        let targets = scope
            .targets
            .iter()
            .map(|it| Value::from(it.as_str()))
            .collect();
        let mut draft = self
            .object(&format!("run {run}"))
            .detail("pipeline", &scope.pipeline);
        draft
            .0
            .detail
            .insert(String::from("targets"), Value::Array(targets));
        draft
    }

    pub(crate) fn object(mut self, object: &str) -> Self {
        self.0.object = object.to_owned();
        self
    }

    pub(crate) fn outcome(mut self, outcome: &str) -> Self {
        self.0.outcome = outcome.to_owned();
        self
    }

    pub(crate) fn note(self, comment: Option<&str>) -> Self {
        match comment {
            Some(comment) => self.detail("comment", comment),
            None => self,
        }
    }

    pub(crate) fn detail(mut self, name: &str, value: &str) -> Self {
        self.0.detail.insert(name.to_owned(), value.into());
        self
    }

    /// Writes it.
    pub(crate) fn write(self, stores: &Stores) -> Result<(), ServeError> {
        let written = audit::append(stores.access.connection(), &self.0);
        written.map(|_| ()).map_err(ServeError::database)
    }
}

impl From<lockstep_access::AccessError> for Problem {
    fn from(error: lockstep_access::AccessError) -> Self {
        use lockstep_access::AccessErrorKind as Kind;
        match error.kind {
            Kind::Invalid => Self::refused(error.message),
            Kind::NotFound => Self::not_found(&error.message),
            Kind::Exists | Kind::Refused => Self::conflict(error.message),
            Kind::Full
            | Kind::ReadOnly
            | Kind::Damaged
            | Kind::Later
            | Kind::Busy
            | Kind::Other => ServeError::Database(error.message).into(),
        }
    }
}
