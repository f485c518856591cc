//! The built-in actions `http.request`, `http.get` and `http.post`, on top of a replaceable client.

use std::time::Duration;

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
    /// The headers.
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
            Self::Url => "the address is not a URL",
            Self::Request(why) | Self::Connection(why) => why,
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
    /// Makes a request and waits for the whole response; redirects are followed. It is called on a
    /// thread of its own.
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
pub use client::SystemHttp;

/// Why a request cannot be made. The message may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RequestError {
    /// One of its values is not text.
    Text(TextError),
    /// There is no such method.
    Method(String),
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(why) => why.fmt(f),
            Self::Method(method) => write!(f, "`{method}` is not an HTTP method"),
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
/// Fails with class `connection` if there is no response, `timeout` if it takes too long, `exit` if
/// the status is not one of `expect` (by default 200 to 299), and `failed` if the request itself is
/// invalid.
pub fn request(
    client: &dyn HttpClient,
    action: &str,
    args: &[Value],
    vault: &SecretVault,
) -> EffectOutcome {
    // Neither URLs nor headers are logged: they may contain secrets.
    tracing::debug!(target: TARGET, action, "a request is made");
    let outcome = match read(action, args, vault) {
        Ok((request, expect)) => send(client, &request, &expect),
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
    let request = HttpRequest {
        method,
        url,
        headers,
        body,
        timeout,
    };
    Ok((request, expect.collect()))
}

fn send(client: &dyn HttpClient, request: &HttpRequest, expect: &[i64]) -> EffectOutcome {
    let HttpRequest { method, url, .. } = request;
    let answer = match client.send(request) {
        Ok(answer) => answer,
        Err(error) => return no_answer(&error, request),
    };
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
        let message = format!("{method} {url} answered {code}{reason}");
        (FailureClass::Exit, message)
    });
    // A part of an answer is never left out in silence.
    let failure = failure.or_else(|| {
        let why = unread?;
        let message = format!("{method} {url} was answered with JSON that cannot be read: {why}");
        Some((FailureClass::Failed, message))
    });
    EffectOutcome {
        value,
        failure,
        ending: Default::default(),
    }
}

fn no_answer(error: &HttpError, request: &HttpRequest) -> EffectOutcome {
    let HttpRequest {
        method,
        url,
        timeout,
        ..
    } = request;
    match error {
        HttpError::Timeout => {
            let limit = lockstep_base::value::text::duration(timeout.as_millis() as i64);
            let message = format!("{method} {url} took longer than {limit}");
            EffectOutcome::failed(FailureClass::Timeout, message)
        }
        HttpError::Url => {
            EffectOutcome::failed(FailureClass::Failed, format!("`{url}` is not a URL"))
        }
        HttpError::Request(error) => {
            let message = format!("the request to {url} cannot be made: {error}");
            EffectOutcome::failed(FailureClass::Failed, message)
        }
        HttpError::TooLarge | HttpError::NotUtf8 { .. } => {
            let message = format!(
                "{method} {url} was answered, but {error}: a command such as \
                 `curl -o FILE` takes anything"
            );
            EffectOutcome::failed(FailureClass::Failed, message)
        }
        HttpError::Connection(_) | HttpError::Unavailable => {
            let message = format!("{method} {url} got no response: {error}");
            EffectOutcome::failed(FailureClass::Connection, message)
        }
    }
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
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), Value::string(value.as_str())));
    Value::map([
        ("status", Value::Int(code)),
        ("headers", Value::map(headers)),
        ("body", Value::string(body)),
        ("json", json),
    ])
}

