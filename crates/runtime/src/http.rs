//! The built-in actions `http.request`, `http.get` and `http.post`, on top of a replaceable client.

use std::time::{Duration, Instant};

use indexmap::IndexMap;

use super::secrets::{SecretVault, TextError};
use lockstep_base::value::{JsonTextError, Type, Value, from_json, parse_json};
use lockstep_engine::EffectOutcome;
use lockstep_lang::ir::FailureClass;

/// The target of the log events of requests.
const TARGET: &str = "lockstep::http";

/// The timeout of a request without a `timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum size of a response body, in bytes.
pub const MAX_BODY_BYTES: u64 = 10 * 1024 * 1024;

/// The maximum size of the status line and the headers of a response, in bytes.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The maximum number of headers of a response.
pub const MAX_HEADERS: usize = 128;

mod address;
mod redirect;
pub use redirect::MAX_REDIRECTS;

/// Whether this is a built-in action.
pub fn is_built_in(action: &str) -> bool {
    matches!(action, "http.request" | "http.get" | "http.post")
}

/// An outgoing request; it may contain secrets in plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, in upper case.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The timeout, from the start to the end of the response.
    pub timeout: Duration,
    /// What this side identifies itself with in TLS.
    pub identity: Option<HttpIdentity>,
}

/// A client certificate, and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpIdentity {
    /// The certificate and those of the authorities between it and the root, as PEM.
    pub certificate: String,
    /// The private key as PEM. It may be the same text, which holds both.
    pub key: String,
}

impl std::fmt::Debug for HttpIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpIdentity")
    }
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Everything else may contain secrets.
        write!(f, "HttpRequest({})", self.method)
    }
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code: `200`.
    pub status: u16,
    /// The reason phrase, if the status has one: `OK`.
    pub reason: Option<String>,
    /// The headers. Those of one name are joined with commas in the value of the action.
    pub headers: Vec<(String, String)>,
    /// The body, of at most [`MAX_BODY_BYTES`].
    pub body: String,
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// It took longer than its timeout.
    Timeout,
    /// The URL is malformed.
    Url,
    /// The request is invalid; the sentence says why.
    Request(String),
    /// There is no connection, or it was lost; the sentence says why.
    Connection(String),
    /// One side does not trust the other, or denies access; the sentence says why.
    Authentication(String),
    /// There are more headers than [`MAX_HEADERS`], or they are longer than [`MAX_HEADER_BYTES`].
    HeadersTooLarge,
    /// The body of the response is longer than [`MAX_BODY_BYTES`].
    TooLarge,
    /// The body of the response is not UTF-8.
    NotUtf8 {
        /// The first byte that is wrong, from 1.
        byte: usize,
    },
    /// This program was built without an HTTP client.
    Unavailable,
}

impl std::fmt::Display for HttpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Timeout => "it took too long",
            Self::Url => "the address is not one with http or https",
            Self::Request(why) | Self::Connection(why) | Self::Authentication(why) => why,
            Self::HeadersTooLarge => "its answer has more than 128 headers or 64 KiB of them",
            Self::TooLarge => "the body of its answer is longer than 10 MiB",
            Self::NotUtf8 { byte } => {
                return write!(f, "the body of its answer is not UTF-8 (byte {byte})");
            }
            Self::Unavailable => "this program was built without an HTTP client",
        })
    }
}

impl std::error::Error for HttpError {}

/// Makes the requests of a run. A host may supply its own.
pub trait HttpClient: Send + Sync {
    /// Makes a request and waits for the whole response. Redirects are not followed: whoever calls
    /// this does that, with a request of its own for each. It is called on a thread of its own.
    ///
    /// # Errors
    ///
    /// If there is no response. A response with any status is a success.
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError>;
}

/// The client of a program that was built without one.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHttp;

impl HttpClient for NoHttp {
    fn send(&self, _: &HttpRequest) -> Result<HttpResponse, HttpError> {
        Err(HttpError::Unavailable)
    }
}

#[cfg(feature = "http")]
mod client;
#[cfg(feature = "http")]
pub use client::{DirectHttp, SystemHttp};

