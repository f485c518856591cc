//! Parses what the remote script writes in addition to the command's own output: the marker for its
//! start, and the final report of how the command ended.

use std::sync::Arc;

use tokio::sync::Notify;

use super::super::process::{
    CommandFailure, ProcessExit, StartProblem, exit_message, signal_message, stopped,
};
use lockstep_lang::ir::FailureClass;

/// Extracts the markers and the report from a connection's output.
#[derive(Debug, Clone)]
pub(crate) struct Trailer {
    token: Vec<u8>,
    /// Bytes that may be the beginning of a marker.
    held: Vec<u8>,
    begun: Option<Arc<Notify>>,
    started: bool,
    /// Whether the last line of what the other side greets with is not ended.
    in_greeting_line: bool,
    /// What followed the command's output; `None` before that.
    report: Option<Vec<u8>>,
}

impl Trailer {
    /// `begun` is told of the start.
    pub(crate) fn new(token: &str, begun: Option<Arc<Notify>>) -> Self {
        Self {
            token: token.as_bytes().to_vec(),
            held: Vec::new(),
            begun,
            started: false,
            in_greeting_line: false,
            report: None,
        }
    }

    /// Consumes bytes and appends those of the command to `own`. What came before it is what the
    /// other side greets with: it goes to `greeting`, whose last line is ended.
    pub(crate) fn feed(&mut self, bytes: &[u8], greeting: &mut Vec<u8>, own: &mut Vec<u8>) {
        if self.report.is_some() {
            // Behind its end a process that the command has left writes on.
            if !self.is_complete() {
                self.report.get_or_insert_default().extend_from_slice(bytes);
            }
            return;
        }
        self.held.extend_from_slice(bytes);
        if !self.started {
            let start = [self.token.as_slice(), b" start\n"].concat();
            let Some(at) = find(&self.held, &start) else {
                let open = beginning_of(&start, &self.held);
                self.greet(self.held.len() - open, greeting);
                return;
            };
            self.greet(at, greeting);
            if self.in_greeting_line {
                greeting.push(b'\n');
            }
            self.held.drain(..start.len());
            self.started = true;
            if let Some(begun) = &self.begun {
                begun.notify_one();
            }
        }
        let Some(at) = find(&self.held, &self.token) else {
            let open = beginning_of(&self.token, &self.held);
            own.extend(self.held.drain(..self.held.len() - open));
            return;
        };
        own.extend_from_slice(&self.held[..at]);
        self.report = Some(self.held.split_off(at + self.token.len()));
        self.held.clear();
    }

    /// Passes on the first so many of the bytes that are held.
    fn greet(&mut self, bytes: usize, greeting: &mut Vec<u8>) {
        if let Some(last) = self.held[..bytes].last() {
            self.in_greeting_line = *last != b'\n';
        }
        greeting.extend(self.held.drain(..bytes));
    }

    /// Appends the buffered bytes at the end of the stream.
    pub(crate) fn finish(&mut self, greeting: &mut Vec<u8>, own: &mut Vec<u8>) {
        let to = if self.started { own } else { greeting };
        to.append(&mut self.held);
    }

    /// Whether the report is complete.
    pub(crate) fn is_complete(&self) -> bool {
        let end = [self.token.as_slice(), b" end\n"].concat();
        (self.report.as_ref()).is_some_and(|report| report.ends_with(&end))
    }

    /// The report.
    pub(crate) fn report(&self) -> RemoteReport {
        let nothing = RemoteReport {
            started: self.started,
            code: None,
            signal: None,
            refused: None,
            was_forced: false,
            outputs: String::new(),
        };
        let Some(report) = self.report.as_ref().filter(|_| self.is_complete()) else {
            return nothing;
        };
        let text = String::from_utf8_lossy(report);
        let Some((head, rest)) = text.split_once('\n') else {
            return nothing;
        };
        let mut words = head.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let code: Option<i32> = words.next().and_then(|code| code.parse().ok());
        let code = code.filter(|_| kind == "code");
        let child = words.next().unwrap_or_default();
        let token = String::from_utf8_lossy(&self.token);
        let (jobs, outputs) = (rest.split_once(&format!("{token} outputs\n"))).unwrap_or_default();
        let end = self.token.len() + " end\n".len();
        let was_forced = words.next() == Some("forced");
        let is_signal = words.next() == Some("signal") || ended_by_signal(jobs, child);
        RemoteReport {
            code,
            signal: code.and_then(|code| match code {
                // `ksh` counts from 256.
                257.. => Some(code - 256),
                129.. if is_signal => Some(code - 128),
                _ => None,
            }),
            refused: Refusal::of(kind),
            was_forced,
            outputs: outputs[..outputs.len().saturating_sub(end)].to_owned(),
            ..nothing
        }
    }
}

/// Whether a shell's list of its jobs (`jobs -l`) says that a process was ended by a signal: it
/// calls others done, with their code.
fn ended_by_signal(jobs: &str, process: &str) -> bool {
    let mut lines = jobs.lines();
    let line = lines.find(|line| line.split_whitespace().any(|word| word == process));
    line.is_some_and(|line| {
        !["Done", "Exit", "Running", "Stopped"]
            .iter()
            .any(|other| line.contains(other))
    })
}

