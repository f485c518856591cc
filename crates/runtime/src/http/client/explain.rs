//! What an error of the library means, in the words of whoever has to do something about it.

use rustls::{AlertDescription, CertificateError};

use super::super::HttpError;
use super::super::address::Address;
use super::proxy::Proxy;
use super::trust::Trust;

/// The error of a request to an address, through this proxy, with this trust.
pub(super) fn error(
    error: ureq::Error,
    to: &Address,
    proxy: Option<&Proxy>,
    trust: Option<&Trust>,
) -> HttpError {
    let lost = |why: String| {
        HttpError::Connection(match proxy {
            Some(proxy) => format!("{why}, through {proxy}"),
            None => why,
        })
    };
    match error {
        ureq::Error::Timeout(_) => HttpError::Timeout,
        ureq::Error::BadUri(_) => HttpError::Url,
        ureq::Error::BodyExceedsLimit(_) => HttpError::TooLarge,
        ureq::Error::LargeResponseHeader(..) => HttpError::HeadersTooLarge,
        ureq::Error::ConnectProxyFailed(why) => match proxy {
            Some(proxy) => {
                let mut numbers = why.split(|c: char| !c.is_ascii_digit());
                let status = numbers.find_map(|number| number.parse().ok());
                proxy.refusal(status, to)
            }
            None => HttpError::Connection(why),
        },
        ureq::Error::HostNotFound => lost(String::from("the host was not found")),
        ureq::Error::Rustls(error) => tls(&error, to, trust, lost),
        ureq::Error::Io(error) => {
            let inner = error
                .get_ref()
                .and_then(|it| it.downcast_ref::<rustls::Error>());
            match inner {
                Some(inner) => tls(inner, to, trust, lost),
                None => lost(io(&error)),
            }
        }
        // The library does not tell what the errors of its parser are but as text.
        ureq::Error::Protocol(why) if why.to_string().contains("too many headers") => {
            HttpError::HeadersTooLarge
        }
        ureq::Error::Protocol(why) => lost(format!("what was answered is not HTTP ({why})")),
        error => lost(error.to_string()),
    }
}

/// An error below HTTP and TLS.
fn io(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => String::from("connection refused"),
        std::io::ErrorKind::ConnectionReset => String::from("connection reset"),
        std::io::ErrorKind::UnexpectedEof => {
            String::from("the connection was closed before the answer was complete")
        }
        _ => error.to_string(),
    }
}

/// An error of TLS. What a further try would not change is no fault of the connection.
fn tls(
    error: &rustls::Error,
    to: &Address,
    trust: Option<&Trust>,
    lost: impl Fn(String) -> HttpError,
) -> HttpError {
    use rustls::Error;
    let why = match error {
        Error::InvalidCertificate(error) => format!(
            "certificate verify failed: {}",
            certificate(error, to, trust)
        ),
        Error::AlertReceived(AlertDescription::CertificateRequired) => String::from(
            "the server asks for a client certificate: `certificate` and `key` are arguments of \
             the request",
        ),
        Error::AlertReceived(alert) if is_about_client(*alert) => format!(
            "the server does not accept the client certificate, or misses one (TLS alert \
             {alert:?})"
        ),
        Error::AlertReceived(alert) => {
            return lost(format!("the server ended TLS with the alert {alert:?}"));
        }
        Error::InvalidMessage(_) => {
            return lost(String::from(
                "what was answered is not TLS: is the address one with http://?",
            ));
        }
        error => return lost(format!("TLS failed: {error}")),
    };
    HttpError::Authentication(why)
}

/// Whether a server sends it because of the certificate of its client. With TLS 1.2 it has no other
/// words for one that is missing.
fn is_about_client(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure
    )
}

/// Why the certificate of a server is not trusted, and what can be done about that.
fn certificate(error: &CertificateError, to: &Address, trust: Option<&Trust>) -> String {
    let host = to.host.as_str();
    let date = |time: &rustls::pki_types::UnixTime| {
        let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(second)
            .map_or_else(|_| second.to_string(), |it| it.to_string())
    };
    match error {
        CertificateError::UnknownIssuer => {
            let source = trust.map(|trust| trust.source.as_str()).unwrap_or_default();
            format!(
                "unknown issuer: the certificate of {host} is self-signed, or signed by an \
                 authority (CA) that is not among those {source}; SSL_CERT_FILE names a PEM file \
                 with the certificates of those to trust"
            )
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "the certificate of {host} has expired, at {}: it must be renewed there, or the clock \
             of this machine is wrong",
            date(not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "the certificate of {host} is not valid before {}: is the clock of this machine wrong?",
            date(not_before)
        ),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = (presented.iter())
                .map(|name| {
                    let inner = name.split_once('(').map(|(_, inner)| inner);
                    inner.map_or(name.as_str(), |it| {
                        it.trim_end_matches(')').trim_matches('"')
                    })
                })
                .collect();
            match names.is_empty() {
                true => format!(
                    "hostname mismatch: the certificate has no name in its subjectAltName, so it \
                     is not one of {host}"
                ),
                false => format!(
                    "hostname mismatch: the certificate is one of {}, not of {host}",
                    names.join(", ")
                ),
            }
        }
        CertificateError::Revoked => format!("the certificate of {host} was revoked"),
        error if format!("{error:?}").contains("CaUsedAsEndEntity") => format!(
            "the certificate of {host} is one of an authority (CA:TRUE), which cannot be that of \
             a server, too: it must sign one for the server"
        ),
        error => format!("the certificate of {host} cannot be used: {error}"),
    }
}
