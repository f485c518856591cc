//! What belongs to a command beside its first process: children in sessions of their own, too. When
//! a command was stopped or has failed, all of it is ended before anything else goes on; what one
//! that ended well leaves behind lives on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::processes::{
    self, CommandTrace, EXEC_POLL_INTERVAL, EXEC_TIMEOUT, MarkedCommands, ProcessId,
    ProcessSnapshot, ProcessStat,
};
use super::TARGET;

/// After so long a process that does not die of SIGKILL is left to the system: its disk may be
/// gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause between two looks at processes that were killed.
const KILL_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How many looks a command has that is ended because nobody waits for it any more.
const MAX_BLOCKING_LOOKS: u32 = 40;

/// The processes of a machine as a spawner sees them. Commands that end at the same time share one
/// snapshot, so that a thousand of them do not read `/proc` a thousand times.
#[derive(Debug)]
pub(crate) struct ProcessLooks {
    since: u64,
    last: tokio::sync::Mutex<Option<(Instant, Arc<ProcessSnapshot>)>>,
}

impl ProcessLooks {
    /// For commands that are started from now on.
    pub(crate) fn new() -> Self {
        Self {
            since: processes::now(),
            last: tokio::sync::Mutex::default(),
        }
    }

    /// A snapshot that was begun after this call.
    async fn look(&self) -> Arc<ProcessSnapshot> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((begun, snapshot)) = &*last
            && *begun >= asked
        {
            return snapshot.clone();
        }
        let (begun, since) = (Instant::now(), self.since);
        let taken = tokio::task::spawn_blocking(move || ProcessSnapshot::take(since)).await;
        // Only a runtime that shuts down breaks off.
        let taken = Arc::new(taken.unwrap_or_default());
        *last = Some((begun, taken.clone()));
        taken
    }
}

/// The processes of one command.
#[derive(Debug)]
pub(crate) struct CommandProcesses<'a> {
    looks: &'a ProcessLooks,
    /// The token in the marks of its processes; nothing for a connection, whose processes may serve
    /// other commands.
    token: Option<String>,
    trace: CommandTrace,
    known: HashSet<ProcessId>,
}

impl<'a> CommandProcesses<'a> {
    /// A command that is about to be started, and whose processes get this mark.
    pub(crate) fn new(looks: &'a ProcessLooks, mark: Option<&str>) -> Self {
        let marked = mark.and_then(|mark| {
            let (token, number) = mark.rsplit('/').next()?.rsplit_once('.')?;
            let number: u64 = number.parse().ok()?;
            (number != 0).then(|| (String::from(token), number))
        });
        let (token, number) = marked.unzip();
        let now = processes::now();
        Self {
            looks,
            token,
            trace: CommandTrace {
                number: number.unwrap_or_default(),
                group: 0,
                from: now,
                until: now,
            },
            known: HashSet::new(),
        }
    }

    /// Its first process has been started.
    pub(crate) fn started(&mut self, group: Option<u32>) {
        self.trace.group = group.map_or(0, u64::from);
        self.trace.until = processes::now();
    }

    /// Whether its processes can be looked for.
    pub(crate) fn can_be_seen(&self) -> bool {
        self.token.is_some() && processes::are_visible()
    }

    fn find(&mut self, snapshot: &ProcessSnapshot) -> Vec<ProcessStat> {
        let Some(token) = &self.token else {
            return Vec::new();
        };
        let commands = MarkedCommands {
            token,
            traces: std::slice::from_ref(&self.trace),
            lasting: false,
            all: false,
        };
        let found = snapshot.belonging(&commands, &self.known);
        self.known.extend(found.iter().map(|stat| stat.process));
        found
    }

    /// The processes that there are, and those that it had started a moment ago.
    pub(crate) async fn look(&mut self) -> Vec<ProcessStat> {
        if !self.can_be_seen() {
            return Vec::new();
        }
        let begun = Instant::now();
        loop {
            let snapshot = self.looks.look().await;
            let found = self.find(&snapshot);
            if !snapshot.is_unclear() || begun.elapsed() >= EXEC_TIMEOUT {
                return found;
            }
            tokio::time::sleep(EXEC_POLL_INTERVAL).await;
        }
    }

    /// Whether one of the processes that were found is alive. That is cheap.
    pub(crate) fn any_is_alive(&self) -> bool {
        self.known
            .iter()
            .any(|process| processes::is_alive(*process))
    }

    /// Sends SIGTERM to processes outside of the command's group; the group is sent it as one.
    pub(crate) fn terminate(&self, found: &[ProcessStat], group_too: bool) {
        let in_group = |stat: &ProcessStat| u64::try_from(stat.group) == Ok(self.trace.group);
        for stat in found.iter().filter(|stat| group_too || !in_group(stat)) {
            processes::signal(stat.process, Signal::TERM);
        }
    }

    /// Kills all that is left, and waits until it is gone. Returns whether there was anything.
    pub(crate) async fn kill(&mut self) -> bool {
        let begun = Instant::now();
        let mut found = self.look().await;
        let any = !found.is_empty();
        while !found.is_empty() {
            if begun.elapsed() >= KILL_TIMEOUT {
                let left = found.len();
                tracing::warn!(target: TARGET, left, "processes do not die of SIGKILL");
                break;
            }
            for stat in &found {
                processes::signal(stat.process, Signal::KILL);
            }
            tokio::time::sleep(KILL_POLL_INTERVAL).await;
            found = self.look().await;
        }
        any
    }

    /// The same for a command that nobody waits for any more. It blocks for a moment.
    pub(crate) fn kill_now(&mut self) {
        if !self.can_be_seen() {
            return;
        }
        for _ in 0..MAX_BLOCKING_LOOKS {
            let snapshot = ProcessSnapshot::take(self.trace.from);
            let found = self.find(&snapshot);
            if found.is_empty() && !snapshot.is_unclear() {
                return;
            }
            for stat in &found {
                processes::signal(stat.process, Signal::KILL);
            }
            std::thread::sleep(KILL_POLL_INTERVAL);
        }
    }
}
