//! The run as plain log lines, for log files and for output that is not a terminal.

use std::io::{self, Write};

use lockstep_engine::notice::RunEvent;

use super::narrate::Narrator;
use super::tally::Tally;
use super::{Report, Style};

/// At most so much output is buffered, in bytes.
const HELD: usize = 1 << 16;

/// Writes a line whenever something starts, ends, waits or is logged.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    style: Style,
    narrator: Narrator,
    tally: Tally,
    text: String,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`.
    pub fn new(out: W, style: Style) -> Self {
        Self {
            out,
            style,
            narrator: Narrator::new(style),
            tally: Tally::default(),
            text: String::new(),
        }
    }
}

impl<W: Write> Report for Plain<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        self.tally.event(event);
        for (_, line) in self.narrator.tell(event, &self.tally) {
            self.text.push_str(&line.paint(self.style));
            self.text.push('\n');
        }
        match self.text.len() < HELD {
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
