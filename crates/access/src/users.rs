//! Users. They are disabled, never deleted: the audit log and old runs name them.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use crate::error::AccessError;
use crate::names::UserName;
use crate::password::Password;
use crate::store::{self, AccessStore};

/// The longest display name and address, in bytes.
const MAX_TEXT: usize = 256;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name, by which everything else names the user.
    pub name: UserName,
    /// The name as people write it.
    pub display_name: String,
    /// The e-mail address, if it is known.
    pub email: Option<String>,
    /// Whether nothing may be done by the user any more.
    pub is_disabled: bool,
    /// Whether the user may do everything: made an administrator here, or by the provider.
    pub is_admin: bool,
    /// Whether only the provider makes the user an administrator.
    pub is_admin_by_provider: bool,
    /// Whether the user has a password. Who comes through a provider has none.
    pub has_password: bool,
    /// Whether the user comes through a provider.
    pub has_provider: bool,
    /// When the user was created.
    pub created_at: Timestamp,
}

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The name as people write it; the name itself where it is empty.
    pub display_name: String,
    /// The e-mail address, if it is known.
    pub email: Option<String>,
    /// The password; without one, the user cannot log in until a reset link or a provider is used.
    pub password: Option<Password>,
    /// Whether the user may do everything.
    pub is_admin: bool,
}

/// The columns of [`read`].
pub(crate) const COLUMNS: &str = "users.name, users.display_name, users.email, users.is_disabled, \
     users.is_admin, users.is_provider_admin, users.password IS NOT NULL, \
     users.subject IS NOT NULL, users.created_ms, users.id";

/// Reads a user and its number from the columns that [`COLUMNS`] names.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<(User, i64)> {
    let (is_admin, is_provider_admin) = (row.get::<_, bool>(4)?, row.get::<_, bool>(5)?);
    let user = User {
        name: UserName::stored(row.get(0)?),
        display_name: row.get(1)?,
        email: row.get(2)?,
        is_disabled: row.get(3)?,
        is_admin: is_admin || is_provider_admin,
        is_admin_by_provider: is_provider_admin && !is_admin,
        has_password: row.get(6)?,
        has_provider: row.get(7)?,
        created_at: store::time(row.get(8)?)?,
    };
    Ok((user, row.get(9)?))
}

/// Checks a text that is shown to people, such as a display name.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), AccessError> {
    if text.len() > MAX_TEXT || text.chars().any(crate::audit::is_unsafe_to_show) {
        return Err(AccessError::invalid(format!(
            "{what} has at most {MAX_TEXT} bytes and no control characters"
        )));
    }
    Ok(())
}

impl AccessStore {
    /// Creates a user.
    ///
    /// # Errors
    ///
    /// If the name is taken, or a text is not allowed.
    pub fn create_user(&self, new: &NewUser, now: Timestamp) -> Result<User, AccessError> {
        check_text("a display name", &new.display_name)?;
        check_text(
            "an e-mail address",
            new.email.as_deref().unwrap_or_default(),
        )?;
        let password = new.password.as_ref().map(Password::hash).transpose()?;
        let display_name = match new.display_name.trim() {
            "" => new.name.as_str(),
            given => given,
        };
        self.in_transaction(|| {
            if self.user(&new.name)?.is_some() {
                return Err(AccessError::exists(format!(
                    "a user `{}` exists already",
                    new.name
                )));
            }
            self.connection().execute(
                "INSERT INTO users (name, display_name, email, password, is_admin, created_ms)
                 VALUES (?, ?, ?, ?, ?, ?)",
                (
                    new.name.as_str(),
                    display_name,
                    &new.email,
                    password,
                    new.is_admin,
                    store::stored(now),
                ),
            )?;
            Ok(self.numbered_user(&new.name)?.0)
        })
    }

