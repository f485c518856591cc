//! Layout of tree lines with remarks: aligned to the right of the lines, or below them where there
//! is no room.

use super::PlanTextOptions;
use crate::style::{StyledLine, Tone};
use crate::text::width;

/// Blanks between a line and its remarks.
const REMARK_GAP_COLUMNS: usize = 2;
/// Remarks need at least so many columns to the right of a line.
const MIN_REMARK_COLUMNS: usize = 24;

/// A line of the tree.
#[derive(Debug, Clone, Default)]
pub(super) struct PlanTextRow {
    /// Guides, mark and label.
    pub(super) line: StyledLine,
    /// Remarks.
    pub(super) notes: Vec<String>,
    /// What stands below it on the left: guides.
    pub(super) below: StyledLine,
}

/// The lines in their final layout.
pub(super) fn lay_out(rows: &[PlanTextRow], how: PlanTextOptions) -> Vec<StyledLine> {
    let column = column(rows, how.width);
    rows.iter().flat_map(|row| one(row, column, how)).collect()
}

/// The column where remarks begin: after the longest line that leaves enough room for them.
fn column(rows: &[PlanTextRow], width: usize) -> usize {
    let max = width
        .saturating_sub(MIN_REMARK_COLUMNS + REMARK_GAP_COLUMNS)
        .min(width * 2 / 3);
    let noted = rows.iter().filter(|row| !row.notes.is_empty());
    let ends = noted.map(|row| row.line.width()).filter(|end| *end <= max);
    ends.max().unwrap_or(0) + REMARK_GAP_COLUMNS
}

fn one(row: &PlanTextRow, column: usize, how: PlanTextOptions) -> Vec<StyledLine> {
    let mut lines = vec![row.line.clone()];
    if row.notes.is_empty() {
        return lines;
    }
    let dot = format!(" {} ", how.style.dot());
    let end = row.line.width() + REMARK_GAP_COLUMNS;
    let mut column = column;
    if end > column {
        // The remarks of a long line go below it, unless they fit behind it.
        let all: usize = row.notes.iter().map(|note| width(note)).sum();
        let all = all + width(&dot) * (row.notes.len() - 1);
        if end + all <= how.width {
            column = end;
        } else {
            lines.push(row.below.clone());
            column = column.min(row.below.width() + 2 * REMARK_GAP_COLUMNS);
        }
    }
    for (at, note) in row.notes.iter().enumerate() {
        let current = lines.last_mut().map_or(0, |line| line.width());
        let room = how.width.saturating_sub(current.max(column));
        // A remark starts on a line of its own where it then fits on one line.
        let alone = width(note) <= how.width.saturating_sub(column);
        let separate = at > 0 && (!alone || width(&dot) + width(note) <= room);
        if at > 0 && !separate {
            lines.push(row.below.clone());
        }
        if separate && let Some(line) = lines.last_mut() {
            line.add(Tone::Dim, dot.as_str());
        }
        words(&mut lines, note, column, row, how.width);
    }
    lines
}

/// Adds words, wrapped onto further lines where there is no room for them.
fn words(
    lines: &mut Vec<StyledLine>,
    text: &str,
    column: usize,
    row: &PlanTextRow,
    max_width: usize,
) {
    let mut piece = String::new();
    let mut used = lines.last_mut().map_or(0, |line| line.width()).max(column);
    for word in text.split(' ') {
        let blank = usize::from(!piece.is_empty());
        let full = used + blank + width(word) > max_width;
        if full && (used > column || !piece.is_empty()) {
            put(lines, &mut piece, column);
            lines.push(row.below.clone());
            used = column;
        }
        if !piece.is_empty() {
            piece.push(' ');
            used += 1;
        }
        piece.push_str(word);
        used += width(word);
    }
    put(lines, &mut piece, column);
}

fn put(lines: &mut [StyledLine], piece: &mut String, column: usize) {
    if let Some(line) = lines.last_mut() {
        line.pad(column).add(Tone::Dim, std::mem::take(piece));
    }
}
