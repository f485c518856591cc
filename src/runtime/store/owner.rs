//! Which process drives a run, and whether it is still there. A number alone does not tell: the
//! system gives it to another process later.
//! It does not know what the process does.

/// A process: its number, and when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// The boot of the machine and the time since then; empty where the system does not tell.
    pub start: String,
}

impl Owner {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start: start(pid).unwrap_or_default(),
        }
    }

    /// Whether it is there and is not merely waiting to be reaped.
    pub fn is_alive(&self) -> bool {
        is_alive(self.pid, &self.start)
    }
}

/// Whether a process with this number that began then is there. Where the system does not tell
/// when processes begin, its number decides.
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

/// When a process began; nothing where it is not there, or has ended.
fn start(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let ticks = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}:{ticks}", boot.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let this = Owner::this();
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
