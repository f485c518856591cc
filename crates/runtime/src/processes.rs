//! The processes of this machine, from `/proc`: which of them belong to which command, whatever
//! session or process group they are in.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Identifies the processes of a command: a token of the runner and the command's number. Where
/// Lockstep runs under Lockstep, the outer ones come first, separated by `/`.
pub const COMMAND_VARIABLE: &str = "LOCKSTEP_GUARD";

/// Identifies a guardian's runner.
pub(crate) const RUNNER_VARIABLE: &str = "LOCKSTEP_RUNNER";

/// The pause before another look at a process that was seen while it executed a program.
pub(crate) const EXEC_POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How long it may take to execute a program on a machine that is busy.
pub(crate) const EXEC_TIMEOUT: Duration = Duration::from_secs(3);

/// A process. The number alone may be reused, so the start time is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProcessId {
    pub(crate) id: i32,
    /// Its start time, in hundredths of seconds since boot.
    pub(crate) began: u64,
}

/// A command, as far as its processes can be told by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandTrace {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// Its process group; 0 while that is unknown.
    pub(crate) group: u64,
    /// Just before its process was started, in nanoseconds since boot.
    pub(crate) from: u64,
    /// Just after its process was started, on the same clock.
    pub(crate) until: u64,
}

/// The contents of `/proc/ID/stat` of a process that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    pub(crate) process: ProcessId,
    parent: i32,
    pub(crate) group: i32,
}

/// The processes that exist at one moment, except for this one and those that are older than the
/// commands that are asked about.
#[derive(Debug, Default)]
pub(crate) struct ProcessSnapshot {
    processes: Vec<SeenProcess>,
}

#[derive(Debug)]
struct SeenProcess {
    stat: ProcessStat,
    /// The commands to which it belongs by its environment.
    marks: Vec<String>,
    /// The token of the runner of which it is the guardian.
    guards: Option<String>,
    /// Whether it was just executing a program, so that its environment could not be seen.
    is_unclear: bool,
}

impl ProcessSnapshot {
    /// The processes that were started since a moment, in nanoseconds since boot.
    pub(crate) fn take(since: u64) -> Self {
        let own = std::process::id();
        let processes = list()
            .into_iter()
            .filter(|id| u32::try_from(*id).ok() != Some(own))
            .filter_map(stat)
            .filter(|stat| stat.process.began >= hundredths(since))
            .map(SeenProcess::of)
            .collect();
        Self { processes }
    }

    /// The same, when no process is executing a program, or that takes too long. This blocks.
    pub(crate) fn take_clear(since: u64) -> Self {
        let begun = Instant::now();
        loop {
            let snapshot = Self::take(since);
            if !snapshot.is_unclear() || begun.elapsed() >= EXEC_TIMEOUT {
                return snapshot;
            }
            std::thread::sleep(EXEC_POLL_INTERVAL);
        }
    }

    /// Whether some process was just executing a program, so that its marks could not be seen.
    pub(crate) fn is_unclear(&self) -> bool {
        self.processes.iter().any(|seen| seen.is_unclear)
    }

    /// The processes that belong to some commands of a runner, and those that did so in an earlier
    /// snapshot. Children of such a process belong to them, too.
    pub(crate) fn belonging(
        &self,
        commands: &MarkedCommands<'_>,
        known: &HashSet<ProcessId>,
    ) -> Vec<ProcessStat> {
        let stats = || self.processes.iter().map(|seen| seen.stat);
        let by_id: HashMap<i32, ProcessStat> =
            stats().map(|stat| (stat.process.id, stat)).collect();
        let mut found: HashSet<i32> = (self.processes.iter())
            .filter(|seen| {
                known.contains(&seen.stat.process)
                    || commands.are_named_by(&seen.marks)
                    || (commands.traces.iter()).any(|trace| is_member(&seen.stat, trace, &by_id))
            })
            .map(|seen| seen.stat.process.id)
            .collect();
        // Children of children, in whatever order they are listed.
        loop {
            let before = found.len();
            for stat in stats() {
                if found.contains(&stat.parent) {
                    found.insert(stat.process.id);
                }
            }
            if found.len() == before {
                break;
            }
        }
        stats()
            .filter(|stat| found.contains(&stat.process.id))
            .collect()
    }

    /// Whether a runner whose tokens begin like this has a guardian.
    pub(crate) fn has_guardian(&self, prefix: &str) -> bool {
        let mut guards = self
            .processes
            .iter()
            .filter_map(|seen| seen.guards.as_deref());
        guards.any(|of| of.starts_with(prefix))
    }

    /// The tokens, beginning like this, of the commands whose processes are here.
    pub(crate) fn tokens(&self, prefix: &str) -> HashSet<String> {
        let marks = self.processes.iter().flat_map(|seen| &seen.marks);
        marks
            .filter_map(|mark| Some(mark.rsplit_once('.')?.0))
            .filter(|token| token.starts_with(prefix))
            .map(String::from)
            .collect()
    }
}

