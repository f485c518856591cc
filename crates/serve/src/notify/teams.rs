//! Microsoft Teams: an adaptive card for a workflow that waits for a webhook.

use lockstep_access::Credential;
use serde_json::{Value, json};

use super::deliver::Delivery;
use super::message::Message;
use super::post::{Post, SendError};

/// A workflow of Teams.
#[derive(Debug)]
pub(super) struct Teams {
    pub(super) url: Credential,
}

impl Teams {
    pub(super) fn send(&self, post: &Post, delivery: &Delivery) -> Result<(), SendError> {
        let body = body(&delivery.message).to_string();
        post.json(self.url.reveal(), &[], &body).map(|_| ())
    }
}

/// A line. The runs of a `RichTextBlock` have no markup, as those of a `TextBlock` have.
fn line(runs: &[Value]) -> Value {
    json!({ "type": "RichTextBlock", "inlines": runs })
}

fn run(text: &str, is_strong: bool) -> Value {
    let weight = if is_strong { "Bolder" } else { "Default" };
    json!({ "type": "TextRun", "text": text, "weight": weight })
}

fn body(message: &Message) -> Value {
    let mut lines = vec![line(&[run(&message.title(), true)])];
    for (name, value) in message.facts() {
        lines.push(line(&[run(&format!("{name}: "), true), run(&value, false)]));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": lines,
                "actions": [{
                    "type": "Action.OpenUrl",
                    "title": "Open the run",
                    "url": message.url,
                }],
            },
        }],
    })
}
