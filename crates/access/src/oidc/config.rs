//! How a provider is used.

use ureq::http::Uri;

use super::error::{OidcError, OidcErrorKind};
use crate::credential::Credential;

/// How a provider is used.
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// The issuer, exactly as the provider writes it: `https://login.example.org/realms/main`.
    pub issuer: String,
    /// The client that the provider knows this server as.
    pub client_id: String,
    /// The secret of the client; none for a public client.
    pub client_secret: Option<Credential>,
    /// Where the provider sends the browser back to, exactly as it is registered there.
    pub redirect_url: String,
    /// The scopes to ask for; `openid` always is.
    pub scopes: Vec<String>,
    /// The claim that a new user's name is made of, in small letters. Without it, it is
    /// `preferred_username`, and where that is missing the whole address of `email`, if
    /// `email_verified` is true. The part before the `@` is not taken: people of two domains would
    /// have the same one.
    pub name_claim: Option<String>,
    /// The claim with the groups, if groups are taken from the provider: a list of texts. A name
    /// with dots, such as `realm_access.roles`, leads into objects. They are the groups of the same
    /// names here, so at the provider only administrators should be able to make groups.
    pub groups_claim: Option<String>,
    /// Whose members are administrators here, for as long as the provider says so.
    pub admin_group: Option<String>,
    /// If there are any, a user must be in one of these groups. Without any, everybody whom the
    /// provider lets in can log in: then it has to be a provider of the own organisation.
    pub allowed_groups: Vec<String>,
    /// If there are any, a user must have a verified address in one of these domains.
    pub allowed_email_domains: Vec<String>,
}

impl OidcConfig {
    /// The usual configuration, without groups.
    pub fn new(issuer: &str, client_id: &str, redirect_url: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: None,
            redirect_url: redirect_url.to_owned(),
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            name_claim: None,
            groups_claim: None,
            admin_group: None,
            allowed_groups: Vec::new(),
            allowed_email_domains: Vec::new(),
        }
    }

    pub(super) fn check(&self) -> Result<(), OidcError> {
        let wrong = |message: String| Err(OidcError::new(OidcErrorKind::Config, message));
        for (what, url) in [
            ("issuer", &self.issuer),
            ("redirect URL", &self.redirect_url),
        ] {
            if !is_safe_url(url) || url.contains(['?', '#']) {
                return wrong(format!(
                    "the {what} `{}` must be an address with `https://`, without `?` and `#`; \
                     `http://` is allowed for this machine only",
                    crate::audit::shown(url)
                ));
            }
        }
        if self.client_id.is_empty() {
            return wrong(String::from("the client ID of the provider is missing"));
        }
        let needs_groups = self.admin_group.is_some() || !self.allowed_groups.is_empty();
        if needs_groups && self.groups_claim.is_none() {
            return wrong(String::from(
                "an administrators' group or allowed groups need the name of the claim with the \
                 groups",
            ));
        }
        Ok(())
    }
}

/// Whether what is sent to an address stays secret: it has TLS, or does not leave this machine.
pub(super) fn is_safe_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let is_here = matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost");
    // A name before the host can make an address look like another one.
    !authority.as_str().contains('@')
        && !authority.host().is_empty()
        && match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_here,
            Some(_) | None => false,
        }
}
