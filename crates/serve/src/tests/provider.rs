//! An OpenID Connect provider on this machine, with a key of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) struct Provider {
    address: SocketAddr,
    key: EcdsaKeyPair,
    /// What the last browser brought: the parameters of the address.
    request: Mutex<BTreeMap<String, String>>,
    /// The header `authorization` of the last request for tokens.
    pub(super) authorization: Mutex<Option<String>>,
    /// What is said of the user.
    pub(super) user: Mutex<Value>,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Provider {
    pub(super) fn start() -> Arc<Self> {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let provider = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            key: EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap(),
            request: Mutex::default(),
            authorization: Mutex::default(),
            user: Mutex::new(json!({
                "sub": "0001", "preferred_username": "Alice", "groups": ["operators"],
            })),
        });
        let weak = Arc::downgrade(&provider);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(provider) = weak.upgrade() else {
                    return;
                };
                let _ = provider.answer(stream.unwrap());
            }
        });
        provider
    }

    pub(super) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a browser brings back whose user agrees: the query of the callback.
    pub(super) fn visit(&self, url: &str) -> String {
        let (endpoint, query) = url.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.issuer()));
        let request = pairs(query);
        assert_eq!(
            request["redirect_uri"],
            "http://127.0.0.1:7420/api/v1/session/oidc/callback"
        );
        let state = request["state"].clone();
        *self.request.lock().unwrap() = request;
        format!("state={state}&code=code-4711")
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
        let length = headers.get("content-length");
        let mut body = vec![0; length.map_or(0, |text| text.parse().unwrap())];
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
        match path {
            "/.well-known/openid-configuration" => {
                let found = json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/keys"),
                });
                (200, found)
            }
            "/keys" => {
                let point = self.key.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                let key = json!({
                    "kty": "EC", "crv": "P-256", "kid": "key 1", "use": "sig", "x": x, "y": y,
                });
                (200, json!({ "keys": [key] }))
            }
            "/token" => {
                *self.authorization.lock().unwrap() = authorization.cloned();
                let (form, request) = (pairs(body), self.request.lock().unwrap().clone());
                let challenge = encode(Sha256::digest(&form["code_verifier"]));
                if request["code_challenge"] != challenge || form["code"] != "code-4711" {
                    return (400, json!({ "error": "invalid_grant" }));
                }
                let now = jiff::Timestamp::now().as_second();
                let mut claims = json!({
                    "iss": issuer, "aud": "lockstep", "iat": now, "exp": now + 300,
                    "nonce": request["nonce"],
                });
                let user = self.user.lock().unwrap().clone();
                let claims_of = claims.as_object_mut().unwrap();
                claims_of.extend(user.as_object().unwrap().clone());
                let header = json!({ "alg": "ES256", "kid": "key 1", "typ": "JWT" });
                let message = format!(
                    "{}.{}",
                    encode(header.to_string()),
                    encode(claims.to_string())
                );
                let signed = self.key.sign(&SystemRandom::new(), message.as_bytes());
                let token = format!("{message}.{}", encode(signed.unwrap()));
                (200, json!({ "id_token": token, "token_type": "Bearer" }))
            }
            _ => (404, json!({})),
        }
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
