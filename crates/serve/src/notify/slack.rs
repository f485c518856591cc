//! Slack: an incoming webhook, or a bot, whose messages of one run are one thread.

use lockstep_access::Credential;
use serde::Deserialize;
use serde_json::{Value, json};

use super::deliver::Delivery;
use super::message::Message;
use super::post::{Post, SendError};
use super::text;
use crate::settings::NotifyEvent;

/// Where bots write.
pub(super) const API: &str = "https://slack.com/api/chat.postMessage";
/// A value is not longer, so that others have a place, too.
const MAX_VALUE: usize = 400;
/// Slack refuses longer texts.
const MAX_SECTION: usize = 2_900;

/// A channel of Slack.
#[derive(Debug)]
pub(super) enum Slack {
    Webhook {
        url: Credential,
    },
    Bot {
        api: String,
        token: Credential,
        channel: String,
    },
}

/// What Slack answers to a bot.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    ts: Option<String>,
}

impl Slack {
    /// Sends a message; says what the thread of the run is.
    pub(super) fn send(
        &self,
        post: &Post,
        delivery: &Delivery,
    ) -> Result<Option<String>, SendError> {
        let mut body = body(&delivery.message);
        let (url, token) = match self {
            Self::Webhook { url } => (url.reveal(), None),
            Self::Bot {
                api,
                token,
                channel,
            } => {
                body["channel"] = Value::from(channel.as_str());
                if let Some(thread) = &delivery.thread {
                    body["thread_ts"] = Value::from(thread.as_str());
                    // Who reads the channel alone is to see how it has ended.
                    let is_end = delivery.message.status.is_some();
                    body["reply_broadcast"] = Value::from(is_end);
                }
                (api.as_str(), Some(token))
            }
        };
        let headers = token.map(|it| ("authorization", format!("Bearer {}", it.reveal())));
        let headers: Vec<_> = headers.into_iter().collect();
        let answer = post.json(url, &headers, &body.to_string())?;
        if token.is_none() {
            return Ok(None);
        }
        match serde_json::from_slice::<Answer>(&answer.body) {
            Ok(Answer { ok: true, ts, .. }) => Ok(ts),
            Ok(Answer { error, .. }) => {
                let word = error.unwrap_or_default();
                let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
                let is_short = word.len() <= 60 && word.bytes().all(is_word);
                let word = if is_short { word.as_str() } else { "an error" };
                Err(SendError {
                    message: format!("Slack answers `{word}`"),
                    is_final: matches!(word, "msg_too_long" | "invalid_blocks" | "no_text"),
                    retry_after: None,
                })
            }
            Err(_) => Err(SendError::now("Slack answers something that is not JSON")),
        }
    }
}

/// Values mean nothing in Slack's markup: neither links nor mentions.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn sign(event: NotifyEvent) -> &'static str {
    match event {
        NotifyEvent::Started => ":arrow_forward:",
        NotifyEvent::Waiting => ":raised_hand:",
        NotifyEvent::Answered => ":speech_balloon:",
        NotifyEvent::Succeeded => ":white_check_mark:",
        NotifyEvent::Failed => ":x:",
        NotifyEvent::RollbackFailed => ":rotating_light:",
        NotifyEvent::Cancelled | NotifyEvent::Superseded => ":no_entry_sign:",
        NotifyEvent::Stopped => ":octagonal_sign:",
    }
}

fn body(message: &Message) -> Value {
    let title = format!("{} {}", sign(message.event), escaped(&message.title()));
    let facts = message.facts();
    let mut shown = String::new();
    for (name, value) in &facts {
        let value = text::lines(value, MAX_VALUE);
        let line = format!("{name}: {}\n", escaped(&value));
        if shown.len() + line.len() > MAX_SECTION {
            shown.push_str("…\n");
            break;
        }
        shown.push_str(&line);
    }
    let section = |text: &str| {
        json!({
            "type": "section",
            "text": { "type": "mrkdwn", "text": text, "verbatim": true },
        })
    };
    let link = format!("<{}|Open the run>", escaped(&message.url));
    json!({
        "text": title,
        "blocks": [section(&title), section(&shown), section(&link)],
        "unfurl_links": false,
        "unfurl_media": false,
    })
}
