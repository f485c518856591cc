//! The failures of a run in the ledger: where, why, and the end of the output.

use std::collections::HashMap;

use crate::style::{LineSymbol, StyledLine, Tone};
use crate::{OutputExcerpt, RunSummary, Style, UnresolvedFailure, phrases, text};
use lockstep_lang::ir::FailureClass;

use super::LedgerFormat;

/// At most so many failures are shown in full.
const MAX_FULL_FAILURES: usize = 20;
/// At most so many more are shown in a line each.
const MAX_ONE_LINE_FAILURES: usize = 30;
/// At most so many nodes that fail for the same reason are named.
const MAX_NAMED_NODES: usize = 4;

/// At most so many lines of a message are shown.
const MAX_MESSAGE_LINES: usize = 20;

/// At most so many lines of a command are shown.
const MAX_COMMAND_LINES: usize = 10;

/// Failures that are shown as one: a single one, or all at one barrier for the same reason.
struct FailureGroup<'a> {
    first: &'a UnresolvedFailure,
    others: Vec<&'a UnresolvedFailure>,
}

pub(super) fn lines(ledger: &LedgerFormat<'_>, summary: &RunSummary) -> Vec<StyledLine> {
    let troubles = summary.unresolved_failures();
    let (ignored, real): (Vec<&UnresolvedFailure>, Vec<&UnresolvedFailure>) =
        troubles.into_iter().partition(|trouble| trouble.ignored);
    let groups = groups(real);
    let mut lines = Vec::new();
    for (at, group) in groups.iter().enumerate().take(MAX_FULL_FAILURES) {
        if at > 0 {
            lines.push(StyledLine::new());
        }
        in_full(ledger, group, &mut lines);
    }
    short(
        ledger,
        groups
            .iter()
            .skip(MAX_FULL_FAILURES)
            .map(|group| group.first),
        LineSymbol::Bad,
        &mut lines,
    );
    short(ledger, ignored.into_iter(), LineSymbol::Warn, &mut lines);
    lines
}

/// The first causes come first; failures that only follow from a broken barrier come after them, as
/// one group.
fn groups(troubles: Vec<&UnresolvedFailure>) -> Vec<FailureGroup<'_>> {
    let (followers, mut groups): (Vec<&UnresolvedFailure>, Vec<FailureGroup<'_>>) = {
        let (followers, causes): (Vec<&UnresolvedFailure>, Vec<&UnresolvedFailure>) = troubles
            .into_iter()
            .partition(|trouble| trouble.failure.class == FailureClass::Barrier);
        let single = |first| FailureGroup {
            first,
            others: Vec::new(),
        };
        (followers, causes.into_iter().map(single).collect())
    };
    let mut known: HashMap<&str, usize> = HashMap::new();
    for trouble in followers {
        match known.get(trouble.failure.message.as_str()) {
            Some(at) => groups[*at].others.push(trouble),
            None => {
                known.insert(&trouble.failure.message, groups.len());
                groups.push(FailureGroup {
                    first: trouble,
                    others: Vec::new(),
                });
            }
        }
    }
    groups
}

fn in_full(ledger: &LedgerFormat<'_>, group: &FailureGroup<'_>, lines: &mut Vec<StyledLine>) {
    let style = ledger.style;
    let failure = &group.first.failure;
    let mut head = StyledLine::of(Tone::Bad, format!("{} ", style.mark(LineSymbol::Bad)));
    head.add(Tone::Bold, text::clean(&failure.node));
    lines.push(head);
    let mut messages = text::lines(&failure.message);
    if messages.len() > MAX_MESSAGE_LINES {
        let more = phrases::count_text(messages.len() - MAX_MESSAGE_LINES, "more line");
        messages.truncate(MAX_MESSAGE_LINES);
        messages.push(format!("{} {more}", style.ellipsis()));
    }
    for (at, message) in messages.into_iter().enumerate() {
        let mut line = StyledLine::of(Tone::Plain, "  ");
        if at == 0 {
            line.add(Tone::Bad, phrases::class_text(failure));
        }
        line.add(Tone::Plain, message).shorten(style);
        lines.push(line);
    }
    let place = failure
        .span
        .zip(ledger.sources)
        .filter(|(span, sources)| sources.get(span.file).is_some())
        .map(|(span, sources)| sources.place(span));
    if let Some(place) = place {
        lines.push(StyledLine::of(
            Tone::Dim,
            format!("  at {}", text::clean(&place)),
        ));
    }
    if !group.others.is_empty() {
        lines.push(StyledLine::of(
            Tone::Dim,
            format!("  {}", also(ledger, &group.others)),
        ));
    }
    // What handlers found out comes first.
    for handled in &group.first.handled {
        output(ledger, handled, &failure.node, lines);
    }
    if let Some(excerpt) = &group.first.tail {
        output(ledger, excerpt, &failure.node, lines);
    }
}