    /// The user of a name.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn user(&self, name: &UserName) -> Result<Option<User>, AccessError> {
        let query = format!("SELECT {COLUMNS} FROM users WHERE name = ?");
        let mut statement = self.connection().prepare_cached(&query)?;
        let found = statement.query_row([name.as_str()], read).optional()?;
        Ok(found.map(|(user, _)| user))
    }

    /// All users, by name.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn users(&self) -> Result<Vec<User>, AccessError> {
        let query = format!("SELECT {COLUMNS} FROM users ORDER BY name");
        let mut statement = self.connection().prepare(&query)?;
        let users = statement.query_map([], |row| Ok(read(row)?.0))?;
        Ok(users.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether there is no user yet.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn has_no_users(&self) -> Result<bool, AccessError> {
        let any = "SELECT NOT EXISTS (SELECT 1 FROM users)";
        Ok(self.connection().query_row(any, [], |row| row.get(0))?)
    }

    /// Changes what people see of a user.
    ///
    /// # Errors
    ///
    /// If there is no such user, or a text is not allowed.
    pub fn set_profile(
        &self,
        name: &UserName,
        display_name: &str,
        email: Option<&str>,
    ) -> Result<(), AccessError> {
        check_text("a display name", display_name)?;
        check_text("an e-mail address", email.unwrap_or_default())?;
        let (_, id) = self.numbered_user(name)?;
        self.connection().execute(
            "UPDATE users SET display_name = ?, email = ? WHERE id = ?",
            (display_name, email, id),
        )?;
        Ok(())
    }

    /// Makes a user an administrator, or a normal user again. What a provider says of a user is not
    /// changed by it.
    ///
    /// # Errors
    ///
    /// If there is no such user, or it is the last administrator who is not disabled.
    pub fn set_admin(&self, name: &UserName, is_admin: bool) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let (_, id) = self.numbered_user(name)?;
            self.connection()
                .execute("UPDATE users SET is_admin = ? WHERE id = ?", (is_admin, id))?;
            self.require_an_admin(is_admin)
        })
    }

    /// Disables a user, or enables one again. Whoever is disabled is logged out, and tokens and
    /// reset links are revoked for good: they do not come back with the user.
    ///
    /// # Errors
    ///
    /// If there is no such user, or it is the last administrator who is not disabled.
    pub fn set_disabled(
        &self,
        name: &UserName,
        is_disabled: bool,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        self.in_transaction(|| {
            let (_, id) = self.numbered_user(name)?;
            self.connection().execute(
                "UPDATE users SET is_disabled = ? WHERE id = ?",
                (is_disabled, id),
            )?;
            if is_disabled {
                self.end_sessions_of(id, None)?;
                self.revoke_tokens_of(id, now)?;
                self.revoke_reset_links(name, now)?;
            }
            self.require_an_admin(!is_disabled)
        })
    }

    /// Lets the next login through a provider that has this name be this user's. Without it a user
    /// who exists is not taken over by whoever has the name at the provider.
    ///
    /// # Errors
    ///
    /// If there is no such user.
    pub fn expect_provider_login(
        &self,
        name: &UserName,
        is_expected: bool,
    ) -> Result<(), AccessError> {
        let (_, id) = self.numbered_user(name)?;
        self.connection().execute(
            "UPDATE users SET is_link_expected = ? WHERE id = ?",
            (is_expected, id),
        )?;
        Ok(())
    }

    /// The user of a name, with its number.
    pub(crate) fn numbered_user(&self, name: &UserName) -> Result<(User, i64), AccessError> {
        let query = format!("SELECT {COLUMNS} FROM users WHERE name = ?");
        let mut statement = self.connection().prepare_cached(&query)?;
        let found = statement.query_row([name.as_str()], read).optional()?;
        found.ok_or_else(|| AccessError::not_found(format!("there is no user `{name}`")))
    }

    /// Refuses a change after which nobody could administer the server.
    fn require_an_admin(&self, is_certain: bool) -> Result<(), AccessError> {
        let any = "SELECT EXISTS (SELECT 1 FROM users
                   WHERE (is_admin OR is_provider_admin) AND NOT is_disabled)";
        if is_certain || self.connection().query_row(any, [], |row| row.get(0))? {
            return Ok(());
        }
        Err(AccessError::refused(
            "this is the last administrator; make another user an administrator first",
        ))
    }
}
