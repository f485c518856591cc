//! An OpenID Connect provider: real HTTP, real keys, and answers as a test wants them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::http::{Arrived, answer, serve};
use crate::signer::{Signer, encode};

/// The client that the provider knows.
pub const CLIENT: &str = "lockstep";
/// What it hands out for tokens.
const CODE: &str = "code-4711";

type Change<T> = Box<dyn Fn(T) -> T + Send>;
type MakeToken = Box<dyn Fn(&Signer, Value) -> String + Send>;

/// How the provider answers, and what it was asked.
pub struct Behaviour {
    /// What signs tokens.
    pub signer: Signer,
    /// What JWKS holds; the signer's key if nothing is here.
    pub keys: Option<Vec<Value>>,
    /// Changes the metadata.
    pub metadata: Change<Value>,
    /// What is said of the user.
    pub user: Value,
    /// The time in seconds; that of the clock where there is none.
    pub now: Option<i64>,
    /// Changes the claims before they are signed.
    pub claims: Change<Value>,
    /// Makes a token of the claims.
    pub make_token: MakeToken,
    /// What is said of the user where it is asked for.
    pub userinfo: Option<Value>,
    /// An answer of the token endpoint in place of tokens.
    pub refusal: Option<(u16, Value)>,
    /// What the last browser brought.
    pub request: BTreeMap<String, String>,
    /// The last form of the token endpoint.
    pub form: BTreeMap<String, String>,
    /// The header `authorization` that came with it.
    pub authorization: Option<String>,
    asked: BTreeMap<String, usize>,
}

/// What a browser brings back.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The state that it came with.
    pub state: Option<String>,
    /// What tokens are asked for with.
    pub code: String,
}

/// The provider.
pub struct Provider {
    address: SocketAddr,
    behaviour: Mutex<Behaviour>,
}

impl Provider {
    /// Starts one that knows a user by these claims.
    pub fn start(signer: Signer, user: Value) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let provider = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            behaviour: Mutex::new(Behaviour {
                signer,
                keys: None,
                metadata: Box::new(|value| value),
                user,
                now: None,
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
        serve(listener, Arc::downgrade(&provider), |provider, arrived| {
            let (status, found) = provider.answer_to(&arrived);
            let headers = "content-type: application/json\r\n";
            answer(status, headers, &found.to_string())
        });
        provider
    }

    /// Its address, which is its name, too.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it answers, to be changed. No request is answered while it is held.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap()
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.behaviour().asked.get(path).copied().unwrap_or(0)
    }

    /// What a browser does that is sent to the provider, whose user agrees at once.
    pub fn visit(&self, url: &str) -> Visit {
        let (endpoint, query) = url.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.issuer()));
        let request = pairs(query);
        let state = request.get("state").cloned();
        self.behaviour().request = request;
        Visit {
            state,
            code: CODE.to_owned(),
        }
    }

    fn answer_to(&self, arrived: &Arrived) -> (u16, Value) {
        let issuer = self.issuer();
        let authorization = arrived.headers.get("authorization");
        let mut this = self.behaviour();
        *this.asked.entry(arrived.path.clone()).or_insert(0) += 1;
        match arrived.path.as_str() {
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
                this.form = pairs(&arrived.body);
                this.authorization = authorization.cloned();
                if let Some(refusal) = &this.refusal {
                    return refusal.clone();
                }
                let verifier = this.form.get("code_verifier").unwrap();
                let challenge = encode(Sha256::digest(verifier));
                let is_right = this.request.get("code_challenge") == Some(&challenge)
                    && this.request.get("redirect_uri") == this.form.get("redirect_uri")
                    && this.form.get("code").is_some_and(|code| code == CODE);
                if !is_right {
                    return (400, json!({"error": "invalid_grant"}));
                }
                let tokens = json!({
                    "id_token": this.id_token(issuer), "access_token": "the access token",
                    "token_type": "Bearer",
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

impl Behaviour {
    fn id_token(&self, issuer: String) -> String {
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        let now = self.now.unwrap_or_else(|| i64::try_from(clock()).unwrap());
        let mut claims = Map::new();
        claims.insert("iss".into(), Value::from(issuer));
        claims.insert("aud".into(), Value::from(CLIENT));
        claims.insert("iat".into(), Value::from(now));
        claims.insert("exp".into(), Value::from(now + 300));
        claims.insert("nonce".into(), Value::from(self.request["nonce"].clone()));
        claims.extend(self.user.as_object().unwrap().clone());
        (self.make_token)(&self.signer, (self.claims)(Value::Object(claims)))
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
