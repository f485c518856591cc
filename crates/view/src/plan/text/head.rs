//! The header of a plan as text: how much there is to do, and the inputs.

use lockstep_outline::{Count, Input, Outline};

use super::super::title::{names, times, window_notes};
use super::PlanTextOptions;
use crate::style::{StyledLine, Tone};
use crate::{phrases, text};

/// At most so many inputs are shown.
const MAX_INPUTS: usize = 20;

pub(super) fn head(outline: &Outline, how: PlanTextOptions) -> Vec<StyledLine> {
    let mut lines = vec![StyledLine::of(Tone::Bold, text::clean(&outline.pipeline))];
    let mut separate = ": ";
    for amount in amounts(outline) {
        let last = lines.len() - 1;
        let line = lines[last].add(Tone::Plain, separate.trim_end());
        separate = ", ";
        if line.width() + 2 + text::width(&amount) <= how.width {
            line.add(Tone::Plain, format!(" {amount}"));
        } else {
            lines.push(StyledLine::of(Tone::Plain, format!("  {amount}")));
        }
    }
    if let Some(doc) = outline.doc.as_ref().and_then(|doc| doc.lines().next()) {
        lines.push(StyledLine::of(Tone::Dim, text::clean(doc)));
    }
    let notes = remarks(outline);
    if !notes.is_empty() {
        let dot = format!(" {} ", how.style.dot());
        lines.push(StyledLine::of(Tone::Dim, text::clean(&notes.join(&dot))));
    }
    // What is set for this run is never cut off.
    let set = outline.set.iter().map(|set| (set, "  set"));
    let shown: Vec<(&Input, &str)> = (outline.inputs.iter().take(MAX_INPUTS))
        .map(|input| (input, ""))
        .chain(set)
        .collect();
    if shown.is_empty() {
        return lines;
    }
    lines.push(StyledLine::new());
    let widest = shown
        .iter()
        .map(|(input, _)| text::width(&input.name))
        .max();
    for (input, note) in shown {
        let mut line = StyledLine::of(Tone::Plain, format!("  {}", text::clean(&input.name)));
        line.pad(widest.unwrap_or(0) + 4);
        let value = text::first_line(&input.value, how.style.ellipsis());
        let value = match value.is_empty() {
            true => String::from("\"\""),
            false => value,
        };
        line.add(Tone::Note, value).add(Tone::Dim, note);
        lines.push(line);
    }
    let more = outline.inputs.len().saturating_sub(MAX_INPUTS);
    if more > 0 {
        let more = phrases::count_text(more, "more input");
        lines.push(StyledLine::of(
            Tone::Dim,
            format!("  {} {more}", how.style.ellipsis()),
        ));
    }
    lines
}

/// Its modifiers and handlers, and what it locks as a whole.
pub(in super::super) fn remarks(outline: &Outline) -> Vec<String> {
    let mut notes: Vec<String> = outline.notes.clone();
    if !outline.locks.is_empty() {
        notes.push(format!("locks {}", names(&outline.locks)));
    }
    notes
}

/// `5 deployments`, `up to 2 at once`, `at most 3h 5m`
pub(in super::super) fn amounts(outline: &Outline) -> Vec<String> {
    let width = outline.width;
    let mut parts = vec![deployments(outline.deployments)];
    let at_once = |max: Option<u64>, word: &str| match max {
        Some(0) => None,
        Some(max) => {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            let counted = match word {
                "" => max.to_string(),
                word => phrases::count_text(max, word),
            };
            Some(format!("up to {counted} at once"))
        }
        None => Some(match word {
            "" => String::from("how many at once is known only at run time"),
            word => format!("how many {word}s at once is known only at run time"),
        }),
    };
    if outline.deployments != Count::exactly(0) {
        parts.extend(at_once(width.deployments, ""));
    }
    if width.commands != width.deployments {
        parts.extend(at_once(width.commands, "command"));
    }
    parts.extend(times(outline.shortest_ms, outline.longest_ms));
    parts.extend(window_notes(&outline.windows));
    parts
}

fn deployments(count: Count) -> String {
    let many = |count: u64| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        phrases::count_text(count, "deployment")
    };
    match (count.least, count.most) {
        (0, Some(0)) => String::from("no deployments"),
        (least, Some(most)) if least == most => many(most),
        (0, Some(most)) => format!("up to {}", many(most)),
        (least, Some(most)) => format!("{least} to {}", many(most)),
        (0, None) => String::from("deployments known only at run time"),
        (least, None) => format!("{} or more", many(least)),
    }
}
