//! Connections: how a command gets to another machine, a container or a pod, and its result back.
//! It does not know how a process is started or watched.
//!
//! Every connection is a local client (`ssh`, `podman exec -i`, `kubectl exec -i`) that starts a
//! small fixed `sh` text over there. That text reads from its input what is to be run, with all
//! values and secrets, so that none of them is on a command line here or there. It holds on to its
//! input while the command runs: a line `term` or `kill` stops the command, and so does the end of
//! the input, which is what a lost connection looks like from there. At last it reports the
//! command's exit code and outputs behind a random mark, because clients have exit codes of their
//! own: the 255 of `ssh` may be the command's or the connection's.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;

use super::process::{Ending, Failing, Prepared, Stop, exit_message};
use crate::ir::FailureClass;
use crate::value::Value;

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Connection {
    /// On this machine.
    #[default]
    Local,
    /// On another machine, through the system's `ssh` and its configuration.
    Ssh {
        /// The machine, or its name in the configuration.
        host: String,
        /// The user there.
        user: Option<String>,
        /// The port.
        port: Option<u16>,
        /// The file with the private key, relative to the source file's folder.
        identity: Option<String>,
    },
    /// In a running container.
    Container {
        /// Its name.
        name: String,
        /// The program that manages it: `podman`, `docker`.
        engine: Option<String>,
    },
    /// In a running pod, through `kubectl`.
    Pod {
        /// The context of `kubectl`.
        context: String,
        /// The namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container, where the pod has several.
        container: Option<String>,
    },
}

impl Connection {
    /// Reads the value of a `connect` field: a map whose `type` is `local`, `ssh`, `container` or
    /// `pod`.
    ///
    /// # Errors
    ///
    /// A message, where it is no such map.
    pub fn from_value(value: &Value) -> Result<Self, String> {
        let map = value.as_map().ok_or("this is no connection")?;
        let optional = |name: &str| match map.get(name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::String(text)) if text.contains('\0') || text.is_empty() => {
                Err(format!("`{name}` of the connection is no usable text"))
            }
            Some(Value::String(text)) => Ok(Some(text.to_string())),
            Some(_) => Err(format!("`{name}` of the connection is not a text")),
        };
        let needed =
            |name: &str| optional(name)?.ok_or_else(|| format!("the connection has no `{name}`"));
        let port = match map.get("port") {
            None | Some(Value::None) => None,
            Some(Value::Int(port)) => match u16::try_from(*port) {
                Ok(port) if port > 0 => Some(port),
                _ => return Err(format!("there is no port {port}")),
            },
            Some(_) => return Err(String::from("`port` of the connection is not a number")),
        };
        match needed("type")?.as_str() {
            "local" => Ok(Self::Local),
            "ssh" => Ok(Self::Ssh {
                host: needed("host")?,
                user: optional("user")?,
                port,
                identity: optional("identity")?,
            }),
            "container" => Ok(Self::Container {
                name: needed("name")?,
                engine: optional("engine")?,
            }),
            "pod" => Ok(Self::Pod {
                context: needed("context")?,
                namespace: needed("namespace")?,
                pod: needed("pod")?,
                container: optional("container")?,
            }),
            other => Err(format!("there is no connection of type `{other}`")),
        }
    }

    /// The client's program and arguments, so that it has `sh` run `text` over there. `ssh` is the
    /// program for that connection.
    pub(super) fn client(&self, text: &str, ssh: &str, scratch: &Path) -> (String, Vec<String>) {
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().copied().map(String::from));
        match self {
            Self::Local => ("sh".into(), vec!["-c".into(), text.into()]),
            Self::Ssh {
                host,
                user,
                port,
                identity,
            } => {
                add(&["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]);
                add(&[
                    "-o",
                    "ServerAliveInterval=15",
                    "-o",
                    "ServerAliveCountMax=4",
                ]);
                let control = scratch.join("ssh-%C").display().to_string();
                // The path of a socket is short, with 40 letters for `%C` and 17 more while it
                // is being made. Without it each command has a connection of its own.
                if control.len() - "%C".len() + 40 + 17 < 104 {
                    add(&["-o", "ControlMaster=auto", "-o", "ControlPersist=60"]);
                    add(&[
                        "-o",
                        &format!("ControlPath={}", control.replace(' ', "\\ ")),
                    ]);
                }
                if let Some(user) = user {
                    add(&["-l", user]);
                }
                if let Some(port) = port {
                    add(&["-p", &port.to_string()]);
                }
                if let Some(identity) = identity {
                    add(&["-i", identity]);
                }
                add(&["--", host, &format!("sh -c {}", quoted(text))]);
                (ssh.into(), arguments)
            }
            Self::Container { name, engine } => {
                add(&["exec", "-i", "--", name, "sh", "-c", text]);
                let engine = engine.clone().unwrap_or_else(default_engine);
                (engine, arguments)
            }
            Self::Pod {
                context,
                namespace,
                pod,
                container,
            } => {
                add(&[
                    "--context",
                    context,
                    "--namespace",
                    namespace,
                    "exec",
                    "-i",
                    pod,
                ]);
                if let Some(container) = container {
                    add(&["--container", container]);
                }
                add(&["--", "sh", "-c", text]);
                ("kubectl".into(), arguments)
            }
        }
    }
}

