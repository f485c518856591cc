//! The user of an ID token, who is created at the first login.

use jiff::Timestamp;
use rusqlite::OptionalExtension as _;
use serde_json::Value;

use super::Oidc;
use super::discovery::said;
use super::error::{OidcError, OidcErrorKind};
use super::id_token::Claims;
use crate::error::AccessError;
use crate::names::{GroupName, UserName};
use crate::store::{AccessStore, TARGET};
use crate::users::{self, NewUser, User};

/// The most groups of a user that are taken over.
const MAX_GROUPS: usize = 500;

impl Oidc {
    /// Whether something is missing in the ID token that the provider may say elsewhere.
    pub(super) fn needs_more(&self, claims: &Claims) -> bool {
        let groups = self.config.groups_claim.as_deref();
        let name = self
            .config
            .name_claim
            .as_deref()
            .unwrap_or("preferred_username");
        let domains = &self.config.allowed_email_domains;
        find(claims, name).is_none()
            || groups.is_some_and(|groups| find(claims, groups).is_none())
            || (!domains.is_empty() && !claims.contains_key("email_verified"))
    }

    /// The user of verified claims, with what the provider says now; and whether it is new.
    pub(super) fn provision(
        &self,
        store: &AccessStore,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<(User, bool), OidcError> {
        let said_groups = self.groups(claims)?;
        self.check_allowed(claims, &said_groups)?;
        let admin_group = self.config.admin_group.as_ref();
        let is_admin = admin_group.is_some_and(|group| said_groups.contains(group));
        let groups: Vec<GroupName> = (said_groups.iter())
            .filter_map(|group| match GroupName::new(group) {
                Ok(group) => Some(group),
                Err(_) => {
                    tracing::warn!(target: TARGET, "passes over a group whose name is not allowed");
                    None
                }
            })
            .collect();
        let subject = text(claims, "sub").unwrap_or_default();
        store.in_transaction(|| {
            let known = self.known(store, subject)?;
            let (name, is_new) = match known {
                Some(name) => (name, false),
                None => self.link_or_create(store, claims, subject, now)?,
            };
            let (user, id) = store.numbered_user(&name)?;
            if user.is_disabled {
                return Err(not_allowed(format!("the user `{name}` is disabled")));
            }
            let display_name = shown_text(claims, "name").unwrap_or(&user.display_name);
            let email = shown_text(claims, "email").or(user.email.as_deref());
            store.connection().execute(
                "UPDATE users SET display_name = ?, email = ?, is_provider_admin = ? WHERE id = ?",
                (display_name, email, is_admin, id),
            )?;
            store.set_provider_groups(id, &groups)?;
            Ok((store.numbered_user(&name)?.0, is_new))
        })
    }

    fn known(&self, store: &AccessStore, subject: &str) -> Result<Option<UserName>, OidcError> {
        let query = "SELECT name FROM users WHERE issuer = ? AND subject = ?";
        let found = (store.connection())
            .query_row(query, (&self.config.issuer, subject), |row| {
                Ok(UserName::stored(row.get(0)?))
            })
            .optional()?;
        Ok(found)
    }

    /// The user whose first login this is: one who exists and expects it, or a new one; and whether
    /// it is new.
    fn link_or_create(
        &self,
        store: &AccessStore,
        claims: &Claims,
        subject: &str,
        now: Timestamp,
    ) -> Result<(UserName, bool), OidcError> {
        let name = self.name(claims)?;
        let is_new = store.user(&name)?.is_none();
        if is_new {
            let new = NewUser {
                name: name.clone(),
                display_name: String::new(),
                email: None,
                password: None,
                is_admin: false,
            };
            store.create_user(&new, now)?;
            store.expect_provider_login(&name, true)?;
        }
        let linked = store.connection().execute(
            "UPDATE users SET issuer = ?, subject = ?, is_link_expected = 0
             WHERE name = ? AND subject IS NULL AND is_link_expected",
            (&self.config.issuer, subject, name.as_str()),
        )?;
        match linked {
            0 => Err(not_allowed(format!(
                "a user `{name}` exists already, and is not the one who logs in through the \
                 provider; an administrator can say that a login of `{name}` through the provider \
                 is expected"
            ))),
            _ => Ok((name, is_new)),
        }
    }

    fn name(&self, claims: &Claims) -> Result<UserName, OidcError> {
        let (claim, found) = match &self.config.name_claim {
            Some(claim) => (claim.as_str(), text(claims, claim)),
            None => match text(claims, "preferred_username") {
                Some(found) => ("preferred_username", Some(found)),
                None => ("email", verified_email(claims)),
            },
        };
        let wrong = |message: String| Err(OidcError::new(OidcErrorKind::Claims, message));
        let Some(found) = found else {
            return wrong(format!(
                "the provider does not say the user's name (claim `{claim}`); have it send this \
                 claim, ask for a scope that has it, or name another claim"
            ));
        };
        match UserName::new(found) {
            Ok(name) => Ok(name),
            Err(error) => wrong(format!(
                "the name `{}` of the claim `{claim}` cannot be a user name: {error}",
                said(found)
            )),
        }
    }

    /// The groups as the provider says them.
    fn groups(&self, claims: &Claims) -> Result<Vec<String>, OidcError> {
        let Some(claim) = &self.config.groups_claim else {
            return Ok(Vec::new());
        };
        let wrong = |message: String| Err(OidcError::new(OidcErrorKind::Claims, message));
        let groups: Vec<String> = match find(claims, claim) {
            Some(Value::Array(many)) => (many.iter().filter_map(Value::as_str))
                .map(str::to_owned)
                .collect(),
            Some(Value::String(one)) => vec![one.clone()],
            Some(_) => {
                return wrong(format!("the claim `{claim}` is not a list of group names"));
            }
            // Some providers say only that there are too many groups for a token.
            None if has_left_out(claims, claim) => {
                return wrong(String::from(
                    "the user is in more groups than the provider puts into a token (group \
                     overage, `_claim_names`); have it send only the groups that are assigned to \
                     this application",
                ));
            }
            None => Vec::new(),
        };
        if groups.len() > MAX_GROUPS {
            return wrong(format!(
                "the user is in {} groups, but at most {MAX_GROUPS} are taken over; have the \
                 provider send fewer",
                groups.len()
            ));
        }
        Ok(groups)
    }

    fn check_allowed(&self, claims: &Claims, groups: &[String]) -> Result<(), OidcError> {
        let allowed = &self.config.allowed_groups;
        if !allowed.is_empty() && !groups.iter().any(|group| allowed.contains(group)) {
            return Err(not_allowed(format!(
                "the user is in none of the groups that may log in here: {}",
                allowed.join(", ")
            )));
        }
        let domains = &self.config.allowed_email_domains;
        let domain = verified_email(claims).and_then(|email| Some(email.rsplit_once('@')?.1));
        let is_in = |domain: &str| domains.iter().any(|it| it.eq_ignore_ascii_case(domain));
        if !domains.is_empty() && !domain.is_some_and(is_in) {
            return Err(not_allowed(format!(
                "the user has no verified address (`email`, `email_verified`) in a domain that may \
                 log in here: {}",
                domains.join(", ")
            )));
        }
        Ok(())
    }
}

impl AccessStore {
    /// Takes back what providers have said of users: administrators by a provider's group, and
    /// memberships. For a server that has no provider any more, where no login would update them.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn forget_provider_rights(&self) -> Result<(), AccessError> {
        self.in_transaction(|| {
            Ok(self.connection().execute_batch(
                "UPDATE users SET is_provider_admin = 0;
                 DELETE FROM group_members WHERE source = 'provider';",
            )?)
        })
    }
}

fn not_allowed(message: String) -> OidcError {
    OidcError::new(OidcErrorKind::NotAllowed, message)
}

/// A claim by its name, or by a path into objects.
fn find<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(name) {
        return Some(found);
    }
    let mut parts = name.split('.');
    let mut found = claims.get(parts.next()?)?;
    for part in parts {
        found = found.get(part)?;
    }
    Some(found)
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    find(claims, name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A claim that may be shown to people; what may not is passed over.
fn shown_text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    text(claims, name).filter(|text| users::check_text("a claim", text).is_ok())
}

fn verified_email(claims: &Claims) -> Option<&str> {
    // Some providers write it as a text.
    let is_verified = match claims.get("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        Some(Value::String(word)) => word == "true",
        Some(_) | None => false,
    };
    text(claims, "email").filter(|_| is_verified)
}

fn has_left_out(claims: &Claims, claim: &str) -> bool {
    let names = claims.get("_claim_names").and_then(Value::as_object);
    names.is_some_and(|names| names.contains_key(claim)) || claims.contains_key("hasgroups")
}
