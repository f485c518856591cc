//! What follows an answer that redirects. Whatever is secret stays with the host that it was meant
//! for.

use super::address::{Address, Scheme};
use super::{HttpRequest, HttpResponse};

/// The maximum number of redirects that are followed.
pub const MAX_REDIRECTS: usize = 10;

/// The headers that another host is sent too. All others may be credentials, whatever their names.
const HEADERS_FOR_ALL: [&str; 6] = [
    "accept",
    "accept-language",
    "content-encoding",
    "content-language",
    "content-type",
    "user-agent",
];

/// The headers that describe a body.
const HEADERS_OF_BODY: [&str; 6] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "transfer-encoding",
];

/// Why a redirect is not followed. It is displayed as what follows "it was redirected".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RedirectError {
    /// To what is no address of the web.
    NotAnAddress(String),
    /// From `https` to `http`.
    Downgrade(String),
    /// To another host, with a secret in what would be sent there.
    SecretToOther {
        /// The part of the request that holds it.
        part: &'static str,
        /// The other host.
        origin: String,
    },
}

impl std::fmt::Display for RedirectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAnAddress(location) => {
                write!(f, "to `{location}`, which is no address with http or https")
            }
            Self::Downgrade(origin) => write!(
                f,
                "from https to {origin}, which is not followed: what is sent and answered there \
                 is not protected"
            ),
            Self::SecretToOther { part, origin } => write!(
                f,
                "to {origin}, which is not followed: the {part} holds a secret that is not meant \
                 for that host"
            ),
        }
    }
}

impl std::error::Error for RedirectError {}

/// The address that an answer redirects to.
pub(super) fn location(answer: &HttpResponse) -> Option<&str> {
    let redirects = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
    let mut headers = answer.headers.iter();
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    location
        .filter(|_| redirects)
        .map(|(_, location)| location.as_str())
}

/// The request that follows one that was answered with this status and location.
pub(super) fn next(
    request: &HttpRequest,
    status: u16,
    location: &str,
    is_secret: &dyn Fn(&str) -> bool,
) -> Result<HttpRequest, RedirectError> {
    let not_an_address = || RedirectError::NotAnAddress(super::address::shown(location));
    let from = Address::parse(&request.url).ok_or_else(not_an_address)?;
    let mut to = from.redirected(location).ok_or_else(not_an_address)?;
    if (from.scheme, to.scheme) == (Scheme::Https, Scheme::Http) {
        return Err(RedirectError::Downgrade(to.origin()));
    }
    let becomes_get = match status {
        303 => request.method != "HEAD",
        301 | 302 => request.method == "POST",
        _ => false,
    };
    let mut next = request.clone();
    if becomes_get {
        next.method = String::from("GET");
        next.body = None;
        next.headers
            .retain(|(name, _)| !is_one(name, &HEADERS_OF_BODY));
    }
    if is_same_side(&from, &to) {
        to.user = to.user.or(from.user);
    } else {
        let part = match () {
            () if is_secret(&to.to_string()) => Some("address"),
            () if next.body.as_deref().is_some_and(is_secret) => Some("body"),
            () => None,
        };
        if let Some(part) = part {
            let origin = to.origin();
            return Err(RedirectError::SecretToOther { part, origin });
        }
        next.headers
            .retain(|(name, value)| is_one(name, &HEADERS_FOR_ALL) && !is_secret(value));
        next.identity = None;
    }
    next.url = to.to_string();
    Ok(next)
}

