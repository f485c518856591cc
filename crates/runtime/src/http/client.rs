//! The HTTP client that uses the network.

use ureq::http;

use super::{HttpClient, HttpError, HttpRequest, HttpResponse, MAX_BODY_BYTES};

/// The default client of this program.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemHttp;

impl HttpClient for SystemHttp {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(request.timeout))
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut builder = http::Request::builder()
            .method(request.method.as_str())
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let built = builder
            .body(request.body.clone().unwrap_or_default())
            .map_err(|error| HttpError::Request(error.to_string()))?;
        let mut answer = agent.run(built).map_err(failed)?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_BODY_BYTES)
            .read_to_vec()
            .map_err(failed)?;
        let body = String::from_utf8(body).map_err(|error| HttpError::NotUtf8 {
            byte: error.utf8_error().valid_up_to() + 1,
        })?;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_string(), value)
        };
        let status = answer.status();
        Ok(HttpResponse {
            status: status.as_u16(),
            reason: status.canonical_reason().map(str::to_string),
            headers: answer.headers().iter().map(header).collect(),
            body,
        })
    }
}

fn failed(error: ureq::Error) -> HttpError {
    match error {
        ureq::Error::Timeout(_) => HttpError::Timeout,
        ureq::Error::BadUri(_) => HttpError::Url,
        ureq::Error::BodyExceedsLimit(_) => HttpError::TooLarge,
        error => HttpError::Connection(error.to_string()),
    }
}
