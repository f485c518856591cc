//! The failures of a run in the ledger: where, why, and the end of the output.

use std::collections::HashMap;

use crate::style::{Line, Mark, Tone};
use crate::{Summary, Tail, Trouble, text, words};
use lockstep_lang::ir::FailureClass;

use super::Ledger;

/// At most so many failures are shown in full.
const IN_FULL: usize = 20;
/// At most so many more are shown in a line each.
const IN_A_LINE: usize = 30;
/// At most so many nodes that fail for the same reason are named.
const NAMED: usize = 4;

/// At most so many lines of a command are shown.
const COMMAND_LINES: usize = 10;

/// Failures that are shown as one: a single one, or all at one barrier for the same reason.
struct Group<'a> {
    first: &'a Trouble,
    others: Vec<&'a Trouble>,
}

pub(super) fn lines(ledger: &Ledger<'_>, summary: &Summary) -> Vec<Line> {
    let troubles = summary.troubles();
    let (ignored, real): (Vec<&Trouble>, Vec<&Trouble>) =
        troubles.into_iter().partition(|trouble| trouble.ignored);
    let groups = groups(real);
    let mut lines = Vec::new();
    for (at, group) in groups.iter().enumerate().take(IN_FULL) {
        if at > 0 {
            lines.push(Line::new());
        }
        in_full(ledger, group, &mut lines);
    }
    short(
        ledger,
        groups.iter().skip(IN_FULL).map(|group| group.first),
        Mark::Bad,
        &mut lines,
    );
    short(ledger, ignored.into_iter(), Mark::Warn, &mut lines);
    lines
}

/// The first causes come first; failures that only follow from a broken barrier come after them, as
/// one group.
fn groups(troubles: Vec<&Trouble>) -> Vec<Group<'_>> {
    let (followers, mut groups): (Vec<&Trouble>, Vec<Group<'_>>) = {
        let (followers, causes): (Vec<&Trouble>, Vec<&Trouble>) = troubles
            .into_iter()
            .partition(|trouble| trouble.failure.class == FailureClass::Barrier);
        let single = |first| Group {
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
                groups.push(Group {
                    first: trouble,
                    others: Vec::new(),
                });
            }
        }
    }
    groups
}

fn in_full(ledger: &Ledger<'_>, group: &Group<'_>, lines: &mut Vec<Line>) {
    let style = ledger.style;
    let failure = &group.first.failure;
    let mut head = Line::of(Tone::Bad, format!("{} ", style.mark(Mark::Bad)));
    head.add(Tone::Bold, text::clean(&failure.node));
    lines.push(head);
    for (at, message) in text::lines(&failure.message).into_iter().enumerate() {
        let mut line = Line::of(Tone::Plain, "  ");
        if at == 0 {
            line.add(Tone::Bad, words::class(failure));
        }
        line.add(Tone::Plain, message);
        lines.push(line);
    }
    let place = failure
        .span
        .zip(ledger.sources)
        .filter(|(span, sources)| sources.get(span.file).is_some())
        .map(|(span, sources)| sources.place(span));
    if let Some(place) = place {
        lines.push(Line::of(Tone::Dim, format!("  at {}", text::clean(&place))));
    }
    if !group.others.is_empty() {
        lines.push(Line::of(
            Tone::Dim,
            format!("  {}", also(ledger, &group.others)),
        ));
    }
    if let Some(tail) = &group.first.tail {
        output(ledger, tail, &failure.node, lines);
    }
}

/// `and 49 more for the same reason: search → prod.eu, cart → prod.eu, …`
fn also(ledger: &Ledger<'_>, others: &[&Trouble]) -> String {
    let names: Vec<String> = others
        .iter()
        .take(NAMED)
        .map(|trouble| ledger.label(&trouble.failure.node))
        .collect();
    let more = if others.len() > NAMED {
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

/// The command that failed or was stopped, and the end of what it wrote.
fn output(ledger: &Ledger<'_>, tail: &Tail, node: &str, lines: &mut Vec<Line>) {
    let style = ledger.style;
    let mut dim = |text: String| lines.push(Line::of(Tone::Dim, text));
    if &*tail.node != node {
        dim(format!("  in {}", text::clean(&tail.node)));
    }
    for (at, line) in tail.command.lines().take(COMMAND_LINES).enumerate() {
        let sign = if at == 0 { "$ " } else { "  " };
        dim(format!("  {sign}{}", text::clean(line)));
    }
    let more = tail.command.lines().count().saturating_sub(COMMAND_LINES);
    if more > 0 {
        let more = words::many(more, "more line");
        dim(format!("    {} {more}", style.ellipsis()));
    }
    let bar = format!("  {} ", style.bar());
    let mut said = |tone, what: &str| {
        let mut line = Line::of(Tone::Bad, bar.as_str());
        line.add(tone, text::clean(what));
        lines.push(line);
    };
    if tail.earlier > 0 {
        let earlier = words::many(tail.earlier, "earlier line");
        said(Tone::Dim, &format!("{} {earlier}", style.ellipsis()));
    }
    for line in &tail.lines {
        said(Tone::Plain, line);
    }
}

/// A line for each.
fn short<'a>(
    ledger: &Ledger<'_>,
    troubles: impl ExactSizeIterator<Item = &'a Trouble>,
    mark: Mark,
    lines: &mut Vec<Line>,
) {
    let count = troubles.len();
    if count == 0 {
        return;
    }
    if !lines.is_empty() {
        lines.push(Line::new());
    }
    for trouble in troubles.take(IN_A_LINE) {
        let failure = &trouble.failure;
        let message = text::first_line(&failure.message, ledger.style.ellipsis());
        let mut line = Line::of(mark.tone(), format!("{} ", ledger.style.mark(mark)));
        line.add(Tone::Plain, ledger.label(&failure.node));
        let ignored = if trouble.ignored { " ignored: " } else { " " };
        line.add(Tone::Dim, format!(" {ignored}"));
        line.add(Tone::Plain, format!("{}{message}", words::class(failure)));
        lines.push(line);
    }
    if count > IN_A_LINE {
        let more = count - IN_A_LINE;
        lines.push(Line::of(mark.tone(), format!("  and {more} more")));
    }
}
