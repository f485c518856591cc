//! The ledger, the last thing a run prints: its failures, then a line for each deployment, then how
//! the run ended. The caller supplies the commands that can be run next.

mod failures;
mod table;

use std::io::{self, Write};

use lockstep_base::source::Sources;
use lockstep_engine::run_event::Status;
use lockstep_lang::ir::FailureClass;

use super::deployment_counts::StatusCounts;
use super::style::{LineSymbol, StyledLine, Tone};
use super::{RunSummary, Style, path, phrases, text};

/// At most so many deployments are named in a sentence.
const MAX_NAMED: usize = 3;

/// At most so many things without a way back are listed.
const MAX_PASSED_OVER: usize = 20;

/// The command that shows the whole output of a node.
#[derive(Debug, Clone)]
pub struct LogsCommand {
    /// The run's id.
    pub run: String,
    /// The words that name the state directory, with a blank before them where there are any.
    pub state: String,
}

impl LogsCommand {
    fn of(&self, node: &str) -> String {
        let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+,:@%#=".contains(char);
        let node = match node.chars().all(plain) {
            true => node.to_owned(),
            false => format!("'{}'", node.replace('\'', "'\\''")),
        };
        format!("lockstep logs {} {node}{}", self.run, self.state)
    }
}

/// How a ledger is printed.
#[derive(Debug, Clone, Default)]
pub struct LedgerFormat<'a> {
    /// Colours and symbols.
    pub style: Style,
    /// The width of the terminal in columns; without one nothing is ever cut.
    pub width: Option<usize>,
    /// The texts that failures point into.
    pub sources: Option<&'a Sources>,
    /// Commands that can be run next, one a line: `lockstep resume r-7f3a`.
    pub next: Vec<String>,
    /// Where the whole of an output is that is cut here.
    pub logs: Option<LogsCommand>,
    /// Where a process still drives the run, what it does: `still running`.
    pub goes_on: Option<String>,
}

