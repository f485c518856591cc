//! The output of commands that is shown only where they fail: `query`, and `run … quiet`. The log
//! has all of it.

use std::collections::VecDeque;

use super::{Driver, WrittenLine};
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::RunEventKind;

/// So much of the end of the output of such a command is shown when it fails.
const MAX_SHOWN_BYTES: usize = 64 * 1024;

/// The last lines of a command.
#[derive(Debug, Default)]
pub(super) struct QuietOutput {
    lines: VecDeque<WrittenLine>,
    bytes: usize,
}

impl QuietOutput {
    pub(super) fn add(&mut self, line: WrittenLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.bytes > MAX_SHOWN_BYTES
            && self.lines.len() > 1
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.text.len();
        }
    }
}

impl Driver<'_> {
    pub(super) fn publish_line(&mut self, node: NodePath, line: WrittenLine, at: jiff::Timestamp) {
        let WrittenLine { stream, text, .. } = line;
        self.publish(RunEventKind::NodeOutput { node, stream, text }, at);
    }

    /// A command has ended: of one whose output is shown only where it fails, the end of it is
    /// shown now.
    pub(super) fn end_quiet(&mut self, node: &NodePath, failed: bool) {
        let Some(held) = self.quiet.remove(node).filter(|_| failed) else {
            return;
        };
        let at = self.time();
        for line in held.lines {
            self.publish_line(node.clone(), line, at);
        }
    }
}
