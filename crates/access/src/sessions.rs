//! Sessions of browsers.
//!
//! The cookie holds 256 random bits of which the SHA-256 is stored. The token against forged
//! requests (CSRF) is derived from the cookie's by HMAC: it is bound to the session, and who reads
//! the database has neither of them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::hmac;
use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use crate::credential::{self, Credential};
use crate::error::AccessError;
use crate::names::UserName;
use crate::principal::{Principal, Via};
use crate::store::{self, AccessStore};
use crate::users::User;

/// After this time without a request a session is over.
pub const IDLE_LIMIT: Duration = Duration::from_secs(12 * 60 * 60);
/// After this time a session is over in any case.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The time of the last request is as exact as this, so that not every request writes.
const SEEN_PRECISION: Duration = Duration::from_secs(60);
/// The most bytes that are stored of what a browser calls itself.
const MAX_AGENT: usize = 256;
const CSRF_LABEL: &[u8] = b"lockstep csrf token";

/// A session that was opened.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// What the cookie holds.
    pub token: Credential,
    /// What a form or a header of each request that changes something must hold.
    pub csrf: Credential,
    /// The stored part.
    pub session: Session,
}

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its number, to end it.
    pub id: i64,
    /// The user.
    pub user: UserName,
    /// The address from which the user logged in.
    pub client: String,
    /// What the browser calls itself.
    pub agent: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was used last, to the minute.
    pub seen_at: Timestamp,
}

impl Session {
    /// When the session is over, if nothing more comes.
    pub fn ends_at(&self) -> Timestamp {
        let idle = self.seen_at.saturating_add(IDLE_LIMIT);
        let whole = self.created_at.saturating_add(LIFETIME);
        let (Ok(idle), Ok(whole)) = (idle, whole) else {
            return Timestamp::MAX;
        };
        idle.min(whole)
    }
}

/// A session that a request belongs to.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    /// The session.
    pub session: Session,
    /// The user as it is now.
    pub user: User,
    /// Who does what is requested.
    pub principal: Principal,
    /// For the forms of the answer.
    pub csrf: Credential,
    key: hmac::Key,
}

impl OpenedSession {
    /// Whether a request holds the token of this session against forged requests.
    pub fn is_csrf(&self, text: &str) -> bool {
        let decoded = URL_SAFE_NO_PAD.decode(text);
        decoded.is_ok_and(|tag| hmac::verify(&self.key, CSRF_LABEL, &tag).is_ok())
    }
}

const COLUMNS: &str = "sessions.id, users.name, client, agent, sessions.created_ms, seen_ms";

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user: UserName::stored(row.get(1)?),
        client: row.get(2)?,
        agent: row.get(3)?,
        created_at: store::time(row.get(4)?)?,
        seen_at: store::time(row.get(5)?)?,
    })
}

fn csrf_key(token: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes())
}

fn csrf(key: &hmac::Key) -> Credential {
    Credential::of(URL_SAFE_NO_PAD.encode(hmac::sign(key, CSRF_LABEL)))
}

