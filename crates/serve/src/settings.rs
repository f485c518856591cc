//! `[serve]` in `lockstep.toml`: what a server is to do beyond its options. Secrets are not written
//! there: the settings name where each is, and it is read when the server starts.

use std::path::{Path, PathBuf};

use lockstep_access::oidc::{HttpFetch, HttpRequest, HttpResponse, Oidc, OidcConfig};
use lockstep_access::{Credential, Pattern};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::ServeError;

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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServeSettings {
    /// The address by which people reach it.
    #[serde(default)]
    pub url: Option<ServeUrl>,
    /// The OpenID Connect provider of its users.
    #[serde(default, deserialize_with = "checked_oidc")]
    pub oidc: Option<OidcSettings>,
    /// Who is notified of runs.
    #[serde(default)]
    pub notify: Vec<NotifySettings>,
}

/// The origin of an address: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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

impl TryFrom<String> for ServeUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
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

/// Reads where a secret is; the text itself where that is allowed.
struct SourceVisitor {
    may_be_text: bool,
}

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SettingText;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(WHERE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SettingText, E> {
        match self.may_be_text {
            true => Ok(SettingText::Plain(text.to_owned())),
            // What was written may be the secret: it is not shown.
            false => Err(E::custom(format!(
                "a secret is not written into the settings: name its place, with {WHERE}"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SettingText, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            let source = match key.as_str() {
                "env" => SecretSource::Env(map.next_value()?),
                "file" => SecretSource::File(map.next_value()?),
                _ => return Err(A::Error::unknown_field(&key, &["env", "file"])),
            };
            if found.replace(source).is_some() {
                return Err(A::Error::custom(format!("a secret has one place: {WHERE}")));
            }
        }
        match found {
            Some(source) => Ok(SettingText::Secret(source)),
            None => Err(A::Error::custom(format!("write {WHERE}"))),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.deserialize_any(SourceVisitor { may_be_text: false })? {
            SettingText::Secret(source) => Ok(source),
            SettingText::Plain(_) => Err(D::Error::custom(WHERE)),
        }
    }
}

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

impl<'de> Deserialize<'de> for SettingText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SourceVisitor { may_be_text: true })
    }
}

/// `[serve.oidc]`: the OpenID Connect provider of the users.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
    #[serde(default)]
    pub allowed_groups: Vec<String>,
    /// Who may log in: verified addresses of these domains.
    #[serde(default)]
    pub allowed_email_domains: Vec<String>,
    /// What the button says.
    #[serde(default = "usual_label")]
    pub label: String,
}

fn usual_label() -> String {
    LABEL.to_owned()
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

    fn check(&self) -> Result<(), String> {
        let is_label = !self.label.trim().is_empty()
            && self.label.chars().count() <= MAX_LABEL_CHARACTERS
            && !self.label.chars().any(char::is_control);
        if !is_label {
            return Err(format!(
                "`label` has 1 to {MAX_LABEL_CHARACTERS} characters, in one line"
            ));
        }
        let config = self.config("https://lockstep.invalid/");
        let checked = Oidc::new(config, Box::new(NoFetch));
        checked.map(|_| ()).map_err(|error| error.message)
    }
}

/// Settings are checked without asking anybody.
struct NoFetch;

impl HttpFetch for NoFetch {
    fn fetch(&self, _: &HttpRequest) -> Result<HttpResponse, String> {
        Err(String::from("nothing is asked"))
    }
}

fn checked_oidc<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OidcSettings>, D::Error> {
    let read = OidcSettings::deserialize(from)?;
    read.check().map_err(D::Error::custom)?;
    Ok(Some(read))
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
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "WrittenNotify")]
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

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TargetWord {
    Webhook,
    Slack,
    Teams,
    Mail,
}

/// A table as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenNotify {
    to: TargetWord,
    #[serde(default = "usual_events")]
    on: Vec<NotifyEvent>,
    #[serde(default = "all_pipelines")]
    pipelines: Vec<Pattern>,
    url: Option<SettingText>,
    secret: Option<SecretSource>,
    token: Option<SecretSource>,
    channel: Option<String>,
    smtp: Option<String>,
    user: Option<String>,
    password: Option<SecretSource>,
    from: Option<String>,
    addresses: Option<Vec<String>>,
}

