//! Who may do what on a server: users and groups, passwords, one-time links, API tokens, sessions,
//! rights, the audit log, and logins through an OpenID Connect provider.
//!
//! Pipelines and targets are texts here; nothing in this crate knows the language or HTTP servers.
//! Everything is synchronous. The time is an argument wherever it matters, so that each rule about
//! it can be tested.
//!
//! One file for each subject. Everything is kept in one SQLite database, which the server shares:
//! an [`AccessStore`] is a connection to it, and each thread opens its own.

mod agent;
mod attempts;
pub mod audit;
mod credential;
mod error;
mod grants;
mod groups;
mod invitations;
mod login;
mod names;
pub mod oidc;
mod password;
mod pattern;
mod permissions;
mod principal;
mod rights;
mod sessions;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

pub use agent::http_agent;
pub use attempts::LoginAttempt;
pub use credential::Credential;
pub use error::{AccessError, AccessErrorKind};
pub use grants::StoredGrant;
pub use groups::{Group, Membership, MembershipSource};
pub use invitations::{
    Invitation, InvitationPurpose, InvitationRefusal, NewAccount, StoredInvitation,
};
pub use login::LoginError;
pub use names::{GroupName, UserName};
pub use password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS, Password};
pub use pattern::Pattern;
pub use permissions::Permissions;
pub use principal::{Principal, Scope, Via};
pub use rights::{Grant, On, Right, Who};
pub use sessions::{IDLE_LIMIT, LIFETIME, NewSession, OpenedSession, Session};
pub use store::AccessStore;
pub use tokens::{MAX_TOKEN_DAYS, NewToken, StoredToken, TokenRefusal};
pub use users::{NewUser, User};