impl SeenProcess {
    fn of(stat: ProcessStat) -> Self {
        // It may be another user's.
        let read = || std::fs::read(format!("/proc/{}/environ", stat.process.id));
        let is_kernel = stat.group == 0;
        let mut environment = read();
        let mut is_unclear = false;
        if !is_kernel && environment.as_ref().is_ok_and(Vec::is_empty) {
            is_unclear = !has_environment(stat.process.id);
            // It may have got it in between.
            environment = read();
        }
        let environment = environment.unwrap_or_default();
        let text = |name: &str| {
            let mut variables = environment.split(|byte| *byte == 0);
            let text =
                variables.find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
            text.and_then(|text| std::str::from_utf8(text).ok())
        };
        let marks = text(COMMAND_VARIABLE)
            .map_or_else(Vec::new, |text| text.split('/').map(String::from).collect());
        Self {
            stat,
            marks,
            guards: text(RUNNER_VARIABLE).map(String::from),
            is_unclear,
        }
    }
}

/// Some commands of a runner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarkedCommands<'a> {
    /// The token in their marks.
    pub(crate) token: &'a str,
    pub(crate) traces: &'a [CommandTrace],
    /// Whether also the processes count that intentionally outlive a command, such as a shared
    /// connection, but not the runner.
    pub(crate) lasting: bool,
    /// Whether every command of the runner counts, since it is not known which.
    pub(crate) all: bool,
}

impl MarkedCommands<'_> {
    fn are_named_by(&self, marks: &[String]) -> bool {
        let own = |mark: &String| {
            mark.strip_prefix(self.token)?
                .strip_prefix('.')?
                .parse()
                .ok()
        };
        (marks.iter().filter_map(own)).any(|number: u64| match number {
            0 => self.lasting,
            number => self.all || self.traces.iter().any(|trace| trace.number == number),
        })
    }
}

/// The variable that marks the processes of a command; number 0 is for processes that serve
/// several. `inherited` is the variable of this process itself.
pub(crate) fn variable(inherited: Option<&str>, token: &str, number: u64) -> (String, String) {
    let text = match inherited {
        Some(outer) => format!("{outer}/{token}.{number}"),
        None => format!("{token}.{number}"),
    };
    (String::from(COMMAND_VARIABLE), text)
}

/// The beginning of the tokens of a runner, by which those who come after it find its commands.
pub(crate) fn runner_prefix(pid: u32, start: &str) -> String {
    let ticks = start.rsplit(':').next().unwrap_or_default();
    format!("{pid}-{ticks}-")
}

/// A token for the commands of this process.
pub(crate) fn new_token() -> String {
    let pid = std::process::id();
    let start = start(pid).unwrap_or_default();
    let random = super::connection::random();
    format!("{}{}", runner_prefix(pid, &start), &random[..16])
}

/// The start time of a process, with the boot of the machine: `BOOT:TICKS`. Nothing if it does not
/// exist or has ended, or if the system does not list processes.
pub fn start(pid: u32) -> Option<String> {
    let found = stat(i32::try_from(pid).ok()?)?;
    Some(format!("{}:{}", boot(), found.process.began))
}

/// What tells this start of the machine from others; empty if the system does not say it. It is the
/// same as long as this process lives.
fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        String::from(text.unwrap_or_default().trim())
    })
}

/// The namespace of the process numbers that this process sees; empty if that is not known.
pub fn namespace() -> String {
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    match boot() {
        "" => String::new(),
        boot => format!("{boot} {}", space.display()),
    }
}

/// The clock of the start times of processes on Linux, in nanoseconds; other systems have none.
pub(crate) fn now() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// Whether this system lists its processes.
pub(crate) fn are_visible() -> bool {
    std::path::Path::new("/proc/self/stat").exists()
}

/// Whether a process has not ended.
pub(crate) fn is_alive(process: ProcessId) -> bool {
    stat(process.id).is_some_and(|stat| stat.process == process)
}

/// Whether a process is in a command's group. The number of the group may be reused, so its first
/// process, if it still exists, must have started with the command.
fn is_member(stat: &ProcessStat, trace: &CommandTrace, by_id: &HashMap<i32, ProcessStat>) -> bool {
    let same = i64::from(stat.group) == i64::try_from(trace.group).unwrap_or(-1);
    same && trace.group != 0
        && stat.process.began >= hundredths(trace.from)
        && by_id
            .get(&stat.group)
            .is_none_or(|first| first.process.began <= hundredths(trace.until))
}

fn hundredths(nanoseconds: u64) -> u64 {
    nanoseconds / 10_000_000
}

