//! The shell parser: reads a command's text as a shell would (lists of commands, compound commands,
//! simple commands, words) and records the quoting around every interpolated value.
//!
//! The parser is lenient: errors that do not touch a value are left for the shell to report, except
//! for what is opened and never closed. It must be right about one thing only, the quoting around
//! each value; and even where it is wrong, a value is still only ever the expansion of a variable,
//! which no shell executes as code.

mod check;
mod compound;
mod expand;
mod heredoc;
mod word;

use super::analyse::Piece;
use super::refuse;
use super::tree::Builder;
use heredoc::Heredoc;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
pub(super) use word::{Part, Word};

/// How deeply quotes, substitutions and compound commands may nest.
const DEPTH: usize = 64;

/// Where an interpolated value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Outside double quotes.
    Bare,
    /// Inside double quotes, or in a here-document.
    Quoted,
    /// A list as a word of its own.
    Spread,
    /// In a comment: it is left out.
    Dropped,
    /// Where it must not stand; it has been reported.
    Refused,
}

/// Parsing cannot continue; the reason has been reported.
pub(super) struct Stop;

/// Where something begins that must be closed, and by what.
#[derive(Debug, Clone, Copy)]
struct Open {
    at: usize,
    word: &'static str,
    close: &'static str,
}

/// What stands at a place: a character or an interpolated value (by its piece).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Char(char),
    Value(usize),
}

/// The reader.
pub(super) struct Scanner<'a> {
    pieces: &'a [Piece],
    /// Each unit with the piece and the byte of its text that it is from.
    units: Vec<(Unit, usize, usize)>,
    at: usize,
    bash: bool,
    /// How many lists and quotes are around this place.
    pub(super) depth: usize,
    /// How many command substitutions are around this place.
    level: usize,
    /// The values in reading order, each with the level at which it stands.
    seen: Vec<(usize, usize)>,
    pending: Vec<Heredoc>,
    /// Where each value stands, by its piece.
    pub(super) places: Vec<Option<Place>>,
    /// What is wrong.
    pub(super) problems: Vec<Diagnostic>,
    /// Whether nothing has been read so far that only a shell understands.
    pub(super) plain: bool,
    /// How many simple commands there are.
    pub(super) commands: usize,
    /// The words of the first simple command.
    pub(super) words: Vec<Word>,
    /// The tree of the text, where one is wanted.
    pub(super) tree: Option<Builder>,
    /// The variables that are named, each with its nesting level; recorded for the tree alone.
    variables: Vec<(String, usize)>,
}

