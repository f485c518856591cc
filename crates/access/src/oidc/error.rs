//! Why a login through a provider did not work, in words that an administrator can look for.

use crate::error::AccessError;

/// Why a login through a provider did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcError {
    /// The kind of error.
    pub kind: OidcErrorKind,
    /// Sentences for an administrator, without the last full stop. What comes from the provider is
    /// in it with control characters escaped; tokens and secrets are not.
    pub message: String,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OidcErrorKind {
    /// The configuration of the server cannot be right.
    Config,
    /// The provider cannot be reached.
    Unreachable,
    /// The provider answers something that OpenID Connect does not allow.
    Provider,
    /// The browser comes back with a login that was not begun, is over, or is another browser's.
    /// Beginning again helps.
    State,
    /// The provider has refused the login.
    Denied,
    /// The ID token is not valid.
    Token,
    /// The ID token does not say what is needed.
    Claims,
    /// The user may not log in here.
    NotAllowed,
    /// The database cannot be used.
    Access,
}

impl std::fmt::Display for OidcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OidcError {}

impl From<AccessError> for OidcError {
    fn from(error: AccessError) -> Self {
        Self::new(OidcErrorKind::Access, error.message)
    }
}

impl From<rusqlite::Error> for OidcError {
    fn from(error: rusqlite::Error) -> Self {
        AccessError::from(error).into()
    }
}

impl OidcError {
    pub(super) fn new(kind: OidcErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(super) fn provider(message: impl Into<String>) -> Self {
        Self::new(OidcErrorKind::Provider, message)
    }

    pub(super) fn token(message: impl Into<String>) -> Self {
        Self::new(OidcErrorKind::Token, message)
    }
}