/// `and 49 more for the same reason: search → prod.eu, cart → prod.eu, …`
fn also(ledger: &LedgerFormat<'_>, others: &[&UnresolvedFailure]) -> String {
    let names: Vec<String> = others
        .iter()
        .take(MAX_NAMED_NODES)
        .map(|trouble| ledger.label(&trouble.failure.node))
        .collect();
    let more = if others.len() > MAX_NAMED_NODES {
        format!(", {}", ledger.style.ellipsis())
    } else {
        String::new()
    };
    format!(
        "and {} more for the same reason: {}{more}",
        others.len(),
        names.join(", ")
    )
}

/// The command that failed or was stopped, and the beginning and the end of what it wrote.
fn output(
    ledger: &LedgerFormat<'_>,
    excerpt: &OutputExcerpt,
    node: &str,
    lines: &mut Vec<StyledLine>,
) {
    let style = ledger.style;
    if &*excerpt.node != node {
        let place = format!("  in {}", text::clean(&excerpt.node));
        lines.push(StyledLine::of(Tone::Dim, place));
    }
    // What `log` writes comes from no command.
    if !excerpt.command.is_empty() {
        let text = phrases::command_line(&excerpt.node, &excerpt.command);
        command(&text, style, lines);
    }
    let bar = format!("  {} ", style.bar());
    let mut said = |tone, what: &str, left_out| {
        let mut line = StyledLine::of(Tone::Bad, bar.as_str());
        line.add(tone, text::output_line(what));
        if left_out > 0 {
            line.add(Tone::Dim, style.left_out(left_out));
        }
        lines.push(line);
    };
    for line in &excerpt.first {
        said(Tone::Plain, &line.start, line.left_out);
    }
    if excerpt.left_out > 0 {
        let left_out = phrases::count_text(excerpt.left_out, "more line");
        let whole = match &ledger.logs {
            Some(logs) => format!(": {}", logs.of(&excerpt.node)),
            None => String::new(),
        };
        let what = format!("{} {left_out}{whole}", style.ellipsis());
        said(Tone::Dim, &what, 0);
    }
    for line in &excerpt.last {
        said(Tone::Plain, &line.start, line.left_out);
    }
}

fn command(text: &str, style: Style, lines: &mut Vec<StyledLine>) {
    let mut dim = |text: String| {
        let mut line = StyledLine::of(Tone::Dim, text);
        line.shorten(style);
        lines.push(line);
    };
    for (at, line) in text.lines().take(MAX_COMMAND_LINES).enumerate() {
        let indent = if at == 0 { "" } else { "  " };
        dim(format!("  {indent}{}", text::clean(line)));
    }
    let more = text.lines().count().saturating_sub(MAX_COMMAND_LINES);
    if more > 0 {
        let more = phrases::count_text(more, "more line");
        dim(format!("    {} {more}", style.ellipsis()));
    }
}

/// A line for each.
fn short<'a>(
    ledger: &LedgerFormat<'_>,
    troubles: impl ExactSizeIterator<Item = &'a UnresolvedFailure>,
    mark: LineSymbol,
    lines: &mut Vec<StyledLine>,
) {
    let count = troubles.len();
    if count == 0 {
        return;
    }
    if !lines.is_empty() {
        lines.push(StyledLine::new());
    }
    for trouble in troubles.take(MAX_ONE_LINE_FAILURES) {
        let failure = &trouble.failure;
        let message = text::first_line(&failure.message, ledger.style.ellipsis());
        let mut line = StyledLine::of(mark.tone(), format!("{} ", ledger.style.mark(mark)));
        line.add(Tone::Plain, ledger.label(&failure.node));
        let ignored = if trouble.ignored { " ignored: " } else { " " };
        line.add(Tone::Dim, format!(" {ignored}"));
        line.add(
            Tone::Plain,
            format!("{}{message}", phrases::class_text(failure)),
        )
        .shorten(ledger.style);
        lines.push(line);
    }
    if count > MAX_ONE_LINE_FAILURES {
        let more = count - MAX_ONE_LINE_FAILURES;
        lines.push(StyledLine::of(mark.tone(), format!("  and {more} more")));
    }
}
