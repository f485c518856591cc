//! A fast scan of the bytes before the grammar parses them: where the comments are, where the text
//! may be split into pieces, and whether every bracket and string is closed.

use super::lexer::{self, PieceEnd, Quotes, TokenKind};
use super::words;

/// How many brackets may stand inside each other.
pub(super) const MAX_NESTING: usize = 128;

/// How long a piece is, about.
const MEAN_PIECE_BYTES: u32 = 1 << 12;

/// A piece ends behind the first declaration with which it is longer.
const MAX_PIECE_BYTES: usize = 1 << 13;

/// At most so many bytes of a declaration's first line decide whether a piece begins with it.
const MAX_HASHED_BYTES: usize = 64;

/// What the scan found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Where the comments are, from `#` to before the line end.
    pub(super) comments: Vec<(usize, usize)>,
    /// Where pieces begin that can be read on their own; the first is the start of the text.
    pub(super) cuts: Vec<usize>,
    /// For each cut, where the text could last have been cut before it.
    places_before: Vec<usize>,
    /// Whether all brackets and strings are closed, not too deeply nested, and no strange
    /// character stands outside of strings and comments.
    pub(super) clean: bool,
}

/// What the scan of a piece found.
#[derive(Debug, Clone, Default)]
pub(super) struct PieceScan {
    /// Where its comments are, counted from its beginning.
    comments: Vec<(usize, usize)>,
    /// Where the text could last have been cut before its end, counted from its beginning.
    last: usize,
}

impl Scan {
    /// What was found in the piece at a cut, which ends at `end`.
    pub(super) fn piece(&self, cut: usize, end: usize) -> PieceScan {
        let start = self.cuts.get(cut).copied().unwrap_or(0);
        let after = self.comments.partition_point(|(from, _)| *from < start);
        let own = self.comments.get(after..).unwrap_or(&[]).iter();
        let own = own.take_while(|(from, _)| *from < end);
        let last = self.places_before.get(cut + 1).copied();
        PieceScan {
            comments: own.map(|(from, to)| (from - start, to - start)).collect(),
            last: last.unwrap_or(start) - start,
        }
    }
}

/// A piece of a text that was scanned before: the text of its range is the same as then, and the
/// one of which it was a part had a cut at its end, too, or it is the last.
pub(super) struct KnownPiece<'k> {
    pub(super) range: (usize, usize),
    pub(super) scan: &'k PieceScan,
}

/// An open bracket.
#[derive(Debug, Clone, Copy)]
struct OpenBracket {
    /// Its closing byte.
    close: u8,
    /// What kind of string continues after it, if it is an interpolation.
    string: Option<bool>,
}

struct ByteScanner<'t, 'k> {
    text: &'t str,
    bytes: &'t [u8],
    /// The pieces that need not be looked at, in their order.
    known: std::iter::Peekable<std::slice::Iter<'k, KnownPiece<'k>>>,
    found: Scan,
    open: Vec<OpenBracket>,
    /// How many of the open brackets are interpolations of strings on one line.
    lines: usize,
    /// Where the text could last have been cut.
    last: usize,
}

/// Scans `text`.
pub(super) fn scan(text: &str) -> Scan {
    scan_again(text, &[])
}