/// Why a request cannot be made. The message may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RequestError {
    /// One of its values is not text.
    Text(TextError),
    /// There is no such method.
    Method(String),
    /// There is a key without a certificate.
    OnlyKey,
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(why) => why.fmt(f),
            Self::Method(method) => write!(f, "`{method}` is not an HTTP method"),
            Self::OnlyKey => f.write_str("there is a `key` without a `certificate`"),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<TextError> for RequestError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

/// Makes a request and waits for its response; it blocks the thread. Secrets are masked in the
/// message of a failure; what was answered is a value, and stays as it is.
///
/// Fails with class `connection` if there is no response, `authentication` if one side does not
/// trust the other, `timeout` if it takes too long, `exit` if the status is not one of `expect` (by
/// default 200 to 299), and `failed` if the request or what was answered is invalid.
pub fn request(
    client: &dyn HttpClient,
    action: &str,
    args: &[Value],
    vault: &SecretVault,
) -> EffectOutcome {
    // Neither URLs nor headers are logged: they may contain secrets.
    tracing::debug!(target: TARGET, action, "a request is made");
    let outcome = match read(action, args, vault) {
        Ok((request, expect)) => send(client, request, &expect, vault),
        Err(error) => EffectOutcome::failed(FailureClass::Failed, error.to_string()),
    };
    EffectOutcome {
        failure: outcome
            .failure
            .map(|(class, message)| (class, vault.mask(&message))),
        ..outcome
    }
}

/// The arguments in the order of the action's parameters.
fn read(
    action: &str,
    args: &[Value],
    vault: &SecretVault,
) -> Result<(HttpRequest, Vec<i64>), RequestError> {
    let (method, rest) = match (action, args) {
        ("http.request", [method, rest @ ..]) => (vault.text(method)?.to_uppercase(), rest),
        ("http.post", rest) => (String::from("POST"), rest),
        (_, rest) => (String::from("GET"), rest),
    };
    // A token as defined by the HTTP standard.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(RequestError::Method(method));
    }
    let arg = |at: usize| rest.get(at).filter(|value| !matches!(value, Value::None));
    let url = vault.text(arg(0).unwrap_or(&Value::None))?;
    let mut headers = Vec::new();
    for (name, value) in arg(1).and_then(Value::as_map).into_iter().flatten() {
        headers.push((name.to_string(), vault.text(value)?));
    }
    let body = arg(2).map(|body| vault.text(body)).transpose()?;
    let expect = arg(3).and_then(Value::as_list).unwrap_or_default();
    let expect = expect.iter().filter_map(|status| match status {
        Value::Int(status) => Some(*status),
        _ => None,
    });
    let timeout = match arg(4) {
        Some(Value::Duration(ms)) => Duration::from_millis(u64::try_from(*ms).unwrap_or(0)),
        _ => DEFAULT_TIMEOUT,
    };
    let pem = |at| arg(at).map(|pem| vault.text(pem)).transpose();
    let identity = match (pem(5)?, pem(6)?) {
        (Some(certificate), key) => Some(HttpIdentity {
            key: key.unwrap_or_else(|| certificate.clone()),
            certificate,
        }),
        (None, Some(_)) => return Err(RequestError::OnlyKey),
        (None, None) => None,
    };
    let request = HttpRequest {
        method,
        url,
        headers,
        body,
        timeout,
        identity,
    };
    Ok((request, expect.collect()))
}

/// Makes the request and those that it is redirected to.
fn send(
    client: &dyn HttpClient,
    request: HttpRequest,
    expect: &[i64],
    vault: &SecretVault,
) -> EffectOutcome {
    let start = Instant::now();
    let timeout = request.timeout;
    let mut subject = format!("{} {}", request.method, address::shown(&request.url));
    let original = subject.clone();
    let mut request = request;
    let mut redirects = 0;
    loop {
        request.timeout = timeout.saturating_sub(start.elapsed());
        let answer = match client.send(&request) {
            Ok(answer) => answer,
            Err(error) => return no_answer(&error, &subject, timeout),
        };
        let is_expected = expect.contains(&i64::from(answer.status));
        let Some(location) = redirect::location(&answer).filter(|_| !is_expected) else {
            return answered(answer, expect, &subject);
        };
        redirects += 1;
        let is_secret = |text: &str| vault.mask(text) != text;
        let next = redirect::next(&request, answer.status, location, &is_secret);
        request = match next {
            Ok(_) if redirects > MAX_REDIRECTS => {
                let last = address::shown(location);
                let message = format!(
                    "{original} was redirected more than {MAX_REDIRECTS} times, the last time to \
                     {last}"
                );
                return EffectOutcome::failed(FailureClass::Failed, message);
            }
            Ok(next) => next,
            Err(why) => {
                let message = format!("{subject} was redirected {why}");
                return EffectOutcome::failed(FailureClass::Failed, message);
            }
        };
        let url = address::shown(&request.url);
        subject = format!("{original}, redirected to {url},");
    }
}

