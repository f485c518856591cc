//! `[serve]` in `lockstep.toml`: what a server is to do beyond its options. Secrets are not written
//! there: the settings name where each is, and it is read when the server starts.

mod read;
mod reader;

use std::path::{Path, PathBuf};

use lockstep_access::oidc::OidcConfig;
use lockstep_access::{Credential, Pattern};
use serde::{Deserialize, Serialize};

use crate::error::ServeError;
pub use reader::SettingsMistake;

/// No secret is longer.
const MAX_SECRET_BYTES: u64 = 64 * 1024;
/// What a button says is not longer.
const MAX_LABEL_CHARACTERS: usize = 60;
/// What the button says where the settings do not.
const LABEL: &str = "Single sign-on";

/// What may stand in `[serve]`, and what it is for.
pub const SERVE_KEYS: &[(&str, &str)] = &[
    (
        "url",
        "The address by which people reach the server: `https://deploy.example.com`. The option \
         `--url` goes before it.",
    ),
    (
        "oidc",
        "Logins through an OpenID Connect provider: `[serve.oidc]` with `issuer`, `client-id` and \
         `client-secret`.",
    ),
    (
        "notify",
        "Who is notified of runs: a `[[serve.notify]]` for each, with `to`, `on` and `pipelines`.",
    ),
];

/// The settings of a server.
#[derive(Debug, Clone, Default)]
pub struct ServeSettings {
    /// The address by which people reach it.
    pub url: Option<ServeUrl>,
    /// The OpenID Connect provider of its users.
    pub oidc: Option<OidcSettings>,
    /// Who is notified of runs.
    pub notify: Vec<NotifySettings>,
}

/// The origin of an address: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeUrl(String);

impl ServeUrl {
    /// Reads one; a slash at its end is left out.
    ///
    /// # Errors
    ///
    /// If it is anything but a scheme, a host and a port; the text says what to write.
    pub fn new(text: &str) -> Result<Self, String> {
        let rest = ["https://", "http://"]
            .iter()
            .find_map(|it| text.strip_prefix(it));
        let host = rest
            .map(|rest| rest.trim_end_matches('/'))
            .unwrap_or_default();
        let is_host = |char: char| char.is_ascii_alphanumeric() || ".-:[]".contains(char);
        match !host.is_empty() && host.chars().all(is_host) {
            true => Ok(Self(text.trim_end_matches('/').to_owned())),
            false => Err(String::from("write it as https://HOST, without a path")),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In an environment variable of the server.
    Env(String),
    /// In a file, relative to that of the settings; a line end at its end does not belong to it.
    File(PathBuf),
}

impl SecretSource {
    /// Reads it. `what` is the setting, and `folder` that of the settings file.
    ///
    /// # Errors
    ///
    /// If it is missing, empty, or no text; the message says what to do.
    pub(crate) fn read(&self, what: &str, folder: &Path) -> Result<Credential, ServeError> {
        let wrong = |why: String| Err(ServeError::Settings(format!("{what}: {why}")));
        let text = match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => text,
                Err(std::env::VarError::NotPresent) => {
                    return wrong(format!(
                        "the environment variable `{name}` is not set: set it for the server, or \
                         name another place"
                    ));
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return wrong(format!("the environment variable `{name}` is not UTF-8"));
                }
            },
            Self::File(path) => {
                let path = folder.join(path);
                let shown = path.display();
                let size = std::fs::metadata(&path).map_or(0, |it| it.len());
                if size > MAX_SECRET_BYTES {
                    return wrong(format!("the file `{shown}` is too large for a secret"));
                }
                match std::fs::read_to_string(&path) {
                    Ok(text) => text,
                    Err(error) => {
                        return wrong(format!(
                            "the file `{shown}` cannot be read ({error}): write the secret into \
                             it, readable by the server alone"
                        ));
                    }
                }
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        match text.is_empty() {
            true => wrong(format!("{self} is empty")),
            false => Ok(Credential::of(text)),
        }
    }
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

const WHERE: &str = "`{ env = \"NAME\" }` or `{ file = \"PATH\" }`";

/// A text that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingText {
    /// It is in the settings.
    Plain(String),
    /// It is elsewhere.
    Secret(SecretSource),
}

impl SettingText {
    pub(crate) fn read(&self, what: &str, folder: &Path) -> Result<Credential, ServeError> {
        match self {
            Self::Plain(text) => Ok(Credential::of(text.as_str())),
            Self::Secret(source) => source.read(what, folder),
        }
    }
}

impl std::fmt::Display for SettingText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(text) => f.write_str(text),
            Self::Secret(source) => source.fmt(f),
        }
    }
}