/// The report of the remote side.
pub(crate) struct RemoteReport {
    started: bool,
    code: Option<i32>,
    /// The signal that ended it, where the other side knows.
    signal: Option<i32>,
    /// Why the command was not started.
    refused: Option<Refusal>,
    /// Whether what was to end did not in its time, and was killed.
    was_forced: bool,
    outputs: String,
}

/// Why the other side has not started a command.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// Its standard input has no place there.
    Stdin,
    /// The program or its folder.
    Start(StartProblem),
}

impl Refusal {
    /// What the script calls it.
    fn of(kind: &str) -> Option<Self> {
        Some(Self::Start(match kind {
            "stdin" => return Some(Self::Stdin),
            "no-dir" => StartProblem::NoFolder,
            "file-dir" => StartProblem::FolderIsFile,
            "closed-dir" => StartProblem::ClosedFolder,
            "folder" => StartProblem::IsFolder,
            "no-file" => StartProblem::NoFile,
            "no-interpreter" => StartProblem::NoInterpreter,
            "closed" => StartProblem::NotExecutable,
            "no-program" => StartProblem::NotOnPath { beside: false },
            "beside" => StartProblem::NotOnPath { beside: true },
            _ => return None,
        }))
    }
}

/// What a report is about.
pub(crate) struct ReportedCommand<'a> {
    /// The program that was to start, where it is no shell with a script.
    pub(crate) program: Option<&'a str>,
    /// Its folder, as it is written.
    pub(crate) dir: Option<&'a str>,
    /// The client that has brought the report.
    pub(crate) client: &'a str,
}

impl RemoteReport {
    /// The text of the remote output file.
    pub(crate) fn outputs(&self) -> String {
        self.outputs.clone()
    }

    /// Whether the connection was lost while the command ran.
    pub(crate) fn is_lost(&self) -> bool {
        self.started && self.code.is_none() && self.refused.is_none()
    }

    /// Whether the command was asked to end, did not in its time, and was killed.
    pub(crate) fn is_forced(&self, ending: &ProcessExit) -> bool {
        ending.forced || (self.was_forced && ending.stopped.is_some())
    }

    /// Whether nothing has happened on the other side.
    pub(crate) fn is_unstarted(&self) -> bool {
        !self.started
    }

    /// The meaning of the command's end. `written` is what it has written as errors, and
    /// `last_words` what the connection that it shared said when it was lost.
    pub(crate) fn result(
        &self,
        ending: &ProcessExit,
        written: [&str; 2],
        last_words: Option<&str>,
        command: &ReportedCommand<'_>,
    ) -> Result<(), CommandFailure> {
        let Self { started, code, .. } = self;
        tracing::debug!(target: super::TARGET, started, code, "the other side has reported");
        if let Some(stop) = ending.stopped {
            let code = self.code.filter(|_| self.signal.is_none());
            return Err(stopped(stop, self.is_forced(ending), code));
        }
        match self.refused {
            None => {}
            Some(Refusal::Stdin) => {
                let message = "its standard input cannot be stored on the other side";
                return Err((FailureClass::Failed, String::from(message), None));
            }
            Some(Refusal::Start(problem)) => {
                let folder = match command.dir {
                    Some(dir) => format!("`{dir}`"),
                    None => String::from("the folder where a login arrives"),
                };
                let program = command.program.unwrap_or_default();
                let message = problem.message(program, &folder);
                return Err((FailureClass::Failed, message, None));
            }
        }
        if let Some(signal) = self.signal {
            return Err((FailureClass::Signal, signal_message(signal, false), None));
        }
        match self.code {
            Some(0) => Ok(()),
            Some(code) => {
                let message = exit_message(code, command.program.is_none(), written);
                Err((FailureClass::Exit, message, Some(code)))
            }
            None if self.started => {
                let said = last_line(last_words.unwrap_or(written[1]));
                let message = format!("the connection was lost while it ran{said}");
                Err((FailureClass::Connection, message, None))
            }
            None => Err(not_connected(written[1], command.client)),
        }
    }
}

/// Why a command never began, by what its client has said.
pub(crate) fn not_connected(stderr: &str, program: &str) -> CommandFailure {
    const REFUSAL_MESSAGES: [&str; 5] = [
        "Permission denied",
        "Host key verification failed",
        "Too many authentication failures",
        "must be logged in to the server",
        "Unauthorized",
    ];
    tracing::debug!(target: super::TARGET, "there is no report");
    let refused = (REFUSAL_MESSAGES.iter()).any(|refusal| stderr.contains(refusal));
    let class = match refused {
        true => FailureClass::Authentication,
        false => FailureClass::Connection,
    };
    let said = last_line(stderr);
    (class, format!("`{program}` could not connect{said}"), None)
}

/// The last line of what was said, behind a message.
fn last_line(said: &str) -> String {
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    last.map_or_else(String::new, |line| format!(": {}", line.trim()))
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

/// How many bytes at the end of `text` may be a prefix of `wanted`.
fn beginning_of(wanted: &[u8], text: &[u8]) -> usize {
    (1..wanted.len().min(text.len() + 1))
        .rev()
        .find(|length| text.ends_with(&wanted[..*length]))
        .unwrap_or(0)
}