/// Scans `text`, of which some pieces are known, in their order.
pub(super) fn scan_again(text: &str, known: &[KnownPiece<'_>]) -> Scan {
    let mut scanner = ByteScanner {
        text,
        bytes: text.as_bytes(),
        known: known.iter().peekable(),
        found: Scan::default(),
        open: Vec::new(),
        lines: 0,
        last: 0,
    };
    scanner.found.cuts.push(0);
    scanner.found.places_before.push(0);
    scanner.found.clean = scanner.all();
    scanner.found
}

impl ByteScanner<'_, '_> {
    /// Scans everything; stops at a bracket or a string that is wrong. A strange character says
    /// nothing about what stands behind it; error recovery writes one where it gives up a text.
    fn all(&mut self) -> bool {
        let mut strange = false;
        let mut at = lexer::pass_plain(self.text, self.pass_known(0));
        while let Some(token) = lexer::token_at(self.text, at) {
            let next = match token.kind {
                TokenKind::Blank | TokenKind::Word | TokenKind::Number => Some(token.end),
                TokenKind::LineEnd => (self.lines == 0).then_some(token.end),
                TokenKind::Comment => {
                    self.found.comments.push((token.start, token.end));
                    Some(token.end)
                }
                TokenKind::Text => self.string(token.end, token.quotes(self.text)),
                TokenKind::Sign => match self.bytes[at] {
                    b'(' => self.open(b')', at, None),
                    b'[' => self.open(b']', at, None),
                    b'{' => self.open(b'}', at, None),
                    byte @ (b')' | b']' | b'}') => self.close(byte, at),
                    _ => Some(token.end),
                },
                TokenKind::Strange => {
                    strange = true;
                    Some(token.end)
                }
            };
            match next {
                // What was not passed over for a character beyond ASCII is read token by token, up
                // to the next blank: no byte is looked at more than twice.
                Some(next) => match token.kind {
                    TokenKind::Word | TokenKind::Number | TokenKind::Strange => at = next,
                    TokenKind::Sign => at = self.pass_known(next),
                    _ => at = lexer::pass_plain(self.text, next),
                },
                None => return false,
            }
        }
        self.open.is_empty() && !strange
    }

    /// Passes over the known pieces that begin at `at`, if a piece begins there: nothing is open at
    /// a cut, so what is found in them is what was found before.
    fn pass_known(&mut self, mut at: usize) -> usize {
        while self.found.cuts.last() == Some(&at) {
            while self.known.next_if(|known| known.range.0 < at).is_some() {}
            let Some(known) = self.known.next_if(|known| known.range.0 == at) else {
                break;
            };
            let comments = known.scan.comments.iter();
            let comments = comments.map(|(from, to)| (at + from, at + to));
            self.found.comments.extend(comments);
            self.last = at + known.scan.last;
            at = known.range.1;
            self.cut(at);
        }
        at
    }

    fn open(&mut self, close: u8, at: usize, string: Option<bool>) -> Option<usize> {
        if self.open.len() >= MAX_NESTING {
            return None;
        }
        self.lines += usize::from(string == Some(false));
        self.open.push(OpenBracket { close, string });
        Some(at + 1)
    }

    fn close(&mut self, byte: u8, at: usize) -> Option<usize> {
        let open = self.open.pop().filter(|open| open.close == byte)?;
        if let Some(long) = open.string {
            self.lines -= usize::from(!long);
            return self.string(at + 1, Quotes::of_interpolated(long));
        }
        if self.open.is_empty() {
            self.cut(at + 1);
        }
        Some(at + 1)
    }

    /// Reads on in a string, to its end or its next interpolation.
    fn string(&mut self, at: usize, quotes: Quotes) -> Option<usize> {
        match lexer::string_piece(self.text, at, quotes) {
            (end, PieceEnd::Quotes) => Some(end),
            (end, PieceEnd::Interpolation) => {
                self.open(b'}', end + 1, Some(quotes == Quotes::Long))
            }
            (_, PieceEnd::LineEnd | PieceEnd::TextEnd) => None,
        }
    }

    /// Records that the text is cut at `at`, after a closing bracket at the top level, if a
    /// declaration follows, perhaps with comments above: its keyword cannot continue what stands
    /// before.
    ///
    /// Mostly only what stands beside the place decides: if all depended on the cut before, one
    /// more character could move all cuts behind it, and no piece would be known again.
    fn cut(&mut self, at: usize) {
        let mut start = at;
        while let Some(trivia) = lexer::trivia_at(self.text, start) {
            start = trivia.end;
        }
        let end = lexer::word_end(self.text, start);
        let word = self.text.get(start..end).unwrap_or("");
        if !words::DECLARATIONS.contains(&word) || self.bytes.get(end) != Some(&b' ') {
            return;
        }
        let last = std::mem::replace(&mut self.last, at);
        let size = u32::try_from(at - last).unwrap_or(u32::MAX);
        let before = self.found.cuts.last().copied().unwrap_or(0);
        if self.hash(end) % MEAN_PIECE_BYTES < size || at - before > MAX_PIECE_BYTES {
            self.found.cuts.push(at);
            self.found.places_before.push(last);
        }
    }

    /// A number that the rest of the line at `at` gives.
    fn hash(&self, at: usize) -> u32 {
        let rest = self.bytes.get(at..).unwrap_or(&[]).iter();
        let line = rest
            .take(MAX_HASHED_BYTES)
            .take_while(|byte| **byte != b'\n');
        // FNV-1a; only its upper bits depend on all of its input.
        let mixed = line.fold(0x811c_9dc5_u32, |mixed, byte| {
            (mixed ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        mixed.wrapping_mul(0x9e37_79b9) >> 16
    }
}
