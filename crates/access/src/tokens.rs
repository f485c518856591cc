//! API tokens: `lst_`, 43 random characters, `_` and six characters of a checksum.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use crate::credential::{self, Credential};
use crate::error::AccessError;
use crate::names::UserName;
use crate::principal::{Principal, Scope, Via};
use crate::store::{self, AccessStore};
use crate::users;

/// The most days that a token is valid.
pub const MAX_TOKEN_DAYS: u64 = 366;

const PREFIX: &str = "lst_";
/// The characters of the checksum. It keeps nobody out; by it, scanners for secrets tell a token
/// from what only looks like one, and a mistyped one is found without the database.
const CHECKSUM_CHARACTERS: usize = 6;
/// The time of the last use is as exact as this, so that not every request writes.
const USE_PRECISION: Duration = Duration::from_secs(60);

/// A new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The token itself. It is not stored, and so cannot be shown again.
    pub token: Credential,
    /// The stored part.
    pub stored: StoredToken,
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredToken {
    /// Its number, to revoke it.
    pub id: i64,
    /// The name that its owner gave it.
    pub name: String,
    /// The owner.
    pub owner: UserName,
    /// What it may be used for, if the owner may.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends to be valid.
    pub expires_at: Timestamp,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Why a token is not accepted. To a client all of these are the same; a log may say which it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It is none: of another form, or with a wrong checksum.
    Malformed,
    /// There is none like it.
    Unknown,
    /// It was revoked, or its owner was disabled.
    Revoked(Box<StoredToken>),
    /// Its time is over.
    Expired(Box<StoredToken>),
    /// The database cannot be used.
    Access(AccessError),
}

