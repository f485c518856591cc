//! Requests that carry messages. The operator has named their addresses, which may be secret: no
//! error shows one. Redirects are not followed, so that a message goes nowhere else.

use std::time::Duration;

use lockstep_access::http_agent;
use ureq::http::header;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No more of an answer is read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// A target does not put us off for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Makes requests.
#[derive(Debug, Clone)]
pub(super) struct Post {
    agent: ureq::Agent,
}

/// An answer.
pub(super) struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SendError {
    /// As the end of a sentence, without anything secret.
    pub(super) message: String,
    /// Whether the same message would be refused again.
    pub(super) is_final: bool,
    /// When to try again, where the target says so.
    pub(super) retry_after: Option<Duration>,
}

impl SendError {
    /// It may work later.
    pub(super) fn now(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            is_final: false,
            retry_after: None,
        }
    }
}

impl Post {
    /// A client that trusts the certificates of the system.
    pub(super) fn new() -> Self {
        Self {
            agent: http_agent(TIMEOUT),
        }
    }

    /// Sends JSON; an answer of failure is an error.
    pub(super) fn json(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Result<Answer, SendError> {
        let mut request = self.agent.post(url);
        request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send(body.as_bytes());
        let mut answer = answer.map_err(|error| SendError::now(why(&error)))?;
        let after = answer.headers().get(header::RETRY_AFTER);
        let after = after.and_then(|it| it.to_str().ok()?.trim().parse().ok());
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let answer = Answer {
            status,
            retry_after: after.map(|it| Duration::from_secs(it).min(MAX_RETRY_AFTER)),
            // A long one says nothing that is needed.
            body: read.read_to_vec().unwrap_or_default(),
        };
        answer.checked()
    }
}

impl Answer {
    fn checked(self) -> Result<Self, SendError> {
        let Self { status, .. } = self;
        if (200..300).contains(&status) {
            return Ok(self);
        }
        let hint = match status {
            300..=399 => ": redirects are not followed, so write the address that it leads to",
            401 | 403 => ": is the secret right?",
            404 | 410 => ": is the address right?",
            _ => "",
        };
        Err(SendError {
            message: format!("it answers with status {status}{hint}"),
            // What is wrong with the address or a secret can be corrected; a message cannot.
            is_final: matches!(status, 400 | 413 | 415 | 422),
            retry_after: self.retry_after,
        })
    }
}

/// Why there is no answer. An error of the client may show the address.
fn why(error: &ureq::Error) -> &'static str {
    use std::io::ErrorKind;
    use ureq::Error;
    match error {
        Error::HostNotFound => "its host is not found",
        Error::Timeout(_) => "it does not answer in time",
        Error::ConnectionFailed => "it cannot be reached",
        Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "it refuses the connection",
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => "the connection broke",
            ErrorKind::TimedOut => "it does not answer in time",
            _ => "it cannot be reached",
        },
        Error::BadUri(_) | Error::Http(_) => "its address is not valid",
        Error::Tls(_) | Error::Rustls(_) => "its certificate is not trusted, or TLS fails",
        _ => "the request fails",
    }
}
