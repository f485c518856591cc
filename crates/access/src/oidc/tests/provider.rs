//! A provider on this machine: real HTTP, real keys, and answers as a test wants them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::super::OidcCallback;
use super::CLIENT;
use crate::tests::at;

/// A key of tests alone, since `ring` makes none of this kind.
const RSA_KEY: &str = include_str!("rsa-key.b64");

pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A key with its name.
pub(super) struct Signer {
    pub kid: String,
    pub pair: Pair,
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn es256(kid: &str) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Ec(pair),
        }
    }

    pub fn eddsa(kid: &str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Ed(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap()),
        }
    }

    pub fn rs256(kid: &str) -> Self {
        let key = STANDARD.decode(RSA_KEY.replace('\n', "")).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&key).unwrap())),
        }
    }

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

type Change<T> = Box<dyn Fn(T) -> T + Send>;
type MakeToken = Box<dyn Fn(&Signer, Value) -> String + Send>;

/// How the provider answers.
pub(super) struct Behaviour {
    pub signer: Signer,
    /// What JWKS holds; the signer's key if nothing is here.
    pub keys: Option<Vec<Value>>,
    pub metadata: Change<Value>,
    /// What is said of the user.
    pub user: Value,
    /// Changes the claims before they are signed.
    pub claims: Change<Value>,
    pub make_token: MakeToken,
    pub userinfo: Option<Value>,
    /// An answer of the token endpoint in place of tokens.
    pub refusal: Option<(u16, Value)>,
    /// What the last browser brought.
    pub request: BTreeMap<String, String>,
    /// The last form and the header `authorization` of the token endpoint.
    pub form: BTreeMap<String, String>,
    pub authorization: Option<String>,
    pub asked: BTreeMap<String, usize>,
}

pub(super) struct Provider {
    address: SocketAddr,
    behaviour: Mutex<Behaviour>,
}

impl Provider {
    pub fn start(signer: Signer) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let provider = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            behaviour: Mutex::new(Behaviour {
                signer,
                keys: None,
                metadata: Box::new(|value| value),
                user: super::alice(),
                claims: Box::new(|value| value),
                make_token: Box::new(|signer, claims| signer.token(&claims)),
                userinfo: None,
                refusal: None,
                request: BTreeMap::new(),
                form: BTreeMap::new(),
                authorization: None,
                asked: BTreeMap::new(),
            }),
        });
        let weak = Arc::downgrade(&provider);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(provider) = weak.upgrade() else {
                    return;
                };
                // A client that hangs up is none of the provider's business.
                let _ = provider.answer(stream.unwrap());
            }
        });
        provider
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap()
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.behaviour().asked.get(path).copied().unwrap_or(0)
    }

    /// What a browser does that is sent to the provider, whose user agrees at once.
    pub fn visit(&self, url: &str) -> OidcCallback {
        let (endpoint, query) = url.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.issuer()));
        let request = pairs(query);
        let state = request.get("state").cloned();
        self.behaviour().request = request;
        OidcCallback {
            state,
            code: Some(String::from("code-4711")),
            ..OidcCallback::default()
        }
    }

    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let path = first.split(' ').nth(1).unwrap_or_default();
        let body = String::from_utf8(body).unwrap();
        let (status, answer) = self.answer_to(path, headers.get("authorization"), &body);
        let answer = answer.to_string();
        write!(
            reader.get_mut(),
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn answer_to(&self, path: &str, authorization: Option<&String>, body: &str) -> (u16, Value) {
        let issuer = self.issuer();
        let mut this = self.behaviour();
        *this.asked.entry(path.to_owned()).or_insert(0) += 1;
        match path {
            "/.well-known/openid-configuration" => {
                let metadata = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/keys"),
                    "userinfo_endpoint": format!("{issuer}/userinfo"),
                    "code_challenge_methods_supported": ["plain", "S256"],
                });
                (200, (this.metadata)(metadata))
            }
            "/keys" => {
                let more = json!({"kty": "oct", "kid": "odd", "k": "AAAA"});
                let keys = match &this.keys {
                    Some(keys) => keys.clone(),
                    None => vec![more, this.signer.jwk()],
                };
                (200, json!({ "keys": keys }))
            }
            "/token" => {
                this.form = pairs(body);
                this.authorization = authorization.cloned();
                if let Some(refusal) = &this.refusal {
                    return refusal.clone();
                }
                let verifier = this.form.get("code_verifier").unwrap();
                let challenge = encode(Sha256::digest(verifier));
                let is_right = this.request.get("code_challenge") == Some(&challenge)
                    && this.request.get("redirect_uri") == this.form.get("redirect_uri")
                    && this
                        .form
                        .get("code")
                        .is_some_and(|code| code == "code-4711");
                if !is_right {
                    return (400, json!({"error": "invalid_grant"}));
                }
                let mut claims = Map::new();
                claims.insert("iss".into(), Value::from(issuer));
                claims.insert("aud".into(), Value::from(CLIENT));
                claims.insert("iat".into(), Value::from(at(0).as_second()));
                claims.insert("exp".into(), Value::from(at(300).as_second()));
                claims.insert("nonce".into(), Value::from(this.request["nonce"].clone()));
                claims.extend(this.user.as_object().unwrap().clone());
                let claims = (this.claims)(Value::Object(claims));
                let token = (this.make_token)(&this.signer, claims);
                let tokens = json!({
                    "id_token": token, "access_token": "the access token", "token_type": "Bearer",
                });
                (200, tokens)
            }
            "/userinfo" => {
                let is_known = authorization.is_some_and(|it| it == "Bearer the access token");
                match &this.userinfo {
                    Some(found) if is_known => (200, found.clone()),
                    Some(_) | None => (401, json!({})),
                }
            }
            _ => (404, json!({})),
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Wakes the thread, which finds that there is no provider any more.
        let _ = TcpStream::connect(self.address);
    }
}

/// The names and values of a form.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
        while let [first, others @ ..] = rest {
            if *first == b'%' {
                let digits = std::str::from_utf8(&others[..2]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &others[2..];
            } else {
                bytes.push(*first);
                rest = others;
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    (text.split('&').filter_map(|pair| pair.split_once('=')))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
