//! One-time links: for the first administrator, for new users, and to set a password anew.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row};
use serde::Serialize;

use crate::credential::{self, Credential};
use crate::error::AccessError;
use crate::names::UserName;
use crate::password::Password;
use crate::store::{self, AccessStore};
use crate::users::{NewUser, User};

/// For how long the link of the first administrator is valid.
const FIRST_ADMIN_VALID: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long an invitation is valid.
const INVITATION_VALID: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// For how long a password can be set anew.
const RESET_VALID: Duration = Duration::from_secs(24 * 60 * 60);

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvitationPurpose {
    /// To create the first user, an administrator.
    FirstAdmin,
    /// To create a user.
    NewUser,
    /// To set the password of a user anew.
    PasswordReset,
}

impl InvitationPurpose {
    fn text(self) -> &'static str {
        match self {
            Self::FirstAdmin => "first-admin",
            Self::NewUser => "new-user",
            Self::PasswordReset => "password-reset",
        }
    }
}

/// A new one-time link.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// What makes the link: whoever has it may use it once. It is not stored.
    pub token: Credential,
    /// The stored part.
    pub stored: StoredInvitation,
}

/// What is known of a one-time link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredInvitation {
    /// Its number, to revoke it.
    pub id: i64,
    /// What it is for.
    pub purpose: InvitationPurpose,
    /// The user whose password it sets, or the name that the new user gets. Without one, whoever
    /// uses the link chooses it.
    pub user: Option<UserName>,
    /// Who made it; nobody for the first administrator.
    pub created_by: Option<UserName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends to be valid.
    pub expires_at: Timestamp,
}

/// Why a one-time link cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvitationRefusal {
    /// There is none like it, or it was revoked.
    Unknown,
    /// It has been used.
    Used,
    /// Its time is over.
    Expired,
    /// The database cannot be used, or what was entered is not allowed; the link can still be used.
    Access(AccessError),
}

impl std::fmt::Display for InvitationRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("this link is not known; ask for a new one"),
            Self::Used => f.write_str("this link has been used; log in, or ask for a new one"),
            Self::Expired => f.write_str("this link has expired; ask for a new one"),
            Self::Access(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InvitationRefusal {}

impl From<AccessError> for InvitationRefusal {
    fn from(error: AccessError) -> Self {
        Self::Access(error)
    }
}

impl From<rusqlite::Error> for InvitationRefusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Access(error.into())
    }
}

/// What the user of a one-time link enters.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The name, where the link leaves it open; where it does not, this is ignored.
    pub name: Option<UserName>,
    /// The name as people write it. Of a reset it is ignored.
    pub display_name: String,
    /// The e-mail address. Of a reset it is ignored.
    pub email: Option<String>,
    /// The password.
    pub password: Password,
}

const COLUMNS: &str = "id, purpose, user_name, created_by, created_ms, expires_ms";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredInvitation> {
    let purpose = match row.get::<_, String>(1)?.as_str() {
        "first-admin" => InvitationPurpose::FirstAdmin,
        "new-user" => InvitationPurpose::NewUser,
        _ => InvitationPurpose::PasswordReset,
    };
    Ok(StoredInvitation {
        id: row.get(0)?,
        purpose,
        user: row.get::<_, Option<String>>(2)?.map(UserName::stored),
        created_by: row.get::<_, Option<String>>(3)?.map(UserName::stored),
        created_at: store::time(row.get(4)?)?,
        expires_at: store::time(row.get(5)?)?,
    })
}

impl AccessStore {
    /// A link for the first administrator, as long as there is no user. A link that was made before
    /// ends to be valid.
    ///
    /// # Errors
    ///
    /// If there is a user.
    pub fn first_admin_link(&self, now: Timestamp) -> Result<Invitation, AccessError> {
        self.in_transaction(|| {
            if !self.has_no_users()? {
                return Err(AccessError::refused(
                    "there are users already; an administrator can invite others",
                ));
            }
            self.connection().execute(
                "UPDATE invitations SET revoked_ms = ?
                 WHERE purpose = 'first-admin' AND used_ms IS NULL AND revoked_ms IS NULL",
                [store::stored(now)],
            )?;
            self.invite(
                InvitationPurpose::FirstAdmin,
                None,
                None,
                now,
                FIRST_ADMIN_VALID,
            )
        })
    }

    /// A link with which a user is created, under a given name or one of the own choice.
    ///
    /// # Errors
    ///
    /// If there is a user of that name.
    pub fn invite_user(
        &self,
        name: Option<&UserName>,
        by: &UserName,
        now: Timestamp,
    ) -> Result<Invitation, AccessError> {
        self.in_transaction(|| {
            if let Some(name) = name
                && self.user(name)?.is_some()
            {
                let message = format!("a user `{name}` exists already");
                return Err(AccessError::exists(message));
            }
            self.invite(
                InvitationPurpose::NewUser,
                name,
                Some(by),
                now,
                INVITATION_VALID,
            )
        })
    }

    /// A link with which a user sets the password anew. One that was made before for the same user
    /// ends to be valid.
    ///
    /// # Errors
    ///
    /// If there is no such user, or it is disabled.
    pub fn password_reset_link(
        &self,
        name: &UserName,
        by: &UserName,
        now: Timestamp,
    ) -> Result<Invitation, AccessError> {
        self.in_transaction(|| {
            let (user, _) = self.numbered_user(name)?;
            if user.is_disabled {
                return Err(AccessError::refused(format!(
                    "the user `{name}` is disabled; enable it first"
                )));
            }
            self.revoke_reset_links(name, now)?;
            let purpose = InvitationPurpose::PasswordReset;
            self.invite(purpose, Some(name), Some(by), now, RESET_VALID)
        })
    }

