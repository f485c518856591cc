//! Requests to a server, and what is wrong where one has no answer.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::exit::Exit;
use super::super::output::Output;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_runtime::http::{
    DirectHttp, HttpClient as _, HttpError, HttpRequest, HttpResponse, SystemHttp,
};

/// An answer comes within this time, unless more is asked for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server, and the right to ask it.
#[derive(Clone)]
pub(crate) struct RemoteServer {
    /// Its address, without a `/` at the end.
    pub(super) url: String,
    token: String,
}

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) enum RemoteError {
    /// There is no answer: the server, or what is between, may be there again later.
    Lost(String),
    /// The server refuses it.
    Refused(Box<RemoteProblem>),
    /// The answer is not one that this version understands.
    Strange(String),
    /// Who answers is not trusted.
    Untrusted(String),
}

/// What is wrong, as the server says it (RFC 9457).
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RemoteProblem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    pub(super) status: u16,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    diagnostics: Vec<RemoteDiagnostic>,
}

/// A mistake in a file, or in what was asked for.
#[derive(Debug, Clone, Deserialize)]
struct RemoteDiagnostic {
    /// As the command line shows it.
    text: String,
}

impl RemoteServer {
    pub(super) fn new(url: String, token: String) -> Self {
        Self { url, token }
    }

    /// Asks for something.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        read(self.send("GET", path, None, None, TIMEOUT)?)
    }

    /// Does something.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, RemoteError> {
        read(self.send("POST", path, Some(body), None, TIMEOUT)?)
    }

    /// Starts something, once however often it is sent with this key.
    pub(super) fn start<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Result<T, RemoteError> {
        read(self.send("POST", path, Some(body), Some(key), TIMEOUT)?)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
        timeout: Duration,
    ) -> Result<HttpResponse, RemoteError> {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            header("Authorization", format!("Bearer {}", self.token)),
            header("Accept", String::from("application/json")),
        ];
        if body.is_some() {
            headers.push(header("Content-Type", String::from("application/json")));
        }
        headers.extend(key.map(|key| header("Idempotency-Key", key.to_owned())));
        let request = HttpRequest {
            method: method.to_owned(),
            url: format!("{}/api/v1{path}", self.url),
            headers,
            body: body.map(Value::to_string),
            timeout,
            identity: None,
        };
        let answer = match self.url.starts_with("https:") {
            true => SystemHttp.send(&request),
            // It is on this machine, and a proxy would see the token.
            false => DirectHttp.send(&request),
        };
        let answer = answer.map_err(|error| match error {
            HttpError::Timeout | HttpError::Connection(_) => RemoteError::Lost(error.to_string()),
            HttpError::Authentication(_) => RemoteError::Untrusted(error.to_string()),
            error => RemoteError::Strange(error.to_string()),
        })?;
        match answer.status {
            200..300 => Ok(answer),
            // What a proxy says while the server is not there.
            502..=504 => Err(RemoteError::Lost(said(&answer))),
            _ => Err(refused(&answer)),
        }
    }
}

fn said(answer: &HttpResponse) -> String {
    let reason = answer.reason.as_deref().unwrap_or_default();
    format!("it answers {} {reason}", answer.status)
        .trim_end()
        .to_owned()
}

fn refused(answer: &HttpResponse) -> RemoteError {
    match serde_json::from_str::<RemoteProblem>(&answer.body) {
        Ok(problem) => RemoteError::Refused(Box::new(RemoteProblem {
            status: answer.status,
            ..problem
        })),
        Err(_) => RemoteError::Strange(said(answer)),
    }
}

fn read<T: DeserializeOwned>(answer: HttpResponse) -> Result<T, RemoteError> {
    let unread = |error: serde_json::Error| RemoteError::Strange(error.to_string());
    serde_json::from_str(&answer.body).map_err(unread)
}

