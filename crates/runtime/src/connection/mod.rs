//! Connections: run a command on another machine, in a container or in a pod, and return its
//! result.
//!
//! Every connection is a local client (`ssh`, `podman exec -i`, `kubectl exec -i`) that starts a
//! small fixed `sh` script on the remote side. The script reads the command from its standard
//! input, with all values and secrets, so that none of them is on a command line on either side. It
//! keeps its input open while the command runs: a line `term` or `kill` stops the command, and so
//! does the end of the input, which is how a lost connection appears on the remote side. At the end
//! it reports the command's exit code and outputs after a random marker, because the exit codes of
//! clients are ambiguous: the 255 of `ssh` may be the command's or the connection's.

mod script;
mod sessions;
mod trailer;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;

use lockstep_base::value::Value;
pub(super) use script::{RemoteScript, ScriptError};
pub(super) use sessions::Sessions;
pub(super) use trailer::Trailer;

/// The target of the log events of connections.
pub(super) const TARGET: &str = "lockstep::connection";

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Connection {
    /// On this machine.
    #[default]
    Local,
    /// On another machine, through the system's `ssh` with its configuration.
    Ssh {
        /// The host name, or its alias in the configuration.
        host: String,
        /// The remote user.
        user: Option<String>,
        /// The port.
        port: Option<u16>,
        /// The file with the private key, relative to the source file's folder.
        identity: Option<String>,
    },
    /// In a running container.
    Container {
        /// Its name.
        name: String,
        /// The container engine: `podman`, `docker`.
        engine: Option<String>,
    },
    /// In a running pod, through `kubectl`.
    Pod {
        /// The context of `kubectl`.
        context: String,
        /// The namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container, where the pod has several.
        container: Option<String>,
    },
}

/// Why a value is not a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionError {
    /// It is not a map.
    NotConnection,
    /// There is no connection type of this name.
    UnknownType(String),
    /// A field that its type needs is missing.
    Missing(&'static str),
    /// A field is not a string.
    NotText(&'static str),
    /// A field's text is empty, or cannot be passed to a program.
    Unusable(&'static str),
    /// `port` is not a number.
    PortNotNumber,
    /// The port number is out of range.
    NoPort(i64),
}

impl std::fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotConnection => f.write_str("this is not a connection"),
            Self::UnknownType(name) => write!(f, "there is no connection of type `{name}`"),
            Self::Missing(field) => write!(f, "the connection has no `{field}`"),
            Self::NotText(field) => write!(f, "`{field}` of the connection is not a text"),
            Self::Unusable(field) => write!(f, "`{field}` of the connection is not a usable text"),
            Self::PortNotNumber => f.write_str("`port` of the connection is not a number"),
            Self::NoPort(port) => write!(f, "there is no port {port}"),
        }
    }
}

impl std::error::Error for ConnectionError {}

impl Connection {
    /// Parses the value of a `connect` field: a map whose `type` is `local`, `ssh`, `container` or
    /// `pod`.
    ///
    /// # Errors
    ///
    /// If it is no such map.
    pub(crate) fn from_value(value: &Value) -> Result<Self, ConnectionError> {
        let map = value.as_map().ok_or(ConnectionError::NotConnection)?;
        let optional = |name: &'static str| match map.get(name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::String(text)) if text.contains('\0') || text.is_empty() => {
                Err(ConnectionError::Unusable(name))
            }
            Some(Value::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(ConnectionError::NotText(name)),
        };
        let needed = |name: &'static str| optional(name)?.ok_or(ConnectionError::Missing(name));
        let port = match map.get("port") {
            None | Some(Value::None) => None,
            Some(Value::Int(port)) => match u16::try_from(*port) {
                Ok(port) if port > 0 => Some(port),
                _ => return Err(ConnectionError::NoPort(*port)),
            },
            Some(_) => return Err(ConnectionError::PortNotNumber),
        };
        match needed("type")?.as_str() {
            "local" => Ok(Self::Local),
            "ssh" => Ok(Self::Ssh {
                host: needed("host")?,
                user: optional("user")?,
                port,
                identity: optional("identity")?,
            }),
            "container" => Ok(Self::Container {
                name: needed("name")?,
                engine: optional("engine")?,
            }),
            "pod" => Ok(Self::Pod {
                context: needed("context")?,
                namespace: needed("namespace")?,
                pod: needed("pod")?,
                container: optional("container")?,
            }),
            other => Err(ConnectionError::UnknownType(other.to_string())),
        }
    }

    /// Its type and destination, for the log.
    pub(super) fn shown(&self) -> (&'static str, &str) {
        match self {
            Self::Local => ("local", ""),
            Self::Ssh { host, .. } => ("ssh", host),
            Self::Container { name, .. } => ("container", name),
            Self::Pod { pod, .. } => ("pod", pod),
        }
    }

    /// The client's program and arguments that make it run `text` with `sh` on the remote side.
    /// `ssh` is the program for SSH connections.
    pub(super) fn client(&self, text: &str, ssh: &str, scratch: &Path) -> (String, Vec<String>) {
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().copied().map(String::from));
        match self {
            Self::Local => ("sh".into(), vec!["-c".into(), text.into()]),
            Self::Ssh {
                host,
                user,
                port,
                identity,
            } => {
                add(&["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]);
                add(&[
                    "-o",
                    "ServerAliveInterval=15",
                    "-o",
                    "ServerAliveCountMax=4",
                ]);
                let control = scratch.join("ssh-%C").display().to_string();
                // A socket's path is limited in length: `%C` becomes 40 characters, with 17 more
                // while it is being created. Without a socket each command has a connection of its
                // own.
                if control.len() - "%C".len() + 40 + 17 < 104 {
                    add(&["-o", "ControlMaster=auto", "-o", "ControlPersist=60"]);
                    add(&[
                        "-o",
                        &format!("ControlPath={}", control.replace(' ', "\\ ")),
                    ]);
                }
                if let Some(user) = user {
                    add(&["-l", user]);
                }
                if let Some(port) = port {
                    add(&["-p", &port.to_string()]);
                }
                if let Some(identity) = identity {
                    add(&["-i", identity]);
                }
                add(&["--", host, &format!("sh -c {}", quoted(text))]);
                (ssh.into(), arguments)
            }
            Self::Container { name, engine } => {
                add(&["exec", "-i", "--", name, "sh", "-c", text]);
                let engine = engine.clone().unwrap_or_else(default_engine);
                (engine, arguments)
            }
            Self::Pod {
                context,
                namespace,
                pod,
                container,
            } => {
                add(&[
                    "--context",
                    context,
                    "--namespace",
                    namespace,
                    "exec",
                    "-i",
                    pod,
                ]);
                if let Some(container) = container {
                    add(&["--container", container]);
                }
                add(&["--", "sh", "-c", text]);
                ("kubectl".into(), arguments)
            }
        }
    }
}

/// `podman` if it is installed, else `docker`.
fn default_engine() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let podman = std::env::split_paths(&path).any(|folder| folder.join("podman").is_file());
    String::from(if podman { "podman" } else { "docker" })
}

/// A text quoted as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// An unguessable name: 128 bits from the system's random numbers.
pub(super) fn random() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}
