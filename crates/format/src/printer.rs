//! The printer: it copies the source token by token, in order, and decides only what stands between
//! two tokens, so no token and no comment can be lost. The other files of this crate walk the tree
//! and say which token comes next.

use super::line::{INDENT_COLUMNS, LinePiece, LogicalLine, blanks};
use super::trivia::TokenTrivia;
use lockstep_base::source::Span;
use lockstep_syntax::ast::{Ident, Path};

/// Something cannot be printed from the tree, because something is wrong with it: it is left as
/// it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unprintable;

/// Whether something has been printed.
pub(super) type Printed = Result<(), Unprintable>;

/// What stands between two tokens where no comment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenGap {
    /// Nothing.
    None,
    /// A blank. What is pushed to the next line by a comment is indented.
    Space,
    /// A blank before what belongs at the start of a line: a `{` or a handler.
    Join,
    /// A blank, or a line break where the group is broken.
    Line,
    /// The same between the elements of a list, where an empty line is preserved.
    Element,
    /// Nothing, or a line break where the group is broken.
    Soft,
}

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineStart {
    /// At the start of a body or of the file.
    First,
    /// Behind something else.
    Next,
    /// At the end of a body: the closing bracket.
    Last,
    /// At the end of a body without members.
    Only,
    /// At the end of the file: nothing follows.
    End,
}

/// The printer.
pub(super) struct Printer<'t> {
    pub(super) text: &'t str,
    /// What has been printed.
    pub(super) out: String,
    /// The line under construction.
    line: LogicalLine,
    /// How many blocks are open.
    pub(super) depth: usize,
    /// What stands behind the last token.
    behind: TokenTrivia,
    /// The end of the last token.
    end: usize,
    /// The end of the last token that was no comma between members.
    last_word: usize,
    /// What goes before the next token.
    gap: TokenGap,
    /// Whether the last token opened a list: no empty line follows it.
    opened: bool,
    /// Whether blocks are printed on the line.
    pub(super) inline: bool,
    /// Where something is wrong, in what is being printed.
    pub(super) mistakes: Vec<Span>,
    /// What was left unchanged.
    pub(super) preserved: Vec<Span>,
    /// The strings whose lines may have been moved.
    pub(super) long: Vec<Span>,
}