impl RemoteError {
    /// Whether the same may have an answer a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Refused(problem) => problem.status == 429 || problem.status >= 500,
            Self::Strange(_) | Self::Untrusted(_) => false,
        }
    }

    /// Whether there is no such thing, or the caller may not know of it.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }

    /// The reason in a few words.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Lost(why) | Self::Strange(why) | Self::Untrusted(why) => why.clone(),
            Self::Refused(problem) => problem.why(),
        }
    }

    /// Shows why a request was not done.
    pub(super) fn show(&self, server: &RemoteServer, output: &mut Output) -> Exit {
        let url = &server.url;
        let mistake = |message: String| Diagnostic::without_place(codes::REMOTE, message);
        let mistake = match self {
            Self::Lost(why) => {
                let message = format!("there is no answer from `{url}`: {why}");
                mistake(message)
                    .help("is `lockstep serve` running there, and is the address right?")
            }
            Self::Strange(why) => {
                let message = format!("the answer of `{url}` cannot be understood: {why}");
                mistake(message).help(
                    "the address is that of `lockstep serve` alone, without a path; this program \
                     and the server should have the same version",
                )
            }
            Self::Untrusted(why) => mistake(format!("`{url}` cannot be trusted: {why}")).help(
                "the address has the name of the certificate; `SSL_CERT_FILE` names a file with \
                 the authorities to trust where they are not those of the system",
            ),
            Self::Refused(problem) if problem.status == 401 => {
                let message = format!("`{url}` does not know this token");
                mistake(message).help(
                    "it may have expired, or was taken away: make a new one on the pages of the \
                     server, and put it into `LOCKSTEP_TOKEN`",
                )
            }
            Self::Refused(problem) if !problem.diagnostics.is_empty() => {
                output.complain(&problem.mistakes());
                return Exit::Refused;
            }
            Self::Refused(problem) => {
                let why = problem.why();
                // What the command line has said there is shown as it is.
                if why.starts_with("error") {
                    output.complain(&format!("{}\n", why.trim_end()));
                    return Exit::Refused;
                }
                mistake(why)
            }
        };
        output.refuse(&mistake)
    }
}

impl RemoteProblem {
    /// The problem of a run that has not begun.
    pub(super) fn unstarted(why: String) -> Self {
        Self {
            status: 422,
            detail: Some(why),
            ..Self::default()
        }
    }

    fn why(&self) -> String {
        let why = self.detail.as_ref().filter(|it| !it.is_empty());
        why.unwrap_or(&self.title).clone()
    }

    /// The mistakes, as the command line shows those of a file of its own.
    fn mistakes(&self) -> String {
        let mut text = String::new();
        for mistake in &self.diagnostics {
            // Each has been counted by itself.
            let shown = mistake.text.trim_end();
            let shown = shown.rsplit_once("\n\n").map_or(shown, |(shown, _)| shown);
            text.push_str(&format!("{shown}\n\n"));
        }
        let count = match self.diagnostics.len() {
            1 => String::from("1 error"),
            more => format!("{more} errors"),
        };
        text + &count + "\n"
    }
}

/// A text as a part of an address.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_cells_is_a_part_of_an_address() {
        assert_eq!(escaped("a/b[x, y]"), "a%2Fb%5Bx%2C%20y%5D");
        assert_eq!(escaped("ü-1.2_3~"), "%C3%BC-1.2_3~");
    }

    #[test]
    fn what_may_pass_is_asked_again() {
        let refused = |status| {
            let problem = RemoteProblem {
                status,
                ..RemoteProblem::default()
            };
            RemoteError::Refused(Box::new(problem))
        };
        assert!(RemoteError::Lost(String::new()).may_pass());
        assert!(refused(500).may_pass() && refused(429).may_pass());
        assert!(!refused(403).may_pass() && !refused(422).may_pass());
        assert!(!RemoteError::Strange(String::new()).may_pass());
    }

    #[test]
    fn mistakes_are_counted_together() {
        let one = |text: &str| RemoteDiagnostic {
            text: format!("{text}\n\n1 error\n"),
        };
        let problem = RemoteProblem {
            diagnostics: vec![one("error[E1]: a\n  help"), one("error[E2]: b")],
            ..RemoteProblem::default()
        };
        let text = "error[E1]: a\n  help\n\nerror[E2]: b\n\n2 errors\n";
        assert_eq!(problem.mistakes(), text);
    }
}
