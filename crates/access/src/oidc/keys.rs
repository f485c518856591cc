//! The keys of the provider, and signatures made with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// The algorithms that are accepted: all with a key pair. `none` is no signature, and `HS256` would
/// take a public key for a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// The keys of a provider (JWKS).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// A key (JWK), with the fields of all kinds. Those of a kind that is not known are no error: a
/// provider has them for others.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

/// How a signature was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Valid,
    Invalid,
    /// There is no key that it could have been made with.
    NoKey,
}

impl Keys {
    /// Checks a signature. The kind of key decides what is computed, never the token alone: a key
    /// is used with the one algorithm that belongs to its kind.
    pub fn check(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Check {
        let mut check = Check::NoKey;
        for key in self.keys.iter().filter(|key| key.is_for(algorithm, kid)) {
            match key.is_signature(algorithm, message, signature) {
                Some(true) => return Check::Valid,
                Some(false) => check = Check::Invalid,
                None => {}
            }
        }
        check
    }
}

impl Key {
    fn is_for(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let (kty, crv) = match algorithm {
            Algorithm::Rs256 => ("RSA", None),
            Algorithm::Es256 => ("EC", Some("P-256")),
            Algorithm::EdDsa => ("OKP", Some("Ed25519")),
        };
        self.kty == kty
            && (crv.is_none() || self.crv.as_deref() == crv)
            && (kid.is_none() || self.kid.as_deref() == kid)
            && self
                .alg
                .as_deref()
                .is_none_or(|alg| alg == algorithm.name())
            && self
                .purpose
                .as_deref()
                .is_none_or(|purpose| purpose == "sig")
            && (self.key_ops.as_ref()).is_none_or(|ops| ops.iter().any(|op| op == "verify"))
    }

    /// Whether it is this key's signature; nothing if the key is not whole.
    fn is_signature(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        let checked = match algorithm {
            Algorithm::Rs256 => RsaPublicKeyComponents {
                n: decoded(self.n.as_ref())?,
                e: decoded(self.e.as_ref())?,
            }
            .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature),
            Algorithm::Es256 => {
                let (x, y) = (decoded(self.x.as_ref())?, decoded(self.y.as_ref())?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                // The uncompressed form of a point.
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
            }
            Algorithm::EdDsa => {
                UnparsedPublicKey::new(&signature::ED25519, decoded(self.x.as_ref())?)
                    .verify(message, signature)
            }
        };
        Some(checked.is_ok())
    }
}

fn decoded(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}