/// `[serve.oidc]`: the OpenID Connect provider of the users.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The issuer, exactly as the provider writes it.
    pub issuer: String,
    /// The client that the provider knows this server as.
    pub client_id: String,
    /// Its secret; none for a public client.
    pub client_secret: Option<SecretSource>,
    /// The scopes to ask for.
    pub scopes: Option<Vec<String>>,
    /// The claim that a new user's name is made of.
    pub name_claim: Option<String>,
    /// The claim with the groups.
    pub groups_claim: Option<String>,
    /// Whose members are administrators.
    pub admin_group: Option<String>,
    /// Who may log in: members of these groups.
    pub allowed_groups: Vec<String>,
    /// Who may log in: verified addresses of these domains.
    pub allowed_email_domains: Vec<String>,
    /// What the button says.
    pub label: String,
}

impl OidcSettings {
    /// The configuration, without the client's secret.
    pub(crate) fn config(&self, redirect_url: &str) -> OidcConfig {
        let usual = OidcConfig::new(&self.issuer, &self.client_id, redirect_url);
        OidcConfig {
            scopes: self.scopes.clone().unwrap_or(usual.scopes),
            name_claim: self.name_claim.clone(),
            groups_claim: self.groups_claim.clone(),
            admin_group: self.admin_group.clone(),
            allowed_groups: self.allowed_groups.clone(),
            allowed_email_domains: self.allowed_email_domains.clone(),
            ..usual
        }
    }
}

/// What is notified of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A run begins.
    Started,
    /// A run waits for an approval, or asks what to do about a failure.
    Waiting,
    /// Somebody has answered a question.
    Answered,
    /// A run has ended well.
    Succeeded,
    /// A run has failed.
    Failed,
    /// A run has failed, and so has taking back what it did.
    RollbackFailed,
    /// A run was cancelled.
    Cancelled,
    /// A newer run was begun in place of it.
    Superseded,
    /// The process of a run is gone: somebody has to resume it.
    Stopped,
}

impl NotifyEvent {
    /// What is notified of where the settings do not say it.
    const USUAL: [Self; 3] = [Self::Waiting, Self::Failed, Self::RollbackFailed];

    /// All of them.
    const ALL: [Self; 9] = [
        Self::Started,
        Self::Waiting,
        Self::Answered,
        Self::Succeeded,
        Self::Failed,
        Self::RollbackFailed,
        Self::Cancelled,
        Self::Superseded,
        Self::Stopped,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Answered => "answered",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RollbackFailed => "rollback-failed",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Stopped => "stopped",
        }
    }
}

/// `[[serve.notify]]`: somebody who is notified of runs.
#[derive(Debug, Clone)]
pub struct NotifySettings {
    /// How messages get there.
    pub to: NotifyTarget,
    /// What is notified of.
    pub on: Vec<NotifyEvent>,
    /// Of runs of which pipelines: `shop.deploy/ship`.
    pub pipelines: Vec<Pattern>,
}

/// How messages get to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyTarget {
    /// JSON by a `POST`, signed where there is a secret.
    Webhook {
        /// The address.
        url: SettingText,
        /// The secret of the signature.
        secret: Option<SecretSource>,
    },
    /// The incoming webhook of a Slack channel.
    SlackWebhook {
        /// Its address, which is secret.
        url: SecretSource,
    },
    /// A Slack channel, by a bot: all messages of a run are one thread.
    SlackBot {
        /// The bot's token.
        token: SecretSource,
        /// The channel, by its id or name.
        channel: String,
    },
    /// A workflow of Microsoft Teams.
    Teams {
        /// Its address, which is secret.
        url: SecretSource,
    },
    /// Mail.
    Mail(MailSettings),
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// `smtps://HOST:465`, or `smtp://HOST:587` (STARTTLS).
    pub smtp: String,
    /// The name for the mail server.
    pub user: Option<String>,
    /// The password for it.
    pub password: Option<SecretSource>,
    /// The sender's address.
    pub from: String,
    /// Who gets it.
    pub addresses: Vec<String>,
}
