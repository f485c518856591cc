//! The one connection to each machine that is reached by `ssh`: a client that others share. It is
//! opened when the first command goes there, and ends with the run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockstep_base::source::Name;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::Instant;

use super::super::process::{GroupRegistry, SpawnedCare};
use super::{Connection, TARGET};

/// How long it may take to open one: somebody may be asked for a second factor elsewhere.
const OPENING_TIMEOUT: Duration = Duration::from_secs(60);

/// A client that has ended may have written why a moment ago.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(500);

/// A socket's path is limited in length; `ssh` creates it with 17 more characters.
const MAX_SOCKET_PATH_BYTES: usize = 104 - 17;

/// The connections of a run.
#[derive(Debug, Default)]
pub(crate) struct Masters {
    machines: Mutex<HashMap<Connection, Arc<Machine>>>,
}

#[derive(Debug)]
struct Machine {
    /// Its number, which names its socket.
    number: usize,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    master: Option<Master>,
    /// The last time that it could not be opened, and why.
    failed: Option<(Instant, String)>,
}

/// How a connection is opened.
pub(crate) struct Opening<'a> {
    /// The program.
    pub(crate) ssh: &'a str,
    /// The folder of the source file.
    pub(crate) folder: &'a Path,
    /// The folder for its socket.
    pub(crate) scratch: &'a Path,
    /// Variables of this process that it is not given.
    pub(crate) withheld: &'a [Name],
    /// Who ends it if this program dies.
    pub(crate) groups: Option<&'a Arc<dyn GroupRegistry>>,
    /// The variable that marks its processes where nobody guards it.
    pub(crate) variable: (String, String),
}

/// A connection that can be used.
pub(crate) struct OpenMaster {
    /// The socket of those who share it.
    pub(crate) socket: PathBuf,
    /// What the other side has said while it was opened, for who has opened it.
    pub(crate) said: Vec<String>,
}

impl Masters {
    fn machine(&self, connection: &Connection) -> Arc<Machine> {
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        let number = machines.len();
        let new = || {
            Arc::new(Machine {
                number,
                state: tokio::sync::Mutex::default(),
            })
        };
        machines
            .entry(connection.clone())
            .or_insert_with(new)
            .clone()
    }

    /// The connection to a machine, which is opened if it is not open; nothing where none can be
    /// shared. Those who come while it is being opened wait for it, and fail as it fails.
    ///
    /// # Errors
    ///
    /// What the client has said if it cannot be opened.
    pub(crate) async fn open(
        &self,
        connection: &Connection,
        opening: &Opening<'_>,
    ) -> Result<Option<OpenMaster>, String> {
        if !matches!(connection, Connection::Ssh(_)) {
            return Ok(None);
        }
        let machine = self.machine(connection);
        let socket = opening.scratch.join(format!("ssh-{}", machine.number));
        if socket.as_os_str().len() >= MAX_SOCKET_PATH_BYTES {
            return Ok(None);
        }
        let asked = Instant::now();
        let mut state = machine.state.lock().await;
        if let Some(master) = &mut state.master {
            if master.is_alive() {
                let said = Vec::new();
                return Ok(Some(OpenMaster { socket, said }));
            }
            state.master = None;
        }
        if let Some((at, said)) = &state.failed
            && *at >= asked
        {
            return Err(said.clone());
        }
        // One that was killed has left it.
        let _ = std::fs::remove_file(&socket);
        match Master::open(connection, opening, &socket).await {
            Ok((master, said)) => {
                state.master = Some(master);
                Ok(Some(OpenMaster { socket, said }))
            }
            // The client cannot be started: who tries to use it says why.
            Err(None) => Ok(None),
            Err(Some(said)) => {
                state.failed = Some((Instant::now(), said.clone()));
                Err(said)
            }
        }
    }

    /// What the client said at last if the connection to a machine has just been lost.
    pub(crate) async fn last_words(&self, connection: &Connection) -> Option<String> {
        if !matches!(connection, Connection::Ssh(_)) {
            return None;
        }
        let machine = self.machine(connection);
        let mut state = machine.state.lock().await;
        let master = state.master.as_mut()?;
        let ended = tokio::time::timeout(LAST_WORDS_TIMEOUT, master.child.wait());
        ended.await.ok()?.ok()?;
        master.all_said().await;
        master.lines().pop()
    }
}

/// A client that others share.
#[derive(Debug)]
struct Master {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    reader: tokio::task::JoinHandle<()>,
    /// So that it is ended if this program dies.
    _care: Option<SpawnedCare>,
}

impl Master {
    /// Opens one. It fails with what the client has said, or with nothing where there is no client.
    async fn open(
        connection: &Connection,
        opening: &Opening<'_>,
        socket: &Path,
    ) -> Result<(Self, Vec<String>), Option<String>> {
        let care = opening
            .groups
            .map(|groups| SpawnedCare::of(groups.clone(), false));
        let (care, variable) = care.unzip();
        let (name, text) = (variable.flatten()).unwrap_or_else(|| opening.variable.clone());
        let mut command = tokio::process::Command::new(opening.ssh);
        for name in opening.withheld {
            command.env_remove(&**name);
        }
        let mut child = command
            .args(connection.master(socket))
            .env(name, text)
            .current_dir(opening.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|_| None)?;
        if let (Some(care), Some(id)) = (&care, child.id()) {
            care.set_group(id);
        }
        tracing::debug!(target: TARGET, pid = child.id(), "opens a connection");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let reader = tokio::spawn(read_lines(child.stderr.take(), said.clone()));
        let mut master = Self {
            child,
            said,
            reader,
            _care: care,
        };
        let deadline = Instant::now() + OPENING_TIMEOUT;
        let mut pause = Duration::from_millis(1);
        while !socket.exists() {
            tokio::select! {
                biased;
                _ = master.child.wait() => {
                    master.all_said().await;
                    return Err(Some(master.lines().join("\n")));
                }
                () = tokio::time::sleep_until(deadline) => {
                    return Err(Some(String::from("the connection took too long to open")));
                }
                () = tokio::time::sleep(pause) => {
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
            }
        }
        let said = master.lines();
        Ok((master, said))
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until what it has written is read. A process that it has left may keep that open.
    async fn all_said(&mut self) {
        let _ = tokio::time::timeout(LAST_WORDS_TIMEOUT, &mut self.reader).await;
    }

    fn lines(&self) -> Vec<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.reader.abort();
        // It has no number any more once it has been reaped.
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // With the programs that it goes through, such as a jump host's client.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// Keeps the last lines of what a client writes.
async fn read_lines(stderr: Option<tokio::process::ChildStderr>, said: Arc<Mutex<Vec<String>>>) {
    const MAX_LINES: usize = 100;
    let Some(stderr) = stderr else {
        return;
    };
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == MAX_LINES {
            said.remove(0);
        }
        said.push(line.trim_end_matches('\r').to_owned());
    }
}
