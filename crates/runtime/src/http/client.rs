//! The HTTP client that uses the network.

use std::ffi::OsString;

use base64::Engine as _;
use ureq::http;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, DefaultConnector};

use super::address::{Address, Scheme};
use super::{HttpClient, HttpError, HttpRequest, HttpResponse, MAX_BODY_BYTES, MAX_HEADER_BYTES};
use forward::{ForwardConnector, ForwardResolver};
use proxy::Proxy;
use trust::Trust;

mod explain;
mod forward;
mod proxy;
mod trust;

/// A variable of the environment, or nothing where it is not set.
type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The default client of this program. Its proxies and the authorities that it trusts are told by
/// the environment of this program.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemHttp;

impl HttpClient for SystemHttp {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        send(request, &|name| std::env::var_os(name))
    }
}

/// The same without proxies: for a server of this machine, to which no other is to pass on what is
/// not encrypted.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectHttp;

impl HttpClient for DirectHttp {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_proxy = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
        send(request, &|name| match is_proxy(name) {
            true => None,
            false => std::env::var_os(name),
        })
    }
}

fn send(request: &HttpRequest, variable: Variable<'_>) -> Result<HttpResponse, HttpError> {
    if request.timeout.is_zero() {
        return Err(HttpError::Timeout);
    }
    let address = Address::parse(&request.url).ok_or(HttpError::Url)?;
    let proxy = Proxy::of(&address, variable).map_err(HttpError::Request)?;
    let trust = match address.scheme {
        Scheme::Https => Some(Trust::of(variable).map_err(HttpError::Request)?),
        // Whoever talks to the proxy itself with TLS.
        Scheme::Http if proxy.as_ref().is_some_and(Proxy::has_tls) => {
            Some(Trust::of(variable).map_err(HttpError::Request)?)
        }
        Scheme::Http => None,
    };
    let mut tls = TlsConfig::builder();
    if let Some(trust) = &trust {
        tls = tls.root_certs(trust.roots.clone());
    }
    if let Some(identity) = request.identity.as_ref() {
        let identity = trust::client_certificate(identity).map_err(HttpError::Request)?;
        tls = tls.client_cert(Some(identity));
    }
    let failed = |error| explain::error(error, &address, proxy.as_ref(), trust.as_ref());
    let forwarded = proxy.as_ref().filter(|proxy| proxy.forwards(&address));
    let tunnel = proxy.as_ref().filter(|_| forwarded.is_none());
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(request.timeout))
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .user_agent(concat!("lockstep/", env!("CARGO_PKG_VERSION")))
        .max_redirects(0)
        .max_response_header_size(MAX_HEADER_BYTES)
        .proxy(tunnel.map(Proxy::tunnel).transpose()?)
        .tls_config(tls.build())
        .build();
    let agent = match forwarded {
        None => ureq::Agent::new_with_config(config),
        Some(proxy) => {
            let connector = DefaultConnector::new().chain(ForwardConnector::new(proxy, &address));
            let resolver = ForwardResolver::new(proxy.uri()?, DefaultResolver::default());
            ureq::Agent::with_parts(config, connector, resolver)
        }
    };
    let mut answer = match (request.body.as_deref(), request.method.as_str()) {
        (Some(body), _) => agent.run(built(request, &address, body)?),
        // Servers want to know that nothing follows.
        (None, "POST" | "PUT" | "PATCH") => agent.run(built(request, &address, "")?),
        (None, _) => agent.run(built(request, &address, ())?),
    }
    .map_err(&failed)?;
    if let Some(proxy) = forwarded.filter(|_| answer.status().as_u16() == 407) {
        return Err(HttpError::Authentication(proxy.wants_credentials()));
    }
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_BODY_BYTES)
        .read_to_vec()
        .map_err(&failed)?;
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

fn built<B>(
    request: &HttpRequest,
    address: &Address,
    body: B,
) -> Result<http::Request<B>, HttpError> {
    let bare = Address {
        user: None,
        ..address.clone()
    };
    let invalid = |what: &str| HttpError::Request(format!("{what} has characters that it cannot"));
    let uri: http::Uri = (bare.to_string().parse()).map_err(|_| invalid("the address"))?;
    let mut built = http::Request::builder()
        .method(request.method.as_str())
        .uri(uri);
    for (name, value) in &request.headers {
        let value = http::HeaderValue::from_str(value)
            .map_err(|_| invalid(&format!("the value of the header `{name}`")))?;
        let name = http::HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(&format!("the name of the header `{name}`")))?;
        built = built.header(name, value);
    }
    let authorization = http::header::AUTHORIZATION;
    let has_own =
        (request.headers.iter()).any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if let Some(user) = address.user.as_deref().filter(|_| !has_own) {
        built = built.header(authorization, basic(user));
    }
    built
        .body(body)
        .map_err(|error| HttpError::Request(error.to_string()))
}

/// The credentials `USER:PASSWORD` of an address as those of a header.
fn basic(user: &str) -> String {
    let user = decoded(user);
    let user = match user.contains(&b':') {
        true => user,
        false => [user, vec![b':']].concat(),
    };
    let encoded = base64::engine::general_purpose::STANDARD.encode(user);
    format!("Basic {encoded}")
}

/// What `%XX` stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (first, _) => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}
