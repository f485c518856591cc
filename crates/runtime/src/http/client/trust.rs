//! Which certificates are trusted, and what this side identifies itself with.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts};

use super::super::HttpIdentity;
use super::Variable;

/// Names a file with certificates that are trusted.
const FILE_VARIABLE: &str = "SSL_CERT_FILE";
/// Names folders with such files.
const FOLDER_VARIABLE: &str = "SSL_CERT_DIR";

/// The certificates that are trusted.
pub(super) struct Trust {
    pub roots: RootCerts,
    /// Where they come from, as words: `of /etc/ca.pem (SSL_CERT_FILE)`.
    pub source: String,
}

impl Trust {
    /// Those of the variables; where neither is set, those of the system; and where that has none,
    /// those that are built in.
    pub fn of(variable: Variable<'_>) -> Result<Self, String> {
        let mut found = Vec::new();
        let mut sources = Vec::new();
        if let Some(file) = variable(FILE_VARIABLE) {
            let path = PathBuf::from(file);
            let what = format!("the file `{}` of {FILE_VARIABLE}", path.display());
            found.extend(certificates_of_file(&path, &what)?);
            sources.push(format!("{} ({FILE_VARIABLE})", path.display()));
        }
        if let Some(folders) = variable(FOLDER_VARIABLE) {
            let before = found.len();
            for folder in std::env::split_paths(&folders) {
                found.extend(certificates_of_folder(&folder)?);
            }
            let folders = folders.to_string_lossy();
            if found.len() == before {
                return Err(format!(
                    "no file in `{folders}`, which {FOLDER_VARIABLE} names, holds a certificate"
                ));
            }
            sources.push(format!("{folders} ({FOLDER_VARIABLE})"));
        }
        if !sources.is_empty() {
            return Ok(Self {
                roots: RootCerts::from(found),
                source: format!("of {}", sources.join(" and ")),
            });
        }
        // What cannot be read there is missing for every other program, too.
        let system = rustls_native_certs::load_native_certs().certs;
        if system.is_empty() {
            return Ok(Self {
                roots: RootCerts::WebPki,
                source: String::from("that are built in, as this system has none"),
            });
        }
        let system = (system.iter()).map(|it| Certificate::from_der(it).to_owned());
        Ok(Self {
            roots: RootCerts::from(system.collect::<Vec<_>>()),
            source: String::from("of this system"),
        })
    }
}

/// The certificates of a file in which there must be some.
fn certificates_of_file(path: &Path, what: &str) -> Result<Vec<Certificate<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| unreadable(what, &error))?;
    let found = certificates(&text).map_err(|why| format!("{what} {why}"))?;
    match found.is_empty() {
        true => Err(format!(
            "{what} holds no certificate: it must be PEM, with `-----BEGIN CERTIFICATE-----`"
        )),
        false => Ok(found),
    }
}

/// The certificates of a folder, in which other files may lie, too.
fn certificates_of_folder(folder: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let what = format!("the folder `{}` of {FOLDER_VARIABLE}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(&what, &error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let texts = (paths.iter()).filter_map(|path| std::fs::read(path).ok());
    Ok(texts
        .flat_map(|text| certificates(&text).unwrap_or_default())
        .collect())
}

fn unreadable(what: &str, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("{what} does not exist"),
        std::io::ErrorKind::PermissionDenied => format!("{what} may not be read"),
        std::io::ErrorKind::IsADirectory => format!("{what} is a folder"),
        _ => format!("{what} cannot be read: {error}"),
    }
}

/// The certificates of a PEM text. The error is what follows its name.
fn certificates(text: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    let mut roots = rustls::RootCertStore::empty();
    for (at, der) in CertificateDer::pem_slice_iter(text).enumerate() {
        let invalid = |_| format!("holds a certificate that cannot be read, number {}", at + 1);
        let der = der.map_err(|error| invalid(error.to_string()))?;
        let certificate = Certificate::from_der(&der).to_owned();
        roots.add(der).map_err(|error| invalid(error.to_string()))?;
        found.push(certificate);
    }
    Ok(found)
}

/// A client certificate as the library takes it, which panics over one that is invalid. Neither of
/// the texts is part of an error.
pub(super) fn client_certificate(identity: &HttpIdentity) -> Result<ClientCert, String> {
    let (certificate, key) = (identity.certificate.as_bytes(), identity.key.as_bytes());
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|_| "the `certificate` is not PEM")?;
    if chain.is_empty() {
        return Err(String::from(
            "the `certificate` holds no certificate: it must be PEM, with \
             `-----BEGIN CERTIFICATE-----`",
        ));
    }
    let der = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        let is_encrypted = identity.key.contains("ENCRYPTED");
        match is_encrypted {
            true => "the `key` is encrypted: `openssl pkey` writes it without a password",
            false => {
                "the `key`, or the `certificate` where there is none, holds no private key: it \
                 must be PEM, with `-----BEGIN PRIVATE KEY-----`"
            }
        }
    })?;
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain.clone(), der, &provider).map_err(|error| {
        let is_mismatch = matches!(error, rustls::Error::InconsistentKeys(_));
        match is_mismatch {
            true => "the `key` is not the one of the `certificate`",
            false => "the `certificate` or its `key` is of a kind that cannot be used here",
        }
    })?;
    let key = PrivateKey::from_pem(key).map_err(|_| "the `key` is not PEM")?;
    let chain: Vec<Certificate<'static>> = (chain.iter())
        .map(|it| Certificate::from_der(it).to_owned())
        .collect();
    Ok(ClientCert::new_with_certs(&chain, key))
}
