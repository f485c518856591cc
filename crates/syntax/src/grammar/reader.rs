//! The runtime of the generated parser: the text with the current position, and the pairs matched
//! so far.

use super::Rule;

/// A piece of text that a rule has read. Those inside it follow it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) rule: Rule,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The place behind the pieces inside it.
    pub(super) after: u32,
}

/// A set of bytes, a bit for each.
pub(super) struct Set(pub(super) [u64; 4]);

impl Set {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }
}

/// How deeply pieces may be nested. Brackets are counted before (`MAX_NESTING`), and one has a
/// few pieces around it; what is deeper has none, like `if a then if b then …`.
const MAX_DEPTH: usize = 800;

/// What stands behind the end, which is no byte of a text.
const END: u8 = 0xFF;

/// Reads a text.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
    /// Whether parsing was aborted because of that.
    pub(super) too_deep: bool,
    /// What was read.
    pub(super) pieces: Vec<Piece>,
}

/// A position to backtrack to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    depth: usize,
    pieces: usize,
}

impl<'t> Reader<'t> {
    /// At the beginning of a text. The memory of `pieces` is used again.
    pub(super) fn new(text: &'t str, mut pieces: Vec<Piece>) -> Self {
        pieces.clear();
        Self {
            text: text.as_bytes(),
            at: 0,
            depth: 0,
            too_deep: false,
            pieces,
        }
    }

    fn byte_here(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(END)
    }

    /// The next byte, as a place in a table.
    pub(super) fn next(&self) -> usize {
        usize::from(self.byte_here())
    }

    /// Whether the next byte is one of these.
    pub(super) fn is(&self, set: &Set) -> bool {
        set.has(self.byte_here())
    }

    /// The current position.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            depth: self.depth,
            pieces: self.pieces.len(),
        }
    }

    /// Backtracks and drops what was read since.
    pub(super) fn back(&mut self, mark: Mark) {
        (self.at, self.depth) = (mark.at, mark.depth);
        self.pieces.truncate(mark.pieces);
    }

    /// Begins a piece.
    pub(super) fn begin(&mut self, rule: Rule) -> usize {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            // Nothing is read any more.
            self.too_deep = true;
            self.text = &[];
        }
        let start = self.at as u32;
        self.pieces.push(Piece {
            rule,
            start,
            end: start,
            after: 0,
        });
        self.pieces.len() - 1
    }

    /// Ends a piece.
    pub(super) fn end(&mut self, piece: usize) -> bool {
        self.depth -= 1;
        let (end, after) = (self.at as u32, self.pieces.len() as u32);
        if let Some(piece) = self.pieces.get_mut(piece) {
            (piece.end, piece.after) = (end, after);
        }
        true
    }

    /// Whether nothing was read yet.
    pub(super) fn at_start(&self) -> bool {
        self.at == 0
    }

    /// Reads the end of the text.
    pub(super) fn at_end(&mut self) -> bool {
        self.at == self.text.len() && {
            let piece = self.begin(Rule::EOI);
            self.end(piece)
        }
    }

    /// Reads an ASCII character.
    pub(super) fn byte(&mut self, byte: u8) -> bool {
        let is = self.byte_here() == byte;
        self.at += usize::from(is);
        is
    }

    /// Reads a character that begins with one of these bytes.
    pub(super) fn class(&mut self, set: &Set) -> bool {
        let byte = self.byte_here();
        let is = set.has(byte);
        if is {
            self.at += length(byte);
        }
        is
    }

    /// Reads all characters that begin with these bytes.
    pub(super) fn run(&mut self, set: &Set) -> bool {
        while self.class(set) {}
        true
    }

    /// Reads a text.
    pub(super) fn literal(&mut self, text: &[u8]) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is = rest.starts_with(text);
        if is {
            self.at += text.len();
        }
        is
    }

    /// Reads up to one of these texts, or the end. `firsts` are the bytes they begin with.
    pub(super) fn skip(&mut self, firsts: &Set, ends: &[&[u8]]) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_end = |at: usize| ends.iter().any(|end| rest[at..].starts_with(end));
        let found = rest.iter().enumerate();
        let mut found = found
            .filter(|(_, byte)| firsts.has(**byte))
            .map(|(at, _)| at);
        self.at += found.find(|at| is_end(*at)).unwrap_or(rest.len());
        true
    }
}

/// How many bytes the character has that begins with this one.
fn length(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}
