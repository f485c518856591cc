//! Webhooks: the message as JSON, signed where there is a secret.

use lockstep_access::Credential;
use ring::hmac;

use super::deliver::Delivery;
use super::post::{Post, SendError};

/// A webhook.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) url: Credential,
    pub(super) secret: Option<Credential>,
}

impl Webhook {
    pub(super) fn send(&self, post: &Post, delivery: &Delivery) -> Result<(), SendError> {
        let body = serde_json::to_string(&delivery.message).unwrap_or_default();
        let mut headers = vec![("idempotency-key", delivery.id.clone())];
        if let Some(secret) = &self.secret {
            let signed = signature(secret.reveal(), body.as_bytes());
            headers.push(("x-lockstep-signature", signed));
        }
        post.json(self.url.reveal(), &headers, &body).map(|_| ())
    }
}

/// `sha256=` and the HMAC of a body, in hexadecimal digits.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let digits = hmac::sign(&key, body);
    let digits: String = (digits.as_ref().iter())
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={digits}")
}