impl<'a> Scanner<'a> {
    /// A reader of these pieces.
    pub(super) fn new(pieces: &'a [Piece], bash: bool) -> Self {
        let mut units = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text { text, .. } => units.extend(
                    text.char_indices()
                        .map(|(offset, char)| (Unit::Char(char), at, offset)),
                ),
                Piece::Value { .. } => units.push((Unit::Value(at), at, 0)),
            }
        }
        Self {
            pieces,
            units,
            at: 0,
            bash,
            depth: 0,
            level: 0,
            seen: Vec::new(),
            pending: Vec::new(),
            places: vec![None; pieces.len()],
            problems: Vec::new(),
            plain: true,
            commands: 0,
            words: Vec::new(),
            tree: None,
            variables: Vec::new(),
        }
    }

    /// Reads all of it.
    pub(super) fn script(&mut self) -> Result<(), Stop> {
        self.list(&[], None)?;
        self.no_pending()
    }

    /// Reads commands up to one of `ends` (a closing bracket, `;;` or a closing keyword), which is
    /// consumed and returned; without `open`, up to the end of the text.
    fn list(&mut self, ends: &[&'static str], open: Option<Open>) -> Result<&'static str, Stop> {
        self.note(Builder::open_list);
        let end = self.list_inside(ends, open)?;
        self.note(Builder::close_list);
        Ok(end)
    }

    fn list_inside(
        &mut self,
        ends: &[&'static str],
        open: Option<Open>,
    ) -> Result<&'static str, Stop> {
        self.deeper(|this| {
            loop {
                this.gap()?;
                match this.peek() {
                    None => {
                        return match open {
                            None => Ok(""),
                            Some(open) => Err(this.unclosed(open)),
                        };
                    }
                    Some(Unit::Char(')')) if ends.contains(&")") => {
                        this.bump();
                        return Ok(")");
                    }
                    Some(Unit::Char(')')) => return Err(this.unexpected(this.at, ")")),
                    Some(Unit::Char(';')) => {
                        if this.separator(ends)? {
                            return Ok(";;");
                        }
                    }
                    Some(Unit::Char(sign @ ('&' | '|'))) => {
                        this.plain = false;
                        this.bump();
                        let pipe = sign == '|' && !this.eat('|');
                        // `&&`, and `|&`, which is a pipe.
                        this.eat('&');
                        this.note(|tree| tree.separator(pipe));
                    }
                    Some(_) => {
                        let start = this.at;
                        if let Some(keyword) = this.command()? {
                            if ends.contains(&keyword) {
                                return Ok(keyword);
                            }
                            return Err(this.unexpected(start, keyword));
                        }
                    }
                }
            }
        })
    }

    /// Reads `;`, or `;;`, `;&` and `;;&`, which end a branch of a `case`.
    fn separator(&mut self, ends: &[&'static str]) -> Result<bool, Stop> {
        let start = self.at;
        self.plain = false;
        self.bump();
        self.note(|tree| tree.separator(false));
        let in_case = ends.contains(&";;");
        let double = self.eat(';');
        let falls_through = in_case && self.eat('&');
        match (double || falls_through, in_case) {
            (false, _) => Ok(false),
            (true, true) => Ok(true),
            (true, false) => Err(self.unexpected(start, ";;")),
        }
    }

    /// Reads blanks, comments and line ends.
    fn gap(&mut self) -> Result<(), Stop> {
        loop {
            self.blanks();
            match self.peek() {
                Some(Unit::Char('\n')) => self.newline()?,
                Some(Unit::Char('#')) => self.comment(),
                _ => return Ok(()),
            }
        }
    }

    /// Reads a line end and the here-documents that begin behind it.
    fn newline(&mut self) -> Result<(), Stop> {
        self.bump();
        for doc in std::mem::take(&mut self.pending) {
            self.heredoc(&doc)?;
        }
        Ok(())
    }

    fn comment(&mut self) {
        self.plain = false;
        while let Some(unit) = self.raw(0) {
            match unit {
                Unit::Char('\n') => break,
                Unit::Char(_) => {}
                Unit::Value(piece) => self.place(piece, Place::Dropped),
            }
            self.at += 1;
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(Unit::Char(' ' | '\t'))) {
            self.bump();
        }
    }

    /// The unit at offset `ahead`, without joining lines.
    fn raw(&self, ahead: usize) -> Option<Unit> {
        self.units.get(self.at + ahead).map(|(unit, _, _)| *unit)
    }

    /// The next unit; a backslash at a line's end joins the lines.
    fn peek(&mut self) -> Option<Unit> {
        while self.raw(0) == Some(Unit::Char('\\')) && self.raw(1) == Some(Unit::Char('\n')) {
            self.at += 2;
        }
        self.raw(0)
    }

    /// The next unit's character, if it is one.
    fn peek_char(&mut self) -> Option<char> {
        match self.peek() {
            Some(Unit::Char(char)) => Some(char),
            _ => None,
        }
    }

    fn bump(&mut self) {
        self.at += 1;
    }

    /// Reads `wanted`, if it is next.
    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(Unit::Char(wanted));
        if found {
            self.bump();
        }
        found
    }

    /// Whether the characters `text` are next. They are not read.
    fn next_is(&mut self, text: &str) -> bool {
        self.peek();
        text.chars()
            .enumerate()
            .all(|(ahead, char)| self.raw(ahead) == Some(Unit::Char(char)))
    }

    /// Goes one level deeper, if that is not too deep.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth >= DEPTH {
            let span = self.span(self.at);
            self.problems.push(refuse::too_deep(span));
            return Err(Stop);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Updates the tree, where one is wanted.
    fn note(&mut self, note: impl FnOnce(&mut Builder)) {
        if let Some(tree) = &mut self.tree {
            note(tree);
        }
    }

    /// The characters since `start`, where a tree is wanted.
    fn shown(&self, start: usize) -> String {
        match self.tree {
            Some(_) => self.written(start),
            None => String::new(),
        }
    }

    /// Records the variable whose name stands since `start`.
    fn variable(&mut self, start: usize) {
        if self.tree.is_some() {
            let name = self.written(start);
            self.variables.push((name, self.level));
        }
    }

    /// Records a value that has been read.
    fn see(&mut self, piece: usize) {
        self.seen.push((piece, self.level));
    }

    /// Records where a value stands. A list can only stand on its own.
    fn place(&mut self, piece: usize, place: Place) {
        if self.places[piece].is_none() {
            self.places[piece] = Some(place);
        }
        if place == Place::Quoted && self.is_list(piece) {
            self.refuse(piece, refuse::list_in_word);
        }
    }

    fn is_list(&self, piece: usize) -> bool {
        matches!(self.pieces[piece], Piece::Value { list: true, .. })
    }

    /// Reports that a value must not stand where it does, once.
    fn refuse(&mut self, piece: usize, why: impl FnOnce(Span) -> Diagnostic) {
        let reported = self.places[piece].replace(Place::Refused) == Some(Place::Refused);
        if !reported {
            let span = self.pieces[piece].span();
            self.problems.push(why(span));
        }
    }

    /// Refuses the values read since `first` that no command substitution of their own holds.
    fn refuse_since(&mut self, first: usize, why: impl Fn(Span) -> Diagnostic) {
        for at in first..self.seen.len() {
            let (piece, level) = self.seen[at];
            if level == self.level {
                self.refuse(piece, &why);
            }
        }
    }

    /// The place of a unit in the source: exact where the text has no escapes.
    fn span(&self, at: usize) -> Span {
        let Some((unit, piece, offset)) = self.units.get(at).or(self.units.last()) else {
            return self.pieces.first().map_or(
                Span::start_of(lockstep_base::source::FileId(0)),
                super::analyse::Piece::span,
            );
        };
        let span = self.pieces[*piece].span();
        match (unit, &self.pieces[*piece]) {
            (Unit::Char(char), Piece::Text { text, .. }) if span.range().len() == text.len() => {
                let start = span.start as usize + offset;
                Span::new(span.file, start, start + char.len_utf8())
            }
            _ => span,
        }
    }

    fn unclosed(&mut self, open: Open) -> Stop {
        let span = self.span(open.at);
        self.problems
            .push(refuse::unclosed(span, open.word, open.close));
        Stop
    }

    fn unexpected(&mut self, at: usize, word: &str) -> Stop {
        let span = self.span(at);
        self.problems.push(refuse::unexpected(span, word));
        Stop
    }

    /// Makes sure that every here-document had its body.
    fn no_pending(&mut self) -> Result<(), Stop> {
        match self.pending.first() {
            None => Ok(()),
            Some(doc) => {
                let span = self.span(doc.at);
                let mark = doc.mark.clone();
                self.problems.push(refuse::unclosed_heredoc(span, &mark));
                Err(Stop)
            }
        }
    }
}
