//! Aligned columns.

use lockstep_base::diagnostic::render::clean_line;
use lockstep_view::Style;
use lockstep_view::style::{StyledLine, Tone};

/// Blanks between columns.
const COLUMN_GAP: usize = 2;

/// A cell: its tone and its text.
pub(super) type TableCell = (Tone, String);

/// A cell of plain text without control characters.
pub(super) fn cell(tone: Tone, text: &str) -> TableCell {
    (tone, clean_line(text))
}

/// Lines of cells, each column as wide as its widest cell.
pub(super) fn table(rows: &[Vec<TableCell>], style: Style) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, (tone, text)) in row.iter().enumerate() {
            let wide = StyledLine::of(*tone, text.as_str()).width();
            match widths.get_mut(at) {
                Some(width) => *width = (*width).max(wide),
                None => widths.push(wide),
            }
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = StyledLine::new();
        let mut column = 0;
        for ((tone, text), width) in row.iter().zip(&widths) {
            line.pad(column);
            line.add(*tone, text.as_str());
            // An empty column takes no room.
            column += if *width == 0 { 0 } else { width + COLUMN_GAP };
        }
        out.push_str(&line.paint(style));
        out.push('\n');
    }
    out
}
