//! The what-if table: a line for each failure, a column for each deployment.

use indexmap::IndexMap;

use super::{WhatIfLayout, mark, pipeline, plain, word};
use crate::style::{LineSymbol, StyledLine, Tone};
use crate::{phrases, text};
use lockstep_base::source::Name;
use lockstep_engine::run_event::Status;
use lockstep_verify::what_if::{PossibleEnds, WhatIfCase, WhatIfReport};

/// A failure with the ends of all deployments, over all places and moments of the failure.
struct WhatIfRow<'f> {
    name: String,
    /// The column of what fails.
    own: Option<usize>,
    ends: Vec<PossibleEnds>,
    pipeline: PossibleEnds,
    case: &'f WhatIfCase,
}

pub(super) fn lines(foresight: &WhatIfReport, look: WhatIfLayout<'_>) -> Vec<StyledLine> {
    let rows: Vec<WhatIfRow<'_>> = (foresight.cases.iter())
        .map(|case| row(foresight, case, look))
        .collect();
    let names = columns(foresight, look);
    let first =
        widest(rows.iter().map(|row| row.name.as_str())).max(text::width(FIRST_COLUMN_HEADING));
    outcome_text(&rows, &names, first, look)
        .or_else(|| outcome_symbols(&rows, &names, first, look))
        .unwrap_or_else(|| outcome_counts(&rows, first))
        .into_iter()
        .chain(ending(foresight, &rows))
        .collect()
}

const FIRST_COLUMN_HEADING: &str = "if this fails";

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(text::width).max().unwrap_or(0)
}

fn row<'f>(
    foresight: &WhatIfReport,
    case: &'f WhatIfCase,
    look: WhatIfLayout<'_>,
) -> WhatIfRow<'f> {
    let mut ends: Vec<PossibleEnds> = Vec::new();
    let mut pipeline = PossibleEnds::default();
    for outcome in &case.outcomes {
        ends.resize(outcome.deployments.len(), PossibleEnds::default());
        for (all, fate) in ends.iter_mut().zip(&outcome.deployments) {
            *all = all.or(fate.ends);
        }
        pipeline = pipeline.or(outcome.pipeline);
    }
    let fates = case.outcomes.first().map(|outcome| &outcome.deployments);
    let own = fates.and_then(|fates| {
        fates
            .iter()
            .position(|fate| fate.deployment.node == case.fails)
    });
    // Before there is anything to roll back it just fails, which needs no mention; unless it may
    // take a way on which nothing is rolled back.
    if foresight.unknown.is_empty()
        && let Some(ends) = own.and_then(|own| ends.get_mut(own))
        && ends.contains(Status::RolledBack)
    {
        *ends = ends.without(Status::Failed);
    }
    WhatIfRow {
        own,
        name: named(
            case.service.as_ref(),
            case.target.as_ref(),
            &case.fails,
            look,
        ),
        ends,
        pipeline,
        case,
    }
}

fn named(
    service: Option<&Name>,
    target: Option<&Name>,
    path: &str,
    look: WhatIfLayout<'_>,
) -> String {
    match (service, target) {
        (Some(service), Some(target)) => format!(
            "{} {} {}",
            text::clean(service),
            look.style.arrow(),
            text::clean(target)
        ),
        _ => text::clean(path).into_owned(),
    }
}

/// The names of the deployments.
fn columns(foresight: &WhatIfReport, look: WhatIfLayout<'_>) -> Vec<String> {
    let outcome = (foresight.cases.iter()).find_map(|case| case.outcomes.first());
    let fates = outcome.into_iter().flat_map(|outcome| &outcome.deployments);
    fates
        .map(|fate| {
            let it = &*fate.deployment;
            named(Some(&it.service), Some(&it.target), &it.node, look)
        })
        .collect()
}

/// The table with words in its cells, if it is not too wide.
fn outcome_text(
    rows: &[WhatIfRow<'_>],
    names: &[String],
    first: usize,
    look: WhatIfLayout<'_>,
) -> Option<Vec<StyledLine>> {
    // What needs a word in each cell is too wide before all its words are known.
    if first
        + names
            .iter()
            .map(|name| text::width(name) + 2)
            .sum::<usize>()
        > look.width
    {
        return None;
    }
    let widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let words: Vec<String> = rows.iter().map(|row| cell(row, at)).collect();
            widest(words.iter().map(String::as_str)).max(text::width(name))
        })
        .collect();
    let whole: usize = first + widths.iter().map(|width| width + 2).sum::<usize>();
    if whole > look.width {
        return None;
    }
    let mut head = StyledLine::of(Tone::Dim, FIRST_COLUMN_HEADING);
    let mut column = first + 2;
    for (name, width) in names.iter().zip(&widths) {
        head.pad(column).add(Tone::Bold, name.as_str());
        column += width + 2;
    }
    let mut lines = vec![head];
    for row in rows {
        let mut line = StyledLine::of(Tone::Bold, row.name.as_str());
        let mut column = first + 2;
        for (at, width) in widths.iter().enumerate() {
            let tone = row
                .ends
                .get(at)
                .map_or(Tone::Dim, |ends| mark(*ends).tone());
            line.pad(column).add(tone, cell(row, at));
            column += width + 2;
        }
        lines.push(line);
    }
    Some(lines)
}

