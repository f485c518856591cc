//! The owner of a run: which process drives it, and whether that process is still alive. A process
//! number alone does not identify it: numbers are reused, and other machines or containers have
//! their own.

use std::time::Duration;

use lockstep_runtime::processes::{self, start};

/// A process: its number, the namespace of the number, and its start time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOwner {
    /// Its number.
    pub pid: u32,
    /// The boot of the machine and the time since then; empty if the system does not provide it.
    pub start: String,
    /// The namespace of the process number: the boot of the machine and, where a machine has
    /// several, the PID namespace. Empty if that is not known.
    pub place: String,
    /// The machine's name, for display.
    pub host: String,
    /// Its last heartbeat.
    pub heard_at: jiff::Timestamp,
}

/// The lease: how long the heartbeat of a process on another machine or in another container must
/// be missing before the process counts as gone, since it cannot be checked from here. The
/// heartbeat is written every [`LEASE_RENEW_INTERVAL`].
pub const LEASE_DURATION: Duration = Duration::from_secs(60);

/// The interval of heartbeats.
pub const LEASE_RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// The initial PID namespace of a Linux machine, outside all containers.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

impl RunOwner {
    /// This process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start: start(pid).unwrap_or_default(),
            place: place(),
            host: host(),
            heard_at: super::now(),
        }
    }

    /// Whether its existence can be checked from here with certainty.
    pub fn is_within_sight(&self) -> bool {
        let own = place();
        self.place.is_empty() || self.place == own || self.was_before_a_reboot(&own)
    }

    /// Whether it ran on this machine, outside containers, before the last reboot.
    fn was_before_a_reboot(&self, own: &str) -> bool {
        self.host == host()
            && self.place.ends_with(INITIAL_PID_NAMESPACE)
            && own.ends_with(INITIAL_PID_NAMESPACE)
    }

    /// Whether it is alive, and not a zombie. If it cannot be checked from here: whether its lease
    /// has not expired.
    pub fn is_alive(&self) -> bool {
        match self.is_within_sight() {
            true => is_alive(self.pid, &self.start),
            false => self.silent_for() <= LEASE_DURATION,
        }
    }

    /// Whether it is suspended, by Ctrl-Z or SIGSTOP, as far as that can be seen from here.
    pub fn is_suspended(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        self.is_within_sight() && state.starts_with(['T', 't'])
    }

    /// The time since its last heartbeat, by the clocks of both machines.
    pub fn silent_for(&self) -> Duration {
        let ms = super::ms_between(self.heard_at, super::now()).max(0);
        Duration::from_millis(ms.unsigned_abs())
    }

    /// The process for display: its number, and its machine if that is another one.
    pub fn shown(&self) -> String {
        match self.is_within_sight() {
            true => format!("process {}", self.pid),
            false => format!("process {} on {}", self.pid, self.host),
        }
    }
}

/// The namespace of the process numbers that this process sees.
fn place() -> String {
    match processes::namespace() {
        space if space.is_empty() => host(),
        space => space,
    }
}

fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// Whether a process with this number and start time exists. If the system does not provide start
/// times, the number decides.
pub fn is_alive(pid: u32, began: &str) -> bool {
    let known = std::path::Path::new("/proc/self/stat").exists();
    if known {
        return start(pid).is_some_and(|start| began.is_empty() || start == began);
    }
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| match rustix::process::test_kill_process(pid) {
        Ok(()) => true,
        Err(error) => error == rustix::io::Errno::PERM,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_elsewhere_is_there_while_it_is_heard_of() {
        let this = RunOwner::current();
        assert!(this.is_within_sight() && this.is_alive());
        let there = RunOwner {
            place: String::from("another boot pid:[1]"),
            host: String::from("elsewhere"),
            ..this.clone()
        };
        assert!(!there.is_within_sight() && there.is_alive());
        assert_eq!(there.shown(), format!("process {} on elsewhere", this.pid));
        let silent = RunOwner {
            heard_at: this.heard_at - Duration::from_secs(61),
            ..there
        };
        assert!(!silent.is_alive());
        // The same machine after a reboot: the process is gone with certainty.
        if this.place.ends_with(INITIAL_PID_NAMESPACE) {
            let before = RunOwner {
                place: format!("another boot {INITIAL_PID_NAMESPACE}"),
                start: String::from("another boot:1"),
                ..this
            };
            assert!(before.is_within_sight() && !before.is_alive());
        }
    }

    #[test]
    fn a_process_is_known_by_its_start() {
        let this = RunOwner::current();
        assert!(this.is_alive());
        if this.start.is_empty() {
            return;
        }
        assert!(!is_alive(this.pid, "another boot:1"));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let began = start(child.id()).unwrap();
        assert!(is_alive(child.id(), &began));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(child.id(), &began));
    }
}
