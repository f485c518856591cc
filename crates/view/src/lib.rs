//! Consumers of run events: plain lines, a live tree, JSON lines and the ledger at the end.
//! They do not know the machine nor any process; they are handed events and something to write to.

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

/// Something that is told what happens in a run.
pub trait Report {
    /// Takes the next event.
    fn event(&mut self, event: &RunEvent) -> io::Result<()>;

    /// Writes what has been held back, because nothing happens for the moment.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Says what is still to be said; no event follows.
    fn finish(&mut self) -> io::Result<()>;

    /// Time has passed. Only what is redrawn in place needs it, about ten times a second.
    fn tick(&mut self, _now: Timestamp) -> io::Result<()> {
        Ok(())
    }

    /// Clears the way for a question: nothing is drawn until [`Report::proceed`].
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Draws again.
    fn proceed(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The milliseconds since 1970 at which an event happened.
fn moment(event: &RunEvent) -> i64 {
    event.at.as_millisecond()
}
