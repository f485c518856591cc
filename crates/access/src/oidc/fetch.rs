//! Requests to the provider.

use std::time::Duration;

use crate::http_agent;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Makes requests. Ours is [`UreqFetch`]; tests and embedders have others.
pub trait HttpFetch: Send + Sync {
    /// Makes one request, without following redirects. A status of failure is an answer, too.
    ///
    /// # Errors
    ///
    /// Why there is no answer, as the end of a sentence.
    fn fetch(&self, request: &HttpRequest) -> Result<HttpResponse, String>;
}

/// A request. `Debug` shows its method and address only: the rest can be secret.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The address.
    pub url: String,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body of a `POST`.
    pub body: String,
}

/// The methods of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpRequest({:?} {})", self.method, self.url)
    }
}

/// An answer. `Debug` shows its status only: the body can be secret.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpResponse({})", self.status)
    }
}

/// Requests by the client that [`http_agent`] makes.
#[derive(Debug)]
pub struct UreqFetch {
    agent: ureq::Agent,
}

impl UreqFetch {
    /// A client. It reads the certificates now.
    pub fn new() -> Self {
        Self {
            agent: http_agent(TIMEOUT),
        }
    }
}

impl Default for UreqFetch {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpFetch for UreqFetch {
    fn fetch(&self, request: &HttpRequest) -> Result<HttpResponse, String> {
        let answer = match request.method {
            HttpMethod::Get => {
                let mut builder = self.agent.get(&request.url);
                for (name, value) in &request.headers {
                    builder = builder.header(*name, value);
                }
                builder.call()
            }
            HttpMethod::Post => {
                let mut builder = self.agent.post(&request.url);
                for (name, value) in &request.headers {
                    builder = builder.header(*name, value);
                }
                builder.send(&request.body)
            }
        };
        let mut answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec();
        Ok(HttpResponse {
            status,
            body: body.map_err(|error| error.to_string())?,
        })
    }
}
