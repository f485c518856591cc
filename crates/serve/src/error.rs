//! Why a server cannot start or go on.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use lockstep_store::StoreError;

/// Why a server cannot start or go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The folder cannot be served.
    Folder(PathBuf, std::io::Error),
    /// It cannot listen there.
    Listen(SocketAddr, std::io::Error),
    /// Others could reach it without encryption.
    Unprotected(SocketAddr),
    /// The certificate or its key cannot be used.
    Certificate(PathBuf, String),
    /// The settings name something that is not there, or cannot be used.
    Settings(String),
    /// The state directory cannot be used.
    Store(StoreError),
    /// The database of the server cannot be used.
    Database(String),
    /// The system has no threads or timers for it.
    System(std::io::Error),
}

impl ServeError {
    /// The server's database cannot be used, for this reason.
    pub(crate) fn database(why: impl fmt::Display) -> Self {
        Self::Database(why.to_string())
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder, error) => {
                write!(f, "`{}` cannot be served: {error}", folder.display())
            }
            Self::Listen(at, error) => write!(f, "cannot listen on {at}: {error}"),
            Self::Unprotected(at) => write!(
                f,
                "{at} can be reached from other machines, and passwords would cross the network \
                 unencrypted"
            ),
            Self::Certificate(path, why) => {
                write!(
                    f,
                    "the certificate `{}` cannot be used: {why}",
                    path.display()
                )
            }
            Self::Settings(why) => write!(f, "the settings of the server cannot be used: {why}"),
            Self::Store(error) => error.fmt(f),
            Self::Database(why) => write!(f, "the server's database cannot be used: {why}"),
            Self::System(error) => write!(f, "the server cannot be started: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<lockstep_access::AccessError> for ServeError {
    fn from(error: lockstep_access::AccessError) -> Self {
        Self::Database(error.message)
    }
}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
