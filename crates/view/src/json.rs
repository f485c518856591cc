//! Events as JSON lines, one event a line, as `run --format json` prints them.

use std::io::{self, Write};

use lockstep_engine::run_event::RunEvent;

use super::RunObserver;

/// At most so much output is buffered, in bytes.
const MAX_BUFFERED_BYTES: usize = 1 << 16;

/// Writes each event as one line of JSON.
#[derive(Debug)]
pub struct JsonObserver<W> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write> JsonObserver<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            lines: Vec::new(),
        }
    }
}

impl<W: Write> RunObserver for JsonObserver<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, event)?;
        self.lines.push(b'\n');
        match self.lines.len() < MAX_BUFFERED_BYTES {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = self.out.write_all(&self.lines);
        self.lines.clear();
        written.and_then(|()| self.out.flush())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
