//! Renders a what-if report (what each possible failure would lead to) as text or JSON: each case
//! in full, or all of them as a table.

mod case;
mod table;

use lockstep_base::source::Span;
use lockstep_engine::run_event::Status;
use lockstep_verify::what_if::{PossibleEnds, WhatIfReport};

use super::Style;
use super::phrases;
use super::style::{LineSymbol, StyledLine, Tone};

/// How the text is rendered.
#[derive(Clone, Copy)]
pub struct WhatIfLayout<'a> {
    /// Colours and symbols.
    pub style: Style,
    /// The width in columns.
    pub width: usize,
    /// How a place in the source is written.
    pub place: &'a dyn Fn(Span) -> String,
}

/// Each case in full.
pub fn cases(foresight: &WhatIfReport, look: WhatIfLayout<'_>) -> String {
    let mut lines = Vec::new();
    for (at, case) in foresight.cases.iter().enumerate() {
        if at > 0 {
            lines.extend([StyledLine::new(), StyledLine::new()]);
        }
        lines.extend(case::lines(foresight, case, look));
    }
    lines.extend(remarks(foresight, look));
    paint(lines, look)
}

/// A table with a line for each failure and a column for each deployment.
pub fn table(foresight: &WhatIfReport, look: WhatIfLayout<'_>) -> String {
    let mut lines = table::lines(foresight, look);
    lines.extend(remarks(foresight, look));
    paint(lines, look)
}

/// The stable JSON form for tools.
pub fn json(foresight: &WhatIfReport) -> String {
    // It holds nothing that JSON cannot represent.
    let text = serde_json::to_string_pretty(foresight).unwrap_or_default();
    format!("{text}\n")
}

/// Remarks that apply to all cases, printed next to them.
fn remarks(foresight: &WhatIfReport, look: WhatIfLayout<'_>) -> Vec<StyledLine> {
    let mut lines = unknown(foresight, look);
    if foresight.unlisted > 0 {
        let more = phrases::count_text(foresight.unlisted, "more failure");
        let text = format!("{more} would take too long to simulate: name them with --if-fails.");
        lines.extend([StyledLine::new(), StyledLine::of(Tone::Warn, text)]);
    }
    if let Some(chosen) = &foresight.chosen {
        let text = format!("A person is asked; the assumed choice is {}.", chosen);
        lines.extend([StyledLine::new(), StyledLine::of(Tone::Dim, text)]);
    }
    lines
}

/// How many kinds of what only the run knows are listed.
const MAX_UNKNOWN_LINES: usize = 10;

/// What only the run knows, and what was supposed of it.
fn unknown(foresight: &WhatIfReport, look: WhatIfLayout<'_>) -> Vec<StyledLine> {
    let unknown = &foresight.unknown;
    if unknown.is_empty() {
        return Vec::new();
    }
    let count = phrases::count_text(unknown.len(), "thing");
    let head = format!("{count} that only the run knows:");
    let mut lines = vec![StyledLine::new(), StyledLine::of(Tone::Dim, head)];
    for point in unknown.iter().take(MAX_UNKNOWN_LINES) {
        let what = match point.kind {
            "cells" => "which cells there are; every one that is possible is there",
            "deployment" => "what is deployed where to; each possibility was tried",
            _ => "which branch is taken; each was tried",
        };
        let mut line = StyledLine::of(Tone::Dim, format!("  {}", (look.place)(point.span)));
        line.add(Tone::Dim, format!("  {what}"));
        lines.push(line);
    }
    if unknown.len() > MAX_UNKNOWN_LINES {
        let more = phrases::count_text(unknown.len() - MAX_UNKNOWN_LINES, "more thing");
        lines.push(StyledLine::of(Tone::Dim, format!("  {more}")));
    }
    if foresight.untried {
        let text = "There are more combinations of these than were tried.";
        lines.push(StyledLine::of(Tone::Warn, text));
    }
    lines
}

fn paint(lines: Vec<StyledLine>, look: WhatIfLayout<'_>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.paint(look.style));
        text.push('\n');
    }
    text
}

/// `deployed`, or `deployed or rolled back` where it depends on timing.
fn word(ends: PossibleEnds) -> String {
    let words: Vec<&str> = ends.iter().map(plain).collect();
    words.join(" or ")
}

fn plain(end: Status) -> &'static str {
    let known = phrases::STATUS_ORDER
        .iter()
        .find(|(status, _)| *status == end);
    known.map_or("unfinished", |(_, word)| word)
}

/// The symbol for how something can end.
fn mark(ends: PossibleEnds) -> LineSymbol {
    ends.only().map_or(LineSymbol::Ask, phrases::status_symbol)
}

/// How the pipeline ends: `fails`, or `fails or succeeds`.
fn pipeline(ends: PossibleEnds) -> String {
    let word = |end: Status| match end {
        Status::Succeeded => "succeeds all the same",
        Status::RollbackFailed => "fails, and a rollback fails",
        Status::Cancelled => "is cancelled",
        _ => "fails",
    };
    let words: Vec<&str> = ends.iter().map(word).collect();
    match words.is_empty() {
        true => String::from("goes on, as nothing there can fail"),
        false => words.join(" or "),
    }
}