    /// The links that can still be used, the latest first.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn invitations(&self, now: Timestamp) -> Result<Vec<StoredInvitation>, AccessError> {
        let query = format!(
            "SELECT {COLUMNS} FROM invitations
             WHERE used_ms IS NULL AND revoked_ms IS NULL AND expires_ms > ? ORDER BY id DESC"
        );
        let mut statement = self.connection().prepare(&query)?;
        let found = statement.query_map([store::stored(now)], read)?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Ends a link before its time.
    ///
    /// # Errors
    ///
    /// If there is no such link, or it has been used.
    pub fn revoke_invitation(&self, id: i64, now: Timestamp) -> Result<(), AccessError> {
        let changed = self.connection().execute(
            "UPDATE invitations SET revoked_ms = ?
             WHERE id = ? AND used_ms IS NULL AND revoked_ms IS NULL",
            (store::stored(now), id),
        )?;
        match changed {
            0 => Err(AccessError::not_found(format!(
                "there is no invitation {id} that could still be used"
            ))),
            _ => Ok(()),
        }
    }

    /// What a link is for, without using it: for the page that it leads to.
    ///
    /// # Errors
    ///
    /// If it cannot be used.
    pub fn invitation(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<StoredInvitation, InvitationRefusal> {
        if !credential::is_well_formed(token) {
            return Err(InvitationRefusal::Unknown);
        }
        let query = format!(
            "SELECT {COLUMNS}, used_ms IS NOT NULL, revoked_ms IS NOT NULL FROM invitations
             WHERE token_hash = ?"
        );
        let found = (self.connection())
            .query_row(&query, [credential::hash(token)], |row| {
                Ok((read(row)?, row.get::<_, bool>(6)?, row.get::<_, bool>(7)?))
            })
            .optional()?;
        match found {
            None => Err(InvitationRefusal::Unknown),
            Some((_, true, _)) => Err(InvitationRefusal::Used),
            Some((_, false, true)) => Err(InvitationRefusal::Unknown),
            Some((found, false, false)) if found.expires_at <= now => {
                Err(InvitationRefusal::Expired)
            }
            Some((found, false, false)) => Ok(found),
        }
    }

    /// Uses a link: creates the user, or sets the password. What is not allowed, such as a name
    /// that is taken, leaves the link valid.
    ///
    /// # Errors
    ///
    /// If the link cannot be used, or not for this.
    pub fn accept_invitation(
        &self,
        token: &str,
        account: &NewAccount,
        now: Timestamp,
    ) -> Result<User, InvitationRefusal> {
        // The slow work is done before others are kept from writing, and for a valid link only.
        self.invitation(token, now)?;
        let hash = account.password.hash()?;
        self.in_transaction(|| {
            let found = self.invitation(token, now)?;
            self.connection().execute(
                "UPDATE invitations SET used_ms = ? WHERE id = ?",
                (store::stored(now), found.id),
            )?;
            let name = (found.user.as_ref().or(account.name.as_ref()))
                .ok_or_else(|| AccessError::invalid("choose a user name"))?;
            match found.purpose {
                InvitationPurpose::PasswordReset => {
                    if self.numbered_user(name)?.0.is_disabled {
                        return Err(InvitationRefusal::Unknown);
                    }
                }
                InvitationPurpose::FirstAdmin if !self.has_no_users()? => {
                    return Err(InvitationRefusal::Used);
                }
                InvitationPurpose::FirstAdmin | InvitationPurpose::NewUser => {
                    let new = NewUser {
                        name: name.clone(),
                        display_name: account.display_name.clone(),
                        email: account.email.clone(),
                        password: None,
                        is_admin: found.purpose == InvitationPurpose::FirstAdmin,
                    };
                    self.create_user(&new, now)?;
                }
            }
            self.set_hash(name, &hash, None, now)?;
            Ok(self.numbered_user(name)?.0)
        })
    }

    pub(crate) fn revoke_reset_links(
        &self,
        name: &UserName,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        self.connection().execute(
            "UPDATE invitations SET revoked_ms = ? WHERE purpose = 'password-reset'
             AND user_name = ? AND used_ms IS NULL AND revoked_ms IS NULL",
            (store::stored(now), name.as_str()),
        )?;
        Ok(())
    }

    fn invite(
        &self,
        purpose: InvitationPurpose,
        user: Option<&UserName>,
        by: Option<&UserName>,
        now: Timestamp,
        valid: Duration,
    ) -> Result<Invitation, AccessError> {
        let token = Credential::random()?;
        let created_ms = store::stored(now);
        let expires_ms = created_ms.saturating_add(store::milliseconds(valid));
        self.connection().execute(
            "INSERT INTO invitations
                 (token_hash, purpose, user_name, created_by, created_ms, expires_ms)
             VALUES (?, ?, ?, ?, ?, ?)",
            (
                credential::hash(token.reveal()),
                purpose.text(),
                user.map(UserName::as_str),
                by.map(UserName::as_str),
                created_ms,
                expires_ms,
            ),
        )?;
        let stored = StoredInvitation {
            id: self.connection().last_insert_rowid(),
            purpose,
            user: user.cloned(),
            created_by: by.cloned(),
            created_at: store::time(created_ms)?,
            expires_at: store::time(expires_ms)?,
        };
        Ok(Invitation { token, stored })
    }
}
