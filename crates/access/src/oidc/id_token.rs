//! The ID token: what the provider says about who has logged in, signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Oidc;
use super::discovery::{Metadata, said};
use super::error::OidcError;
use super::keys::{Algorithm, Check};
use crate::credential::is_equal;

/// How far the clocks of both sides may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 64 * 1024;
/// The longest subject, in bytes.
const MAX_SUBJECT: usize = 255;

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl Oidc {
    /// The claims of an ID token, if it is signed by the provider, for this client, valid now, and
    /// of the login that this nonce belongs to.
    pub(super) fn verified_claims(
        &self,
        token: &str,
        nonce: &str,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Claims, OidcError> {
        let claims = self.signed_claims(token, metadata, now)?;
        self.check_claims(&claims, nonce, now)?;
        Ok(claims)
    }

    fn signed_claims(
        &self,
        token: &str,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Claims, OidcError> {
        let malformed = || OidcError::token("the ID token is not a signed JWT");
        if token.len() > MAX_TOKEN {
            return Err(OidcError::token("the ID token is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
        let (header, payload) = (decode(header)?, decode(payload)?);
        let signature = decode(signature)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| malformed())?;
        let algorithm = Algorithm::of(&header.alg).ok_or_else(|| {
            OidcError::token(format!(
                "the ID token is signed with the algorithm `{}`; have the provider sign ID tokens \
                 of this client with RS256, ES256 or EdDSA",
                said(&header.alg)
            ))
        })?;
        if header.crit.is_some() {
            return Err(OidcError::token(
                "the ID token has an extension (`crit`) that is not known here",
            ));
        }
        // Tokens of other kinds, such as `at+jwt` and `logout+jwt`, are signed with the same keys.
        let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if kind.ends_with("+jwt") {
            return Err(OidcError::token(format!(
                "the token is none about a login, but of the kind `{}`",
                said(&kind)
            )));
        }
        let kid = header.kid.as_deref();
        let message = message.as_bytes();
        let keys = self.keys(metadata, now)?;
        let mut check = keys.check(algorithm, kid, message, &signature);
        if check == Check::NoKey
            && let Some(keys) = self.newer_keys(metadata, now)?
        {
            check = keys.check(algorithm, kid, message, &signature);
        }
        match check {
            Check::Valid => {}
            Check::Invalid => {
                return Err(OidcError::token("the signature of the ID token is wrong"));
            }
            Check::NoKey => {
                return Err(OidcError::token(format!(
                    "the ID token is signed with the key `{}` ({}), which is not among the keys \
                     of the provider (JWKS)",
                    said(kid.unwrap_or("without kid")),
                    said(&header.alg)
                )));
            }
        }
        serde_json::from_slice(&payload).map_err(|_| malformed())
    }

    fn check_claims(&self, claims: &Claims, nonce: &str, now: Timestamp) -> Result<(), OidcError> {
        let wrong = |message: String| Err(OidcError::token(message));
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let issuer = text("iss").unwrap_or_default();
        if issuer != self.config.issuer {
            return wrong(format!(
                "issuer mismatch: the ID token is of the issuer `{}`, but the server is \
                 configured with `{}`",
                said(issuer),
                self.config.issuer
            ));
        }
        self.check_audience(claims)?;
        let seconds = now.as_second() as f64;
        let time = |name: &str| claims.get(name).and_then(Value::as_f64);
        let clocks = "is the clock of this server right?";
        match time("exp") {
            None => return wrong(String::from("the ID token has no end (`exp`)")),
            Some(end) if end + LEEWAY <= seconds => {
                return wrong(format!("the ID token has expired; {clocks}"));
            }
            Some(_) => {}
        }
        for (name, is_needed) in [("nbf", false), ("iat", true)] {
            match time(name) {
                Some(begin) if begin - LEEWAY > seconds => {
                    return wrong(format!(
                        "the ID token is not valid yet (`{name}`); {clocks}"
                    ));
                }
                None if is_needed || claims.contains_key(name) => {
                    return wrong(format!("the ID token has no time `{name}`"));
                }
                Some(_) | None => {}
            }
        }
        let found = text("nonce").unwrap_or_default();
        if !is_equal(found.as_bytes(), nonce.as_bytes()) {
            return wrong(String::from(
                "the ID token is of another login (its `nonce` is missing or wrong); log in again",
            ));
        }
        let subject = text("sub").unwrap_or_default();
        if subject.is_empty() || subject.len() > MAX_SUBJECT {
            return wrong(String::from(
                "the ID token does not say who it is about (`sub`)",
            ));
        }
        Ok(())
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), OidcError> {
        let client = self.config.client_id.as_str();
        let audience: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            Some(_) | None => Vec::new(),
        };
        if !audience.contains(&client) {
            return Err(OidcError::token(format!(
                "the ID token is for the client `{}` (`aud`), but the server is configured with \
                 the client ID `{client}`",
                said(&audience.join(", "))
            )));
        }
        let authorized = claims.get("azp");
        let is_ours = authorized.and_then(Value::as_str) == Some(client);
        match authorized.is_some() || audience.len() > 1 {
            true if !is_ours => Err(OidcError::token(format!(
                "the ID token was made for another client (`azp`) than `{client}`"
            ))),
            true | false => Ok(()),
        }
    }
}