impl std::fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("this is not an API token"),
            Self::Unknown => f.write_str("the API token is not known"),
            Self::Revoked(token) => write!(
                f,
                "the API token `{}` of `{}` was revoked",
                token.name, token.owner
            ),
            Self::Expired(token) => write!(
                f,
                "the API token `{}` of `{}` has expired",
                token.name, token.owner
            ),
            Self::Access(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TokenRefusal {}

impl From<AccessError> for TokenRefusal {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

const COLUMNS: &str = "api_tokens.id, api_tokens.name, users.name, scope, api_tokens.created_ms, \
     expires_ms, used_ms, revoked_ms";

fn read(row: &Row<'_>) -> Result<StoredToken, AccessError> {
    let scope: String = row.get(3)?;
    Ok(StoredToken {
        id: row.get(0)?,
        name: row.get(1)?,
        owner: UserName::stored(row.get(2)?),
        scope: serde_json::from_str(&scope).map_err(|_| AccessError::damaged("a scope"))?,
        created_at: store::time(row.get(4)?)?,
        expires_at: store::time(row.get(5)?)?,
        last_used_at: store::time_or_none(row.get(6)?)?,
        revoked_at: store::time_or_none(row.get(7)?)?,
    })
}

impl AccessStore {
    /// Makes a token for a user. `by` is the user, logged in, or the server itself: a token that
    /// could make tokens would be no narrower than its owner, and would never end.
    ///
    /// # Errors
    ///
    /// If somebody else asks for it, there is no such user or it is disabled, the scope makes no
    /// sense, or the end is not in the next 366 days.
    pub fn create_token(
        &self,
        by: &Principal,
        owner: &UserName,
        name: &str,
        scope: &Scope,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<NewToken, AccessError> {
        match &by.via {
            Via::System => {}
            Via::Session if by.user == owner.as_str() => {}
            Via::Session => {
                return Err(AccessError::refused(
                    "users make tokens for themselves only",
                ));
            }
            Via::Token { .. } | Via::Trigger { .. } => {
                return Err(AccessError::refused(
                    "a token is made by a user who is logged in, not with another token",
                ));
            }
        }
        users::check_text("the name of a token", name)?;
        if name.trim().is_empty() {
            return Err(AccessError::invalid("a token needs a name"));
        }
        scope.check()?;
        let (now_ms, expires_ms) = (store::stored(now), store::stored(expires_at));
        let longest = store::milliseconds(Duration::from_secs(MAX_TOKEN_DAYS * 24 * 60 * 60));
        if expires_ms <= now_ms || expires_ms > now_ms.saturating_add(longest) {
            return Err(AccessError::invalid(format!(
                "a token ends within {MAX_TOKEN_DAYS} days, and not in the past"
            )));
        }
        let scope_text =
            serde_json::to_string(scope).map_err(|_| AccessError::invalid("the scope"))?;
        let token = make()?;
        self.in_transaction(|| {
            let (user, id) = self.numbered_user(owner)?;
            if user.is_disabled {
                return Err(AccessError::refused(format!(
                    "the user `{owner}` is disabled; a token of it could not be used"
                )));
            }
            let db = self.connection();
            db.execute(
                "INSERT INTO api_tokens
                     (token_hash, user_id, name, scope, created_ms, expires_ms)
                 VALUES (?, ?, ?, ?, ?, ?)",
                (
                    credential::hash(token.reveal()),
                    id,
                    name.trim(),
                    scope_text,
                    now_ms,
                    expires_ms,
                ),
            )?;
            let stored = self.token(db.last_insert_rowid())?;
            Ok(NewToken {
                token: token.clone(),
                stored,
            })
        })
    }

    /// Whose token it is, with what it may be used for; notes that it was used.
    ///
    /// # Errors
    ///
    /// If it is not valid.
    pub fn authenticate_token(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Result<(Principal, StoredToken), TokenRefusal> {
        if !is_well_formed(text) {
            return Err(TokenRefusal::Malformed);
        }
        let found = self.token_and_owner(text)?;
        let (token, owner, owner_id) = found.ok_or(TokenRefusal::Unknown)?;
        if token.revoked_at.is_some() || owner.is_disabled {
            return Err(TokenRefusal::Revoked(Box::new(token)));
        }
        if token.expires_at <= now {
            return Err(TokenRefusal::Expired(Box::new(token)));
        }
        let now_ms = store::stored(now);
        let before = now_ms.saturating_sub(store::milliseconds(USE_PRECISION));
        if token
            .last_used_at
            .is_none_or(|used| store::stored(used) <= before)
        {
            self.connection()
                .execute(
                    "UPDATE api_tokens SET used_ms = ?1
                     WHERE id = ?2 AND (used_ms IS NULL OR used_ms <= ?3)",
                    (now_ms, token.id, before),
                )
                .map_err(AccessError::from)?;
        }
        let principal = Principal {
            user: owner.name.as_str().to_owned(),
            groups: self.groups_of_number(owner_id)?,
            is_admin: owner.is_admin,
            via: Via::Token {
                name: token.name.clone(),
                scope: token.scope.clone(),
            },
        };
        Ok((principal, token))
    }

    /// The tokens of a user, or of all, the latest first; those that are over, too.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn tokens(&self, owner: Option<&UserName>) -> Result<Vec<StoredToken>, AccessError> {
        let query = format!(
            "SELECT {COLUMNS} FROM api_tokens JOIN users ON users.id = user_id
             WHERE ?1 IS NULL OR users.name = ?1 ORDER BY api_tokens.id DESC"
        );
        let mut statement = self.connection().prepare(&query)?;
        let mut rows = statement.query([owner.map(UserName::as_str)])?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next()? {
            tokens.push(read(row)?);
        }
        Ok(tokens)
    }

    /// The token of a number.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn token(&self, id: i64) -> Result<StoredToken, AccessError> {
        let query = format!(
            "SELECT {COLUMNS} FROM api_tokens JOIN users ON users.id = user_id
             WHERE api_tokens.id = ?"
        );
        let mut statement = self.connection().prepare(&query)?;
        let mut rows = statement.query([id])?;
        match rows.next()? {
            Some(row) => read(row),
            None => Err(AccessError::not_found(format!("there is no token {id}"))),
        }
    }

    /// Revokes a token for good. It is no mistake if it is over already.
    ///
    /// # Errors
    ///
    /// If there is no such token.
    pub fn revoke_token(&self, id: i64, now: Timestamp) -> Result<(), AccessError> {
        self.token(id)?;
        self.connection().execute(
            "UPDATE api_tokens SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL",
            (store::stored(now), id),
        )?;
        Ok(())
    }

    pub(crate) fn revoke_tokens_of(&self, user: i64, now: Timestamp) -> Result<(), AccessError> {
        self.connection().execute(
            "UPDATE api_tokens SET revoked_ms = ? WHERE user_id = ? AND revoked_ms IS NULL",
            (store::stored(now), user),
        )?;
        Ok(())
    }

    fn token_and_owner(
        &self,
        text: &str,
    ) -> Result<Option<(StoredToken, users::User, i64)>, AccessError> {
        let query = "SELECT id, user_id FROM api_tokens WHERE token_hash = ?";
        let mut statement = self.connection().prepare_cached(query)?;
        let found = statement
            .query_row([credential::hash(text)], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((id, owner_id)) = found else {
            return Ok(None);
        };
        let token = self.token(id)?;
        let (owner, _) = self.numbered_user(&token.owner)?;
        Ok(Some((token, owner, owner_id)))
    }
}

/// A new token's text.
fn make() -> Result<Credential, AccessError> {
    let body = format!("{PREFIX}{}", Credential::random()?.reveal());
    let checksum = checksum(&body);
    Ok(Credential::of(format!("{body}_{checksum}")))
}

/// The first digits of the SHA-256 of what stands before.
fn checksum(body: &str) -> String {
    let digits = credential::hash(body);
    let text: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    text.chars().take(CHECKSUM_CHARACTERS).collect()
}

/// Whether a text has the form of a token, with its checksum.
fn is_well_formed(text: &str) -> bool {
    // By position, as `_` is one of the random characters, too.
    let body_length = PREFIX.len() + credential::CHARACTERS;
    let Some((body, rest)) = text.split_at_checked(body_length) else {
        return false;
    };
    let random = body.strip_prefix(PREFIX);
    random.is_some_and(credential::is_well_formed)
        && rest.strip_prefix('_') == Some(&checksum(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_form_that_scanners_can_find() {
        let token = make().unwrap();
        let text = token.reveal();
        assert_eq!(text.len(), 54);
        assert!(text.starts_with("lst_") && text.as_bytes()[47] == b'_');
        assert!(
            text[48..]
                .bytes()
                .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        );
        assert!(is_well_formed(text));
        // Every changed character is found.
        for at in 0..text.len() {
            let changed: String = text
                .char_indices()
                .map(|(index, char)| match (index == at, char) {
                    (false, _) => char,
                    (true, 'A') => 'B',
                    (true, _) => 'A',
                })
                .collect();
            assert!(!is_well_formed(&changed), "{at}");
        }
        for wrong in [
            "",
            "lst_",
            &text[..53],
            &format!("{text}0"),
            &"é".repeat(27),
        ] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }
}