impl AccessStore {
    /// Opens a session for a user who has logged in.
    ///
    /// # Errors
    ///
    /// If there is no such user, or it is disabled.
    pub fn open_session(
        &self,
        user: &UserName,
        client: &str,
        agent: &str,
        now: Timestamp,
    ) -> Result<NewSession, AccessError> {
        let token = Credential::random()?;
        let end = agent.floor_char_boundary(MAX_AGENT);
        let now_ms = store::stored(now);
        let session = self.in_transaction(|| {
            let (found, id) = self.numbered_user(user)?;
            if found.is_disabled {
                return Err(AccessError::refused(format!(
                    "the user `{user}` is disabled"
                )));
            }
            let db = self.connection();
            let (idle, oldest) = limits(now_ms);
            db.execute(
                "DELETE FROM sessions WHERE seen_ms <= ? OR created_ms <= ?",
                (idle, oldest),
            )?;
            db.execute(
                "INSERT INTO sessions (token_hash, user_id, client, agent, created_ms, seen_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                (
                    credential::hash(token.reveal()),
                    id,
                    client,
                    agent.get(..end).unwrap_or_default(),
                    now_ms,
                ),
            )?;
            let query = format!(
                "SELECT {COLUMNS} FROM sessions JOIN users ON users.id = user_id
                 WHERE sessions.id = ?"
            );
            Ok(db.query_row(&query, [db.last_insert_rowid()], read)?)
        })?;
        Ok(NewSession {
            csrf: csrf(&csrf_key(token.reveal())),
            token,
            session,
        })
    }

    /// The session of a cookie; nothing if it is over or there is none. Notes that it was used.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn session(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<OpenedSession>, AccessError> {
        if !credential::is_well_formed(token) {
            return Ok(None);
        }
        let now_ms = store::stored(now);
        let (idle, oldest) = limits(now_ms);
        let query = format!(
            "SELECT {COLUMNS} FROM sessions JOIN users ON users.id = user_id
             WHERE token_hash = ? AND seen_ms > ? AND sessions.created_ms > ?"
        );
        let mut statement = self.connection().prepare_cached(&query)?;
        let found = statement
            .query_row((credential::hash(token), idle, oldest), read)
            .optional()?;
        let Some(session) = found else {
            return Ok(None);
        };
        let (user, user_id) = self.numbered_user(&session.user)?;
        if user.is_disabled {
            return Ok(None);
        }
        let before = now_ms.saturating_sub(store::milliseconds(SEEN_PRECISION));
        if store::stored(session.seen_at) <= before {
            self.connection().execute(
                "UPDATE sessions SET seen_ms = ? WHERE id = ?",
                (now_ms, session.id),
            )?;
        }
        let principal = Principal {
            user: user.name.as_str().to_owned(),
            groups: self.groups_of_number(user_id)?,
            is_admin: user.is_admin,
            via: Via::Session,
        };
        let key = csrf_key(token);
        Ok(Some(OpenedSession {
            session,
            user,
            principal,
            csrf: csrf(&key),
            key,
        }))
    }

    /// The sessions of a user that are not over, the latest first.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn sessions_of(
        &self,
        user: &UserName,
        now: Timestamp,
    ) -> Result<Vec<Session>, AccessError> {
        let (_, id) = self.numbered_user(user)?;
        let (idle, oldest) = limits(store::stored(now));
        let query = format!(
            "SELECT {COLUMNS} FROM sessions JOIN users ON users.id = user_id
             WHERE user_id = ? AND seen_ms > ? AND sessions.created_ms > ?
             ORDER BY sessions.id DESC"
        );
        let mut statement = self.connection().prepare(&query)?;
        let sessions = statement.query_map((id, idle, oldest), read)?;
        Ok(sessions.collect::<rusqlite::Result<_>>()?)
    }

    /// Ends a session of a user. It is no mistake if it is over already.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn end_session(&self, user: &UserName, session: i64) -> Result<(), AccessError> {
        let (_, id) = self.numbered_user(user)?;
        self.connection().execute(
            "DELETE FROM sessions WHERE id = ? AND user_id = ?",
            (session, id),
        )?;
        Ok(())
    }

    /// Ends all sessions of a user but one, and says how many.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn end_sessions(&self, user: &UserName, keep: Option<i64>) -> Result<usize, AccessError> {
        let (_, id) = self.numbered_user(user)?;
        self.end_sessions_of(id, keep)
    }

    pub(crate) fn end_sessions_of(
        &self,
        user: i64,
        keep: Option<i64>,
    ) -> Result<usize, AccessError> {
        Ok(self.connection().execute(
            "DELETE FROM sessions WHERE user_id = ? AND id IS NOT ?",
            (user, keep),
        )?)
    }
}

/// A session that was seen last, or opened, at these times or before is over.
fn limits(now_ms: i64) -> (i64, i64) {
    (
        now_ms.saturating_sub(store::milliseconds(IDLE_LIMIT)),
        now_ms.saturating_sub(store::milliseconds(LIFETIME)),
    )
}
