//! The layout of one logical line: pieces of text and groups with possible line breaks, fitted to
//! the width (the layout of a pretty-printer).

use unicode_width::UnicodeWidthStr;

use super::long_string;

/// The columns that a line may fill.
pub(super) const MAX_LINE_COLUMNS: usize = 100;

/// How far each level is indented.
pub(super) const INDENT_COLUMNS: usize = 2;

/// A piece of a logical line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinePiece {
    /// A range of the source, on one line.
    Text(usize, usize),
    /// A range of the source with line breaks, which is copied.
    Raw(usize, usize),
    /// A string over several lines that is indented like its surroundings.
    Long(usize, usize),
    /// Fixed text.
    Sign(&'static str),
    /// A number of blanks.
    Blanks(usize),
    /// A line break where the group around is broken, else a blank.
    Line {
        /// Whether an empty line goes before it.
        blank: bool,
    },
    /// A line break where the group around is broken, else nothing.
    Soft,
    /// A line break in any case; it breaks all groups around.
    Break {
        /// Whether an empty line goes before it.
        blank: bool,
        /// Whether the next line is indented by one more level.
        deeper: bool,
    },
    /// A comment behind the text of its line.
    Note(usize, usize),
    /// A comma where the group around is broken.
    Comma,
    /// A group begins, which is broken as a whole or not at all.
    Open {
        /// Whether it is broken even if it fits.
        broken: bool,
    },
    /// A group ends.
    Close,
    /// Lines are indented by one more level.
    In,
    /// Lines are indented by one level less.
    Out,
}

/// A logical line under construction.
#[derive(Debug, Default)]
pub(super) struct LogicalLine {
    pieces: Vec<LinePiece>,
    /// The groups that are open, as places in `pieces`.
    open: Vec<usize>,
    /// How many of the open groups, from the outermost, are known to be broken.
    broken: usize,
    /// How wide the line is as long as nothing is broken.
    width: usize,
    /// Whether it needs more than one line of text.
    several: bool,
}

/// How many columns a text fills.
pub(super) fn columns(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

impl LogicalLine {
    /// Adds a piece.
    pub(super) fn push(&mut self, piece: LinePiece, text: &str) {
        match piece {
            LinePiece::Text(from, to) => self.width += columns(text.get(from..to).unwrap_or("")),
            LinePiece::Sign(sign) => self.width += sign.len(),
            LinePiece::Blanks(count) => self.width += count,
            LinePiece::Line { .. } => self.width += 1,
            LinePiece::Raw(..) | LinePiece::Long(..) => self.several = true,
            LinePiece::Break { .. } | LinePiece::Note(..) => self.force(),
            LinePiece::Open { broken } => {
                self.open.push(self.pieces.len());
                if broken {
                    self.pieces.push(piece);
                    return self.force();
                }
            }
            LinePiece::Close => {
                self.open.pop();
                self.broken = self.broken.min(self.open.len());
            }
            LinePiece::Soft | LinePiece::Comma | LinePiece::In | LinePiece::Out => {}
        }
        self.pieces.push(piece);
    }

    /// Breaks all open groups.
    fn force(&mut self) {
        self.several = true;
        for place in self.open.iter().skip(self.broken) {
            if let Some(piece) = self.pieces.get_mut(*place) {
                *piece = LinePiece::Open { broken: true };
            }
        }
        self.broken = self.open.len();
    }

    /// Whether nothing has been added.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether the line fits behind `indent` columns without a break.
    pub(super) fn fits(&self, indent: usize) -> bool {
        !self.several && indent + self.width <= MAX_LINE_COLUMNS
    }

    /// Clears everything.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.open.clear();
        self.broken = 0;
        self.width = 0;
        self.several = false;
    }

    /// Writes the line behind its indentation of `indent` columns and clears it.
    pub(super) fn write(&mut self, text: &str, indent: usize, out: &mut String) {
        if self.fits(indent) {
            self.write_flat(text, out);
        } else {
            LineWriter {
                pieces: &self.pieces,
                text,
                out,
                base: indent,
                level: 0,
                line: indent,
                column: indent,
                broken: Vec::new(),
            }
            .all();
        }
        self.clear();
    }

    fn write_flat(&self, text: &str, out: &mut String) {
        for piece in &self.pieces {
            match *piece {
                LinePiece::Text(from, to) => out.push_str(text.get(from..to).unwrap_or("")),
                LinePiece::Sign(sign) => out.push_str(sign),
                LinePiece::Blanks(count) => blanks(out, count),
                LinePiece::Line { .. } => out.push(' '),
                _ => {}
            }
        }
    }
}