impl<'t> Printer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            out: String::with_capacity(text.len() + text.len() / 8),
            line: LogicalLine::default(),
            depth: 0,
            behind: TokenTrivia::default(),
            end: 0,
            last_word: 0,
            gap: TokenGap::None,
            opened: false,
            inline: false,
            mistakes: Vec::new(),
            preserved: Vec::new(),
            long: Vec::new(),
        }
    }

    /// Begins behind `at`, the end of a byte order mark.
    pub(super) fn begin(&mut self, at: usize) {
        self.behind.begin(at);
        self.end = at;
        // A comment at the very start stands on a line of its own.
        self.behind.breaks = 1;
    }

    /// Ends the text: prints the last comments, and one line end.
    pub(super) fn finish(&mut self) {
        self.start_line(LineStart::End);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let mark = self.text.len() - self.text.trim_start_matches('\u{feff}').len();
        self.out.insert_str(0, self.text.get(..mark).unwrap_or(""));
    }

    /// Reads on to the next token. Returns its first byte.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.behind.read(self.text)
    }

    /// Where the next token begins.
    pub(super) fn next_start(&mut self) -> usize {
        self.peek();
        self.behind.at
    }

    /// The end of the last token.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Whether the next token begins with `sign`.
    pub(super) fn sees(&mut self, sign: &str) -> bool {
        self.peek();
        self.text
            .get(self.behind.at..)
            .is_some_and(|rest| rest.starts_with(sign))
    }

    /// Whether a line break stands before the next token, or before the first comment before it.
    pub(super) fn on_new_line(&mut self) -> bool {
        self.peek();
        self.behind
            .notes
            .first()
            .map_or(self.behind.breaks, |note| note.breaks)
            > 0
    }

    /// Says what goes before the next token.
    pub(super) fn gap(&mut self, gap: TokenGap) {
        self.gap = gap;
    }

    /// Adds a piece that is no token.
    pub(super) fn push(&mut self, piece: LinePiece) {
        self.line.push(piece, self.text);
    }

    /// Begins a group.
    pub(super) fn open(&mut self, broken: bool) {
        // What goes before the next token goes before the group.
        self.settle_gap();
        self.push(LinePiece::Open { broken });
    }

    /// Begins a group whose first token follows a place where the group can be broken.
    pub(super) fn open_line(&mut self, broken: bool) {
        self.push(LinePiece::Open { broken });
    }

    /// Ends a group.
    pub(super) fn close(&mut self) {
        self.push(LinePiece::Close);
    }

    /// Prints what goes before the next token, unless comments go there too.
    fn settle_gap(&mut self) {
        self.peek();
        if self.behind.notes.is_empty() {
            self.push_gap();
            self.gap = TokenGap::None;
        }
    }

    fn push_gap(&mut self) {
        let piece = match self.gap {
            TokenGap::None => return,
            TokenGap::Space | TokenGap::Join => LinePiece::Blanks(1),
            TokenGap::Line => LinePiece::Line { blank: false },
            TokenGap::Element => LinePiece::Line {
                blank: self.behind.breaks > 1,
            },
            TokenGap::Soft => LinePiece::Soft,
        };
        self.push(piece);
    }

    /// Prints the comments before the next token.
    fn push_notes(&mut self) {
        let deeper = matches!(self.gap, TokenGap::None | TokenGap::Space);
        let mut detach = false;
        for place in 0..self.behind.notes.len() {
            let Some(note) = self.behind.notes.get(place).copied() else {
                return;
            };
            if place == 0 && note.breaks == 0 && !self.line.is_empty() {
                self.push(LinePiece::Note(note.start, note.end));
                continue;
            }
            if !self.line.is_empty() {
                let blank = (note.breaks > 1 && !(self.opened && place == 0)) || detach;
                self.push(LinePiece::Break { blank, deeper });
            }
            self.push(LinePiece::Text(note.start, note.end));
            detach = note.turns_into_doc(self.text);
        }
        self.behind.notes.clear();
        let blank = self.behind.breaks > 1 || detach;
        self.push(LinePiece::Break { blank, deeper });
    }

    /// Prints the comments before the bracket that closes a list, at the place of its elements.
    /// The line break behind them is the bracket's.
    pub(super) fn notes_before_closing(&mut self) {
        self.peek();
        self.gap = TokenGap::Line;
        for place in 0..self.behind.notes.len() {
            let Some(note) = self.behind.notes.get(place).copied() else {
                return;
            };
            if place == 0 && note.breaks == 0 {
                self.push(LinePiece::Note(note.start, note.end));
                continue;
            }
            let blank = note.breaks > 1 && !(self.opened && place == 0);
            let deeper = false;
            self.push(LinePiece::Break { blank, deeper });
            self.push(LinePiece::Text(note.start, note.end));
        }
        self.behind.notes.clear();
    }

    /// Prints the token `start..end`, which must come next.
    fn token(&mut self, start: usize, end: usize) -> Printed {
        self.peek();
        if self.behind.at != start || start >= end || self.is_wrong(start, end) {
            return Err(Unprintable);
        }
        if self.behind.notes.is_empty() {
            self.push_gap();
        } else {
            self.push_notes();
        }
        self.gap = TokenGap::None;
        self.opened = false;
        self.behind.begin(end);
        self.end = end;
        self.last_word = end;
        Ok(())
    }

    /// Whether a mistake touches `start..end`.
    fn is_wrong(&self, start: usize, end: usize) -> bool {
        self.mistakes
            .iter()
            .any(|span| span.start as usize <= end && span.end as usize >= start)
    }

    /// Prints the text under `span`, which must come next and stand on one line.
    pub(super) fn take(&mut self, span: Span) -> Printed {
        let (start, end) = (span.start as usize, span.end as usize);
        self.token(start, end)?;
        self.push(LinePiece::Text(start, end));
        Ok(())
    }

    /// Prints a string literal of several lines; `moves` says whether its lines can be moved.
    pub(super) fn take_lines(&mut self, span: Span, moves: bool) -> Printed {
        let (start, end) = (span.start as usize, span.end as usize);
        self.token(start, end)?;
        if moves {
            self.long.push(span);
            self.push(LinePiece::Long(start, end));
        } else {
            self.push(LinePiece::Raw(start, end));
        }
        Ok(())
    }

    /// Prints a keyword or sign, which must come next.
    pub(super) fn sign(&mut self, sign: &'static str) -> Printed {
        if !self.sees(sign) {
            return Err(Unprintable);
        }
        self.token(self.behind.at, self.behind.at + sign.len())?;
        self.push(LinePiece::Sign(sign));
        Ok(())
    }

    /// Prints a keyword behind a blank.
    pub(super) fn word(&mut self, word: &'static str) -> Printed {
        self.gap(TokenGap::Space);
        self.sign(word)
    }

    /// Prints a sign that opens a list.
    pub(super) fn opening(&mut self, sign: &'static str) -> Printed {
        self.sign(sign)?;
        self.opened = true;
        Ok(())
    }

    /// Prints a name.
    pub(super) fn ident(&mut self, ident: &Ident) -> Printed {
        self.take(ident.span)
    }

    /// Prints `name` or `namespace.name`.
    pub(super) fn path(&mut self, path: &Path) -> Printed {
        if let Some(namespace) = &path.namespace {
            self.ident(namespace)?;
            self.sign(".")?;
        }
        self.ident(&path.name)
    }

    /// Reads a comma, if one comes next, without printing it. Comments before it will be printed
    /// behind whatever is printed in its place.
    pub(super) fn skip_comma(&mut self) -> bool {
        if self.peek() != Some(b',') || self.is_wrong(self.behind.at, self.behind.at + 1) {
            return false;
        }
        self.behind.pass_comma();
        self.end = self.behind.at;
        true
    }

    /// Ends the current line of text: begins the next one with the comments before it.
    /// At the end of a body, `depth` is already that of the closing bracket.
    pub(super) fn start_line(&mut self, start: LineStart) {
        self.flush();
        self.peek();
        let notes = std::mem::take(&mut self.behind.notes);
        let closes = matches!(start, LineStart::Last | LineStart::Only);
        let inside = self.depth + usize::from(closes);
        let mut detach = false;
        for (place, note) in notes.iter().enumerate() {
            if place == 0 && note.breaks == 0 && !self.out.is_empty() {
                self.out.push_str("  ");
            } else {
                let first = matches!(start, LineStart::First | LineStart::Only) && place == 0;
                self.new_line((note.breaks > 1 && !first) || detach, inside);
                detach = note.turns_into_doc(self.text);
            }
            let own = self.text.get(note.start..note.end).unwrap_or("");
            self.out.push_str(own);
        }
        if start != LineStart::End {
            let first = start == LineStart::First && notes.is_empty();
            let blank = !closes && ((self.behind.breaks > 1 && !first) || detach);
            self.new_line(blank, self.depth);
        }
        self.behind.begin(self.behind.at);
        self.gap = TokenGap::None;
        self.opened = false;
    }

    fn new_line(&mut self, blank: bool, depth: usize) {
        if !self.out.is_empty() {
            self.out.push_str(if blank { "\n\n" } else { "\n" });
        }
        blanks(&mut self.out, depth * INDENT_COLUMNS);
    }

    /// Whether comments stand before the next token.
    pub(super) fn has_notes(&mut self) -> bool {
        self.peek();
        !self.behind.notes.is_empty()
    }

    /// Writes what has been collected of the current line.
    pub(super) fn flush(&mut self) {
        self.line
            .write(self.text, self.depth * INDENT_COLUMNS, &mut self.out);
    }

    /// Tries to print something on one line; takes everything back if it does not fit there.
    pub(super) fn on_one_line(&mut self, print: impl FnOnce(&mut Self) -> Printed) -> bool {
        if self.inline {
            return false;
        }
        let (at, end, long) = (self.behind.at, self.end, self.long.len());
        self.inline = true;
        let printed = print(self).is_ok() && self.line.fits(self.depth * INDENT_COLUMNS);
        self.inline = false;
        if !printed {
            self.go_back(at, end, long);
        }
        printed
    }

    fn go_back(&mut self, at: usize, end: usize, long: usize) {
        self.line.clear();
        self.behind.begin(at);
        self.end = end;
        self.long.truncate(long);
        self.gap = TokenGap::None;
        self.opened = false;
    }

    /// Prints something that stands on lines of its own. If something is wrong with it, it is left
    /// as it stands.
    pub(super) fn member(
        &mut self,
        (from, to): (usize, usize),
        start: LineStart,
        print: impl FnOnce(&mut Self) -> Printed,
    ) {
        self.start_line(start);
        let (at, end, depth) = (self.behind.at, self.end, self.depth);
        let (written, kept, long) = (self.out.len(), self.preserved.len(), self.long.len());
        // What is wrong on a single line leaves the line as it is.
        let stays = self.is_wrong(from, to) && super::body::one_line_of(self.text, from, to);
        let printed = at == from && !stays && print(self).is_ok();
        if printed && self.last_word == to {
            return self.flush();
        }
        self.depth = depth;
        self.out.truncate(written);
        self.preserved.truncate(kept);
        self.go_back(at, end, long);
        // What stands before it would be lost otherwise.
        self.keep(at.min(to), to);
    }

    /// Prints `from..to` verbatim.
    pub(super) fn keep(&mut self, from: usize, to: usize) {
        self.out.push_str(self.text.get(from..to).unwrap_or(""));
        self.preserved
            .push(Span::new(lockstep_base::source::FileId(0), from, to));
        self.behind.begin(to);
        self.end = to;
    }

    /// Prints what stands between the last token and `to` verbatim, if there is anything.
    pub(super) fn keep_until(&mut self, to: usize, start: LineStart) -> bool {
        let from = self.next_start();
        if from >= to {
            return false;
        }
        self.start_line(start);
        let stands = self.text.get(from..to).unwrap_or("").trim_ascii_end();
        self.keep(from, from + stands.len());
        true
    }
}