/// `podman` where it is there, else `docker`.
fn default_engine() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let podman = std::env::split_paths(&path).any(|folder| folder.join("podman").is_file());
    String::from(if podman { "podman" } else { "docker" })
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A name that nobody can guess: 128 bits from the system's random numbers.
pub(super) fn random() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number())
}

/// What is run on the other side.
pub(super) struct Script<'a> {
    /// What the report begins with.
    pub(super) token: &'a str,
    /// The words to execute.
    pub(super) words: &'a [String],
    /// Variables for them.
    pub(super) env: &'a [(String, String)],
    /// The folder, relative to where the connection ends.
    pub(super) dir: Option<&'a str>,
}

impl Script<'_> {
    /// The text on the other side's command line: it reads the input up to a mark and executes
    /// it. It has no single quotes and is one line, whatever shell hands it on.
    pub(super) fn bootstrap(&self) -> String {
        format!(
            "n=$(printf \"\\\\nx\"); n=${{n%x}}; p=; while IFS= read -r l; do \
             if [ \"$l\" = {}-run ]; then eval \"$p\"; exit; fi; p=\"$p$l$n\"; done; exit 1",
            self.token
        )
    }

    /// The text of the input. The error is a message.
    pub(super) fn input(&self) -> Result<String, String> {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |args: std::fmt::Arguments<'_>| {
            let _ = text.write_fmt(args);
        };
        line(format_args!("lockstep_token={}\n", self.token));
        for (name, value) in self.env {
            if !is_name(name) {
                return Err(format!("`{name}` cannot name a variable over a connection"));
            }
            if value.contains('\0') {
                return Err(format!(
                    "the variable `{name}` holds the character `\\u{{0}}`, which no variable can"
                ));
            }
            line(format_args!("export {name}={}\n", quoted(value)));
        }
        line(format_args!("printf '%s start\\n' \"$lockstep_token\"\n"));
        if let Some(dir) = self.dir {
            line(format_args!("lockstep_dir={}\n", quoted(dir)));
            text.push_str(ENTER);
        }
        text.push_str(BEFORE);
        for word in self.words {
            if word.contains('\0') {
                return Err(String::from(
                    "an argument holds the character `\\u{0}`, which no argument can",
                ));
            }
            text.push_str(&quoted(word));
            text.push(' ');
        }
        text.push_str(BEHIND);
        let _ = writeln!(text, "{}-run", self.token);
        Ok(text)
    }
}