fn usual_events() -> Vec<NotifyEvent> {
    NotifyEvent::USUAL.to_vec()
}

fn all_pipelines() -> Vec<Pattern> {
    vec![Pattern::all()]
}

impl WrittenNotify {
    /// Refuses keys that mean nothing for what is written in `to`.
    fn only(&self, word: &str, allowed: &[&str]) -> Result<(), String> {
        let written = [
            ("url", self.url.is_some()),
            ("secret", self.secret.is_some()),
            ("token", self.token.is_some()),
            ("channel", self.channel.is_some()),
            ("smtp", self.smtp.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("from", self.from.is_some()),
            ("addresses", self.addresses.is_some()),
        ];
        let mut written = written.iter();
        match written.find(|(name, is_there)| *is_there && !allowed.contains(name)) {
            Some((name, _)) => Err(format!(
                "`{name}` means nothing for `to = \"{word}\"`, which has `{}`",
                allowed.join("`, `")
            )),
            None => Ok(()),
        }
    }
}

/// An address that lets everybody write who knows it.
fn secret_url(url: Option<SettingText>, word: &str) -> Result<SecretSource, String> {
    match url {
        Some(SettingText::Secret(source)) => Ok(source),
        Some(SettingText::Plain(_)) => Err(format!(
            "whoever knows the `url` of `to = \"{word}\"` can write there: name its place, with \
             {WHERE}"
        )),
        None => Err(format!(
            "`to = \"{word}\"` needs `url = {{ env = \"NAME\" }}`"
        )),
    }
}

impl TryFrom<WrittenNotify> for NotifySettings {
    type Error = String;

    fn try_from(written: WrittenNotify) -> Result<Self, String> {
        let (on, pipelines) = (written.on.clone(), written.pipelines.clone());
        if on.is_empty() || pipelines.is_empty() {
            return Err(String::from(
                "`on` and `pipelines` are not empty; leave them out for the usual ones",
            ));
        }
        let to = match written.to {
            TargetWord::Webhook => {
                written.only("webhook", &["url", "secret"])?;
                let needs = "`to = \"webhook\"` needs `url = \"https://…\"`";
                NotifyTarget::Webhook {
                    url: written.url.ok_or(needs)?,
                    secret: written.secret,
                }
            }
            TargetWord::Slack => match (written.token.clone(), written.channel.clone()) {
                (Some(token), Some(channel)) => {
                    written.only("slack", &["token", "channel"])?;
                    NotifyTarget::SlackBot { token, channel }
                }
                (None, None) => {
                    written.only("slack", &["url", "token", "channel"])?;
                    NotifyTarget::SlackWebhook {
                        url: secret_url(written.url, "slack")?,
                    }
                }
                (Some(_), None) | (None, Some(_)) => {
                    let needs = "`to = \"slack\"` needs `token` and `channel` together, or `url`";
                    return Err(String::from(needs));
                }
            },
            TargetWord::Teams => {
                written.only("teams", &["url"])?;
                NotifyTarget::Teams {
                    url: secret_url(written.url, "teams")?,
                }
            }
            TargetWord::Mail => {
                let allowed = ["smtp", "user", "password", "from", "addresses"];
                written.only("mail", &allowed)?;
                if written.user.is_some() != written.password.is_some() {
                    return Err(String::from("`user` and `password` belong together"));
                }
                let needs = "`to = \"mail\"` needs `smtp`, `from` and `addresses`";
                let addresses = written.addresses.filter(|it| !it.is_empty());
                let mail = MailSettings {
                    smtp: written.smtp.ok_or(needs)?,
                    user: written.user,
                    password: written.password,
                    from: written.from.ok_or(needs)?,
                    addresses: addresses.ok_or(needs)?,
                };
                crate::notify::check_mail(&mail)?;
                NotifyTarget::Mail(mail)
            }
        };
        Ok(Self { to, on, pipelines })
    }
}
