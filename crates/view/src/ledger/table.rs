//! The table of deployments in the ledger: what, where, version before, version after, status,
//! duration.

use indexmap::IndexMap;

use crate::style::{LineSymbol, StyledLine, Tone};
use crate::{LedgerRow, RunSummary, Style, phrases, text};
use lockstep_base::node_path::{self, PathPart};
use lockstep_engine::run_event::Status;

use super::LedgerFormat;

/// With more deployments than this, those that need no attention are grouped.
const ALL: usize = 60;
/// The smallest group of cells; fewer are shown one by one.
const MIN_FOLDED_CELLS: usize = 3;
/// At most so many failed deployments are shown one by one.
const MAX_LISTED_FAILURES: usize = 200;
/// A version longer than this is not repeated.
const MAX_REPEATED_VERSION_CHARS: usize = 16;
/// A column is never cut below this.
const MIN_COLUMN_WIDTH: usize = 8;

/// The cells of a line, as texts.
#[derive(Debug)]
struct LedgerCells {
    mark: LineSymbol,
    service: String,
    target: String,
    before: String,
    after: String,
    word: String,
    took: String,
    quiet: bool,
}

pub(super) fn lines(ledger: &LedgerFormat<'_>, summary: &RunSummary) -> Vec<StyledLine> {
    let (mut cells, more) = if summary.rows().len() > ALL {
        folded(ledger, summary)
    } else {
        (summary.rows().map(|row| single(ledger, row)).collect(), 0)
    };
    make_distinct(ledger, summary, &mut cells);
    let mut lines = layout(ledger, &cells);
    if more > 0 {
        lines.push(StyledLine::of(
            Tone::Bad,
            format!("  and {more} more that failed"),
        ));
    }
    for stage in summary.skipped_stages() {
        let mut line = StyledLine::of(
            Tone::Dim,
            format!("{} ", ledger.style.mark(LineSymbol::Skip)),
        );
        line.add(
            Tone::Dim,
            format!("stage {} not started", ledger.label(stage)),
        );
        lines.push(line);
    }
    lines
}

fn single(ledger: &LedgerFormat<'_>, row: &LedgerRow) -> LedgerCells {
    let (before, after) = versions(row);
    let cell =
        |text: Option<&str>| text.map_or(String::new(), |text| text::clean(text).into_owned());
    let tried = tried(row).map(|tried| {
        let arrow = ledger.style.arrow();
        format!("{} {arrow} {}", text::clean(tried), cell(before))
    });
    let known = before.is_some() || after.is_some();
    let dash = |text: String| match text.is_empty() && known {
        true => ledger.style.dash().to_owned(),
        false => text,
    };
    LedgerCells {
        mark: mark(row.status),
        service: text::clean(&row.service).into_owned(),
        target: text::clean(&row.target).into_owned(),
        before: dash(cell(before)),
        after: tried.unwrap_or_else(|| dash(cell(after))),
        word: word(row),
        took: row.took_ms.map(phrases::duration_text).unwrap_or_default(),
        quiet: row.status == Status::Skipped || row.status == Status::Pending,
    }
}

/// The versions before and after, as far as they are known.
fn versions(row: &LedgerRow) -> (Option<&str>, Option<&str>) {
    let before = row.before.as_deref();
    let after = row.after.as_deref();
    match row.status {
        Status::RolledBack | Status::Skipped => (before, before),
        Status::Succeeded => (before, after),
        // What a later run has deployed there is not known here.
        Status::Superseded => (None, None),
        Status::RollbackFailed | Status::RollingBack => (before, before.or(after).map(|_| "?")),
        // Something was done and not rolled back: the version that is there now was not recorded.
        _ => (before, after.or(before.map(|_| "?"))),
    }
}

/// The version that was there for a time, if it was taken back.
fn tried(row: &LedgerRow) -> Option<&str> {
    let after = row.after.as_deref().filter(|_| row.before.is_some())?;
    let is_back = row.status == Status::RolledBack && row.before.as_deref() != Some(after);
    is_back.then_some(after)
}

fn mark(status: Status) -> LineSymbol {
    match status {
        Status::Running | Status::RollingBack | Status::Waiting => LineSymbol::Warn,
        status => phrases::status_symbol(status),
    }
}