/// Goes to the folder, or reports that it cannot.
const ENTER: &str = r#"case $lockstep_dir in -*) lockstep_dir=./$lockstep_dir ;; esac
cd "$lockstep_dir" || { printf '%s dir 0\n%s end\n' "$lockstep_token" "$lockstep_token"; exit 1; }
"#;

/// Puts the input aside, as only this text may read it, and begins a process group where there is
/// a program for it.
const BEFORE: &str = r#"LOCKSTEP_OUTPUT=$(mktemp 2>/dev/null) ||
  LOCKSTEP_OUTPUT=/tmp/lockstep-output-$$
export LOCKSTEP_OUTPUT
exec 3<&0 </dev/null
lockstep_group=
if command -v setsid >/dev/null 2>&1; then lockstep_group=setsid; fi
$lockstep_group "#;

/// Runs it, ends it when asked or when the connection is lost, and reports. Who is left of a group
/// that was asked to end has 10 seconds more, as on this machine.
const BEHIND: &str = r#"3<&- &
lockstep_child=$!
lockstep_stop=$LOCKSTEP_OUTPUT-stop
lockstep_kill() {
  kill -s "$1" -- "-$lockstep_child" || kill -s "$1" "$lockstep_child"
}
{
  while IFS= read -r lockstep_line; do
    case $lockstep_line in
      term) : >>"$lockstep_stop"; lockstep_kill TERM ;;
      kill) echo kill >>"$lockstep_stop"; lockstep_kill KILL ;;
    esac
  done
  : >>"$lockstep_stop"
  lockstep_kill TERM
  sleep 10
  echo kill >>"$lockstep_stop"
  lockstep_kill KILL
} <&3 >/dev/null 2>&1 &
lockstep_watch=$!
exec 3<&-
wait "$lockstep_child"
lockstep_status=$?
if [ -f "$lockstep_stop" ]; then
  lockstep_count=0
  while kill -s 0 -- "-$lockstep_child" && [ ! -s "$lockstep_stop" ] &&
    [ "$lockstep_count" -lt 100 ]; do
    sleep 0.1 || sleep 1
    lockstep_count=$((lockstep_count + 1))
  done
  kill -s KILL -- "-$lockstep_child"
  rm -f "$lockstep_stop"
fi 2>/dev/null
kill "$lockstep_watch" 2>/dev/null
printf '%s code %s\n' "$lockstep_token" "$lockstep_status"
if [ -f "$LOCKSTEP_OUTPUT" ]; then cat "$LOCKSTEP_OUTPUT"; rm -f "$LOCKSTEP_OUTPUT"; fi
printf '%s end\n' "$lockstep_token"
"#;

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|char| char == '_' || char.is_ascii_alphanumeric())
}

/// Takes the marks and the report out of a connection's output.
#[derive(Debug, Clone)]
pub(super) struct Trailer {
    token: Vec<u8>,
    /// What may still become a mark.
    held: Vec<u8>,
    started: bool,
    /// What came behind the command's output; `None` before that.
    report: Option<Vec<u8>>,
}

impl Trailer {
    pub(super) fn new(token: &str) -> Self {
        Self {
            token: token.as_bytes().to_vec(),
            held: Vec::new(),
            started: false,
            report: None,
        }
    }

    /// Takes bytes and adds those that are the command's to `own`.
    pub(super) fn feed(&mut self, bytes: &[u8], own: &mut Vec<u8>) {
        if let Some(report) = &mut self.report {
            report.extend_from_slice(bytes);
            return;
        }
        self.held.extend_from_slice(bytes);
        loop {
            let Some(at) = find(&self.held, &self.token) else {
                let open = beginning_of(&self.token, &self.held);
                own.extend(self.held.drain(..self.held.len() - open));
                return;
            };
            let behind = at + self.token.len();
            let start = b" start\n";
            let rest = &self.held[behind..];
            if !self.started && rest.len() < start.len() && start.starts_with(rest) {
                own.extend(self.held.drain(..at));
                return;
            }
            if !self.started && rest.starts_with(start) {
                self.started = true;
                // What came before is a greeting of the other side.
                own.extend_from_slice(&self.held[..at]);
                self.held.drain(..behind + start.len());
                continue;
            }
            own.extend_from_slice(&self.held[..at]);
            self.report = Some(self.held.split_off(behind));
            self.held.clear();
            return;
        }
    }

