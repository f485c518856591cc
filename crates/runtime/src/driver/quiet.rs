//! The output of commands that is shown only where they fail: `query`, and `run … quiet`. The log
//! has all of it.

use std::collections::VecDeque;

use super::Driver;
use crate::process::OutputLine;
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::{RunEvent, RunEventKind, Stream};

/// So much of the end of the output of such a command is shown when it fails.
const MAX_SHOWN_BYTES: usize = 64 * 1024;

/// A line of a command, as [`OutputLine`].
#[derive(Debug)]
struct WrittenLine {
    stream: Stream,
    text: String,
    is_ended: bool,
}

impl From<OutputLine<'_>> for WrittenLine {
    fn from(line: OutputLine<'_>) -> Self {
        Self {
            stream: line.stream,
            text: line.text.to_owned(),
            is_ended: line.is_ended,
        }
    }
}

impl WrittenLine {
    fn as_output(&self) -> OutputLine<'_> {
        OutputLine {
            stream: self.stream,
            text: &self.text,
            is_ended: self.is_ended,
        }
    }
}

/// The last lines of a command.
#[derive(Debug, Default)]
pub(super) struct QuietOutput {
    lines: VecDeque<WrittenLine>,
    bytes: usize,
}

impl QuietOutput {
    pub(super) fn add(&mut self, line: OutputLine<'_>) {
        self.bytes += line.text.len();
        self.lines.push_back(line.into());
        while self.bytes > MAX_SHOWN_BYTES
            && self.lines.len() > 1
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.text.len();
        }
    }

    /// The lines that are held.
    pub(super) fn lines(&self) -> impl Iterator<Item = OutputLine<'_>> {
        self.lines.iter().map(WrittenLine::as_output)
    }
}

impl Driver<'_> {
    /// Tells what a command has written.
    pub(super) fn publish_lines<'l>(
        &mut self,
        node: NodePath,
        lines: impl Iterator<Item = OutputLine<'l>>,
        at: jiff::Timestamp,
    ) {
        // One event is told again and again, with another text in the same space.
        let (stream, text) = (Stream::Stdout, String::new());
        let mut event = RunEvent {
            seq: 0,
            at,
            what: RunEventKind::NodeOutput { node, stream, text },
        };
        for line in lines {
            (event.seq, event.at) = self.next_number(at);
            if let RunEventKind::NodeOutput { stream, text, .. } = &mut event.what {
                *stream = line.stream;
                text.clear();
                text.push_str(line.text);
            }
            self.host.observe(&event);
        }
    }

    /// A command has ended: of one whose output is shown only where it fails, the end of it is
    /// shown now.
    pub(super) fn end_quiet(&mut self, node: &NodePath, failed: bool) {
        let Some(held) = self.quiet.remove(node).filter(|_| failed) else {
            return;
        };
        let at = self.time();
        self.publish_lines(node.clone(), held.lines(), at);
    }
}
