//! Logins with a password, and changes of passwords.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::OptionalExtension as _;

use crate::error::AccessError;
use crate::names::UserName;
use crate::password::{self, Comparison, Password};
use crate::store::AccessStore;
use crate::users::{self, User};

/// Why a password was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginError {
    /// The name or the password is wrong, or the user is disabled or has no password. Which of
    /// these is not said, as it would tell a stranger who exists.
    Wrong,
    /// There were too many failures.
    Throttled {
        /// After this time it can be tried again.
        retry_after: Duration,
    },
    /// The database cannot be used, or the new password is not allowed.
    Access(AccessError),
}

impl std::fmt::Display for LoginError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wrong => f.write_str("the name or the password is wrong"),
            Self::Throttled { retry_after } => {
                let seconds = retry_after.as_millis().div_ceil(1000);
                write!(f, "too many failed logins; try again in {seconds} s")
            }
            Self::Access(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoginError {}

impl From<AccessError> for LoginError {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

impl AccessStore {
    /// Checks a name and a password. `client` is the address from which they come: behind a proxy,
    /// that which the proxy says, or all clients would be one. The work is the same whether the
    /// user exists or not.
    ///
    /// # Errors
    ///
    /// If they are wrong, or were wrong too often.
    pub fn log_in(
        &self,
        name: &str,
        password: &str,
        client: &str,
        now: Timestamp,
    ) -> Result<User, LoginError> {
        let attempt = match self.begin_attempt(name, client, now)? {
            Ok(attempt) => attempt,
            Err(retry_after) => return Err(LoginError::Throttled { retry_after }),
        };
        let found = match UserName::new(name.trim()) {
            Ok(name) => self.user_with_hash(&name)?,
            Err(_) => None,
        };
        let stored = found.as_ref().and_then(|(_, _, hash)| hash.as_deref());
        let comparison = password::compare(password, stored)?;
        let (user, id) = match (found, comparison) {
            (Some((user, id, _)), Comparison::Same) => (user, id),
            (Some((user, id, old)), Comparison::SameWithOldCost) => {
                // A login with the old password still works if this fails.
                let password = Password::new(password);
                if let Ok(new) = password.and_then(|password| password.hash()) {
                    self.connection()
                        .execute(
                            "UPDATE users SET password = ? WHERE id = ? AND password IS ?",
                            (new, id, old),
                        )
                        .map_err(AccessError::from)?;
                }
                (user, id)
            }
            (_, Comparison::Different) | (None, _) => return Err(LoginError::Wrong),
        };
        // As it is now: the user may have been disabled in the meantime.
        if self.is_disabled(id)? || user.is_disabled {
            return Err(LoginError::Wrong);
        }
        self.attempt_succeeded(attempt, now)?;
        Ok(user)
    }

    /// Changes the password of a user who knows the present one, and ends the user's other
    /// sessions. `keep` is the session that asks for it.
    ///
    /// # Errors
    ///
    /// If the present password is wrong, or was wrong too often.
    pub fn change_password(
        &self,
        name: &UserName,
        present: &str,
        new: &Password,
        client: &str,
        keep: Option<i64>,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        self.log_in(name.as_str(), present, client, now)?;
        Ok(self.set_password(name, new, keep, now)?)
    }

    /// Sets the password of a user, and ends the user's sessions but `keep`, and the links to reset
    /// the password. API tokens stay; they are revoked one by one, or by disabling the user.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn set_password(
        &self,
        name: &UserName,
        new: &Password,
        keep: Option<i64>,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let hash = new.hash()?;
        self.in_transaction(|| self.set_hash(name, &hash, keep, now))
    }

    /// Stores a hash, and ends the user's sessions but one, and the links to reset the password.
    pub(crate) fn set_hash(
        &self,
        name: &UserName,
        hash: &str,
        keep: Option<i64>,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let (_, id) = self.numbered_user(name)?;
        self.connection()
            .execute("UPDATE users SET password = ? WHERE id = ?", (hash, id))?;
        self.end_sessions_of(id, keep)?;
        self.revoke_reset_links(name, now)
    }

    fn user_with_hash(
        &self,
        name: &UserName,
    ) -> Result<Option<(User, i64, Option<String>)>, AccessError> {
        let query = format!(
            "SELECT {}, password FROM users WHERE name = ?",
            users::COLUMNS
        );
        let mut statement = self.connection().prepare_cached(&query)?;
        let found = statement.query_row([name.as_str()], |row| {
            let (user, id) = users::read(row)?;
            Ok((user, id, row.get(10)?))
        });
        Ok(found.optional()?)
    }

    fn is_disabled(&self, id: i64) -> Result<bool, AccessError> {
        let query = "SELECT is_disabled FROM users WHERE id = ?";
        Ok(self.connection().query_row(query, [id], |row| row.get(0))?)
    }
}
