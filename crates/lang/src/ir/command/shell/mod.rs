//! The shell parser: reads a command's text as a shell would (lists of commands, compound commands,
//! simple commands, words) and records the quoting around every interpolated value.
//!
//! The parser is lenient: errors that do not touch a value are left for the shell to report, except
//! for what is opened and never closed. It must be right about one thing only, the quoting around
//! each value; and even where it is wrong, a value is still only ever the expansion of a variable,
//! which no shell executes as code.

mod compound;
mod expand;
mod heredoc;
mod word;

use super::analyse::CommandPiece;
use super::errors;
use super::marks::ShellMark;
use super::tree::ShellTreeBuilder;
use heredoc::Heredoc;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
pub(super) use word::{ScannedPart, ScannedWord, assigns};

/// How deeply quotes, substitutions and compound commands may nest.
const MAX_NESTING: usize = 64;

/// Where an interpolated value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InterpolationPlace {
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
pub(super) struct ShellSyntaxError;

/// Where something begins that must be closed, and by what.
#[derive(Debug, Clone, Copy)]
struct OpenDelimiter {
    at: usize,
    word: &'static str,
    close: &'static str,
}

/// What stands at a place: a character or an interpolated value (by its piece).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShellUnit {
    Char(char),
    Value(usize),
}

/// What stands before a place in a list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListPlace {
    /// Nothing that a command must follow or that must be followed by a sign.
    Start,
    /// A command.
    Command,
    /// Something between these units that a command must follow.
    Open(usize, usize),
}

/// The reader.
pub(super) struct ShellScanner<'a> {
    pieces: &'a [CommandPiece],
    /// Each unit with the piece and the byte of its text that it is from.
    units: Vec<(ShellUnit, usize, usize)>,
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
    pub(super) places: Vec<Option<InterpolationPlace>>,
    /// What is wrong.
    pub(super) problems: Vec<Diagnostic>,
    /// Whether nothing has been read so far that only a shell understands.
    pub(super) plain: bool,
    /// Whether the head of a function has been read, and its body comes next.
    awaits_body: bool,
    /// How many simple commands there are.
    pub(super) commands: usize,
    /// The words of the first simple command.
    pub(super) words: Vec<ScannedWord>,
    /// The tree of the text, where one is wanted.
    pub(super) tree: Option<ShellTreeBuilder>,
    /// The variables that are named, each with its nesting level; recorded for the tree alone.
    variables: Vec<(String, usize)>,
    /// What an editor colours, by units; recorded for it alone.
    pub(super) marks: Option<Vec<(std::ops::Range<usize>, ShellMark)>>,
}

