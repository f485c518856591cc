//! The live view: the run as a tree that is redrawn in place on a terminal, with lasting lines
//! scrolling above it. The terminal's size comes from a callback.

mod board;
mod frame;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use jiff::Timestamp;

use lockstep_engine::run_event::RunEvent;
use lockstep_outline::PlannedWork;

use super::cell_counts::CellCounts;
use super::deployment_counts::DeploymentCounts;
use super::event_formatter::{EventFormatter, LineWeight};
use super::style::StyledLine;
use super::{RunObserver, Style, moment};
use board::RunBoard;
use frame::ScreenSize;

/// The screen is drawn no more often than this, in milliseconds.
const REDRAW_INTERVAL_MS: i64 = 80;
/// At most so much lasting text is buffered until the next drawing, in bytes.
const MAX_BACKLOG_BYTES: usize = 1 << 16;

/// Begins and ends a synchronized update, which terminals that support it show as a whole.
const BEGIN_SYNCHRONIZED_UPDATE: &str = "\u{1b}[?2026h";
const END_SYNCHRONIZED_UPDATE: &str = "\u{1b}[?2026l";
/// Lines that a shrinking terminal makes too long are cut, not wrapped.
const DISABLE_LINE_WRAP: &str = "\u{1b}[?7l";
const ENABLE_LINE_WRAP: &str = "\u{1b}[?7h";
/// Clears from the cursor to the end of the screen.
const CLEAR_TO_END_OF_SCREEN: &str = "\u{1b}[J";

/// Draws the current state of the run.
pub struct LiveObserver<W> {
    out: W,
    style: Style,
    /// Returns columns and rows.
    size: Box<dyn FnMut() -> (u16, u16) + Send>,
    board: RunBoard,
    tally: DeploymentCounts,
    cells: CellCounts,
    narrator: EventFormatter,
    /// Lasting text since the last drawing.
    lasting: String,
    /// The tree on the screen.
    tree: String,
    /// The width of each of its lines, and the screen's width when they were drawn.
    drawn: Vec<usize>,
    drawn_in: usize,
    drawn_at: Option<i64>,
    paused: bool,
}

impl<W: Write> LiveObserver<W> {
    /// Draws on `out`; `size` returns its columns and rows at each drawing.
    pub fn new(out: W, style: Style, size: impl FnMut() -> (u16, u16) + Send + 'static) -> Self {
        Self {
            out,
            style,
            size: Box::new(size),
            board: RunBoard::new(style),
            tally: DeploymentCounts::default(),
            cells: CellCounts::default(),
            narrator: EventFormatter::new(style),
            lasting: String::new(),
            tree: String::new(),
            drawn: Vec::new(),
            drawn_in: 0,
            drawn_at: None,
            paused: false,
        }
    }

    /// Sets how much is to be done in the pipeline or in a stage. Without it the tree does not show
    /// how much is still to come.
    pub fn expect(&mut self, work: &PlannedWork) {
        self.board.expect(work);
    }

    fn draw(&mut self, now: i64) -> io::Result<()> {
        let (width, height) = (self.size)();
        let size = ScreenSize {
            width: usize::from(width),
            height: usize::from(height),
        };
        let lines = frame::frame(
            &self.board,
            (&self.tally, &self.cells),
            self.style,
            size,
            now,
        );
        self.narrator.fit_name(size.width);
        self.show(&lines, size.width)?;
        self.drawn_at = Some(now);
        Ok(())
    }

    /// Replaces what is drawn by the lasting text and these lines, in one write.
    fn show(&mut self, lines: &[StyledLine], width: usize) -> io::Result<()> {
        let mut tree = String::new();
        for line in lines {
            // The first of these ends a blank line, which sets the tree apart from what has
            // scrolled away above it.
            tree.push('\n');
            tree.push_str(&line.paint(self.style));
        }
        if self.lasting.is_empty() && tree == self.tree && width == self.drawn_in {
            return Ok(());
        }
        let mut text = String::from(BEGIN_SYNCHRONIZED_UPDATE);
        self.erase(&mut text, width);
        text.push_str(&self.lasting);
        self.lasting.clear();
        if !lines.is_empty() {
            text.push_str(DISABLE_LINE_WRAP);
            text.push_str(&tree);
            text.push_str(ENABLE_LINE_WRAP);
            self.drawn.push(0);
            self.drawn.extend(lines.iter().map(StyledLine::width));
        }
        self.tree = tree;
        self.drawn_in = width;
        text.push_str(END_SYNCHRONIZED_UPDATE);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Goes back to where the drawing began. The cursor stands at the end of its last line; lines
    /// that a narrower screen has wrapped since take more than one row.
    fn erase(&mut self, text: &mut String, width: usize) {
        if self.drawn.is_empty() {
            return;
        }
        let narrower = width < self.drawn_in;
        let rows: usize = self
            .drawn
            .drain(..)
            .map(|wide| match narrower {
                true => wide.max(1).div_ceil(width.max(1)),
                false => 1,
            })
            .sum();
        text.push('\r');
        if rows > 1 {
            text.push_str(&format!("\u{1b}[{}A", rows - 1));
        }
        text.push_str(CLEAR_TO_END_OF_SCREEN);
    }
}

impl<W: Write> RunObserver for LiveObserver<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        self.tally.event(event);
        self.cells.event(event);
        self.board.event(event);
        for (weight, line) in self.narrator.format_event(event, &self.tally) {
            if weight == LineWeight::Lasting {
                self.lasting.push_str(&line.paint(self.style));
                self.lasting.push('\n');
            }
        }
        let now = moment(event);
        let due = self
            .drawn_at
            .is_none_or(|drawn| now - drawn >= REDRAW_INTERVAL_MS);
        if !self.paused && (due || self.lasting.len() > MAX_BACKLOG_BYTES) {
            self.draw(now)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let (width, _) = (self.size)();
        self.show(&[], usize::from(width))
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let now = now.as_millisecond();
        if self.paused
            || self
                .drawn_at
                .is_some_and(|drawn| (0..REDRAW_INTERVAL_MS).contains(&(now - drawn)))
        {
            return Ok(());
        }
        self.draw(now)
    }

    fn pause(&mut self) -> io::Result<()> {
        if self.paused {
            return Ok(());
        }
        self.paused = true;
        self.finish()
    }

    fn pause_below(&mut self) -> io::Result<()> {
        if self.paused {
            return Ok(());
        }
        let now = self.drawn_at.unwrap_or(0);
        self.draw(now)?;
        self.paused = true;
        // It is the past: what is drawn next stands below the answer.
        self.drawn.clear();
        self.tree.clear();
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    fn proceed(&mut self) -> io::Result<()> {
        self.paused = false;
        let now = self.drawn_at.unwrap_or(0);
        self.draw(now)
    }
}