    /// Adds what was held back at the end of the stream.
    pub(super) fn finish(&mut self, own: &mut Vec<u8>) {
        own.append(&mut self.held);
    }

    /// Whether the report is there.
    pub(super) fn is_complete(&self) -> bool {
        let end = [self.token.as_slice(), b" end\n"].concat();
        (self.report.as_ref()).is_some_and(|report| report.ends_with(&end))
    }

    /// What was reported.
    pub(super) fn report(&self) -> Report {
        let nothing = Report {
            started: self.started,
            code: None,
            no_folder: false,
            outputs: String::new(),
        };
        let Some(report) = self.report.as_ref().filter(|_| self.is_complete()) else {
            return nothing;
        };
        let text = String::from_utf8_lossy(report);
        let Some((head, outputs)) = text.split_once('\n') else {
            return nothing;
        };
        let end = self.token.len() + " end\n".len();
        let (kind, code) = head.trim_start().split_once(' ').unwrap_or_default();
        Report {
            code: code.parse().ok().filter(|_| kind == "code"),
            no_folder: kind == "dir",
            outputs: outputs[..outputs.len().saturating_sub(end)].to_owned(),
            ..nothing
        }
    }
}

/// What the other side reported.
pub(super) struct Report {
    started: bool,
    code: Option<i32>,
    no_folder: bool,
    outputs: String,
}

impl Report {
    /// The text of the output file over there.
    pub(super) fn outputs(&self) -> String {
        self.outputs.clone()
    }

    /// What the command's end means.
    pub(super) fn judge(
        &self,
        ending: &Ending,
        stderr: &str,
        client: &Prepared,
    ) -> Result<(), Failing> {
        if let Some(stop) = ending.stopped {
            let message = match stop {
                Stop::Term => "it was stopped",
                Stop::Kill => "it was stopped by force",
            };
            return Err((FailureClass::Cancelled, String::from(message), self.code));
        }
        if self.no_folder {
            let message = String::from("its folder does not exist over there");
            return Err((FailureClass::Failed, message, None));
        }
        match self.code {
            Some(0) => Ok(()),
            Some(code) => Err((FailureClass::Exit, exit_message(code, true), Some(code))),
            None => Err(self.lost(stderr, &client.program)),
        }
    }

    /// Why there is no report.
    fn lost(&self, stderr: &str, program: &str) -> Failing {
        let last = stderr.lines().rfind(|line| !line.trim().is_empty());
        let said = last
            .map(|line| format!(": {}", line.trim()))
            .unwrap_or_default();
        if self.started {
            let message = format!("the connection was lost while it ran{said}");
            return (FailureClass::Connection, message, None);
        }
        const REFUSALS: [&str; 5] = [
            "Permission denied",
            "Host key verification failed",
            "Too many authentication failures",
            "must be logged in to the server",
            "Unauthorized",
        ];
        let refused = REFUSALS.iter().any(|refusal| stderr.contains(refusal));
        let class = match refused {
            true => FailureClass::Authentication,
            false => FailureClass::Connection,
        };
        (class, format!("`{program}` could not connect{said}"), None)
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        if text[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// How many bytes at the end of `text` may be the beginning of `wanted`.
fn beginning_of(wanted: &[u8], text: &[u8]) -> usize {
    (1..wanted.len().min(text.len() + 1))
        .rev()
        .find(|length| text.ends_with(&wanted[..*length]))
        .unwrap_or(0)
}
