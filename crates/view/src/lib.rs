//! Rendering of plans, runs and what-if reports: plain log lines, a live tree, JSON lines, the
//! ledger at the end, Mermaid and Graphviz. Input is data (events, outlines) and a writer.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod foresight;
pub mod history;
pub mod json;
pub mod ledger;
pub mod live;
mod narrate;
pub mod outline;
pub mod path;
pub mod plain;
#[cfg(test)]
mod script;
pub mod style;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod text;
pub mod words;

use std::io;

use jiff::Timestamp;

use lockstep_engine::notice::RunEvent;

pub use history::History;
pub use json::Json;
pub use ledger::Ledger;
pub use live::Live;
pub use plain::Plain;
pub use style::Style;
pub use summary::{Row, Summary, Tail, Trouble};

/// A reporter: receives the events of a run and writes them in some form.
pub trait Report {
    /// Applies the next event.
    fn event(&mut self, event: &RunEvent) -> io::Result<()>;

    /// Writes buffered output, because no event is due at the moment.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is left at the end of the run; no event follows.
    fn finish(&mut self) -> io::Result<()>;

    /// Time has passed. Only what is redrawn in place needs it, about ten times a second.
    fn tick(&mut self, _now: Timestamp) -> io::Result<()> {
        Ok(())
    }

    /// Clears the screen area for a question: nothing is drawn until [`Report::proceed`].
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Resumes drawing after [`Report::pause`].
    fn proceed(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When an event happened, in milliseconds since 1970.
fn moment(event: &RunEvent) -> i64 {
    event.at.as_millisecond()
}
