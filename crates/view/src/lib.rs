//! Rendering of plans, runs and what-if reports: plain log lines, a live tree, JSON lines, the
//! ledger at the end, pages, Mermaid and Graphviz. Input is data (events, outlines) and a writer.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod cell_counts;
mod deployment_counts;
pub mod drawing;
mod event_formatter;
#[cfg(test)]
mod event_script;
pub mod history;
pub mod json;
pub mod ledger;
pub mod live;
pub mod path;
pub mod phrases;
pub mod plain;
pub mod plan;
mod plan_order;
pub mod style;
mod summary;
#[cfg(test)]
mod tests;
mod text;
pub mod what_if;

use std::io;

use jiff::Timestamp;

use lockstep_engine::run_event::RunEvent;

pub use history::RunHistory;
pub use json::JsonObserver;
pub use ledger::{LedgerFormat, LogsCommand};
pub use live::LiveObserver;
pub use plain::PlainObserver;
pub use style::Style;
pub use summary::{LedgerRow, OutputExcerpt, RunSummary, UnresolvedFailure};
pub use text::output_line;

/// A reporter: receives the events of a run and writes them in some form.
pub trait RunObserver {
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

    /// Clears the screen area for a question: nothing is drawn until [`RunObserver::proceed`].
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The same, but what is drawn stays on the screen, above the question.
    fn pause_below(&mut self) -> io::Result<()> {
        self.pause()
    }

    /// Resumes drawing after [`RunObserver::pause`].
    fn proceed(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When an event happened, in milliseconds since 1970.
fn moment(event: &RunEvent) -> i64 {
    event.at.as_millisecond()
}
