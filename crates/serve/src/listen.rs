//! Connections: plain or by TLS, with limits for slow and for broken clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::error::ServeError;
use crate::options::TlsFiles;

/// A client has to send the head of its request within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A client has to agree on encryption within this time.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// So many connections are open at most; others wait.
const MAX_CONNECTIONS: usize = 2_000;
/// The head of a request is not longer.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The head of a request has not more lines.
const MAX_HEADERS: usize = 64;
/// Connections that have not ended this long after the server was stopped are cut.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Takes connections until it is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        let (Ok((stream, peer)), Ok(place)) = (accepted, place) else {
            // The system has no more files; some connection will end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small messages are sent at once; that this is not possible does no harm.
        let _ = stream.set_nodelay(true);
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        tokio::spawn(async move {
            match tls {
                None => connection(stream, Peer(peer), router, stop).await,
                Some(tls) => {
                    let agreed = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
                    if let Ok(Ok(stream)) = agreed.await {
                        connection(stream, Peer(peer), router, stop).await;
                    }
                }
            }
            drop(place);
        });
    }
    // What is being answered may end.
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, places.acquire_many(all)).await;
}

/// Waits until the server is stopped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Where nobody can stop it any more, it ends, too.
    let _ = stop.wait_for(|stop| *stop).await.map(|_| ());
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let drained = tokio::time::timeout(DRAIN_TIMEOUT, connection).await;
            drained.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: "lockstep::serve", %error, "a connection broke");
    }
}

/// What is needed to encrypt, from PEM files.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let at = |path: &Path, why: String| ServeError::Certificate(path.to_path_buf(), why);
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| at(&files.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| at(&files.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| at(&files.certificate, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