fn is_one(name: &str, names: &[&str]) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Whether both are one server: the same host and port, or the step from `http` to `https` of one
/// that has its usual ports.
fn is_same_side(from: &Address, to: &Address) -> bool {
    let ports = (from.effective_port(), to.effective_port());
    let same_port = from.scheme == to.scheme && ports.0 == ports.1;
    let upgraded = (from.scheme, to.scheme) == (Scheme::Http, Scheme::Https) && ports == (80, 443);
    from.host == to.host && (same_port || upgraded)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::HttpIdentity;

    fn request(method: &str, url: &str) -> HttpRequest {
        let headers = [
            "Authorization",
            "Cookie",
            "X-Api-Key",
            "Accept",
            "Content-Type",
        ];
        HttpRequest {
            method: method.into(),
            url: url.into(),
            headers: headers.map(|name| (name.into(), "v".into())).to_vec(),
            body: Some("b".into()),
            timeout: Duration::from_secs(1),
            identity: Some(HttpIdentity {
                certificate: "c".into(),
                key: "k".into(),
            }),
        }
    }

    fn names(request: &HttpRequest) -> Vec<&str> {
        (request.headers.iter())
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn step(method: &str, url: &str, status: u16, to: &str) -> Result<HttpRequest, RedirectError> {
        next(&request(method, url), status, to, &|text| {
            text.contains("s3cret")
        })
    }

    #[test]
    fn the_method_follows_the_status() {
        for (status, method, then) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (301, "PUT", "PUT"),
            (302, "DELETE", "DELETE"),
            (303, "PUT", "GET"),
            (303, "HEAD", "HEAD"),
            (302, "GET", "GET"),
        ] {
            let next = step(method, "http://a/", status, "/b").expect("it is followed");
            assert_eq!(next.method, then, "{status} {method}");
            let keeps = method == then;
            assert_eq!(next.body.is_some(), keeps, "{status} {method}");
            assert_eq!(
                names(&next).contains(&"Content-Type"),
                keeps,
                "{status} {method}"
            );
            assert!(names(&next).contains(&"Authorization"));
        }
    }

    #[test]
    fn credentials_stay_with_their_host() {
        for (from, to, keeps) in [
            ("https://a/", "https://a/x", true),
            ("https://a/", "https://A:443/x", true),
            ("http://a/", "https://a/x", true),
            ("https://a/", "https://b/x", false),
            ("https://a/", "https://a.b/x", false),
            ("https://a/", "https://a:8443/x", false),
            ("http://a:8080/", "https://a/x", false),
        ] {
            let next = step("PUT", from, 307, to).expect("it is followed");
            assert_eq!(next.identity.is_some(), keeps, "{from} {to}");
            let expected = match keeps {
                true => vec![
                    "Authorization",
                    "Cookie",
                    "X-Api-Key",
                    "Accept",
                    "Content-Type",
                ],
                false => vec!["Accept", "Content-Type"],
            };
            assert_eq!(names(&next), expected, "{from} {to}");
        }
        let kept = step("GET", "https://u:p@a/", 302, "https://a/x").expect("it is followed");
        assert_eq!(kept.url, "https://u:p@a/x");
        let other = step("GET", "https://u:p@a/", 302, "https://b/x").expect("it is followed");
        assert_eq!(other.url, "https://b/x");
    }

    #[test]
    fn a_secret_for_another_host_and_a_downgrade_are_refused() {
        let refused = |from: &str, status, to: &str| step("POST", from, status, to).unwrap_err();
        let downgrade = refused("https://a/", 302, "http://a/x");
        assert_eq!(downgrade, RedirectError::Downgrade("http://a".into()));
        let address = refused("https://a/", 302, "https://b/?k=s3cret");
        assert!(matches!(
            address,
            RedirectError::SecretToOther {
                part: "address",
                ..
            }
        ));
        assert!(step("POST", "https://a/", 302, "/?k=s3cret").is_ok());
        let mut secret = request("POST", "https://a/");
        secret.body = Some("s3cret".into());
        secret.headers.push(("User-Agent".into(), "s3cret".into()));
        let is_secret = |text: &str| text.contains("s3cret");
        let body = next(&secret, 307, "https://b/", &is_secret).unwrap_err();
        assert!(matches!(
            body,
            RedirectError::SecretToOther { part: "body", .. }
        ));
        let got = next(&secret, 303, "https://b/", &is_secret).expect("it is followed");
        assert_eq!(names(&got), ["Accept"]);
        let nowhere = refused("https://a/", 302, "mailto:a@b");
        assert!(matches!(nowhere, RedirectError::NotAnAddress(_)));
    }
}