fn answered(answer: HttpResponse, expect: &[i64], subject: &str) -> EffectOutcome {
    let code = i64::from(answer.status);
    let json = json_of(&answer.body);
    let unread = json.as_ref().err().map(ToString::to_string);
    let json = json.ok().flatten().unwrap_or(Value::None);
    let value = answer_value(code, &answer.headers, &answer.body, json);
    let good = match expect {
        [] => (200..300).contains(&code),
        expect => expect.contains(&code),
    };
    let failure = (!good).then(|| {
        let reason = answer.reason.map(|reason| format!(" {reason}"));
        let reason = reason.unwrap_or_default();
        let message = format!("{subject} answered {code}{reason}");
        (FailureClass::Exit, message)
    });
    // A part of an answer is never left out in silence.
    let failure = failure.or_else(|| {
        let why = unread?;
        let message = format!("{subject} was answered with JSON that cannot be read: {why}");
        Some((FailureClass::Failed, message))
    });
    EffectOutcome {
        value,
        failure,
        ending: Default::default(),
    }
}

fn no_answer(error: &HttpError, subject: &str, timeout: Duration) -> EffectOutcome {
    let (class, message) = match error {
        HttpError::Timeout => {
            let limit = lockstep_base::value::text::duration(timeout.as_millis() as i64);
            let message = format!("{subject} took longer than {limit}");
            (FailureClass::Timeout, message)
        }
        HttpError::Url | HttpError::Request(_) => {
            let message = format!("{subject} cannot be sent: {error}");
            (FailureClass::Failed, message)
        }
        HttpError::HeadersTooLarge => {
            let message = format!("{subject} was answered, but {error}");
            (FailureClass::Failed, message)
        }
        HttpError::TooLarge | HttpError::NotUtf8 { .. } => {
            let message = format!(
                "{subject} was answered, but {error}: a command such as `curl -o FILE` takes \
                 anything"
            );
            (FailureClass::Failed, message)
        }
        HttpError::Authentication(_) => {
            let message = format!("{subject} got no response: {error}");
            (FailureClass::Authentication, message)
        }
        HttpError::Connection(_) | HttpError::Unavailable => {
            let message = format!("{subject} got no response: {error}");
            (FailureClass::Connection, message)
        }
    };
    EffectOutcome::failed(class, message)
}

/// A body as JSON, nothing where it is none, and an error where it is JSON that is no value here.
fn json_of(body: &str) -> Result<Option<Value>, JsonTextError> {
    match parse_json(body) {
        Ok(json) => Ok(from_json(json, &Type::Json).ok()),
        Err(error) => match serde_json::from_str::<serde::de::IgnoredAny>(body) {
            Ok(_) => Err(error),
            Err(_) => Ok(None),
        },
    }
}

fn answer_value(code: i64, headers: &[(String, String)], body: &str, json: Value) -> Value {
    let mut joined: IndexMap<&str, String> = IndexMap::new();
    for (name, value) in headers {
        match joined.get_mut(name.as_str()) {
            Some(values) => {
                values.push_str(", ");
                values.push_str(value);
            }
            None => drop(joined.insert(name, value.clone())),
        }
    }
    let headers =
        (joined.into_iter()).map(|(name, value)| (name.to_string(), Value::string(value.as_str())));
    Value::map([
        ("status", Value::Int(code)),
        ("headers", Value::map(headers)),
        ("body", Value::string(body)),
        ("json", json),
    ])
}

#[cfg(test)]
#[cfg(feature = "http")]
mod tests;
