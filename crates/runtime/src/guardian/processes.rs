//! The processes of this machine, from `/proc`: which of them belong to which command.

use std::collections::{HashMap, HashSet};

use super::table::CommandEntry;

/// A process. The number alone may be reused, so the start time is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ProcessId {
    pub(super) id: i32,
    /// Its start time, in hundredths of seconds since boot.
    pub(super) began: u64,
}

/// The contents of `/proc/ID/stat` of a process that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ProcessStat {
    process: ProcessId,
    parent: i32,
    group: i32,
}

/// Whether this system lists its processes.
pub(super) fn are_visible() -> bool {
    std::path::Path::new("/proc/self/stat").exists()
}

/// Whether there is a process whose environment has this variable with this text: `NAME=text`.
pub(super) fn has_variable(wanted: &str) -> bool {
    list().into_iter().any(|id| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    })
}

/// The processes that belong to the commands of a table, and those that did so in an earlier scan.
/// `token` is the prefix of their variable; `since` is when the runner's guardian started.
pub(super) fn belonging(
    token: &str,
    entries: &[CommandEntry],
    since: u64,
    known: &HashSet<ProcessId>,
) -> Vec<ProcessId> {
    let own = std::process::id();
    let all: Vec<ProcessStat> = list()
        .into_iter()
        .filter(|id| u32::try_from(*id).ok() != Some(own))
        .filter_map(stat)
        .filter(|stat| stat.process.began >= hundredths(since))
        .collect();
    let by_id: HashMap<i32, ProcessStat> =
        all.iter().map(|stat| (stat.process.id, *stat)).collect();
    let mut found: HashSet<i32> = all
        .iter()
        .filter(|stat| {
            known.contains(&stat.process)
                || carries(stat.process.id, token, entries)
                || (entries.iter()).any(|entry| is_member(stat, entry, &by_id))
        })
        .map(|stat| stat.process.id)
        .collect();
    // Children of children, in whatever order they are listed.
    loop {
        let before = found.len();
        for stat in &all {
            if found.contains(&stat.parent) {
                found.insert(stat.process.id);
            }
        }
        if found.len() == before {
            break;
        }
    }
    all.into_iter()
        .map(|stat| stat.process)
        .filter(|process| found.contains(&process.id))
        .collect()
}

/// Whether a process is in a command's group. The number of the group may be reused, so its first
/// process, if it still exists, must have started with the command.
fn is_member(stat: &ProcessStat, entry: &CommandEntry, by_id: &HashMap<i32, ProcessStat>) -> bool {
    let same = i64::from(stat.group) == i64::try_from(entry.group).unwrap_or(-1);
    same && entry.group != 0
        && stat.process.began >= hundredths(entry.from)
        && by_id
            .get(&stat.group)
            .is_none_or(|first| first.process.began <= hundredths(entry.until))
}

/// Whether the environment of a process names one of the commands. Number 0 is for processes that
/// intentionally outlive a command, such as a shared connection, but not the runner.
fn carries(id: i32, token: &str, entries: &[CommandEntry]) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{id}/environ")) else {
        return false;
    };
    let prefix = format!("{}=", super::GUARDIAN_VARIABLE);
    environment
        .split(|byte| *byte == 0)
        .filter_map(|variable| variable.strip_prefix(prefix.as_bytes()))
        .filter_map(|text| std::str::from_utf8(text).ok())
        .flat_map(|text| text.split('/'))
        .filter_map(|name| name.strip_prefix(token)?.strip_prefix('.')?.parse().ok())
        .any(|number: u64| number == 0 || entries.iter().any(|entry| entry.number == number))
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

/// Whether the number still belongs to the same process.
#[cfg(target_os = "linux")]
fn is_same(process: ProcessId) -> bool {
    stat(process.id).is_some_and(|stat| stat.process == process)
}

/// Sends a signal to a process, unless its number has been reused.
#[cfg(target_os = "linux")]
pub(super) fn signal(process: ProcessId, signal: rustix::process::Signal) {
    use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
    let Some(id) = Pid::from_raw(process.id) else {
        return;
    };
    // The handle is opened first: what is checked of the process then stays true for the handle.
    match pidfd_open(id, PidfdFlags::empty()) {
        Ok(handle) if is_same(process) => {
            // It may have ended.
            let _ = pidfd_send_signal(handle, signal);
        }
        Err(rustix::io::Errno::NOSYS) if is_same(process) => {
            let _ = rustix::process::kill_process(id, signal);
        }
        _ => {}
    }
}

/// Other systems do not list processes, so there is none to signal.
#[cfg(not(target_os = "linux"))]
pub(super) fn signal(_: ProcessId, _: rustix::process::Signal) {}

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
        let entry = CommandEntry {
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
            is_member(&stat, &entry, &by_id)
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
        let unborn = CommandEntry { group: 0, ..entry };
        let kernel = ProcessStat {
            group: 0,
            ..at(41, 9000)
        };
        assert!(!is_member(&kernel, &unborn, &HashMap::new()));
    }
}
