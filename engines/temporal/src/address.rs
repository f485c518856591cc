//! Addresses of engines: `temporal://HOST:PORT/NAMESPACE`, and what the environment says of how to
//! connect.

use lockstep_cli::EngineRefusal;
use temporalio_client::{ClientTlsOptions, TlsOptions};

use crate::log_store::LogStore;

/// The port of a server, where none is said.
const DEFAULT_PORT: u16 = 7_233;

/// The namespace, where none is said.
const DEFAULT_NAMESPACE: &str = "default";

/// The variables that say how to connect: those of the tools of Temporal.
const API_KEY: &str = "TEMPORAL_API_KEY";
const TLS: &str = "TEMPORAL_TLS";
const TLS_CA: &str = "TEMPORAL_TLS_SERVER_CA_CERT_PATH";
const TLS_CERT: &str = "TEMPORAL_TLS_CLIENT_CERT_PATH";
const TLS_KEY: &str = "TEMPORAL_TLS_CLIENT_KEY_PATH";
const TLS_NAME: &str = "TEMPORAL_TLS_SERVER_NAME";
/// The log store.
const LOGS: &str = "LOCKSTEP_LOGS";

/// How to reach an engine.
#[derive(Debug, Clone)]
pub struct EngineAddress {
    /// `HOST:PORT`
    pub server: String,
    /// The namespace.
    pub namespace: String,
    /// How the connection is encrypted; nothing where it is not.
    pub tls: Option<TlsOptions>,
    /// The key that the server asks for.
    pub api_key: Option<String>,
    /// Where the output of commands is kept.
    pub logs: Option<LogStore>,
}

fn refusal(message: impl Into<String>, help: impl Into<String>) -> EngineRefusal {
    EngineRefusal {
        message: message.into(),
        help: help.into(),
    }
}

impl EngineAddress {
    /// Reads an address; `variable` reads a variable of the environment.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or with a file that a variable names.
    pub fn read(
        url: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, EngineRefusal> {
        let malformed = || {
            let message = format!("`{url}` is not the address of a Temporal server");
            refusal(message, "write it as `temporal://HOST:PORT/NAMESPACE`")
        };
        let rest = url
            .trim()
            .strip_prefix("temporal://")
            .ok_or_else(malformed)?;
        let (server, namespace) = rest.split_once('/').unwrap_or((rest, ""));
        let is_host = |char: char| char.is_ascii_alphanumeric() || ".-:[]_".contains(char);
        if server.is_empty() || !server.chars().all(is_host) {
            return Err(malformed());
        }
        let is_name = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
        let namespace = namespace.trim_end_matches('/');
        if !namespace.chars().all(is_name) {
            return Err(malformed());
        }
        let has_port = server
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let server = match has_port {
            true => server.to_owned(),
            false if server.ends_with(':') => return Err(malformed()),
            false => format!("{server}:{DEFAULT_PORT}"),
        };
        let set = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        let api_key = set(API_KEY);
        let tls = tls(&set, api_key.is_some())?;
        if api_key.is_some() && tls.is_none() {
            let message = format!("the key in `{API_KEY}` would be sent without encryption");
            return Err(refusal(message, format!("remove `{TLS}=false`")));
        }
        Ok(Self {
            server,
            namespace: match namespace {
                "" => DEFAULT_NAMESPACE.to_owned(),
                namespace => namespace.to_owned(),
            },
            tls,
            api_key,
            logs: logs(&set)?,
        })
    }
}

fn logs(set: &dyn Fn(&str) -> Option<String>) -> Result<Option<LogStore>, EngineRefusal> {
    let Some(name) = set(LOGS) else {
        return Ok(None);
    };
    let store = LogStore::named(&name, set).map_err(|error| {
        refusal(
            error.to_string(),
            format!("`{LOGS}` names a folder, or `s3://BUCKET/PREFIX`"),
        )
    });
    store.map(Some)
}

fn tls(
    set: &dyn Fn(&str) -> Option<String>,
    has_key: bool,
) -> Result<Option<TlsOptions>, EngineRefusal> {
    let file = |name: &str| -> Result<Option<Vec<u8>>, EngineRefusal> {
        let Some(path) = set(name) else {
            return Ok(None);
        };
        let read = std::fs::read(&path).map_err(|error| {
            let message = format!("the file `{path}`, which `{name}` names, cannot be read");
            refusal(
                format!("{message}: {error}"),
                "it is a certificate or key as PEM",
            )
        });
        read.map(Some)
    };
    let (ca, cert, key) = (file(TLS_CA)?, file(TLS_CERT)?, file(TLS_KEY)?);
    let named = set(TLS).map(|text| text.trim().to_ascii_lowercase());
    let wanted = match named.as_deref() {
        Some("true" | "1" | "on" | "yes") => true,
        Some("false" | "0" | "off" | "no") => false,
        Some(other) => {
            let message = format!("`{TLS}` is `{other}`");
            return Err(refusal(message, "it is `true` or `false`"));
        }
        None => has_key || ca.is_some() || cert.is_some(),
    };
    if !wanted {
        return Ok(None);
    }
    let client = match (cert, key) {
        (Some(client_cert), Some(client_private_key)) => Some(
            ClientTlsOptions::builder()
                .client_cert(client_cert)
                .client_private_key(client_private_key)
                .build(),
        ),
        (None, None) => None,
        _ => {
            let message = "a client certificate needs its key, and a key its certificate";
            return Err(refusal(
                message,
                format!("set both `{TLS_CERT}` and `{TLS_KEY}`"),
            ));
        }
    };
    let options = TlsOptions::builder()
        .maybe_server_root_ca_cert(ca)
        .maybe_domain(set(TLS_NAME))
        .maybe_client_tls_options(client)
        .build();
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, variables: &[(&str, &str)]) -> Result<EngineAddress, EngineRefusal> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        EngineAddress::read(url, &variable)
    }

    #[test]
    fn an_address_names_a_server_and_a_namespace() {
        let all = [
            ("temporal://localhost", "localhost:7233", "default"),
            ("temporal://localhost:1/", "localhost:1", "default"),
            (
                "temporal://t.example.com:7233/ops",
                "t.example.com:7233",
                "ops",
            ),
            ("temporal://[::1]:7233/a-b.c", "[::1]:7233", "a-b.c"),
        ];
        for (url, server, namespace) in all {
            let address = read(url, &[]).unwrap();
            assert_eq!((&*address.server, &*address.namespace), (server, namespace));
            assert!(address.tls.is_none());
        }
        for wrong in [
            "",
            "temporal://",
            "http://x",
            "temporal://a b",
            "temporal://h:/",
            "temporal://h/a/b",
        ] {
            assert!(
                read(wrong, &[])
                    .unwrap_err()
                    .message
                    .contains("is not the address")
            );
        }
    }

    #[test]
    fn a_key_is_never_sent_in_the_open() {
        assert!(
            read("temporal://h", &[(API_KEY, "k")])
                .unwrap()
                .tls
                .is_some()
        );
        let open = read("temporal://h", &[(API_KEY, "k"), (TLS, "false")]);
        assert!(open.unwrap_err().message.contains("without encryption"));
        let half = [(TLS_CERT, "/dev/null")];
        assert!(
            read("temporal://h", &half)
                .unwrap_err()
                .message
                .contains("needs its key")
        );
        let none = [(TLS_CA, "/nonexistent")];
        assert!(
            read("temporal://h", &none)
                .unwrap_err()
                .message
                .contains("cannot be read")
        );
        assert!(read("temporal://h", &[(TLS, "maybe")]).is_err());
    }
}
