//! Parses what the remote script writes in addition to the command's own output: the marker for its
//! start, and the final report of how the command ended.

use super::super::process::{
    CommandFailure, PreparedCommand, ProcessExit, StopRequest, exit_message,
};
use lockstep_lang::ir::FailureClass;

/// Extracts the markers and the report from a connection's output.
#[derive(Debug, Clone)]
pub(crate) struct Trailer {
    token: Vec<u8>,
    /// Bytes that may be the beginning of a marker.
    held: Vec<u8>,
    started: bool,
    /// What followed the command's output; `None` before that.
    report: Option<Vec<u8>>,
}

impl Trailer {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: token.as_bytes().to_vec(),
            held: Vec::new(),
            started: false,
            report: None,
        }
    }

    /// Consumes bytes and appends those of the command to `own`.
    pub(crate) fn feed(&mut self, bytes: &[u8], own: &mut Vec<u8>) {
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
                // Anything before is a greeting of the remote side.
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

    /// Appends the buffered bytes at the end of the stream.
    pub(crate) fn finish(&mut self, own: &mut Vec<u8>) {
        own.append(&mut self.held);
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
        RemoteReport {
            code: code.parse().ok().filter(|_| kind == "code"),
            no_folder: kind == "dir",
            outputs: outputs[..outputs.len().saturating_sub(end)].to_owned(),
            ..nothing
        }
    }
}

/// The report of the remote side.
pub(crate) struct RemoteReport {
    started: bool,
    code: Option<i32>,
    no_folder: bool,
    outputs: String,
}

impl RemoteReport {
    /// The text of the remote output file.
    pub(crate) fn outputs(&self) -> String {
        self.outputs.clone()
    }

    /// The meaning of the command's end.
    pub(crate) fn result(
        &self,
        ending: &ProcessExit,
        stderr: &str,
        client: &PreparedCommand,
    ) -> Result<(), CommandFailure> {
        let Self { started, code, .. } = self;
        tracing::debug!(target: super::TARGET, started, code, "the other side has reported");
        if let Some(stop) = ending.stopped {
            let message = match stop {
                StopRequest::Term => "it was stopped",
                StopRequest::Kill => "it was stopped by force",
            };
            return Err((FailureClass::Cancelled, String::from(message), self.code));
        }
        if self.no_folder {
            let message = String::from(
                "its folder does not exist on the other side of the \
                                        connection",
            );
            return Err((FailureClass::Failed, message, None));
        }
        match self.code {
            Some(0) => Ok(()),
            Some(code) => Err((FailureClass::Exit, exit_message(code, true), Some(code))),
            None => Err(self.connection_lost(stderr, &client.program)),
        }
    }

    /// Why there is no report.
    fn connection_lost(&self, stderr: &str, program: &str) -> CommandFailure {
        tracing::debug!(target: super::TARGET, started = self.started, "there is no report");
        let last = stderr.lines().rfind(|line| !line.trim().is_empty());
        let said = last
            .map(|line| format!(": {}", line.trim()))
            .unwrap_or_default();
        if self.started {
            let message = format!("the connection was lost while it ran{said}");
            return (FailureClass::Connection, message, None);
        }
        const REFUSAL_MESSAGES: [&str; 5] = [
            "Permission denied",
            "Host key verification failed",
            "Too many authentication failures",
            "must be logged in to the server",
            "Unauthorized",
        ];
        let refused = REFUSAL_MESSAGES
            .iter()
            .any(|refusal| stderr.contains(refusal));
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

/// How many bytes at the end of `text` may be a prefix of `wanted`.
fn beginning_of(wanted: &[u8], text: &[u8]) -> usize {
    (1..wanted.len().min(text.len() + 1))
        .rev()
        .find(|length| text.ends_with(&wanted[..*length]))
        .unwrap_or(0)
}
