//! Puts remarks beside the lines of a tree, aligned, and below them where there is no room.
//! It does not know what lines and remarks say.

use super::Text;
use crate::report::style::{Line, Tone};
use crate::report::text::width;

/// Blanks between a line and its remarks.
const GAP: usize = 2;
/// Remarks get at least so many columns beside a line.
const NARROWEST: usize = 24;

/// A line of the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// Guides, mark and label.
    pub(super) line: Line,
    /// Remarks.
    pub(super) notes: Vec<String>,
    /// What stands below it on the left: guides.
    pub(super) below: Line,
}

/// The lines as they are written.
pub(super) fn lay_out(rows: &[Row], how: Text) -> Vec<Line> {
    let column = column(rows, how.width);
    rows.iter().flat_map(|row| one(row, column, how)).collect()
}

/// Where remarks begin: after the longest line that leaves enough room for them.
fn column(rows: &[Row], width: usize) -> usize {
    let most = width.saturating_sub(NARROWEST + GAP).min(width * 2 / 3);
    let noted = rows.iter().filter(|row| !row.notes.is_empty());
    let ends = noted.map(|row| row.line.width()).filter(|end| *end <= most);
    ends.max().unwrap_or(0) + GAP
}

fn one(row: &Row, column: usize, how: Text) -> Vec<Line> {
    let mut lines = vec![row.line.clone()];
    if row.notes.is_empty() {
        return lines;
    }
    let dot = format!(" {} ", how.style.dot());
    let end = row.line.width() + GAP;
    let mut column = column;
    if end > column {
        // A long line has its remarks below it, unless they fit behind it.
        let all: usize = row.notes.iter().map(|note| width(note)).sum();
        let all = all + width(&dot) * (row.notes.len() - 1);
        if end + all <= how.width {
            column = end;
        } else {
            lines.push(row.below.clone());
            column = column.min(row.below.width() + 2 * GAP);
        }
    }
    let mut first = true;
    for note in &row.notes {
        let current = lines.last_mut().map_or(0, |line| line.width());
        let separate = if first { "" } else { dot.as_str() };
        let fits = current.max(column) + width(separate) + width(note) <= how.width;
        if !first && !fits {
            lines.push(row.below.clone());
        }
        let Some(line) = lines.last_mut() else {
            return lines;
        };
        line.pad(column);
        if !first && fits {
            line.add(Tone::Dim, separate);
        }
        line.add(Tone::Dim, note.as_str());
        first = false;
    }
    lines
}
