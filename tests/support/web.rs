//! Web servers on this machine, with and without TLS, and the certificates for them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A server that answers each connection once, until the test ends.
pub struct WebServer {
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl WebServer {
    /// Answers a request, head and body, with what this makes of it.
    pub fn new(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start("http://127.0.0.1", None, answer)
    }

    /// The same behind TLS, as `localhost`.
    pub fn with_tls(
        config: ServerConfig,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::start("https://localhost", Some(Arc::new(config)), answer)
    }

    fn start(
        host: &str,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let (tls, seen, answer) = (tls.clone(), seen.clone(), answer.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &seen, &*answer),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection");
                        serve(StreamOwned::new(connection, stream), &seen, &*answer);
                    }
                });
            }
        });
        Self {
            url: format!("{host}:{port}"),
            asked,
        }
    }

    /// `HOST:PORT`.
    pub fn authority(&self) -> &str {
        self.url.split_once("://").expect("a scheme").1
    }

    /// All requests until now.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }

    /// The only request until now, in small letters.
    #[track_caller]
    pub fn only(&self) -> String {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].to_lowercase()
    }
}

fn serve(
    mut stream: impl Read + Write,
    seen: &Mutex<Vec<String>>,
    answer: &dyn Fn(&str) -> Vec<u8>,
) {
    // A client that does not trust this server leaves.
    let Ok(asked) = request(&mut stream) else {
        return;
    };
    if asked.is_empty() {
        return;
    }
    seen.lock().expect("no panic").push(asked.clone());
    let _ = stream.write_all(&answer(&asked));
    let _ = stream.flush();
}

fn request(stream: &mut impl Read) -> std::io::Result<String> {
    let mut asked = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&asked);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|it| it.lines().next()?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(String::new());
        }
        asked.extend_from_slice(&piece[..read]);
    }
}

/// An answer with this status line, these headers and this body.
pub fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let length = body.len();
    let mut text =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// A redirect to there.
pub fn redirect(status: &str, location: &str) -> Vec<u8> {
    answer(status, &[&format!("Location: {location}")], "elsewhere")
}

/// A certificate authority of a test, made by `openssl` in a folder.
pub struct Authority {
    folder: PathBuf,
    name: String,
}

impl Authority {
    pub fn new(folder: &Path, name: &str) -> Self {
        let authority = Self {
            folder: folder.to_path_buf(),
            name: name.into(),
        };
        let subject = format!("/CN={name}");
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ]);
        authority
    }

    pub fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Signs a certificate with this alternative name, `NAME.pem` and `NAME.key`.
    pub fn sign(&self, name: &str, alternative: &str) -> (PathBuf, PathBuf) {
        let days = ["-days", "30"];
        self.signed(name, alternative, &days)
    }

    /// The same, of which the time is over.
    pub fn sign_expired(&self, name: &str, alternative: &str) -> (PathBuf, PathBuf) {
        let days = [
            "-startdate",
            "20200101000000Z",
            "-enddate",
            "20200201000000Z",
        ];
        self.signed(name, alternative, &days)
    }

    fn signed(&self, name: &str, alternative: &str, days: &[&str]) -> (PathBuf, PathBuf) {
        let write = |name: &str, text: &str| {
            std::fs::write(self.folder.join(name), text).expect("it is written");
        };
        write(
            "ca.cnf",
            "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nnew_certs_dir = .\n\
             rand_serial = yes\npolicy = p\ndefault_md = sha256\nunique_subject = no\n\
             [p]\ncommonName = supplied\n",
        );
        write("index.txt", "");
        write("ext.cnf", &format!("subjectAltName = {alternative}\n"));
        let subject = format!("/CN={name}");
        let file = |ending: &str| format!("{name}.{ending}");
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &subject,
            "-keyout",
            &file("key"),
            "-out",
            &file("csr"),
        ]);
        let (own, key) = (format!("{}.pem", self.name), format!("{}.key", self.name));
        let (csr, pem) = (file("csr"), file("pem"));
        let mut arguments = vec![
            "ca", "-batch", "-config", "ca.cnf", "-notext", "-extfile", "ext.cnf", "-cert", &own,
            "-keyfile", &key, "-in", &csr, "-out", &pem,
        ];
        arguments.extend(days);
        self.openssl(&arguments);
        (self.folder.join(pem), self.folder.join(file("key")))
    }

    #[track_caller]
    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .expect("openssl is there");
        assert!(made.status.success(), "{arguments:?}: {made:?}");
    }
}

/// TLS of a server with this certificate; a client needs one of `clients`, if there is that.
pub fn tls(server: &(PathBuf, PathBuf), clients: Option<&Authority>) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(&server.0).expect("a file");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(&server.1).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_file(authority.certificate()).expect("a root");
            roots.add(root).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    builder.with_single_cert(chain, key).expect("a certificate")
}