fn cell(row: &WhatIfRow<'_>, at: usize) -> String {
    let word = row.ends.get(at).map(|ends| word(*ends)).unwrap_or_default();
    match row.own == Some(at) && !word.starts_with("failed") {
        true => format!("fails, {word}"),
        false => word,
    }
}

/// The table with symbols in its cells and numbers for the deployments, if it is not too wide.
fn outcome_symbols(
    rows: &[WhatIfRow<'_>],
    names: &[String],
    first: usize,
    look: WhatIfLayout<'_>,
) -> Option<Vec<StyledLine>> {
    let digits = names.len().to_string().len();
    let start = digits + 2 + first + 2;
    if start + names.len() * (digits + 1) > look.width {
        return None;
    }
    let mut head = StyledLine::new();
    head.pad(digits + 2)
        .add(Tone::Dim, FIRST_COLUMN_HEADING)
        .pad(start);
    for number in 1..=names.len() {
        head.add(Tone::Dim, format!("{number:>digits$} "));
    }
    let mut lines = vec![head];
    for row in rows {
        let number = row.own.map_or(String::new(), |at| (at + 1).to_string());
        let mut line = StyledLine::of(Tone::Dim, format!("{number:>digits$}"));
        line.pad(digits + 2)
            .add(Tone::Bold, row.name.as_str())
            .pad(start);
        for ends in &row.ends {
            let mark = mark(*ends);
            let blanks = " ".repeat(digits - 1);
            let sign = look.style.mark(mark);
            line.add(mark.tone(), format!("{blanks}{sign} "));
        }
        lines.push(line);
    }
    lines.push(StyledLine::new());
    lines.extend(legend(rows, look));
    Some(lines)
}

/// The legend: what the symbols stand for.
fn legend(rows: &[WhatIfRow<'_>], look: WhatIfLayout<'_>) -> Option<StyledLine> {
    let mut line = StyledLine::new();
    let all = || rows.iter().flat_map(|row| &row.ends);
    let used = |status| all().any(|ends| ends.only() == Some(status));
    let mut seen = Vec::new();
    for (status, word) in phrases::STATUS_ORDER {
        if used(status) {
            let mark = phrases::status_symbol(status);
            // Two bad ends share a symbol.
            let word = match seen.contains(&mark) {
                true => format!("or {word}  "),
                false => format!("{} {word}  ", look.style.mark(mark)),
            };
            seen.push(mark);
            line.add(mark.tone(), word);
        }
    }
    if all().any(|ends| ends.len() > 1) {
        let text = format!(
            "{} depends on where and when it fails",
            look.style.mark(LineSymbol::Ask)
        );
        line.add(LineSymbol::Ask.tone(), text);
    }
    (!line.is_empty()).then_some(line)
}

/// The counts of deployments by how they end.
fn outcome_counts(rows: &[WhatIfRow<'_>], first: usize) -> Vec<StyledLine> {
    let mut lines = Vec::new();
    for row in rows {
        let mut counts: IndexMap<Option<Status>, usize> = IndexMap::new();
        for ends in &row.ends {
            *counts.entry(ends.only()).or_default() += 1;
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(end, count)| {
                let word = end.map_or("depending on where and when it fails", plain);
                format!("{count} {word}")
            })
            .collect();
        let mut line = StyledLine::of(Tone::Bold, row.name.as_str());
        line.pad(first + 2).add(Tone::Plain, counts.join(", "));
        lines.push(line);
    }
    lines
}

/// How the pipeline ends, and a hint where to find more.
fn ending(foresight: &WhatIfReport, rows: &[WhatIfRow<'_>]) -> Vec<StyledLine> {
    let name = text::clean(&foresight.pipeline);
    let mut ends: IndexMap<String, Vec<&str>> = IndexMap::new();
    for row in rows {
        let word = pipeline(row.pipeline);
        ends.entry(word).or_default().push(&row.name);
    }
    let mut lines = vec![StyledLine::new()];
    if let [(word, _)] = ends.iter().collect::<Vec<_>>().as_slice() {
        lines.push(StyledLine::of(
            Tone::Plain,
            format!("In each of them {name} {word}."),
        ));
    } else {
        for (word, rows) in &ends {
            let rows = match rows.len() {
                count if count > 4 => phrases::count_text(count, "of these failure"),
                _ => rows.join(", "),
            };
            lines.push(StyledLine::of(
                Tone::Plain,
                format!("{name} {word}: {rows}"),
            ));
        }
    }
    let unsure = rows
        .iter()
        .find(|row| row.ends.iter().any(|ends| ends.len() > 1));
    if let Some(row) = unsure {
        let path = text::clean(&row.case.fails);
        let text = format!("See what it depends on: --if-fails \"{path}\"");
        lines.push(StyledLine::of(Tone::Dim, text));
    }
    lines
}
