//! Error recovery for unterminated strings and for signs of other languages: quotes, comments,
//! operators. The tokens come from the lexer; this file decides what to do with those that do not
//! fit, and returns the brackets.

mod indented;
mod lines;
mod shell;

use std::ops::Range;

use super::SourceRepair;
use crate::lexer::{self, PieceEnd, Quotes, TokenKind};
use crate::{errors, words};
use indented::IndentedBody;

/// A bracket, or the first word of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// What it is.
    pub(super) kind: MarkKind,
    /// Its first byte.
    pub(super) at: usize,
    /// Whether it is the first on its line, outside of strings.
    pub(super) first: bool,
    /// How far its line is indented.
    pub(super) indent: usize,
    /// Its line, counted from the start.
    pub(super) line: usize,
    /// Where the token before it ends.
    pub(super) after: usize,
}

/// The kinds of a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// An opening bracket, by its closing one; `$` represents an interpolation.
    Open(u8),
    /// A closing bracket.
    Close(u8),
    /// A word at the start of a line.
    Word,
}

/// A bracket that is open.
struct OpenBracket {
    /// What closes it.
    close: u8,
    /// Whether its parts have commas between them.
    commas: bool,
}

/// An interpolation that is being read.
struct Interpolation {
    /// Where its string began.
    string: usize,
    /// Whether the string is written with `"""`.
    long: bool,
    /// How many tokens there were before it.
    tokens: usize,
    /// Where its expression begins.
    content: usize,
    /// How many `{` are open in it.
    braces: usize,
    /// How many brackets are open around it.
    depth: usize,
}

/// Reads a part of the source of `repair`, repairs what it can, and returns the brackets and the
/// end of the last token. Where something is still open at its end, the rest is read, too.
pub(super) fn repair_tokens(
    repair: &mut SourceRepair<'_>,
    part: Range<usize>,
) -> (Vec<Mark>, usize) {
    let source = repair.source;
    let mut lexer = RecoveryLexer {
        repair,
        source,
        bytes: source.as_bytes(),
        tokens: Vec::new(),
        interpolations: Vec::new(),
        semicolons: Vec::new(),
        indented: Vec::new(),
        heads: Vec::new(),
        body_ends: Vec::new(),
        open: Vec::new(),
        is_mixed: false,
        line_first: 0,
        line: 0,
        line_start: part.start,
        indent: 0,
        fresh: true,
        after: part.start,
    };
    lexer.all(part);
    lexer.end();
    (lexer.tokens, lexer.after)
}

struct RecoveryLexer<'m, 't> {
    repair: &'m mut SourceRepair<'t>,
    source: &'t str,
    bytes: &'t [u8],
    tokens: Vec<Mark>,
    interpolations: Vec<Interpolation>,
    semicolons: Vec<usize>,
    /// The bodies that are written by indentation, and are open.
    indented: Vec<IndentedBody>,
    /// The `:` of their heads, and where they have ended.
    heads: Vec<usize>,
    body_ends: Vec<usize>,
    open: Vec<OpenBracket>,
    /// Whether a bracket was closed by one of another kind: what belongs together only all that
    /// follows can say.
    is_mixed: bool,
    /// The first token of the line.
    line_first: usize,
    line: usize,
    line_start: usize,
    indent: usize,
    /// Whether nothing but blanks has been seen on this line.
    fresh: bool,
    /// Where the last token ends.
    after: usize,
}