impl<'a> ShellScanner<'a> {
    /// A reader of these pieces.
    pub(super) fn new(pieces: &'a [CommandPiece], bash: bool) -> Self {
        let length = |piece: &CommandPiece| match piece {
            CommandPiece::Text { text, .. } => text.len(),
            CommandPiece::Value { .. } => 1,
        };
        let mut units = Vec::with_capacity(pieces.iter().map(length).sum());
        for (at, piece) in pieces.iter().enumerate() {
            match piece {
                CommandPiece::Text { text, .. } => units.extend(
                    text.char_indices()
                        .map(|(offset, char)| (ShellUnit::Char(char), at, offset)),
                ),
                CommandPiece::Value { .. } => units.push((ShellUnit::Value(at), at, 0)),
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
            awaits_body: false,
            commands: 0,
            words: Vec::new(),
            tree: None,
            variables: Vec::new(),
            marks: None,
        }
    }

    /// The piece and the byte in its text that a unit is from.
    pub(super) fn place_of(&self, unit: usize) -> Option<(usize, usize)> {
        self.units.get(unit).map(|(_, piece, byte)| (*piece, *byte))
    }

    /// Reads all of it.
    pub(super) fn script(&mut self) -> Result<(), ShellSyntaxError> {
        self.list(&[], None)?;
        self.no_pending()
    }

    /// Reads commands up to one of `ends` (a closing bracket, `;;` or a closing keyword), which is
    /// consumed and returned; without `open`, up to the end of the text.
    fn list(
        &mut self,
        ends: &[&'static str],
        open: Option<OpenDelimiter>,
    ) -> Result<&'static str, ShellSyntaxError> {
        self.note(ShellTreeBuilder::open_list);
        let end = self.list_inside(ends, open)?;
        self.note(ShellTreeBuilder::close_list);
        Ok(end)
    }

    fn list_inside(
        &mut self,
        ends: &[&'static str],
        open: Option<OpenDelimiter>,
    ) -> Result<&'static str, ShellSyntaxError> {
        self.deeper(|this| {
            let mut place = ListPlace::Start;
            loop {
                let line = this.at;
                this.gap()?;
                if place == ListPlace::Command && this.ended_line(line) {
                    place = ListPlace::Start;
                }
                match this.peek() {
                    None => {
                        this.goes_on(place)?;
                        return match open {
                            None => Ok(""),
                            Some(open) => Err(this.unclosed(open)),
                        };
                    }
                    Some(ShellUnit::Char(')')) if ends.contains(&")") => {
                        this.goes_on(place)?;
                        this.bump();
                        return Ok(")");
                    }
                    Some(ShellUnit::Char(')')) => return Err(this.unexpected(this.at, ")")),
                    Some(ShellUnit::Char('&'))
                        if this.bash
                            && place == ListPlace::Start
                            && this.raw(1) == Some(ShellUnit::Char('>')) =>
                    {
                        this.command()?;
                        place = ListPlace::Command;
                    }
                    Some(ShellUnit::Char(';')) => {
                        let start = this.at;
                        this.goes_on(place)?;
                        if this.separator(ends)? {
                            return Ok(";;");
                        }
                        this.follows_command(place, start)?;
                        place = ListPlace::Start;
                    }
                    Some(ShellUnit::Char(sign @ ('&' | '|'))) => {
                        let (start, was) = (this.at, place);
                        place = match this.connector(sign) {
                            true => ListPlace::Start,
                            false => ListPlace::Open(start, this.at),
                        };
                        if was != ListPlace::Command {
                            return Err(this.lonely(start, this.at));
                        }
                    }
                    Some(_) => {
                        let start = this.at;
                        if let Some(keyword) = this.command()? {
                            this.goes_on(place)?;
                            if ends.contains(&keyword) {
                                return Ok(keyword);
                            }
                            return Err(this.unexpected(start, keyword));
                        }
                        if place == ListPlace::Command {
                            return Err(this.unexpected(start, "this"));
                        }
                        place = match std::mem::take(&mut this.awaits_body) {
                            true => ListPlace::Open(start, this.at),
                            false => ListPlace::Command,
                        };
                    }
                }
            }
        })
    }

    /// Reads `&`, `&&`, `|`, `||` or `|&`, which is a pipe; whether what is before may stand alone.
    fn connector(&mut self, sign: char) -> bool {
        self.plain = false;
        self.bump();
        let pipe = sign == '|' && !self.eat('|');
        let double = self.eat('&');
        let background = sign == '&' && !double;
        self.note(|tree| {
            if background {
                tree.background();
            }
            tree.separator(pipe);
        });
        background
    }

    /// Whether a line has ended since `start`.
    fn ended_line(&self, start: usize) -> bool {
        let units = self.units.get(start..self.at).unwrap_or_default();
        let is_end = |(at, (unit, ..)): (usize, &(ShellUnit, usize, usize))| {
            *unit == ShellUnit::Char('\n')
                && !(at > 0 && matches!(units.get(at - 1), Some((ShellUnit::Char('\\'), ..))))
        };
        units.iter().enumerate().any(is_end)
    }

    /// Makes sure that nothing is open that a command must follow.
    fn goes_on(&mut self, place: ListPlace) -> Result<(), ShellSyntaxError> {
        match place {
            ListPlace::Open(start, end) => Err(self.lonely(start, end)),
            ListPlace::Start | ListPlace::Command => Ok(()),
        }
    }

    /// Makes sure that a `;` at `start` ends a command.
    fn follows_command(&mut self, place: ListPlace, start: usize) -> Result<(), ShellSyntaxError> {
        match place {
            ListPlace::Command => Ok(()),
            ListPlace::Start | ListPlace::Open(..) => Err(self.lonely(start, start + 1)),
        }
    }

    /// A sign that joins commands, or the head of a function, lacks one.
    fn lonely(&mut self, start: usize, end: usize) -> ShellSyntaxError {
        let (first, last) = (self.span(start), self.span(end.max(start + 1) - 1));
        let word = self.units.get(start..end).unwrap_or_default().iter();
        let word: String = (word)
            .filter_map(|(unit, ..)| match unit {
                ShellUnit::Char(char) => Some(*char),
                ShellUnit::Value(_) => None,
            })
            .collect();
        self.problems
            .push(errors::lonely(first.to(last), word.trim()));
        ShellSyntaxError
    }

    /// Reads `;`, or `;;`, `;&` and `;;&`, which end a branch of a `case`.
    fn separator(&mut self, ends: &[&'static str]) -> Result<bool, ShellSyntaxError> {
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
    fn gap(&mut self) -> Result<(), ShellSyntaxError> {
        loop {
            self.blanks();
            match self.peek() {
                Some(ShellUnit::Char('\n')) => self.newline()?,
                Some(ShellUnit::Char('#')) => self.comment(),
                _ => return Ok(()),
            }
        }
    }

    /// Reads a line end and the here-documents that begin behind it.
    fn newline(&mut self) -> Result<(), ShellSyntaxError> {
        self.bump();
        for doc in std::mem::take(&mut self.pending) {
            self.heredoc(&doc)?;
        }
        Ok(())
    }

    fn comment(&mut self) {
        self.plain = false;
        let start = self.at;
        while let Some(unit) = self.raw(0) {
            match unit {
                ShellUnit::Char('\n') => break,
                ShellUnit::Char(_) => {}
                ShellUnit::Value(piece) => self.place(piece, InterpolationPlace::Dropped),
            }
            self.at += 1;
        }
        self.mark(start, ShellMark::Comment);
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(ShellUnit::Char(' ' | '\t'))) {
            self.bump();
        }
    }

    /// The unit at offset `ahead`, without joining lines.
    fn raw(&self, ahead: usize) -> Option<ShellUnit> {
        self.units.get(self.at + ahead).map(|(unit, _, _)| *unit)
    }

    /// The next unit; a backslash at a line's end joins the lines.
    fn peek(&mut self) -> Option<ShellUnit> {
        while self.raw(0) == Some(ShellUnit::Char('\\'))
            && self.raw(1) == Some(ShellUnit::Char('\n'))
        {
            self.at += 2;
        }
        self.raw(0)
    }

    /// The next unit's character, if it is one.
    fn peek_char(&mut self) -> Option<char> {
        match self.peek() {
            Some(ShellUnit::Char(char)) => Some(char),
            _ => None,
        }
    }

    fn bump(&mut self) {
        self.at += 1;
    }

    /// Reads `wanted`, if it is next.
    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(ShellUnit::Char(wanted));
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
            .all(|(ahead, char)| self.raw(ahead) == Some(ShellUnit::Char(char)))
    }

    /// Goes one level deeper, if that is not too deep.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ShellSyntaxError>,
    ) -> Result<T, ShellSyntaxError> {
        if self.depth >= MAX_NESTING {
            let span = self.span(self.at);
            self.problems.push(errors::too_deep(span));
            return Err(ShellSyntaxError);
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Updates the tree, where one is wanted.
    fn note(&mut self, note: impl FnOnce(&mut ShellTreeBuilder)) {
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
    fn place(&mut self, piece: usize, place: InterpolationPlace) {
        if self.places[piece].is_none() {
            self.places[piece] = Some(place);
        }
        if place == InterpolationPlace::Quoted && self.is_list(piece) {
            self.refuse(piece, errors::list_in_word);
        }
    }

    fn is_list(&self, piece: usize) -> bool {
        matches!(self.pieces[piece], CommandPiece::Value { list: true, .. })
    }

    /// Reports that a value must not stand where it does, once.
    pub(super) fn refuse(&mut self, piece: usize, why: impl FnOnce(Span) -> Diagnostic) {
        let reported = self.places[piece].replace(InterpolationPlace::Refused)
            == Some(InterpolationPlace::Refused);
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

    /// The place of a unit in the source.
    fn span(&self, at: usize) -> Span {
        let Some((unit, piece, offset)) = self.units.get(at).or(self.units.last()) else {
            return self.pieces.first().map_or(
                Span::start_of(lockstep_base::source::FileId(0)),
                super::analyse::CommandPiece::span,
            );
        };
        let span = self.pieces[*piece].span();
        match (unit, &self.pieces[*piece]) {
            (ShellUnit::Char(char), CommandPiece::Text { text, .. })
                if span.range().len() == text.len() =>
            {
                let start = span.start as usize + offset;
                Span::new(span.file, start, start + char.len_utf8())
            }
            (ShellUnit::Char(char), CommandPiece::Text { starts, .. }) => {
                let place = |offset: usize| Some(*starts.as_ref()?.get(offset)? + span.start);
                let end = offset + char.len_utf8();
                match (place(*offset), place(end)) {
                    (Some(start), Some(_)) if *char == '\n' => Span {
                        start,
                        end: start + 1,
                        ..span
                    },
                    (Some(start), Some(end)) => Span { start, end, ..span },
                    _ => span,
                }
            }
            (ShellUnit::Value(_), _) | (_, CommandPiece::Value { .. }) => span,
        }
    }

    /// The places of the characters of these units, joined where they stand side by side.
    pub(super) fn spans(&self, units: std::ops::Range<usize>) -> Vec<Span> {
        let mut found: Vec<Span> = Vec::new();
        for at in units {
            if !matches!(self.units.get(at), Some((ShellUnit::Char(_), ..))) {
                continue;
            }
            let span = self.span(at);
            match found.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                Some(_) | None => found.push(span),
            }
        }
        found
    }

    /// Marks the units since `start`, where an editor wants it.
    fn mark(&mut self, start: usize, mark: ShellMark) {
        let end = self.at;
        if let Some(marks) = &mut self.marks {
            marks.push((start..end, mark));
        }
    }

    fn unclosed(&mut self, open: OpenDelimiter) -> ShellSyntaxError {
        let span = self.span(open.at);
        self.problems
            .push(errors::unclosed(span, open.word, open.close));
        ShellSyntaxError
    }

    fn unexpected(&mut self, at: usize, word: &str) -> ShellSyntaxError {
        let span = self.span(at);
        self.problems.push(errors::unexpected(span, word));
        ShellSyntaxError
    }

    /// Makes sure that every here-document had its body.
    fn no_pending(&mut self) -> Result<(), ShellSyntaxError> {
        match self.pending.first() {
            None => Ok(()),
            Some(doc) => {
                let span = self.span(doc.at);
                let mark = doc.mark.clone();
                self.problems.push(errors::unclosed_heredoc(span, &mark));
                Err(ShellSyntaxError)
            }
        }
    }
}
