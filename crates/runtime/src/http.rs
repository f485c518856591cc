//! The built-in actions `http.request`, `http.get` and `http.post`.
//! It does not know why a request is made, nor what is done with its answer.

use std::time::Duration;

use ureq::http;

use super::secrets::{TextError, Vault};
use lockstep_base::source::Name;
use lockstep_base::value::Value;
use lockstep_engine::Outcome;
use lockstep_lang::ir::FailureClass;

/// Where the log lines of requests come from, for filters.
const TARGET: &str = "lockstep::http";

/// How long a request may take where its `timeout` says nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most that is kept of an answer's body, in bytes.
const LARGEST_BODY: u64 = 10 * 1024 * 1024;

/// Whether this is an action that this room carries out.
pub fn is_built_in(action: &str) -> bool {
    matches!(action, "http.request" | "http.get" | "http.post")
}

/// A request as it goes out; it may hold the texts of secrets.
struct Request {
    method: http::Method,
    url: String,
    headers: Vec<(Name, String)>,
    body: Option<String>,
    expect: Vec<i64>,
    patience: Duration,
}

/// Why a request cannot be made. It may show a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RequestError {
    /// One of its values has no text.
    Text(TextError),
    /// There is no such method.
    Method(String),
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(why) => why.fmt(f),
            Self::Method(method) => write!(f, "`{method}` is no HTTP method"),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<TextError> for RequestError {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

/// Makes a request and waits for its answer; call it where waiting hurts nobody. No text in the
/// outcome has a secret in it.
///
/// Fails with class `connection` where there is no answer, `timeout` where it takes too long,
/// `exit` where the status is not one of `expect` (by default 200 to 299), and `failed` where
/// the request itself is wrong.
pub fn request(action: &str, args: &[Value], vault: &Vault) -> Outcome {
    // Neither addresses nor headers are logged: there may be secrets among them.
    tracing::debug!(target: TARGET, action, "a request is made");
    let outcome = match read(action, args, vault) {
        Ok(request) => send(&request, vault),
        Err(error) => Outcome::failed(FailureClass::Failed, error.to_string()),
    };
    Outcome {
        failure: outcome
            .failure
            .map(|(class, message)| (class, vault.mask(&message))),
        ..outcome
    }
}

/// The arguments in the order of the action's parameters.
fn read(action: &str, args: &[Value], vault: &Vault) -> Result<Request, RequestError> {
    let (method, rest) = match (action, args) {
        ("http.request", [method, rest @ ..]) => (vault.text(method)?.to_uppercase(), rest),
        ("http.post", rest) => (String::from("POST"), rest),
        (_, rest) => (String::from("GET"), rest),
    };
    let method = http::Method::from_bytes(method.as_bytes())
        .map_err(|_| RequestError::Method(method.clone()))?;
    let arg = |at: usize| rest.get(at).filter(|value| !matches!(value, Value::None));
    let url = vault.text(arg(0).unwrap_or(&Value::None))?;
    let mut headers = Vec::new();
    for (name, value) in arg(1).and_then(Value::as_map).into_iter().flatten() {
        headers.push((name.clone(), vault.text(value)?));
    }
    let body = arg(2).map(|body| vault.text(body)).transpose()?;
    let expect = arg(3).and_then(Value::as_list).unwrap_or_default();
    let expect = expect.iter().filter_map(|status| match status {
        Value::Int(status) => Some(*status),
        _ => None,
    });
    let patience = match arg(4) {
        Some(Value::Duration(ms)) => Duration::from_millis(u64::try_from(*ms).unwrap_or(0)),
        _ => PATIENCE,
    };
    Ok(Request {
        method,
        url,
        headers,
        body,
        expect: expect.collect(),
        patience,
    })
}

fn send(request: &Request, vault: &Vault) -> Outcome {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(request.patience))
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut builder = http::Request::builder()
        .method(&request.method)
        .uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(&**name, value);
    }
    let built = match &request.body {
        Some(body) => builder.body(body.clone()),
        None => builder.body(String::new()),
    };
    let Request { method, url, .. } = request;
    let answer = match built {
        Ok(built) => agent.run(built),
        Err(error) => {
            let message = format!("the request to {url} cannot be made: {error}");
            return Outcome::failed(FailureClass::Failed, message);
        }
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return no_answer(&error, request),
    };
    let status = answer.status();
    tracing::debug!(target: TARGET, status = status.as_u16(), "it is answered");
    let body = answer
        .body_mut()
        .with_config()
        .limit(LARGEST_BODY)
        .lossy_utf8(true)
        .read_to_string();
    let body = match body {
        Ok(body) => vault.mask(&body),
        Err(error) => return no_answer(&error, request),
    };
    let code = i64::from(status.as_u16());
    let value = answer_value(code, answer.headers(), &body, vault);
    let good = match request.expect.as_slice() {
        [] => status.is_success(),
        expect => expect.contains(&code),
    };
    let failure = (!good).then(|| {
        let reason = status
            .canonical_reason()
            .map_or(String::new(), |reason| format!(" {reason}"));
        (
            FailureClass::Exit,
            format!("{method} {url} answered {code}{reason}"),
        )
    });
    Outcome { value, failure }
}

fn no_answer(error: &ureq::Error, request: &Request) -> Outcome {
    let Request {
        method,
        url,
        patience,
        ..
    } = request;
    tracing::debug!(target: TARGET, "there is no answer");
    match error {
        ureq::Error::Timeout(_) => {
            let limit = lockstep_base::value::text::duration(patience.as_millis() as i64);
            let message = format!("{method} {url} took longer than {limit}");
            Outcome::failed(FailureClass::Timeout, message)
        }
        ureq::Error::BadUri(_) => {
            Outcome::failed(FailureClass::Failed, format!("`{url}` is no URL"))
        }
        error => {
            let message = format!("{method} {url} got no answer: {error}");
            Outcome::failed(FailureClass::Connection, message)
        }
    }
}

fn answer_value(code: i64, headers: &http::HeaderMap, body: &str, vault: &Vault) -> Value {
    let headers = headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_string(), Value::string(vault.mask(&text)))
    });
    let json = serde_json::from_str(body).ok().and_then(|json| {
        lockstep_base::value::from_json(json, &lockstep_base::value::Type::Json).ok()
    });
    Value::map([
        ("status", Value::Int(code)),
        ("headers", Value::map(headers)),
        ("body", Value::string(body)),
        ("json", json.unwrap_or(Value::None)),
    ])
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request with this text and returns what was asked.
    fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
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
            stream
                .write_all(answer.as_bytes())
                .expect("it can be answered");
            String::from_utf8_lossy(&asked).into_owned()
        });
        (format!("http://{address}/path"), served)
    }

    fn post(url: &str, headers: Value, expect: Value) -> Outcome {
        let vault = Vault::new(["s3cret-token"]);
        let args = [
            Value::string(url),
            headers,
            Value::string("end-of-request"),
            expect,
            Value::Duration(5_000),
        ];
        request("http.post", &args, &vault)
    }

    #[test]
    fn secrets_go_out_and_never_come_back() {
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
        assert_eq!(body, Some(Value::string("{\"token\": \"***\", \"n\":1}")));
        let json = outcome
            .value
            .as_map()
            .and_then(|it| it.get("json"))
            .and_then(Value::as_map);
        assert_eq!(json.and_then(|json| json.get("n")), Some(&Value::Int(1)));
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
    fn nobody_there_is_a_connection_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let outcome = post(&format!("http://{address}/"), Value::None, Value::None);
        let class = outcome.failure.map(|(class, _)| class);
        assert_eq!(class, Some(FailureClass::Connection));
    }
}