impl LedgerFormat<'_> {
    /// Prints the summary of a run.
    pub fn print(&self, out: &mut dyn Write, summary: &RunSummary) -> io::Result<()> {
        let failures = failures::lines(self, summary);
        let table = table::lines(self, summary);
        let end = self.end(summary);
        let mut first = true;
        let passed_over = self.passed_over(summary);
        for part in [failures, table, passed_over, end] {
            if part.is_empty() {
                continue;
            }
            if !first {
                writeln!(out)?;
            }
            first = false;
            for line in part {
                writeln!(out, "{}", line.paint(self.style))?;
            }
        }
        out.flush()
    }

    /// `! web → prod.eu · migrate is not taken back: the data is gone`
    fn passed_over(&self, summary: &RunSummary) -> Vec<StyledLine> {
        let all = summary.no_way_back();
        let mut lines: Vec<StyledLine> = (all.iter().take(MAX_PASSED_OVER))
            .map(|(node, reason)| {
                let mut line = StyledLine::of(Tone::Warn, self.style.mark(LineSymbol::Warn));
                line.add(Tone::Plain, format!(" {}", self.label(node)));
                line.add(Tone::Warn, " is not taken back: ");
                line.add(Tone::Plain, text::clean(reason));
                line
            })
            .collect();
        if let Some(more) = all.len().checked_sub(MAX_PASSED_OVER).filter(|it| *it > 0) {
            let words = format!("  {}", phrases::count_text(more, "more line"));
            lines.push(StyledLine::of(Tone::Dim, words));
        }
        lines
    }

    /// A node's name in readable form.
    fn label(&self, node: &str) -> String {
        let label = path::label(node, self.style);
        text::clean(&label).into_owned()
    }

    /// `✗ run r-7f3a failed in 1m 12s: 3 deployed, 1 rolled back`
    fn end(&self, summary: &RunSummary) -> Vec<StyledLine> {
        let took = summary.took_ms().map(phrases::duration_text);
        let within = |word: &str| match &took {
            Some(took) => format!(" {word} {took}"),
            None => String::new(),
        };
        let (mark, tone, how) = match (summary.status(), &self.goes_on) {
            (Some(Status::Succeeded | Status::Ignored), _) => (
                LineSymbol::Good,
                Tone::Good,
                format!("succeeded{}", within("in")),
            ),
            (Some(Status::Cancelled), _) => (
                LineSymbol::Bad,
                Tone::Warn,
                format!("cancelled{}", within("after")),
            ),
            (Some(Status::RollbackFailed), _) => (
                LineSymbol::Bad,
                Tone::Bad,
                format!("failed{}, and a rollback failed", within("in")),
            ),
            (Some(_), _) => (
                LineSymbol::Bad,
                Tone::Bad,
                format!("failed{}", within("in")),
            ),
            (None, Some(does)) => {
                let does = text::clean(does).into_owned();
                (LineSymbol::Run, Tone::Note, does)
            }
            (None, None) => (
                LineSymbol::Warn,
                Tone::Warn,
                // The time at which it stopped was not recorded.
                String::from("interrupted"),
            ),
        };
        let run = summary
            .run()
            .map_or(String::new(), |run| format!(" {}", text::clean(run)));
        let mut line = StyledLine::of(tone, self.style.mark(mark));
        line.add(Tone::Bold, format!(" run{run} "));
        line.add(tone, how);
        let mut counts = StatusCounts::default();
        for row in summary.rows() {
            counts.add(match row.status {
                Status::Pending => Status::Skipped,
                status => status,
            });
        }
        let mut ends = phrases::end_counts(&counts);
        let unfinished = counts.total() - counts.ended();
        if unfinished > 0 {
            let comma = if ends.is_empty() { "" } else { ", " };
            ends.push_str(&format!("{comma}{unfinished} unfinished"));
        }
        if ends.is_empty() {
            ends = cells_text(summary);
        }
        if !ends.is_empty() {
            line.add(Tone::Plain, format!(": {ends}"));
        }
        let mut lines = vec![line];
        let cancelled = summary
            .failure()
            .filter(|failure| failure.class == FailureClass::Cancelled);
        if let Some(failure) = cancelled {
            let why = text::first_line(&failure.message, self.style.ellipsis());
            lines.push(StyledLine::of(Tone::Dim, format!("  {why}")));
        }
        let broken: Vec<String> = (summary.rows())
            .filter(|row| row.status == Status::RollbackFailed)
            .map(|row| format!("{} on {}", row.service, row.target))
            .collect();
        if summary.status() == Some(Status::RollbackFailed) && !self.next.is_empty() {
            let what = match broken.as_slice() {
                [] => String::from("what was not rolled back"),
                all if all.len() <= MAX_NAMED => text::clean(&all.join(", ")).into_owned(),
                all => phrases::count_text(all.len(), "deployment"),
            };
            let words = format!("  bring {what} into order by hand, and then");
            lines.push(StyledLine::of(Tone::Plain, words));
        }
        for next in &self.next {
            let mut line = StyledLine::of(Tone::Plain, "  ");
            line.add(Tone::Bold, text::clean(next));
            lines.push(line);
        }
        lines
    }
}

/// `38 of 40 cells done, 1 failed`
fn cells_text(summary: &RunSummary) -> String {
    let (counts, planned) = summary.cells();
    if planned == 0 {
        return String::new();
    }
    let good = counts.of(Status::Succeeded);
    let mut words = match good == planned {
        true => format!("{} done", phrases::count_text(planned, "cell")),
        false => format!("{good} of {} done", phrases::count_text(planned, "cell")),
    };
    for (status, word) in &phrases::STATUS_ORDER[1..] {
        let count = counts.of(*status);
        if count > 0 {
            words.push_str(&format!(", {count} {word}"));
        }
    }
    words
}
