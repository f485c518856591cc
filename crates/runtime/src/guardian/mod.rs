//! The guardian: a small process that kills the runner's commands when the runner dies, even if it
//! is killed.
//!
//! The runner records each command in a table (`table`) before it starts it, and gives it an
//! environment variable, [`COMMAND_VARIABLE`], which its children inherit. The guardian waits at
//! the read end of a pipe whose write end only the runner holds. When the pipe closes, it reads the
//! table and ends every process that belongs to a command in it: by its variable, by its process
//! group, or by descent.
//!
//! There is no race: a command is in the table before its process exists, and a process that the
//! runner has forked but that has not yet executed the command keeps the pipe open until it does.

pub(crate) mod dead_runner;
mod table;
mod watch;

use std::ffi::OsString;
use std::io::{self, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::process::{GroupRegistry, GuardianVariable};
use crate::processes::{self, COMMAND_VARIABLE, RUNNER_VARIABLE};
pub use dead_runner::{DeadRunner, UnendedCommands, remove_left_folders};
use table::CommandTable;

/// The first argument of a program that is to run as a guardian.
pub const GUARDIAN_ARGUMENT: &str = "__guard";

/// The first argument of a program that is to read its standard input and output to their ends.
const DRAIN_ARGUMENT: &str = "__drain";

/// The target of the guardian's log events.
const TARGET: &str = "lockstep::process";

/// The guardian of a runner's commands. Its process is started before the first of them, and ends
/// when this value is dropped or the program ends.
pub struct Guardian {
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: Option<PathBuf>,
    /// The prefix of the variable of each command.
    token: String,
    inherited: Option<String>,
    started: Mutex<GuardianProcess>,
    /// The next number of a command that is in no table, because there is no guardian: the runner
    /// must find its processes nevertheless.
    unguarded: AtomicU64,
}

/// The process, once there is one.
enum GuardianProcess {
    NotYet,
    Yes {
        table: CommandTable,
        child: Child,
        pipe: PipeWriter,
    },
    /// It cannot be started here: commands run unguarded.
    Never,
}

/// The first number of a command that is in no table; no table has so many.
const FIRST_UNGUARDED: u64 = 1 << 40;

impl Guardian {
    /// A guardian that is this program itself, which must call [`take_over`] before anything else.
    pub fn of_this_program() -> Self {
        // On Linux this name stays valid if the file is replaced.
        let own = Path::new("/proc/self/exe");
        let program = match own.exists() {
            true => own.to_path_buf(),
            false => std::env::current_exe().unwrap_or_default(),
        };
        Self::new(program, [])
    }

    /// A guardian that is another program with these leading arguments; such as
    /// `Guardian::new("/usr/bin/lockstep", [])`.
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            folder: None,
            token: processes::new_token(),
            inherited: std::env::var(COMMAND_VARIABLE).ok(),
            started: Mutex::new(GuardianProcess::NotYet),
            unguarded: AtomicU64::new(FIRST_UNGUARDED),
        }
    }

    /// Makes it also remove a folder when the runner dies: the spawner's scratch folder.
    #[must_use]
    pub fn removing(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Ensures that the process is running: it is started before the first command, and again if it
    /// was killed.
    fn ensure_started(&self) {
        let Ok(mut started) = self.started.lock() else {
            return;
        };
        let is_needed = match &mut *started {
            GuardianProcess::Never => false,
            GuardianProcess::NotYet => true,
            GuardianProcess::Yes { child, .. } => !matches!(child.try_wait(), Ok(None)),
        };
        if !is_needed {
            return;
        }
        let table = match std::mem::replace(&mut *started, GuardianProcess::Never) {
            GuardianProcess::Yes { table, .. } => Ok(table),
            _ => self.new_table(),
        };
        match table.and_then(|table| self.start(table)) {
            Ok(now) => {
                tracing::debug!(target: TARGET, "the guardian runs");
                *started = now;
            }
            Err(error) => {
                tracing::warn!(
                    target: TARGET, %error,
                    "there is no guardian: commands run without it"
                );
            }
        }
    }

    /// With the folder the table is found by those who come after this runner, should its guardian
    /// be killed, too.
    fn new_table(&self) -> io::Result<CommandTable> {
        match &self.folder {
            Some(folder) => CommandTable::at(&dead_runner::table_path(folder, &self.token)),
            None => CommandTable::unnamed(&std::env::temp_dir()),
        }
    }

    /// Accesses the table, if there is one.
    fn with_table<T>(&self, act: impl FnOnce(&mut CommandTable) -> T) -> Option<T> {
        let mut started = self.started.lock().ok()?;
        match &mut *started {
            GuardianProcess::Yes { table, .. } => Some(act(table)),
            GuardianProcess::NotYet | GuardianProcess::Never => None,
        }
    }

    fn start(&self, table: CommandTable) -> io::Result<GuardianProcess> {
        use std::os::unix::process::CommandExt as _;
        let (end, pipe) = io::pipe()?;
        let mut command = Command::new(&self.program);
        if self.arguments.is_empty() {
            // The name that `ps` shows.
            command.arg0("lockstep-guardian");
        }
        let child = command
            .args(&self.arguments)
            .arg(GUARDIAN_ARGUMENT)
            .arg(&self.token)
            .args(&self.folder)
            .env(RUNNER_VARIABLE, &self.token)
            // It must not keep any resource of the runner open: no terminal, no pipe, no folder.
            .current_dir("/")
            .stdin(end)
            .stdout(table.file()?)
            .stderr(Stdio::null())
            // Ctrl-C is for the runner.
            .process_group(0)
            .spawn()?;
        Ok(GuardianProcess::Yes { table, child, pipe })
    }
}