#[cfg(test)]
#[cfg(feature = "http")]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Responds to one request with this text and returns the request.
    fn serve(answer: impl Into<Vec<u8>>) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer: Vec<u8> = answer.into();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut asked = Vec::new();
            let mut piece = [0; 1024];
            while !String::from_utf8_lossy(&asked).contains("end-of-request") {
                let read = stream.read(&mut piece).expect("it can be read");
                asked.extend_from_slice(&piece[..read]);
                if read == 0 {
                    break;
                }
            }
            stream.write_all(&answer).expect("it can be answered");
            String::from_utf8_lossy(&asked).into_owned()
        });
        (format!("http://{address}/path"), served)
    }

    fn post(url: &str, headers: Value, expect: Value) -> EffectOutcome {
        let vault = SecretVault::new(["s3cret-token"]);
        let args = [
            Value::string(url),
            headers,
            Value::string("end-of-request"),
            expect,
            Value::Duration(5_000),
        ];
        request(&SystemHttp, "http.post", &args, &vault)
    }

    #[test]
    fn secrets_go_out_and_an_answer_is_a_value() {
        let (url, served) = serve(
            "HTTP/1.1 200 OK\r\nContent-Length: 32\r\nConnection: close\r\n\r\n\
             {\"token\": \"s3cret-token\", \"n\":1}",
        );
        let secret = Value::Secret(std::sync::Arc::new(vec![
            lockstep_base::value::SecretPart::Secret(0),
        ]));
        let outcome = post(&url, Value::map([("x-token", secret)]), Value::None);
        let asked = served.join().expect("it served");
        assert!(asked.starts_with("POST /path HTTP/1.1"), "{asked}");
        assert!(asked.contains("x-token: s3cret-token"), "{asked}");
        assert_eq!(outcome.failure, None);
        let body = outcome
            .value
            .as_map()
            .and_then(|it| it.get("body"))
            .cloned();
        assert_eq!(
            body,
            Some(Value::string("{\"token\": \"s3cret-token\", \"n\":1}"))
        );
        let json = outcome
            .value
            .as_map()
            .and_then(|it| it.get("json"))
            .and_then(Value::as_map);
        assert_eq!(json.and_then(|json| json.get("n")), Some(&Value::Int(1)));
    }

    #[test]
    fn json_that_is_no_value_here_is_a_failure() {
        for (body, why) in [
            (
                "{\"id\": 12345678901234567890123}",
                "does not fit into 64 bits",
            ),
            ("{\"a\": 1, \"a\": 2}", "twice"),
        ] {
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close");
            let (url, served) = serve(format!("{head}\r\n\r\n{body}"));
            let outcome = post(&url, Value::None, Value::None);
            served.join().expect("it served");
            let (class, message) = outcome.failure.expect("a failure");
            assert_eq!(class, FailureClass::Failed);
            assert!(message.contains(why), "{message}");
        }
        let (url, served) =
            serve("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{a}");
        let outcome = post(&url, Value::None, Value::None);
        served.join().expect("it served");
        assert_eq!(outcome.failure, None);
    }

    #[test]
    fn a_status_that_is_not_expected_fails_with_class_exit() {
        let answer =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let (url, served) = serve(answer);
        let outcome = post(&url, Value::None, Value::None);
        served.join().expect("it served");
        let message = format!("POST {url} answered 503 Service Unavailable");
        assert_eq!(outcome.failure, Some((FailureClass::Exit, message)));
        let (url, served) = serve(answer);
        let outcome = post(&url, Value::None, Value::list([Value::Int(503)]));
        served.join().expect("it served");
        assert_eq!(outcome.failure, None);
    }

    #[test]
    fn an_answer_that_is_no_text_or_too_long_is_a_failure() {
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        let mut latin: Vec<u8> = head.into();
        latin.extend(b"caf\xe9");
        let mut long: Vec<u8> = head.into();
        long.resize(head.len() + 11 * 1024 * 1024, b'x');
        for (answer, why) in [
            (latin, "is not UTF-8 (byte 4)"),
            (long, "is longer than 10 MiB"),
        ] {
            let (url, served) = serve(answer);
            let outcome = post(&url, Value::None, Value::None);
            let (class, message) = outcome.failure.expect("a failure");
            assert_eq!(class, FailureClass::Failed);
            assert!(message.contains(why), "{message}");
            // The client may have gone before it had all.
            let _ = served.join();
        }
    }

    #[test]
    fn nobody_there_is_a_connection_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let outcome = post(&format!("http://{address}/"), Value::None, Value::None);
        let class = outcome.failure.map(|(class, _)| class);
        assert_eq!(class, Some(FailureClass::Connection));
    }
}
