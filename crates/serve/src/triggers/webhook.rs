//! Whether a delivery is genuine, and which one it is: pure functions over its headers and its raw
//! body. The body is not read as anything before its signature has been found right.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use lockstep_lang::ir::WebhookSource;
use ring::hmac;
use sha2::{Digest, Sha256};

/// A delivery with a signed time is not older or newer.
const MAX_AGE_SECONDS: i64 = 300;
/// An id of a delivery is not longer.
const MAX_ID_BYTES: usize = 200;

/// A genuine delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Genuine {
    /// The id by which a repeated one is known.
    pub(crate) id: String,
    /// The digest of its content, where the signature does not cover the id.
    pub(crate) content: Option<String>,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotGenuine {
    /// A header is missing.
    Missing(&'static str),
    /// The signature or the token is wrong.
    Wrong,
    /// It was signed too long ago, or for a time that is yet to come.
    Age,
}

impl std::fmt::Display for NotGenuine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(header) => write!(f, "the header `{header}` is missing"),
            Self::Wrong => f.write_str("the signature is wrong: is it made with the same secret?"),
            Self::Age => write!(
                f,
                "it was not signed in the last {MAX_AGE_SECONDS} s: is the sender's clock right?"
            ),
        }
    }
}

/// Checks a delivery.
pub(crate) fn check(
    from: WebhookSource,
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Genuine, NotGenuine> {
    match from {
        WebhookSource::Generic => {
            signed(headers, "x-signature-256", secret, body)?;
            Ok(by_content(headers, "x-delivery-id", body))
        }
        WebhookSource::Github => {
            signed(headers, "x-hub-signature-256", secret, body)?;
            Ok(by_content(headers, "x-github-delivery", body))
        }
        WebhookSource::Gitlab => {
            let token = header(headers, "x-gitlab-token")?;
            // Digests take as long to compare whatever the texts are.
            let same = hmac::verify(&key(secret), b"", hmac::sign(&key(token), b"").as_ref());
            same.map_err(|_| NotGenuine::Wrong)?;
            // Whoever has the token can send what they like: nothing but the id tells them apart.
            let id = optional(headers, "x-gitlab-event-uuid");
            let id = id.or_else(|| optional(headers, "idempotency-key"));
            Ok(match id {
                Some(id) => Genuine { id, content: None },
                None => by_content(headers, "", body),
            })
        }
        WebhookSource::Standard => standard(secret, headers, body, now),
    }
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn header<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h str, NotGenuine> {
    let found = headers.get(name).and_then(|it| it.to_str().ok());
    found.ok_or(NotGenuine::Missing(name))
}

fn optional(headers: &HeaderMap, name: &str) -> Option<String> {
    let found = headers.get(name).and_then(|it| it.to_str().ok());
    let fits = |id: &&str| !id.is_empty() && id.len() <= MAX_ID_BYTES;
    found.filter(fits).map(String::from)
}

/// Checks `sha256=HEX`, the HMAC-SHA256 of the body.
fn signed(
    headers: &HeaderMap,
    name: &'static str,
    secret: &str,
    body: &[u8],
) -> Result<(), NotGenuine> {
    let said = header(headers, name)?;
    let digits = said.strip_prefix("sha256=").ok_or(NotGenuine::Wrong)?;
    let signature = bytes(digits).ok_or(NotGenuine::Wrong)?;
    hmac::verify(&key(secret), body, &signature).map_err(|_| NotGenuine::Wrong)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = (digits.chars())
        .map(|digit| digit.to_digit(16).and_then(|it| u8::try_from(it).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |sum, it| sum << 4 | it))
            .collect(),
    )
}

/// A delivery whose signature covers the body alone: whoever has seen one could send it again under
/// another id, so the content says which it is, too.
fn by_content(headers: &HeaderMap, id: &str, body: &[u8]) -> Genuine {
    let digest = Sha256::digest(body);
    let content: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Genuine {
        id: optional(headers, id).unwrap_or_else(|| format!("sha256:{content}")),
        content: Some(content),
    }
}

/// Standard Webhooks: the signature covers the id, the time and the body.
fn standard(
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Genuine, NotGenuine> {
    let id = header(headers, "webhook-id")?;
    let at = header(headers, "webhook-timestamp")?;
    let signatures = header(headers, "webhook-signature")?;
    let seconds: i64 = at.parse().map_err(|_| NotGenuine::Wrong)?;
    let bytes = match secret.strip_prefix("whsec_") {
        Some(text) => STANDARD.decode(text).map_err(|_| NotGenuine::Wrong)?,
        None => secret.as_bytes().to_vec(),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
    let mut signed = format!("{id}.{at}.").into_bytes();
    signed.extend_from_slice(body);
    let is_right = |signature: &str| {
        let text = signature.strip_prefix("v1,");
        let signature = text.and_then(|text| STANDARD.decode(text).ok());
        signature.is_some_and(|it| hmac::verify(&key, &signed, &it).is_ok())
    };
    // While a secret is changed there is one for each.
    if !signatures.split(' ').any(is_right) {
        return Err(NotGenuine::Wrong);
    }
    let age = now.as_second().saturating_sub(seconds).saturating_abs();
    if age > MAX_AGE_SECONDS {
        return Err(NotGenuine::Age);
    }
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(NotGenuine::Missing("webhook-id"));
    }
    Ok(Genuine {
        id: id.to_owned(),
        content: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<const N: usize>(all: [(&'static str, &str); N]) -> HeaderMap {
        let all = all.into_iter().map(|(name, value)| {
            (
                axum::http::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        });
        all.collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_example_of_github_is_genuine() {
        // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
        let secret = "It's a Secret to Everybody";
        let body = b"Hello, World!";
        let sign = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let sent = headers([("x-hub-signature-256", sign), ("x-github-delivery", "d1")]);
        let check = |headers: &HeaderMap, body: &[u8]| {
            check(WebhookSource::Github, secret, headers, body, at(0))
        };
        assert_eq!(check(&sent, body).unwrap().id, "d1");
        assert_eq!(check(&sent, b"Hello, World"), Err(NotGenuine::Wrong));
        let missing = headers([]);
        let name = "x-hub-signature-256";
        assert_eq!(check(&missing, body), Err(NotGenuine::Missing(name)));
        for wrong in [
            "",
            "sha256=",
            "sha1=757107",
            "sha256=75710",
            "sha256=zz",
            &sign[..70],
        ] {
            let sent = headers([("x-hub-signature-256", wrong)]);
            assert_eq!(check(&sent, body), Err(NotGenuine::Wrong), "{wrong}");
        }
        // Under another id it is the same one.
        let again = headers([("x-hub-signature-256", sign), ("x-github-delivery", "d2")]);
        let (first, again) = (check(&sent, body).unwrap(), check(&again, body).unwrap());
        assert_eq!(first.content, again.content);
        assert!(first.content.is_some());
    }

    #[test]
    fn the_example_of_standard_webhooks_is_genuine_for_five_minutes() {
        // https://github.com/standard-webhooks/standard-webhooks: the vectors of its libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let sent = |at: &str, sign: &str| {
            headers([
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", at),
                ("webhook-signature", sign),
            ])
        };
        let sign = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let check = |headers: &HeaderMap, now: i64| {
            check(WebhookSource::Standard, secret, headers, body, at(now))
        };
        let genuine = sent("1614265330", sign);
        assert!(check(&genuine, 1_614_265_330).is_ok());
        assert!(
            check(
                &sent("1614265330", &format!("v1,AAAA {sign}")),
                1_614_265_330
            )
            .is_ok()
        );
        assert!(check(&genuine, 1_614_265_330 + 300).is_ok());
        assert_eq!(check(&genuine, 1_614_265_330 + 301), Err(NotGenuine::Age));
        assert_eq!(check(&genuine, 1_614_265_330 - 301), Err(NotGenuine::Age));
        // The time is signed, too.
        assert_eq!(
            check(&sent("1614265331", sign), 1_614_265_331),
            Err(NotGenuine::Wrong)
        );
        assert_eq!(
            check(&sent("-9999999999999999999", sign), 0),
            Err(NotGenuine::Wrong)
        );
    }

    #[test]
    fn a_token_of_gitlab_is_compared_as_a_whole() {
        let check = |token: &str| {
            let sent = headers([("x-gitlab-token", token), ("x-gitlab-event-uuid", "u1")]);
            check(WebhookSource::Gitlab, "s3cret", &sent, b"{}", at(0))
        };
        assert_eq!(
            check("s3cret").unwrap(),
            Genuine {
                id: "u1".into(),
                content: None
            }
        );
        assert_eq!(check("s3cre"), Err(NotGenuine::Wrong));
        assert_eq!(check(""), Err(NotGenuine::Wrong));
    }
}