impl Guardian {
    /// Starts a process that reads one or two pipes to their ends.
    fn start_drain(&self, pipes: Vec<OwnedFd>) -> io::Result<()> {
        use std::os::unix::process::CommandExt as _;
        let mut pipes = pipes.into_iter().map(Stdio::from);
        let mut command = Command::new(&self.program);
        if self.arguments.is_empty() {
            command.arg0("lockstep-drain");
        }
        command
            .args(&self.arguments)
            .arg(DRAIN_ARGUMENT)
            .current_dir("/")
            .stdin(pipes.next().unwrap_or_else(Stdio::null))
            .stdout(pipes.next().unwrap_or_else(Stdio::null))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(())
    }
}

impl GroupRegistry for Guardian {
    fn reserve(&self, lasting: bool) -> GuardianVariable {
        self.ensure_started();
        let number = self.with_table(CommandTable::add);
        let number = number.unwrap_or_else(|| self.unguarded.fetch_add(1, Ordering::Relaxed));
        GuardianVariable {
            number,
            variable: Some(processes::variable(
                self.inherited.as_deref(),
                &self.token,
                if lasting { 0 } else { number },
            )),
        }
    }

    fn register(&self, number: u64, group: u32) {
        self.with_table(|table| table.set_group(number, group));
    }

    fn unregister(&self, number: u64) {
        self.with_table(|table| table.remove(number));
    }

    fn drain(&self, pipes: Vec<OwnedFd>) {
        if let Err(error) = self.start_drain(pipes) {
            tracing::warn!(target: TARGET, %error, "what a command has left loses its output");
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let Ok(started) = self.started.get_mut() else {
            return;
        };
        if let GuardianProcess::Yes {
            table,
            mut child,
            pipe,
        } = std::mem::replace(started, GuardianProcess::Never)
        {
            if table.is_empty() {
                // There is nothing to guard, so it need not search.
                let _ = child.kill();
            }
            drop(pipe);
            let _ = child.wait();
        }
    }
}

/// If this process was started as a guardian, acts as one until its runner ends; or as a drain,
/// until nobody writes to its pipes. The arguments are those of the process, with the program name
/// first.
pub fn take_over(arguments: &[OsString]) -> Option<ExitCode> {
    if arguments.get(1).and_then(|first| first.to_str()) == Some(DRAIN_ARGUMENT) {
        watch::drain();
        return Some(ExitCode::SUCCESS);
    }
    let [_, first, token, rest @ ..] = arguments else {
        return None;
    };
    if first.to_str() != Some(GUARDIAN_ARGUMENT) {
        return None;
    }
    watch::watch(token.to_str()?, rest.first().map(Path::new));
    Some(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the runner could not find what a command has started.
    #[test]
    fn commands_without_a_guardian_have_numbers_too() {
        let guardian = Guardian::new("/no/such/program", []);
        let [one, other] = [guardian.reserve(false), guardian.reserve(false)];
        assert!(one.number >= FIRST_UNGUARDED && one.number != other.number);
        let (_, mark) = one.variable.unwrap();
        assert!(mark.ends_with(&format!(".{}", one.number)), "{mark}");
        guardian.unregister(one.number);
    }
}
