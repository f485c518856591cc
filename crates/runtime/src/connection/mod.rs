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

mod image;
mod masters;
mod script;
mod sessions;
mod trailer;
mod tries;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;

pub(super) use image::WorkingFolders;
use lockstep_base::value::Value;
pub(super) use masters::{Masters, Opening};
pub(super) use script::{
    LINE_END_SCRIPT, RemoteScript, ScriptError, add_script, bootstrap, enter_folder, in_line,
};
pub(super) use sessions::Sessions;
pub(super) use trailer::{RemoteReport, ReportedCommand, Trailer, not_connected};
pub(super) use tries::Tries;

/// The target of the log events of connections.
pub(super) const TARGET: &str = "lockstep::connection";

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Connection {
    /// On this machine.
    #[default]
    Local,
    /// On another machine, through the system's `ssh` with its configuration.
    Ssh(Box<SshTarget>),
    /// In a running container.
    Container {
        /// Its name.
        name: String,
        /// The container engine: `podman`, `docker`.
        engine: Option<String>,
    },
    /// In a fresh container of an image, on this machine, with the working folder in it.
    Image {
        /// The name of the image.
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

/// A machine that `ssh` connects to. Paths are relative to the source file's folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SshTarget {
    /// The host name, or its alias in the configuration.
    pub host: String,
    /// The remote user.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The file with the private key.
    pub identity: Option<String>,
    /// The machine to go through.
    pub jump: Option<String>,
    /// The configuration that takes the place of the user's and the system's.
    pub config: Option<String>,
    /// The file with the keys of machines.
    pub known_hosts: Option<String>,
    /// How many commands are there at once.
    pub sessions: Option<u16>,
    /// Further options: `Name=value`.
    pub options: Vec<String>,
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
    /// `sessions` is no number that makes sense.
    NoSessions,
    /// `options` is not a list of texts.
    NoOptions,
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
            Self::NoSessions => f.write_str("`sessions` of the connection is not a number from 1"),
            Self::NoOptions => f.write_str("`options` of the connection is not a list of texts"),
        }
    }
}

impl std::error::Error for ConnectionError {}

impl Connection {
    /// Parses the value of a `connect` field: a map whose `type` is `local`, `ssh`, `container`,
    /// `image` or `pod`.
    ///
    /// # Errors
    ///
    /// If it is no such map.
    pub fn from_value(value: &Value) -> Result<Self, ConnectionError> {
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
            "ssh" => Ok(Self::Ssh(Box::new(SshTarget {
                host: needed("host")?,
                user: optional("user")?,
                port,
                identity: optional("identity")?,
                jump: optional("jump")?,
                config: optional("config")?,
                known_hosts: optional("known-hosts")?,
                sessions: match map.get("sessions") {
                    None | Some(Value::None) => None,
                    Some(Value::Int(count @ 1..=1_000)) => u16::try_from(*count).ok(),
                    Some(_) => return Err(ConnectionError::NoSessions),
                },
                options: match map.get("options") {
                    None | Some(Value::None) => Vec::new(),
                    Some(Value::List(options)) => {
                        let texts = options.iter().map(|it| it.as_str().map(String::from));
                        let texts: Option<Vec<String>> = texts.collect();
                        texts.ok_or(ConnectionError::NoOptions)?
                    }
                    Some(_) => return Err(ConnectionError::NoOptions),
                },
            }))),
            "container" => Ok(Self::Container {
                name: needed("name")?,
                engine: optional("engine")?,
            }),
            "image" => Ok(Self::Image {
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
            Self::Ssh(target) => ("ssh", &target.host),
            Self::Container { name, .. } => ("container", name),
            Self::Image { name, .. } => ("image", name),
            Self::Pod { pod, .. } => ("pod", pod),
        }
    }

    /// The client's program and arguments that make it run `text` with `sh` on the remote side.
    /// `ssh` is the program for SSH connections, `socket` that of a connection to share, and
    /// `folders` are those of the command on this machine.
    pub(super) fn client(
        &self,
        text: &str,
        ssh: &str,
        socket: Option<&Path>,
        folders: &WorkingFolders,
    ) -> (String, Vec<String>) {
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().copied().map(String::from));
        match self {
            Self::Local => ("sh".into(), vec!["-c".into(), text.into()]),
            Self::Ssh(target) => {
                add(&["-T", "-o", "ControlMaster=no"]);
                let path = socket.map_or_else(|| String::from("none"), socket_path);
                add(&["-o", &format!("ControlPath={path}")]);
                self.add_ssh(&mut arguments);
                let command = format!("sh -c {}", quoted(text));
                arguments.extend([String::from("--"), target.host.clone(), command]);
                (ssh.into(), arguments)
            }
            Self::Container { name, engine } => {
                add(&["exec", "-i", "--", name, "sh", "-c", text]);
                let engine = engine.clone().unwrap_or_else(default_engine);
                (engine, arguments)
            }
            Self::Image { name, engine } => {
                let engine = engine.clone().unwrap_or_else(default_engine);
                arguments = image::arguments(&engine, folders);
                let command = ["--", name, "sh", "-c", text].map(String::from);
                arguments.extend(command);
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

    /// The arguments of the client that opens a connection for others to share.
    fn master(&self, socket: &Path) -> Vec<String> {
        let mut arguments: Vec<String> = ["-N", "-T", "-o", "ControlMaster=yes"]
            .map(String::from)
            .to_vec();
        // It lasts as long as its process, which is the run's.
        arguments.extend(["-o", "ControlPersist=no", "-o"].map(String::from));
        arguments.push(format!("ControlPath={}", socket_path(socket)));
        self.add_ssh(&mut arguments);
        if let Self::Ssh(target) = self {
            arguments.extend([String::from("--"), target.host.clone()]);
        }
        arguments
    }

    /// What every client of an SSH connection is told.
    fn add_ssh(&self, arguments: &mut Vec<String>) {
        let Self::Ssh(target) = self else {
            return;
        };
        let SshTarget {
            host: _,
            user,
            port,
            identity,
            jump,
            config,
            known_hosts,
            sessions: _,
            options,
        } = &**target;
        let mut option = |text: String| arguments.extend([String::from("-o"), text]);
        option(String::from("BatchMode=yes"));
        option(String::from("ConnectTimeout=15"));
        // A machine that is silent is asked; the third time that it does not answer it is lost.
        option(format!("ServerAliveInterval={ALIVE_INTERVAL_SECONDS}"));
        option(String::from("ServerAliveCountMax=2"));
        if let Some(path) = known_hosts {
            option(format!(
                "UserKnownHostsFile=\"{}\"",
                path.replace('%', "%%")
            ));
        }
        // Of an option that is given twice the first counts: these cannot undo what is above.
        options.iter().cloned().for_each(option);
        let mut add = |name: &str, text: String| arguments.extend([String::from(name), text]);
        if let Some(user) = user {
            add("-l", user.clone());
        }
        if let Some(port) = port {
            add("-p", port.to_string());
        }
        if let Some(identity) = identity {
            add("-i", identity.clone());
        }
        if let Some(jump) = jump {
            add("-J", jump.clone());
        }
        if let Some(config) = config {
            add("-F", config.clone());
        }
    }
}

/// How long a machine may be silent before it is asked whether it is there. It is lost after three
/// times that.
const ALIVE_INTERVAL_SECONDS: u32 = 4;

/// The path of a socket for `ssh`, which replaces what begins with `%`, and splits at blanks.
fn socket_path(socket: &Path) -> String {
    let path = socket.display().to_string();
    path.replace('%', "%%").replace(' ', "\\ ")
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