/// Adds a number of blanks.
pub(super) fn blanks(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Writes a line that does not fit as it is.
struct LineWriter<'l> {
    pieces: &'l [LinePiece],
    text: &'l str,
    out: &'l mut String,
    /// The indentation of the logical line.
    base: usize,
    /// How many levels deeper the next line is.
    level: usize,
    /// The indentation of the current line.
    line: usize,
    /// How many columns of the current line are filled.
    column: usize,
    /// For each open group, whether it is broken.
    broken: Vec<bool>,
}

impl LineWriter<'_> {
    fn all(&mut self) {
        for place in 0..self.pieces.len() {
            let Some(piece) = self.pieces.get(place) else {
                return;
            };
            self.piece(*piece, place);
        }
    }

    fn piece(&mut self, piece: LinePiece, place: usize) {
        let broken = self.broken.last().copied().unwrap_or(false);
        match piece {
            LinePiece::Text(from, to) => self.put(self.text.get(from..to).unwrap_or("")),
            LinePiece::Sign(sign) => self.put(sign),
            LinePiece::Blanks(count) => {
                blanks(self.out, count);
                self.column += count;
            }
            LinePiece::Line { blank } if broken => self.next_line(blank, self.level),
            LinePiece::Line { .. } => self.put(" "),
            LinePiece::Soft if broken => self.next_line(false, self.level),
            LinePiece::Comma if broken => self.put(","),
            LinePiece::Soft | LinePiece::Comma => {}
            LinePiece::Break { blank, deeper } => {
                self.next_line(blank, self.level + usize::from(deeper));
            }
            LinePiece::Note(from, to) => {
                self.put("  ");
                self.put(self.text.get(from..to).unwrap_or(""));
            }
            LinePiece::Open { broken } => {
                let around = self.broken.last().copied().unwrap_or(true);
                let breaks = broken || (around && !self.fits(place + 1));
                self.broken.push(breaks);
            }
            LinePiece::Close => {
                self.broken.pop();
            }
            LinePiece::In => self.level += 1,
            LinePiece::Out => self.level = self.level.saturating_sub(1),
            LinePiece::Raw(from, to) => {
                let raw = self.text.get(from..to).unwrap_or("");
                let last = long_string::copy(raw, self.out);
                self.column = columns(last);
            }
            LinePiece::Long(from, to) => {
                let raw = self.text.get(from..to).unwrap_or("");
                let indent = self.line + INDENT_COLUMNS;
                long_string::indent(raw, indent, self.out);
                self.column = indent + long_string::TRIPLE_QUOTE.len();
            }
        }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += columns(text);
    }

    fn next_line(&mut self, blank: bool, level: usize) {
        self.out.push_str(if blank { "\n\n" } else { "\n" });
        self.line = self.base + level * INDENT_COLUMNS;
        self.column = self.line;
        blanks(self.out, self.line);
    }

    /// Whether what stands from `place` to the end of its group, and behind it up to the next
    /// place where the line can be broken, fits unbroken into the current line.
    fn fits(&self, place: usize) -> bool {
        let mut column = self.column;
        // How many groups are open within the group.
        let mut depth = 1;
        for piece in self.pieces.iter().skip(place) {
            match *piece {
                LinePiece::Text(from, to) => {
                    column += columns(self.text.get(from..to).unwrap_or(""))
                }
                LinePiece::Sign(sign) => column += sign.len(),
                LinePiece::Blanks(count) => column += count,
                LinePiece::Line { .. } | LinePiece::Soft if depth <= 0 => return true,
                LinePiece::Line { .. } => column += 1,
                LinePiece::Break { .. } | LinePiece::Note(..) => return true,
                LinePiece::Raw(..) | LinePiece::Long(..) => {
                    return column + long_string::TRIPLE_QUOTE.len() <= MAX_LINE_COLUMNS;
                }
                LinePiece::Open { .. } if depth > 0 => depth += 1,
                LinePiece::Close if depth > 0 => depth -= 1,
                _ => {}
            }
            if column > MAX_LINE_COLUMNS {
                return false;
            }
        }
        true
    }
}