/// The status in plain words.
fn word(row: &LedgerRow) -> String {
    match (row.status, row.before.as_deref()) {
        // A long version is shown only once in a line.
        (Status::RolledBack, Some(before)) if text::width(before) <= MAX_REPEATED_VERSION_CHARS => {
            format!("rolled back to {}", text::clean(before))
        }
        (Status::Superseded, _) => match &row.left {
            Some(why) => format!("superseded: {}", text::clean(why)),
            None => plain_word(row.status).to_owned(),
        },
        (Status::Succeeded, _) if row.changed == Some(false) => String::from("unchanged"),
        (status, _) => plain_word(status).to_owned(),
    }
}

fn plain_word(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "deployed",
        Status::Ignored => "failed and ignored",
        Status::Failed => "failed",
        Status::Cancelled => "cancelled",
        Status::Superseded => "superseded",
        Status::RolledBack => "rolled back",
        Status::RollbackFailed => "rollback failed",
        Status::RollingBack => "rollback unfinished",
        Status::Running | Status::Waiting => "unfinished",
        Status::Pending | Status::Queued | Status::Skipped => "not started",
    }
}

/// What several deployments are grouped by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GroupingAxis {
    Target,
    Service,
    None,
}

/// Deployments that need no attention are grouped into one line for each infrastructure, or for
/// each service where these are fewer, or into a single line where both are many. Those that need
/// attention stand at the end; the number is how many of these there are beyond what can be shown.
fn folded(ledger: &LedgerFormat<'_>, summary: &RunSummary) -> (Vec<LedgerCells>, usize) {
    let (quiet, rest): (Vec<&LedgerRow>, Vec<&LedgerRow>) =
        summary.rows().partition(|row| match row.status {
            Status::Failed | Status::RollbackFailed | Status::RollingBack | Status::Ignored => {
                false
            }
            _ => !row.failed,
        });
    let by_target = groups(&quiet, |row| &row.target);
    let by_service = groups(&quiet, |row| &row.service);
    let (axis, groups) = if by_target.len() <= by_service.len().min(ALL) {
        (GroupingAxis::Target, by_target)
    } else if by_service.len() <= ALL {
        (GroupingAxis::Service, by_service)
    } else {
        (GroupingAxis::None, groups(&quiet, |_| ""))
    };
    let mut cells = Vec::new();
    for rows in groups.values() {
        if rows.len() <= MIN_FOLDED_CELLS {
            cells.extend(rows.iter().map(|row| single(ledger, row)));
        } else {
            cells.push(together(ledger, rows, axis));
        }
    }
    let more = rest.len().saturating_sub(MAX_LISTED_FAILURES);
    let shown = rest.into_iter().take(MAX_LISTED_FAILURES);
    cells.extend(shown.map(|row| single(ledger, row)));
    (cells, more)
}

