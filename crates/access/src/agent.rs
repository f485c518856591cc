//! The HTTP client of what a server asks by itself: the provider of its logins, and those who are
//! notified.

use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A client whose requests end within a time. A redirect is an answer, and so is a status of
/// failure. Trusted are the certificates of the system, which are read now, or those that
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name; the usual variables name a proxy.
pub fn http_agent(timeout: Duration) -> ureq::Agent {
    // What cannot be read there is missing for every other program, too.
    let system = rustls_native_certs::load_native_certs().certs;
    let system: Vec<_> = (system.iter())
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let roots = match system.is_empty() {
        true => RootCerts::WebPki,
        false => RootCerts::from(system),
    };
    let config = ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent("lockstep")
        .build();
    ureq::Agent::new_with_config(config)
}
