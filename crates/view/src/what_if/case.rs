//! One what-if case in full: which deployments roll back, go on or never start, and what is then on
//! each infrastructure.

use indexmap::IndexMap;

use super::{WhatIfLayout, mark, pipeline, word};
use crate::style::{LineSymbol, StyledLine, Tone};
use crate::{path, phrases, text};
use lockstep_engine::run_event::Status;
use lockstep_verify::what_if::{
    DeploymentOutcome, InfrastructureOutcome, WhatIfCase, WhatIfOutcome, WhatIfReport,
};

/// At most so many lines are shown for one outcome.
const MAX_OUTCOME_LINES: usize = 60;
/// At most so many names are listed when several entries are grouped.
const MAX_NAMES: usize = 8;

pub(super) fn lines(
    foresight: &WhatIfReport,
    case: &WhatIfCase,
    look: WhatIfLayout<'_>,
) -> Vec<StyledLine> {
    let mut lines = Vec::new();
    let name = text::clean(&case.fails).into_owned();
    let several = case.outcomes.len() > 1;
    let mut head = StyledLine::of(Tone::Plain, "If ");
    head.add(Tone::Bold, name).add(Tone::Plain, " fails");
    if several {
        head.add(Tone::Plain, ", it depends on where:");
        lines.push(head.clone());
    }
    for outcome in &case.outcomes {
        let ends = pipeline(outcome.pipeline);
        let end = format!("{} {ends}", text::clean(&foresight.pipeline));
        if several {
            let at: Vec<&str> = outcome.at.iter().map(|place| &*place.inside).collect();
            let mut line = StyledLine::of(Tone::Plain, "at ");
            line.add(Tone::Bold, text::clean(&at.join(", ")))
                .add(Tone::Plain, format!(": {end}"));
            lines.extend([StyledLine::new(), line]);
        } else {
            head.add(Tone::Plain, format!(", {end}"));
            lines.push(head.clone());
        }
        lines.extend(fates(outcome, look));
        lines.extend(no_way_back(outcome, look));
        lines.extend(afterwards(outcome));
    }
    let mut all = case.outcomes.iter().flat_map(|it| &it.deployments);
    if foresight.may_be_superseded && all.any(|it| it.ends.contains(Status::RolledBack)) {
        let note = "  what a later run has deployed by then is left as it is: superseded";
        lines.push(StyledLine::of(Tone::Dim, note));
    }
    lines
}

/// A line for each infrastructure and way to end there.
fn fates(outcome: &WhatIfOutcome, look: WhatIfLayout<'_>) -> Vec<StyledLine> {
    let mut groups: IndexMap<(&str, String, Option<String>), Vec<&DeploymentOutcome>> =
        IndexMap::new();
    for fate in &outcome.deployments {
        let because = (fate.because.as_ref()).map(|failure| {
            let message = text::first_line(&failure.message, look.style.ellipsis());
            format!("{}{message}", phrases::class_text(failure))
        });
        let key = (&*fate.deployment.target, word(fate.ends), because);
        groups.entry(key).or_default().push(fate);
    }
    let names = |fates: &[&DeploymentOutcome]| -> String {
        let names: Vec<_> = fates
            .iter()
            .map(|fate| text::clean(&fate.deployment.service))
            .collect();
        match names.len() {
            count if count > MAX_NAMES => phrases::count_text(count, "service"),
            _ => names.join(", "),
        }
    };
    let rows: Vec<_> = groups
        .iter()
        .map(|((target, word, because), fates)| {
            let first = fates
                .first()
                .map_or(LineSymbol::None, |fate| mark(fate.ends));
            (first, text::clean(target), names(fates), word, because)
        })
        .collect();
    let wide = |column: fn(&str, &str, &str) -> usize| {
        let widths = rows.iter().map(|row| column(&row.1, &row.2, row.3));
        widths.max().unwrap_or(0)
    };
    let target = 4 + wide(|target, _, _| text::width(target)) + 2;
    let services = target + wide(|_, services, _| text::width(services)) + 2;
    let end = services + wide(|_, _, word| text::width(word)) + 2;
    let mut lines = Vec::new();
    let mut before = None;
    for (first, place, services_of, word, because) in rows.iter().take(MAX_OUTCOME_LINES) {
        let mut line = StyledLine::of(Tone::Plain, "  ");
        line.add(first.tone(), look.style.mark(*first)).pad(4);
        if before != Some(place) {
            line.add(Tone::Plain, place.clone());
        }
        before = Some(place);
        line.pad(target).add(Tone::Plain, services_of.as_str());
        line.pad(services).add(first.tone(), word.as_str());
        if let Some(because) = because {
            line.pad(end).add(Tone::Dim, because.as_str());
        }
        line.fit(look.width, look.style);
        lines.push(line);
    }
    if rows.len() > MAX_OUTCOME_LINES {
        let more = phrases::count_text(rows.len() - MAX_OUTCOME_LINES, "more line");
        lines.push(StyledLine::of(Tone::Dim, format!("  {more}")));
    }
    lines
}

/// What a rollback passes over, and why.
fn no_way_back(outcome: &WhatIfOutcome, look: WhatIfLayout) -> Vec<StyledLine> {
    let mut lines: Vec<StyledLine> = (outcome.no_way_back.iter().take(MAX_OUTCOME_LINES))
        .map(|it| {
            let node = path::label(&it.node, look.style);
            let mut line = StyledLine::of(Tone::Plain, "  ");
            line.add(Tone::Warn, look.style.mark(LineSymbol::Warn))
                .pad(4);
            let words = format!("{} has no way back: ", text::clean(&node));
            line.add(Tone::Plain, words)
                .add(Tone::Plain, text::clean(&it.reason));
            line.fit(look.width, look.style);
            line
        })
        .collect();
    if outcome.no_way_back.len() > MAX_OUTCOME_LINES {
        let more = outcome.no_way_back.len() - MAX_OUTCOME_LINES;
        let more = phrases::count_text(more, "more line");
        lines.push(StyledLine::of(Tone::Dim, format!("  {more}")));
    }
    lines
}

/// What is then on the infrastructures, grouped where it is the same.
fn afterwards(outcome: &WhatIfOutcome) -> Vec<StyledLine> {
    let mut groups: IndexMap<String, Vec<&str>> = IndexMap::new();
    for after in &outcome.infrastructures {
        let words: Vec<&str> = after.ends.iter().map(|end| state(*end)).collect();
        groups
            .entry(words.join(" or "))
            .or_default()
            .push(&after.name);
    }
    let mut lines = Vec::new();
    if !groups.is_empty() {
        lines.push(StyledLine::of(Tone::Dim, "  afterwards"));
    }
    for (state, names) in groups {
        let names = match names.len() {
            count if count > MAX_NAMES => phrases::count_text(count, "infrastructure"),
            _ => text::clean(&names.join(", ")).into_owned(),
        };
        let mut line = StyledLine::of(Tone::Plain, format!("    {names}: "));
        line.add(Tone::Plain, state);
        lines.push(line);
    }
    lines
}

fn state(end: InfrastructureOutcome) -> &'static str {
    match end {
        InfrastructureOutcome::New => "new",
        InfrastructureOutcome::AsBefore => "as before",
        InfrastructureOutcome::Mixed => "partly new, partly as before",
        InfrastructureOutcome::Unclear => "unclear: something failed there and was not rolled back",
    }
}
