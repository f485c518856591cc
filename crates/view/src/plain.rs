//! The run as plain log lines, for log files and for output that is not a terminal.

use std::io::{self, Write};

use lockstep_engine::run_event::RunEvent;

use super::deployment_counts::DeploymentCounts;
use super::event_formatter::EventFormatter;
use super::{RunObserver, Style};

/// At most so much output is buffered, in bytes.
const MAX_BUFFERED_BYTES: usize = 1 << 16;

/// Writes a line whenever something starts, ends, waits or is logged.
#[derive(Debug)]
pub struct PlainObserver<W> {
    out: W,
    style: Style,
    narrator: EventFormatter,
    tally: DeploymentCounts,
    text: String,
}

impl<W: Write> PlainObserver<W> {
    /// Writes to `out`.
    pub fn new(out: W, style: Style) -> Self {
        Self {
            out,
            style,
            narrator: EventFormatter::new(style).with_details(),
            tally: DeploymentCounts::default(),
            text: String::new(),
        }
    }
}

impl<W: Write> RunObserver for PlainObserver<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        if !self.narrator.paint_output(event, &mut self.text) {
            self.tally.event(event);
            for (_, line) in self.narrator.format_event(event, &self.tally) {
                self.text.push_str(&line.paint(self.style));
                self.text.push('\n');
            }
        }
        match self.text.len() < MAX_BUFFERED_BYTES {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let written = self.out.write_all(self.text.as_bytes());
        self.text.clear();
        written.and_then(|()| self.out.flush())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
