//! Keys that sign tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

/// A key of tests alone, since `ring` makes none of this kind.
const RSA_KEY: &str = include_str!("rsa-key.b64");

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A key with its name.
pub struct Signer {
    /// Its name.
    pub kid: String,
    pair: Pair,
}

/// Base64 as tokens have it.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    /// A new key for ES256.
    pub fn es256(kid: &str) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Ec(pair),
        }
    }

    /// A new key for EdDSA.
    pub fn eddsa(kid: &str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Ed(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap()),
        }
    }

    /// The key for RS256.
    pub fn rs256(kid: &str) -> Self {
        let key = STANDARD.decode(RSA_KEY.replace('\n', "")).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&key).unwrap())),
        }
    }

    /// The name of its algorithm.
    pub fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let kid = &self.kid;
        match &self.pair {
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": x, "y": y})
            }
            Pair::Ed(pair) => {
                let x = encode(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "x": x})
            }
            Pair::Rsa(pair) => {
                let key: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                let (n, e) = (encode(&key.n), encode(&key.e));
                json!({"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": n, "e": e})
            }
        }
    }

    /// A signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A signed token.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": self.kid, "typ": "JWT"});
        self.token_with(&header, claims)
    }

    /// A signed token with this header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}
