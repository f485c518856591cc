//! Who is notified: the targets of the settings, with their secrets.

use std::path::Path;
use std::sync::Arc;

use lockstep_access::{Credential, Pattern};
use sha2::{Digest, Sha256};

use super::deliver::{Delivery, Sent};
use super::mail::Mailer;
use super::message::Message;
use super::post::{Post, SendError};
use super::slack::{self, Slack};
use super::teams::Teams;
use super::webhook::Webhook;
use crate::error::ServeError;
use crate::settings::{NotifyEvent, NotifySettings, NotifyTarget};

/// All targets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets(Vec<Arc<Target>>);

/// Somebody who is notified.
#[derive(Debug)]
pub(super) struct Target {
    /// Recognises it after a restart: its kind, and a hash of where it is.
    pub(super) id: String,
    /// What people know it by, without anything secret.
    pub(super) name: String,
    rules: Vec<Rule>,
    channel: Channel,
    post: Post,
}

/// What a target is notified of.
#[derive(Debug, Clone)]
struct Rule {
    on: Vec<NotifyEvent>,
    pipelines: Vec<Pattern>,
}

#[derive(Debug)]
pub(super) enum Channel {
    Webhook(Webhook),
    Slack(Slack),
    Teams(Teams),
    Mail(Box<Mailer>),
}

impl Targets {
    /// The targets of settings in this folder; their secrets are read now.
    ///
    /// # Errors
    ///
    /// If a secret is missing, or an address cannot be used.
    pub(crate) fn new(settings: &[NotifySettings], folder: &Path) -> Result<Self, ServeError> {
        let mut all: Vec<Target> = Vec::new();
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let post = Post::new();
        for it in settings {
            for (name, channel) in channels(&it.to, folder)? {
                let rule = Rule {
                    on: it.on.clone(),
                    pipelines: it.pipelines.clone(),
                };
                let id = id(&it.to, &name);
                // One that is there twice gets no message twice.
                match all.iter_mut().find(|known| known.id == id) {
                    Some(known) => known.rules.push(rule),
                    None => all.push(Target {
                        id,
                        name,
                        rules: vec![rule],
                        channel,
                        post: post.clone(),
                    }),
                }
            }
        }
        Ok(Self(all.into_iter().map(Arc::new).collect()))
    }

    pub(super) fn all(&self) -> &[Arc<Target>] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What people know a target by.
    pub(crate) fn name_of(&self, id: &str) -> Option<&str> {
        let found = self.0.iter().find(|it| it.id == id);
        found.map(|it| it.name.as_str())
    }
}

/// Recognises a target, whatever its secrets are.
fn id(to: &NotifyTarget, name: &str) -> String {
    let kind = match to {
        NotifyTarget::Webhook { .. } => "webhook",
        NotifyTarget::SlackWebhook { .. } | NotifyTarget::SlackBot { .. } => "slack",
        NotifyTarget::Teams { .. } => "teams",
        NotifyTarget::Mail(_) => "mail",
    };
    format!("{kind}-{}", short_hash(name))
}

/// 16 hexadecimal digits that stand for a text.
pub(super) fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let digits = digest.iter().take(8);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

