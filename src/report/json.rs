//! Events as JSON, one a line, as `run --format json` prints them.
//! It does not know what they mean.

use std::io::{self, Write};

use crate::engine::notice::RunEvent;

use super::Report;

/// Writes each event as one line of JSON as soon as it happens.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Json<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            line: Vec::new(),
        }
    }
}

impl<W: Write> Report for Json<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
