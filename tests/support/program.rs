//! Runs the real program in a fresh folder and compares all its output.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::redact::redact;

/// No test may hang; everything that is tested is faster than this.
const LONGEST: Duration = Duration::from_secs(60);

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lockstep"))
}

/// A command whose environment is the same everywhere.
pub fn command(path: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Copies a folder and all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(std::fs::copy(from, to).expect("the file is copied")),
        }
    }
}

/// The output of a process, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub stdout: String,
    pub stderr: String,
    /// The exit code, or 128 and the signal's number.
    pub code: i32,
}

/// Runs the command to its end, with a time limit.
pub fn run(mut command: Command) -> Said {
    use std::os::unix::process::ExitStatusExt;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let id = child.id();
    let (done, waits) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let end = Instant::now() + LONGEST;
        let late = waits.recv_timeout(end - Instant::now()).is_err();
        if late {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        }
        late
    });
    let output = child.wait_with_output().expect("the program ends");
    let _ = done.send(());
    assert!(
        !guard.join().expect("the guard ends"),
        "stopped after {LONGEST:?}: {output:?}"
    );
    let code = output.status.code();
    Said {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: code.unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default()),
    }
}

/// One call of the program: its files, its arguments, and the expected output.
#[must_use]
pub struct Test {
    folder: TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdout: String,
    stderr: String,
}

impl Test {
    /// In an empty folder, without arguments; no output is expected.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            args: Vec::new(),
            env: Vec::new(),
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    /// Writes a file, and creates its folders.
    pub fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("the folder is made");
        }
        std::fs::write(path, text).expect("the file is written");
        self
    }

    /// Makes a folder.
    pub fn folder(self, path: &str) -> Self {
        std::fs::create_dir_all(self.path(path)).expect("the folder is made");
        self
    }

    /// A path in the test's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_string(), value.to_string()));
        self
    }

    /// The expected standard output, complete.
    pub fn stdout(mut self, text: impl Into<String>) -> Self {
        self.stdout = text.into();
        self
    }

    /// The expected standard error, complete.
    pub fn stderr(mut self, text: impl Into<String>) -> Self {
        self.stderr = text.into();
        self
    }

    /// The command itself, for tests that need more than [`Test::exits`].
    pub fn command(&self) -> Command {
        let mut command = command(program(), self.folder.path());
        command.args(&self.args);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it and returns its output, redacted.
    pub fn said(&self) -> Said {
        let said = run(self.command());
        Said {
            stdout: redact(&said.stdout, self.folder.path()),
            stderr: redact(&said.stderr, self.folder.path()),
            code: said.code,
        }
    }

    /// Runs it and compares everything.
    #[track_caller]
    pub fn exits(self, code: i32) {
        let said = self.said();
        let shown = |said: &str, wanted: &str, name: &str| {
            assert!(
                said == wanted,
                "{name} of `lockstep {}`\n--- wanted ---\n{wanted}--- said ---\n{said}---",
                self.args.join(" ")
            );
        };
        shown(&said.stdout, &self.stdout, "stdout");
        shown(&said.stderr, &self.stderr, "stderr");
        assert_eq!(
            said.code,
            code,
            "the exit code of `lockstep {}`",
            self.args.join(" ")
        );
    }
}

#[test]
#[should_panic(expected = "--- wanted ---\nother\n--- said ---\nlockstep ")]
fn another_output_fails() {
    Test::new().args(["--version"]).stdout("other\n").exits(0);
}

#[test]
#[should_panic(expected = "the exit code of `lockstep --version`")]
fn another_exit_code_fails() {
    let version = concat!("lockstep ", env!("CARGO_PKG_VERSION"), "\n");
    Test::new().args(["--version"]).stdout(version).exits(1);
}