/// The channels of an entry: mail has one for each address, so that one that is refused does not
/// hold the others back.
fn channels(to: &NotifyTarget, folder: &Path) -> Result<Vec<(String, Channel)>, ServeError> {
    let setting = |key: &str| format!("`{key}` in `[[serve.notify]]`");
    Ok(match to {
        NotifyTarget::Webhook { url, secret } => {
            let read = url.read(&setting("url"), folder)?;
            check_url(&read, true, &setting("url"))?;
            let secret = secret.as_ref();
            let secret = secret.map(|it| it.read(&setting("secret"), folder));
            let webhook = Webhook {
                url: read,
                secret: secret.transpose()?,
            };
            vec![(format!("webhook {url}"), Channel::Webhook(webhook))]
        }
        NotifyTarget::SlackWebhook { url } => {
            let read = url.read(&setting("url"), folder)?;
            check_url(&read, false, &setting("url"))?;
            let slack = Slack::Webhook { url: read };
            vec![(format!("Slack by {url}"), Channel::Slack(slack))]
        }
        NotifyTarget::SlackBot { token, channel } => {
            let slack = Slack::Bot {
                api: slack::API.to_owned(),
                token: header_value(token.read(&setting("token"), folder)?, &setting("token"))?,
                channel: channel.clone(),
            };
            vec![(format!("Slack channel {channel}"), Channel::Slack(slack))]
        }
        NotifyTarget::Teams { url } => {
            let read = url.read(&setting("url"), folder)?;
            check_url(&read, false, &setting("url"))?;
            let teams = Teams { url: read };
            vec![(format!("Teams by {url}"), Channel::Teams(teams))]
        }
        NotifyTarget::Mail(mail) => {
            let password = mail.password.as_ref();
            let password = password.map(|it| it.read(&setting("password"), folder));
            let password = password.transpose()?;
            let mut all = Vec::new();
            for address in &mail.addresses {
                let mailer = Mailer::new(mail, address, password.clone());
                let mailer = mailer.map_err(ServeError::Settings)?;
                let name = format!("mail to {}", mailer.address());
                all.push((name, Channel::Mail(Box::new(mailer))));
            }
            all
        }
    })
}

/// Refuses what is no address; it is not shown, since it may be secret.
fn check_url(url: &Credential, may_be_plain: bool, what: &str) -> Result<(), ServeError> {
    let uri = url.reveal().parse::<ureq::http::Uri>().ok();
    let host = uri.as_ref().and_then(ureq::http::Uri::host);
    let is_here = matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"));
    let scheme = uri.as_ref().and_then(|it| it.scheme_str());
    let is_good = match (scheme, host) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(_)) => may_be_plain || is_here,
        _ => false,
    };
    match is_good {
        true => Ok(()),
        false => Err(ServeError::Settings(format!(
            "{what} is no address that begins with `https://`"
        ))),
    }
}

/// Refuses a secret that cannot be sent.
fn header_value(secret: Credential, what: &str) -> Result<Credential, ServeError> {
    match secret.reveal().bytes().all(|it| it.is_ascii_graphic()) {
        true => Ok(secret),
        false => Err(ServeError::Settings(format!(
            "{what} holds characters that no token has"
        ))),
    }
}

impl Target {
    /// Whether it is to get a message.
    pub(super) fn wants(&self, message: &Message) -> bool {
        self.rules.iter().any(|rule| {
            rule.on.contains(&message.event)
                && rule
                    .pipelines
                    .iter()
                    .any(|it| it.matches(&message.pipeline))
        })
    }

    /// Sends a message. It blocks.
    pub(super) fn send(&self, delivery: &Delivery) -> Result<Sent, SendError> {
        let post = &self.post;
        let thread = match &self.channel {
            Channel::Webhook(webhook) => webhook.send(post, delivery).map(|()| None),
            Channel::Slack(slack) => slack.send(post, delivery),
            Channel::Teams(teams) => teams.send(post, delivery).map(|()| None),
            Channel::Mail(mailer) => mailer.send(delivery).map(|()| None),
        };
        thread.map(|thread| Sent { thread })
    }

    /// A Slack bot that writes elsewhere.
    #[cfg(test)]
    pub(super) fn with_api(self: &Arc<Self>, url: &str) -> Arc<Self> {
        let channel = match &self.channel {
            Channel::Slack(Slack::Bot { token, channel, .. }) => Channel::Slack(Slack::Bot {
                api: url.to_owned(),
                token: token.clone(),
                channel: channel.clone(),
            }),
            other => panic!("{other:?} has no API"),
        };
        Arc::new(Self {
            id: self.id.clone(),
            name: self.name.clone(),
            rules: self.rules.clone(),
            channel,
            post: self.post.clone(),
        })
    }
}