impl RecoveryLexer<'_, '_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn line_end(&self, at: usize) -> usize {
        lexer::line_end(self.source, at.min(self.bytes.len()))
    }

    fn all(&mut self, part: Range<usize>) {
        let mut at = part.start;
        while let Some(token) = lexer::token_at(self.source, at) {
            if at == part.end && self.is_between_declarations() {
                return;
            }
            at = match token.kind {
                TokenKind::LineEnd => self.newline(at),
                TokenKind::Blank | TokenKind::Comment => token.end,
                TokenKind::Word
                | TokenKind::Number
                | TokenKind::Text
                | TokenKind::Sign
                | TokenKind::Strange => {
                    let byte = self.byte(at);
                    let first = std::mem::replace(&mut self.fresh, false);
                    if first {
                        self.indent = at - self.line_start;
                        self.unfinished(at);
                        self.line_first = at;
                        self.line_begins();
                        if !matches!(byte, b')' | b']' | b'}') {
                            self.token(MarkKind::Word, at, true);
                        }
                    }
                    self.after = self
                        .shell_block(at, first)
                        .or_else(|| self.program(at, first))
                        .or_else(|| self.bare_command(at, first))
                        .unwrap_or_else(|| self.visible(token, first));
                    self.after
                }
            };
        }
    }

    fn is_between_declarations(&self) -> bool {
        !self.is_mixed
            && self.open.is_empty()
            && self.interpolations.is_empty()
            && self.indented.is_empty()
    }

    /// A line that begins a declaration, behind something that must go on: what is missing there
    /// is not this declaration.
    fn unfinished(&mut self, at: usize) {
        if self.indent > 0 || !self.interpolations.is_empty() {
            return;
        }
        let line = self.source.get(at..self.line_end(at)).unwrap_or("");
        let word = words::first_word(line);
        let name = line.get(word.len()..).unwrap_or("");
        let begins = name.starts_with(' ')
            && (name.trim_start()).starts_with(|sign: char| sign.is_alphabetic() || sign == '"');
        let above = self.source.get(..self.after).unwrap_or("");
        if !begins || !words::DECLARATIONS.contains(&word) || !words::must_go_on(above) {
            return;
        }
        let place = self.repair.span(self.after, self.after);
        self.repair
            .diagnostics
            .push(errors::forgotten(place, above));
        self.repair.edit(self.after, self.after, " \u{1} ");
    }

    /// `run echo hi`: the rest of the line is put into quotes, before its signs are taken for
    /// those of another language.
    fn bare_command(&mut self, at: usize, first: bool) -> Option<usize> {
        let source = self.source.get(at..)?;
        if !self.begins(first) || !(source.starts_with("run ") || source.starts_with("query ")) {
            return None;
        }
        let line = self.source.get(at..self.line_end(at))?;
        let command = (line.strip_prefix("run ")).or_else(|| line.strip_prefix("query "))?;
        let command = command.trim_start();
        let start = at + line.len() - command.len();
        let sign = command.trim_start_matches(['-', '_']).chars().next()?;
        let word = words::first_word(command);
        let other = command.get(word.len()..)?.trim_start();
        if !(sign.is_alphanumeric() || "./~$".contains(sign))
            || words::CLAUSES.contains(&word)
            || other.starts_with(['=', ':'])
        {
            return None;
        }
        let (end, text) = self.rest_of_line(at, start)?;
        let quoted = words::string_of(text);
        let span = self.repair.span(start, end);
        self.repair
            .diagnostics
            .push(errors::command(span, Some(&quoted)));
        self.repair.edit(start, end, quoted);
        Some(end)
    }

    fn newline(&mut self, at: usize) -> usize {
        let outer = self.interpolations.iter().position(|outer| !outer.long);
        if let Some(outer) = outer {
            let end = if at > 0 && self.byte(at - 1) == b'\r' {
                at - 1
            } else {
                at
            };
            self.open_interpolation(outer, end);
        }
        self.head_ends();
        self.line += 1;
        self.line_start = at + 1;
        self.fresh = true;
        at + 1
    }

    fn token(&mut self, kind: MarkKind, at: usize, first: bool) {
        self.tokens.push(Mark {
            kind,
            at,
            first: first && self.interpolations.is_empty(),
            indent: self.indent,
            line: self.line,
            after: self.after,
        });
    }

    /// Reads a token that is no blank and no comment, and returns where the next may begin.
    fn visible(&mut self, token: lexer::Token, first: bool) -> usize {
        let at = token.start;
        match token.kind {
            TokenKind::Text => self.string(at, token.end, token.quotes(self.source)),
            TokenKind::Sign | TokenKind::Strange => self.sign(at, first),
            _ => token.end,
        }
    }

    /// Reads a sign of the language, or one that another language has.
    fn sign(&mut self, at: usize, first: bool) -> usize {
        let byte = self.byte(at);
        match byte {
            b'(' => self.open(b')', at, first),
            b'[' => self.open(b']', at, first),
            b'{' => self.open(b'}', at, first),
            b')' | b']' | b'}' => self.close(byte, at, first),
            b'`' => self
                .foreign_quotes(at, '`')
                .unwrap_or_else(|| self.other(at)),
            b';' => self.semicolon(at),
            b'/' if self.byte(at + 1) == b'/' => self.foreign_comment(at),
            b'/' if self.byte(at + 1) == b'*' => self.block_comment(at),
            b'&' if self.byte(at + 1) == b'&' => self.operator(at, 2, "and"),
            b'|' if self.byte(at + 1) == b'|' => self.operator(at, 2, "or"),
            b'=' | b'!' if self.bytes[at + 1..].starts_with(b"==") => {
                self.operator(at, 3, if byte == b'=' { "==" } else { "!=" })
            }
            b'!' if self.byte(at + 1) == b'=' => at + 2,
            b'!' => self.operator(at, 1, "not"),
            b'$' => self.dollar(at),
            b'&' | b'@' | b'^' | b'~' | b'\\' | 0..=0x1f | 0x7f.. => self.other(at),
            _ => at + 1,
        }
    }

    /// A semicolon, in place of a comma where the parts of the innermost bracket have commas.
    fn semicolon(&mut self, at: usize) -> usize {
        if self.open.last().is_some_and(|bracket| bracket.commas) {
            let span = self.repair.span(at, at + 1);
            self.repair.diagnostics.push(errors::list_semicolon(span));
            self.repair.edit(at, at + 1, ",");
        } else {
            self.semicolons.push(at);
            self.repair.edit(at, at + 1, " ");
        }
        at + 1
    }

    /// Whether commas stand between the parts of the bracket that opens at `at`. Braces are those
    /// of a block or of fields where no value is expected before them.
    fn has_commas(&self, close: u8) -> bool {
        let before = self.source.get(..self.after).unwrap_or("");
        let word = words::last_word(before);
        close != b'}'
            || before.ends_with(['=', ':', '(', '[', ',', '>', '?', '|'])
            || matches!(word, "env" | "include" | "yield" | "return")
    }

    fn open(&mut self, close: u8, at: usize, first: bool) -> usize {
        let commas = self.has_commas(close);
        self.open.push(OpenBracket { close, commas });
        if let (b'}', Some(top)) = (close, self.interpolations.last_mut()) {
            top.braces += 1;
        }
        self.token(MarkKind::Open(close), at, first);
        at + 1
    }

    fn close(&mut self, byte: u8, at: usize, first: bool) -> usize {
        if let (b'}', Some(top)) = (byte, self.interpolations.last_mut()) {
            if top.braces == 0 {
                let (string, long) = (top.string, top.long);
                self.token(MarkKind::Close(b'$'), at, false);
                self.interpolations.pop();
                return self.string(string, at + 1, Quotes::of_interpolated(long));
            }
            top.braces -= 1;
        }
        self.bracket_closes();
        self.is_mixed |= self.open.pop().is_none_or(|open| open.close != byte);
        self.token(MarkKind::Close(byte), at, first);
        at + 1
    }

    /// Reads on in a string that began at `start`, to its end or its next interpolation.
    fn string(&mut self, start: usize, at: usize, quotes: Quotes) -> usize {
        let (end, why) = lexer::string_piece(self.source, at, quotes);
        let long = quotes == Quotes::Long;
        for (place, byte) in self.bytes[at..end].iter().enumerate() {
            if *byte == b'\n' {
                self.line += 1;
                self.line_start = at + place + 1;
            }
        }
        match why {
            PieceEnd::Quotes if long && self.begins_another(start, end) => {
                self.open_long(start, quotes)
            }
            PieceEnd::Quotes => end,
            PieceEnd::Interpolation => {
                if let Some(end) = self.foreign_interpolation(end) {
                    return self.string(start, end, quotes);
                }
                self.token(MarkKind::Open(b'$'), end, false);
                self.interpolations.push(Interpolation {
                    string: start,
                    long,
                    tokens: self.tokens.len() - 1,
                    content: end + 2,
                    braces: 0,
                    depth: self.open.len(),
                });
                end + 2
            }
            PieceEnd::TextEnd if long || quotes == Quotes::RawLong => self.open_long(start, quotes),
            PieceEnd::LineEnd if quotes == Quotes::RawLong => self.raw_on_a_line(start, end),
            PieceEnd::LineEnd
                if self.interpolations.is_empty() && self.goes_on(start, end, quotes) =>
            {
                self.next_line(start, end, quotes)
            }
            PieceEnd::LineEnd | PieceEnd::TextEnd => self.open_string(start, at, quotes),
        }
    }

    /// A string that does not end on its line; its last piece begins at `piece`, and what stands
    /// before that belongs to it.
    fn open_string(&mut self, start: usize, piece: usize, quotes: Quotes) -> usize {
        let end = self.line_end(start);
        let outer = self.interpolations.iter().position(|outer| !outer.long);
        if let Some(outer) = outer {
            self.open_interpolation(outer, end);
            return end;
        }
        let close = self.before_closers(piece.saturating_sub(1), end);
        self.repair
            .edit(close, close, self.closing_quotes(piece, close, quotes));
        let (span, place) = (
            self.repair.span(start, close),
            self.repair.span(close, close),
        );
        self.repair
            .diagnostics
            .push(errors::open_string(span, Some(place), quotes.text()));
        close
    }

    /// `quotes`, behind a second backslash where the text ends in a single one.
    fn closing_quotes(&self, start: usize, end: usize, quotes: Quotes) -> String {
        let text = self.source.get(start..end).unwrap_or("");
        let backslashes = text.len() - text.trim_end_matches('\\').len();
        let escapes = matches!(quotes, Quotes::Short | Quotes::Long);
        let escape = match backslashes % 2 {
            1 if escapes => "\\",
            _ => "",
        };
        format!("{escape}{}", quotes.text())
    }

    /// Where the string from `start` probably ended: before the brackets at the end of the line
    /// that close what was opened on this line, or before a comma.
    fn before_closers(&self, start: usize, end: usize) -> usize {
        let line = self
            .tokens
            .iter()
            .rposition(|token| token.line != self.line);
        let line = line.map_or(0, |before| before + 1);
        let mut open: Vec<u8> = Vec::new();
        for token in self.tokens.get(line..).unwrap_or(&[]) {
            match token.kind {
                MarkKind::Open(close) => open.push(close),
                MarkKind::Close(_) => drop(open.pop()),
                MarkKind::Word => {}
            }
        }
        let mut at = end;
        while let Some(text) = self.source.get(start + 1..at) {
            let text = text.trim_end_matches([' ', '\t']);
            let last = text.as_bytes().last().copied();
            if last == Some(b',') || last.is_some() && last == open.pop() {
                at = start + text.len();
            } else {
                break;
            }
        }
        if at == end {
            return end;
        }
        let text = self.source.get(start + 1..at).unwrap_or("");
        start + 1 + text.trim_end_matches([' ', '\t']).len()
    }

    /// The line ends in an interpolation of a string on one line: its expression is abandoned.
    fn open_interpolation(&mut self, outer: usize, end: usize) {
        let Some(outer_one) = self.interpolations.get(outer) else {
            return;
        };
        let (start, tokens, content) = (outer_one.string, outer_one.tokens, outer_one.content);
        self.open.truncate(outer_one.depth);
        self.interpolations.truncate(outer);
        self.tokens.truncate(tokens);
        self.repair.forget(content);
        self.repair.edit(content, end, "\u{1}}\"");
        let span = self.repair.span(start, end);
        let quotes = Quotes::Short.text();
        self.repair
            .diagnostics
            .push(errors::open_string(span, None, quotes));
    }

    /// Whether the `"""` before `end`, at which a string ends that began at `start`, is more likely
    /// the beginning of another: it ends a line that begins like a statement or a declaration, and
    /// is indented no further than the line on which the string began.
    fn begins_another(&self, start: usize, end: usize) -> bool {
        let quotes = end.saturating_sub(3);
        let line = self.line_of(quotes);
        let before = self.source.get(line..quotes).unwrap_or("");
        let word = words::first_word(before.trim_start());
        let behind = self.source.get(end..self.line_end(end)).unwrap_or("");
        line > start
            && self.interpolations.is_empty()
            && before.ends_with(' ')
            && behind.trim().is_empty()
            && (words::STATEMENTS.contains(&word) || words::DECLARATIONS.contains(&word))
            && indent_of(before) <= self.indent_at(start)
    }

    /// Where the line begins that holds `at`.
    fn line_of(&self, at: usize) -> usize {
        let before = self.source.get(..at).unwrap_or("");
        before.rfind('\n').map_or(0, |end| end + 1)
    }

    /// How far the line is indented that holds `at`.
    fn indent_at(&self, at: usize) -> usize {
        let line = self.line_of(at);
        indent_of(self.source.get(line..).unwrap_or(""))
    }

    /// Where a `"""` without an end probably ended: where its lines are indented further than the
    /// line on which it began, before the first that is not; elsewhere before a declaration.
    fn end_of_long(&self, start: usize) -> usize {
        let own = self.indent_at(start);
        let rest = self.source.get(start..).unwrap_or("");
        let mut at = start;
        let mut deeper = None;
        for line in rest.split_inclusive('\n') {
            if at > start && !line.trim().is_empty() {
                let inside = indent_of(line) > own;
                if deeper.replace(inside || deeper == Some(true)) == Some(true) && !inside {
                    return at;
                }
            }
            at += line.len();
        }
        self.next_declaration(start).unwrap_or(self.bytes.len())
    }

    /// A `"""` or `'''` without an end. In an interpolation of another, the former is the end of
    /// that one; else it ends where its lines do.
    fn open_long(&mut self, start: usize, quotes: Quotes) -> usize {
        if let Some(outer) =
            (self.interpolations).pop_if(|outer| outer.long && quotes == Quotes::Long)
        {
            self.tokens.truncate(outer.tokens);
            self.open.truncate(outer.depth);
            self.repair.forget(outer.content);
            self.repair.edit(outer.content, start, "\u{1}}");
            let span = self.repair.span(outer.content - 2, outer.content);
            self.repair
                .diagnostics
                .push(errors::open_interpolation(span));
            self.rewind(start);
            return self.string(outer.string, start, Quotes::Long);
        }
        let end = self.end_of_long(start);
        self.tokens.retain(|token| token.at < end);
        self.repair.forget(end);
        let closing = self.closing_quotes(start + 3, end, quotes);
        // The quotes of raw lines begin their line.
        let before = match quotes {
            Quotes::RawLong => "\n",
            Quotes::Long | Quotes::Short | Quotes::Raw => "",
        };
        self.repair.edit(end, end, format!("{before}{closing}\n"));
        let span = self.repair.span(start, start + 3);
        let error = errors::open_long_string(span, quotes.text());
        self.repair.diagnostics.push(error);
        self.rewind(end);
        self.fresh = true;
        end
    }

    /// Moves back to `at`.
    fn rewind(&mut self, at: usize) {
        let before = self.bytes.get(..at).unwrap_or(&[]);
        self.line = before.iter().filter(|byte| **byte == b'\n').count();
        self.line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
    }

    fn next_declaration(&self, start: usize) -> Option<usize> {
        let rest = self.source.get(start..)?;
        let mut at = start;
        for line in rest.split_inclusive('\n') {
            if at > start {
                let word = words::first_word(line);
                if words::DECLARATIONS.contains(&word) && line[word.len()..].starts_with(' ') {
                    return Some(at);
                }
            }
            at += line.len();
        }
        None
    }

    /// `` `…` ``, `“…”`: strings of other languages, if they end on their line.
    fn foreign_quotes(&mut self, at: usize, quote: char) -> Option<usize> {
        let closing: &[char] = match quote {
            '`' => &['`'],
            '\u{ab}' => &['\u{bb}'],
            '\u{2018}' | '\u{201a}' | '\u{2019}' => &['\u{2019}', '\u{2018}'],
            _ => &['\u{201d}', '\u{201c}', '"'],
        };
        let from = at + quote.len_utf8();
        let line = self.source.get(from..self.line_end(from))?;
        let length = line.find(closing)?;
        let content = line.get(..length)?;
        let close = line.get(length..)?.chars().next()?;
        let end = from + length + close.len_utf8();
        let right = match quote {
            // A template has the same interpolations.
            '`' => words::string_of(content).replace("\\${", "${"),
            _ => words::string_of(content),
        };
        // An interpolation that is not closed would swallow the quotes.
        let count = |sign| content.matches(sign).count();
        let interpolates = quote == '`' && content.contains("${");
        let broken = interpolates && (count('{') != count('}') || content.contains('"'));
        let span = self.repair.span(at, end);
        self.repair
            .diagnostics
            .push(errors::quotes(span, quote, &right));
        let text = if broken { String::from("\u{1}") } else { right };
        self.repair.edit(at, end, text);
        Some(end)
    }

    fn foreign_comment(&mut self, at: usize) -> usize {
        let span = self.repair.span(at, at + 2);
        self.repair.diagnostics.push(errors::comment(span, "//"));
        self.repair.edit(at, at + 2, "#");
        self.line_end(at)
    }

    fn block_comment(&mut self, at: usize) -> usize {
        let rest = self.source.get(at + 2..).unwrap_or("");
        let end = rest
            .find("*/")
            .map_or_else(|| self.line_end(at), |length| at + 2 + length + 2);
        let span = self.repair.span(at, at + 2);
        self.repair.diagnostics.push(errors::comment(span, "/*"));
        self.repair.edit(at, end, " ");
        let lines = self.bytes[at..end]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        self.line += lines;
        end
    }

    fn operator(&mut self, at: usize, length: usize, right: &str) -> usize {
        let end = at + length;
        let word = right
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphabetic);
        let mut text = String::from(right);
        if word && at > 0 && !self.byte(at - 1).is_ascii_whitespace() {
            text.insert(0, ' ');
        }
        if word && !self.byte(end).is_ascii_whitespace() {
            text.push(' ');
        }
        let span = self.repair.span(at, end);
        let found = self.source.get(at..end).unwrap_or("");
        self.repair
            .diagnostics
            .push(errors::operator(span, found, right, &text));
        self.repair.edit(at, end, text);
        end
    }

    /// `$name` and `${e}` outside of a string.
    fn dollar(&mut self, at: usize) -> usize {
        if self.byte(at + 1) == b'{' {
            let line = self.source.get(at + 2..self.line_end(at)).unwrap_or("");
            if let Some(length) = line.find(['{', '}', '"', '#']) {
                let close = at + 2 + length;
                if self.byte(close) == b'}' {
                    let span = self.repair.span(at, close + 1);
                    self.repair
                        .diagnostics
                        .push(errors::dollar(span, &line[..length]));
                    self.repair.edit(at, at + 2, "(");
                    self.repair.edit(close, close + 1, ")");
                    return close + 1;
                }
            }
        } else if self.byte(at + 1) == b'('
            && let Some(end) = self.command_value(at)
        {
            return end;
        } else if self.byte(at + 1).is_ascii_alphabetic() {
            let rest = self.source.get(at + 1..).unwrap_or("");
            let word = words::first_word(rest);
            let span = self.repair.span(at, at + 1 + word.len());
            self.repair.diagnostics.push(errors::dollar(span, word));
            self.repair.edit(at, at + 1, "");
            return at + 1 + word.len();
        }
        self.other(at)
    }

    /// A character that has no meaning.
    fn other(&mut self, at: usize) -> usize {
        let Some(c) = self.source.get(at..).and_then(|rest| rest.chars().next()) else {
            return at + 1;
        };
        let end = at + c.len_utf8();
        let quote = matches!(
            c,
            '\u{201c}' | '\u{201e}' | '\u{201d}' | '\u{2018}' | '\u{201a}' | '\u{2019}' | '\u{ab}'
        );
        if quote && let Some(end) = self.foreign_quotes(at, c) {
            return end;
        }
        let right = match c {
            '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
            _ => " ",
        };
        let span = self.repair.span(at, end);
        self.repair
            .diagnostics
            .push(errors::character(span, c, right));
        self.repair.edit(at, end, right);
        end
    }

    fn end(&mut self) {
        let outer = self.interpolations.iter().position(|outer| !outer.long);
        if let Some(outer) = outer {
            self.open_interpolation(outer, self.bytes.len());
        }
        self.head_ends();
        self.bodies_end();
        if !self.semicolons.is_empty() {
            let spans = self
                .semicolons
                .iter()
                .map(|at| self.repair.span(*at, at + 1))
                .collect();
            self.repair.diagnostics.push(errors::semicolons(spans));
        }
    }
}

/// How many blanks a line begins with.
fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}
