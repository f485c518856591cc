//! The program while it runs: its lines as they come, signals, and its end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::program::Said;

/// Everything that is tested is faster than this.
const LONGEST: Duration = Duration::from_secs(60);

/// A program that has been started. It is killed when it is dropped.
pub struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    stderr: Option<std::thread::JoinHandle<String>>,
    said: String,
    deadline: Instant,
}

impl Running {
    /// Starts a command; its output is read as it comes.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The receiver may have seen enough.
                let _ = sender.send(line);
            }
        });
        let mut stderr = child.stderr.take().expect("a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("text");
            text
        });
        Self {
            child,
            lines,
            stderr: Some(stderr),
            said: String::new(),
            deadline: Instant::now() + LONGEST,
        }
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that contains `part`, and returns it.
    #[track_caller]
    pub fn line(&mut self, part: &str) -> String {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(_) => panic!("no line with `{part}` came, but\n{}", self.said),
            }
        }
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        signal(&self.id().to_string(), name);
    }

    /// Sends signals, each with a pause behind it in milliseconds, and returns when each was sent.
    pub fn signals<'s>(&self, all: &[(&'s str, u64)]) -> Vec<(&'s str, Instant)> {
        use rustix::process::{Pid, Signal, kill_process};
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let id = id.expect("a number");
        let mut sent = Vec::new();
        for (name, pause_ms) in all {
            let signal = match *name {
                "INT" => Signal::INT,
                "TERM" => Signal::TERM,
                "STOP" => Signal::STOP,
                "CONT" => Signal::CONT,
                other => panic!("{other} is not sent so"),
            };
            sent.push((*name, Instant::now()));
            kill_process(id, signal).expect("it is alive");
            std::thread::sleep(Duration::from_millis(*pause_ms));
        }
        sent
    }

    /// Waits for its end.
    pub fn end(mut self) -> Said {
        use std::os::unix::process::ExitStatusExt;
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it did not end:\n{}", self.said),
            }
        }
        let status = self.child.wait().expect("an end");
        let stderr = self.stderr.take().map(|text| text.join().expect("text"));
        Said {
            stdout: std::mem::take(&mut self.said),
            stderr: stderr.unwrap_or_default(),
            code: (status.code()).unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process. Returns whether the process exists.
pub fn signal(id: &str, name: &str) -> bool {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), id])
        .stderr(Stdio::null())
        .status()
        .expect("kill runs");
    sent.success()
}

/// Waits until something holds, with a time limit.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONGEST;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came true that {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a file with a whole line in it, and returns its text.
#[track_caller]
pub fn text_of(path: &Path) -> String {
    let mut text = String::new();
    until(&format!("{} is written", path.display()), || {
        text = std::fs::read_to_string(path).unwrap_or_default();
        text.ends_with('\n')
    });
    text
}

/// Whether a process ends soon: a killed one is not gone immediately.
pub fn is_gone(id: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(id) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    !is_alive(id)
}

/// Whether a process is alive; a zombie is not.
pub fn is_alive(id: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => !stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => signal(id, "0"),
    }
}
