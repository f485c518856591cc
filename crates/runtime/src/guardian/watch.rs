//! The main function of the guardian process: waits for the runner's end, then kills the processes
//! that are left.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::dead_runner::remove_folder;
use super::table;
use crate::process::left_output;
use crate::processes::{self, CommandTrace, MarkedCommands, ProcessId, ProcessSnapshot};

/// The grace time between SIGTERM and SIGKILL: within a second all must be gone.
const SIGTERM_GRACE: Duration = Duration::from_millis(600);

/// It is finished when no process was found for so long: a process that has just executed a command
/// shows its variables a moment later.
const QUIET_INTERVAL: Duration = Duration::from_millis(100);

/// After so long a process that does not die is left to the system: its disk may be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Guards the runner at the other end of standard input; the table is at standard output.
pub(super) fn watch(token: &str, folder: Option<&Path>) {
    let since = processes::now();
    let signals = ignore_signals();
    let table = rustix::stdio::stdout().try_clone_to_owned();
    // Nothing is ever written to the pipe: reading it ends when its last writer is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let entries = table.map_or_else(|_| Vec::new(), |table| table::read(&File::from(table)));
    // This process may have started a moment after the first command.
    let since = entries.iter().map(|it| it.from).fold(since, u64::min);
    let commands = MarkedCommands {
        token,
        traces: &entries,
        lasting: true,
        all: false,
    };
    match processes::are_visible() {
        true => {
            // What cannot be killed is left to the system.
            let _ = end_processes(&commands, since);
        }
        false => end_groups(&entries),
    }
    if let Some(folder) = folder {
        // Nothing depends on it; leftovers are in a folder for temporary files.
        let _ = remove_folder(folder);
    }
    drop(signals);
}

/// Reads the pipes at standard input and output to their ends.
pub(super) fn drain() {
    let signals = ignore_signals();
    let pipe = rustix::stdio::stdout().try_clone_to_owned();
    let other = pipe.map(|pipe| std::thread::spawn(|| left_output::drain(pipe)));
    if let Ok(pipe) = rustix::stdio::stdin().try_clone_to_owned() {
        left_output::drain(pipe);
    }
    if let Ok(other) = other {
        // It ends by itself.
        let _ = other.join();
    }
    drop(signals);
}

/// A signal to all processes of this name is meant for the runner. The returned value must be kept
/// alive.
fn ignore_signals() -> Option<impl Sized> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .ok()?;
    let inside = runtime.enter();
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::quit(),
    ];
    let signals = kinds.map(signal);
    drop(inside);
    Some((signals, runtime))
}

/// Ends all processes of the commands, first with SIGTERM, then with SIGKILL. Returns those that
/// did not end.
pub(super) fn end_processes(commands: &MarkedCommands<'_>, since: u64) -> Vec<ProcessId> {
    let begun = Instant::now();
    let mut known: HashSet<ProcessId> = HashSet::new();
    let mut quiet_since = begun;
    loop {
        let snapshot = ProcessSnapshot::take(since);
        let found: Vec<ProcessId> = (snapshot.belonging(commands, &known).iter())
            .map(|stat| stat.process)
            .collect();
        let force = begun.elapsed() >= SIGTERM_GRACE;
        for process in &found {
            if known.insert(*process) && !force {
                processes::signal(*process, Signal::TERM);
            }
            if force {
                processes::signal(*process, Signal::KILL);
            }
        }
        if !found.is_empty() || snapshot.is_unclear() {
            quiet_since = Instant::now();
        }
        if quiet_since.elapsed() >= QUIET_INTERVAL || begun.elapsed() >= KILL_TIMEOUT {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// On systems that do not list processes only the groups are known. Their numbers cannot be
/// verified.
fn end_groups(entries: &[CommandTrace]) {
    let groups: Vec<Pid> = (entries.iter())
        .filter_map(|entry| Pid::from_raw(i32::try_from(entry.group).ok()?))
        .collect();
    let send = |signal| {
        let sent = groups
            .iter()
            .map(|group| kill_process_group(*group, signal));
        sent.filter(Result::is_ok).count() > 0
    };
    if send(Signal::TERM) {
        std::thread::sleep(SIGTERM_GRACE);
        send(Signal::KILL);
    }
}