fn list() -> Vec<i32> {
    let Ok(folder) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn stat(id: i32) -> Option<ProcessStat> {
    parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Whether a process has a place for its environment, which may be empty. It has none as long as it
/// executes a program.
fn has_environment(id: i32) -> bool {
    let Ok(line) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
        // It has ended.
        return true;
    };
    let fields = line.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = fields.split(' ');
    let is_over = matches!(fields.next(), None | Some("Z" | "X"));
    is_over || fields.nth(47).is_some_and(|end| end != "0")
}

/// Parses a line of `/proc/ID/stat`; nothing if the process has ended.
fn parse(line: &str) -> Option<ProcessStat> {
    let (id, _) = line.split_once(' ')?;
    // The name may contain anything, including parentheses and blanks.
    let (_, rest) = line.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    Some(ProcessStat {
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        process: ProcessId {
            id: id.parse().ok()?,
            began: fields.nth(16)?.parse().ok()?,
        },
    })
}

/// Whether one of these processes has a pipe as its standard input into which no other of them
/// writes: who wrote into it has ended, so that it will come to its end as soon as it has read it.
pub(crate) fn any_reads_pipe_of_ended(processes: &[ProcessStat]) -> bool {
    let pipe = |path: std::path::PathBuf| {
        let name = std::fs::read_link(path).ok()?;
        name.to_str()?.starts_with("pipe:").then_some(name)
    };
    let folder = |stat: &ProcessStat, name: &str| {
        std::path::PathBuf::from(format!("/proc/{}/{name}", stat.process.id))
    };
    let inputs: HashSet<_> = (processes.iter())
        .filter_map(|stat| pipe(folder(stat, "fd/0")))
        .collect();
    if inputs.is_empty() {
        return false;
    }
    let mut written = HashSet::new();
    for stat in processes {
        let Ok(open) = std::fs::read_dir(folder(stat, "fd")) else {
            continue;
        };
        for descriptor in open.flatten() {
            let details = folder(stat, "fdinfo").join(descriptor.file_name());
            let details = std::fs::read_to_string(details).unwrap_or_default();
            let flags = details.lines().find_map(|line| line.strip_prefix("flags:"));
            // The last octal digit says how it was opened; 0 is for reading only.
            if !flags.is_some_and(|flags| flags.trim_end().ends_with(['0', '4'])) {
                written.extend(pipe(descriptor.path()));
            }
        }
    }
    inputs.iter().any(|input| !written.contains(input))
}

/// Sends a signal to a process, unless its number has been reused.
#[cfg(target_os = "linux")]
pub(crate) fn signal(process: ProcessId, signal: rustix::process::Signal) {
    use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
    let Some(id) = Pid::from_raw(process.id) else {
        return;
    };
    // The handle is opened first: what is checked of the process then stays true for the handle.
    match pidfd_open(id, PidfdFlags::empty()) {
        Ok(handle) if is_alive(process) => {
            // It may have ended.
            let _ = pidfd_send_signal(handle, signal);
        }
        Err(rustix::io::Errno::NOSYS) if is_alive(process) => {
            let _ = rustix::process::kill_process(id, signal);
        }
        _ => {}
    }
}

/// Other systems do not list processes, so there is none to signal.
#[cfg(not(target_os = "linux"))]
pub(crate) fn signal(_: ProcessId, _: rustix::process::Signal) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let line = "42 (a) R (b) S 7 40 40 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 10";
        let read = parse(line).unwrap();
        assert_eq!((read.parent, read.group), (7, 40));
        let process = ProcessId {
            id: 42,
            began: 98765,
        };
        assert_eq!(read.process, process);
        assert_eq!(parse(&line.replace(") S ", ") Z ")), None);
        assert_eq!(parse("42 (a"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_group_whose_number_became_anothers_is_left_alone() {
        let trace = CommandTrace {
            number: 1,
            group: 40,
            from: 5_000_000_000,
            until: 5_010_000_000,
        };
        let at = |id, began| ProcessStat {
            process: ProcessId { id, began },
            parent: 1,
            group: 40,
        };
        let member = |stat: ProcessStat, first: Option<ProcessStat>| {
            let by_id = first.map(|first| (40, first)).into_iter().collect();
            is_member(&stat, &trace, &by_id)
        };
        let first = at(40, 500);
        assert!(member(first, Some(first)));
        assert!(member(at(41, 9000), Some(first)));
        // Its first process has ended.
        assert!(member(at(41, 9000), None));
        // The first process started after the command did.
        assert!(!member(at(40, 502), Some(at(40, 502))));
        assert!(!member(at(41, 9000), Some(at(40, 502))));
        // It is older than the command.
        assert!(!member(at(41, 499), None));
        let unborn = CommandTrace { group: 0, ..trace };
        let kernel = ProcessStat {
            group: 0,
            ..at(41, 9000)
        };
        assert!(!is_member(&kernel, &unborn, &HashMap::new()));
    }

    /// It is told from one that just executes a program, which must be looked at again.
    #[test]
    #[cfg(target_os = "linux")]
    fn an_empty_environment_is_one() {
        let mut child = std::process::Command::new("sleep")
            .arg("30")
            .env_clear()
            .spawn()
            .unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let seen = |id| SeenProcess::of(stat(id).unwrap());
        let begun = Instant::now();
        while seen(id).is_unclear && begun.elapsed() < EXEC_TIMEOUT {
            std::thread::sleep(EXEC_POLL_INTERVAL);
        }
        assert!(!seen(id).is_unclear);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(has_environment(id));
    }
}