/// The rows by name and status, in the order of the first row of each.
fn groups<'a>(
    rows: &[&'a LedgerRow],
    name: impl Fn(&'a LedgerRow) -> &'a str,
) -> IndexMap<(&'a str, Status), Vec<&'a LedgerRow>> {
    let mut groups: IndexMap<_, Vec<&LedgerRow>> = IndexMap::new();
    for row in rows {
        let key = (name(row), row.status);
        groups.entry(key).or_default().push(row);
    }
    groups
}

fn together(ledger: &LedgerFormat<'_>, rows: &[&LedgerRow], axis: GroupingAxis) -> LedgerCells {
    let first = rows[0];
    let mut cells = single(ledger, first);
    match axis {
        GroupingAxis::Target => cells.service = phrases::count_text(rows.len(), "service"),
        GroupingAxis::Service => cells.target = phrases::count_text(rows.len(), "infrastructure"),
        GroupingAxis::None => {
            cells.service = phrases::count_text(rows.len(), "deployment");
            cells.target = ledger.style.dash().to_owned();
        }
    }
    if rows.iter().any(|row| versions(row) != versions(first)) {
        cells.before.clear();
        cells.after.clear();
        cells.word = plain_word(first.status).to_owned();
    }
    let longest = rows.iter().filter_map(|row| row.took_ms).max();
    cells.took = longest.map_or(String::new(), |longest| {
        format!("up to {}", phrases::duration_text(longest))
    });
    cells
}

/// Adds the stage and the cell where service and infrastructure alone do not distinguish two
/// deployments.
fn make_distinct(ledger: &LedgerFormat<'_>, summary: &RunSummary, cells: &mut [LedgerCells]) {
    if cells.len() != summary.rows().len() {
        return;
    }
    let mut seen: IndexMap<(&str, &str), Vec<usize>> = IndexMap::new();
    for (at, row) in summary.rows().enumerate() {
        seen.entry((&row.service, &row.target))
            .or_default()
            .push(at);
    }
    let twice: Vec<usize> = seen
        .into_values()
        .filter(|at| at.len() > 1)
        .flatten()
        .collect();
    let rows: Vec<&LedgerRow> = summary.rows().collect();
    for at in twice {
        let node = &rows[at].node;
        let ordinal = PathPart::read(node_path::last(node)).ordinal();
        cells[at].target.push_str(&ordinal);
        let inside = node.split_once('/').map(|(_, inside)| inside);
        if let Some(around) = inside.and_then(node_path::parent) {
            let around = node_path::shown(around, ledger.style.ellipsis());
            cells[at]
                .target
                .push_str(&format!(" ({})", text::clean(&around)));
        }
    }
}

/// How wide the columns are.
struct LedgerColumns {
    service: usize,
    target: usize,
    before: usize,
    after: usize,
    versions: usize,
    word: usize,
    took: usize,
}

impl LedgerColumns {
    fn new(ledger: &LedgerFormat<'_>, cells: &[LedgerCells]) -> Self {
        let widest = |what: fn(&LedgerCells) -> &str| {
            let widths = cells.iter().map(|cell| text::width(what(cell)));
            widths.max().unwrap_or(0)
        };
        let mut wide = [
            widest(|cell| &cell.service),
            widest(|cell| &cell.target),
            widest(|cell| &cell.before),
            widest(|cell| &cell.after),
        ];
        let word = widest(|cell| &cell.word);
        let took = widest(|cell| &cell.took);
        let arrow = text::width(ledger.style.arrow()) + 2;
        if let Some(room) = ledger.width {
            // The mark, four gaps, the arrow, and one free column at the end.
            let fixed = 2 + 4 * 2 + arrow + word + took + 1;
            shrink(&mut wide, room.saturating_sub(fixed));
        }
        let [service, target, before, after] = wide;
        let versions = match (before, after) {
            (0, 0) => text::width(ledger.style.dash()),
            _ => before + arrow + after,
        };
        Self {
            service,
            target,
            before,
            after,
            versions,
            word,
            took,
        }
    }
}

fn layout(ledger: &LedgerFormat<'_>, cells: &[LedgerCells]) -> Vec<StyledLine> {
    let columns = LedgerColumns::new(ledger, cells);
    cells
        .iter()
        .map(|cell| line(ledger.style, cell, &columns))
        .collect()
}

fn line(style: Style, cell: &LedgerCells, columns: &LedgerColumns) -> StyledLine {
    let cut = |text: &str, room: usize| text::cut(text, room, style.ellipsis()).into_owned();
    let quiet = |tone| if cell.quiet { Tone::Dim } else { tone };
    let mut change = StyledLine::new();
    if cell.before.is_empty() && cell.after.is_empty() {
        change.add(Tone::Dim, style.dash());
    } else {
        change
            .add(Tone::Dim, cut(&cell.before, columns.before))
            .pad(columns.before)
            .add(Tone::Dim, format!(" {} ", style.arrow()))
            .add(Tone::Plain, cut(&cell.after, columns.after));
    }
    let plain = |text: &str, room| StyledLine::of(quiet(Tone::Plain), cut(text, room));
    let parts = [
        (plain(&cell.service, columns.service), columns.service),
        (plain(&cell.target, columns.target), columns.target),
        (change, columns.versions),
        (
            StyledLine::of(quiet(cell.mark.tone()), cell.word.as_str()),
            columns.word,
        ),
    ];
    let mut line = StyledLine::of(cell.mark.tone(), style.mark(cell.mark));
    let mut column = 2;
    for (part, wide) in parts {
        line.pad(column).append(part);
        column += wide + 2;
    }
    let took = format!("{:>wide$}", cell.took, wide = columns.took);
    line.pad(column).add(Tone::Dim, took);
    line
}

/// Takes columns from the widest until all fit, as far as that goes.
fn shrink(wide: &mut [usize; 4], room: usize) {
    while wide.iter().sum::<usize>() > room {
        let Some(widest) = wide
            .iter_mut()
            .max()
            .filter(|widest| **widest > MIN_COLUMN_WIDTH)
        else {
            return;
        };
        *widest -= 1;
    }
}
