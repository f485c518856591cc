//! Parses shell expansions, which begin with `$` or a backtick: parameters, command substitutions
//! and arithmetic.

use super::word::{Quote, Word};
use super::{Open, Place, Scanner, Stop, Unit};
use crate::ir::command::analyse::Piece;
use crate::ir::command::refuse;
use crate::ir::command::tree::{self, Builder};

impl Scanner<'_> {
    /// Reads what a `$` begins; false where it is only a `$`.
    pub(super) fn dollar(&mut self, quote: Quote) -> Result<bool, Stop> {
        let start = self.at;
        self.plain = false;
        self.bump();
        let char = match self.peek() {
            None => return Ok(false),
            Some(Unit::Value(piece)) => {
                self.refuse_after(piece, "$");
                return Ok(true);
            }
            Some(Unit::Char(char)) => char,
        };
        match char {
            '(' if self.next_is("((") => {
                let open = at(start, "$((", "))");
                self.at += 2;
                self.arithmetic(open)?;
            }
            '(' => self.substitution()?,
            '{' => self.parameter(start, quote)?,
            '[' if self.bash => {
                self.bump();
                self.arithmetic(at(start, "$[", "]"))?;
            }
            '[' => {
                self.perhaps_arithmetic();
                return Ok(false);
            }
            '\'' if quote == Quote::None && self.bash => self.escaped_quotes()?,
            '_' | 'a'..='z' | 'A'..='Z' => self.name(),
            '0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!' => self.bump(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses the values in `$[…]`, which is text to some shells and arithmetic to others.
    fn perhaps_arithmetic(&mut self) {
        // An index is never longer in practice, and scanning far at every `$[` would be slow.
        const FAR: usize = 1000;
        let mut values = Vec::new();
        for ahead in 0..FAR {
            match self.raw(ahead) {
                Some(Unit::Value(piece)) => values.push(piece),
                Some(Unit::Char(']')) => break,
                Some(Unit::Char('\n')) | None => return,
                Some(Unit::Char(_)) => {}
            }
        }
        for piece in values {
            self.refuse(piece, refuse::in_arithmetic);
        }
    }

    /// Reads a name.
    fn name(&mut self) {
        let start = self.at;
        while matches!(
            self.peek_char(),
            Some('_' | '0'..='9' | 'a'..='z' | 'A'..='Z')
        ) {
            self.bump();
        }
        self.variable(start);
    }

    /// Reads `(…)` of a command or process substitution: commands of their own.
    pub(super) fn substitution(&mut self) -> Result<(), Stop> {
        let open = self.open("$(", ")");
        self.plain = false;
        self.bump();
        let outer = std::mem::take(&mut self.pending);
        self.level += 1;
        self.list(&[")"], Some(open))?;
        self.level -= 1;
        self.note(Builder::substitution);
        self.no_pending()?;
        self.pending = outer;
        Ok(())
    }

    /// Reads `` `…` ``. The shell reads it twice, so that no value can be placed in it safely.
    pub(super) fn backticks(&mut self) -> Result<(), Stop> {
        let open = self.open("`", "`");
        self.plain = false;
        self.at += 1;
        let start = self.at;
        loop {
            match self.raw(0) {
                None => return Err(self.unclosed(open)),
                Some(Unit::Char('`')) => {
                    self.substituted(start);
                    self.at += 1;
                    return Ok(());
                }
                Some(Unit::Char('\\')) if matches!(self.raw(1), Some(Unit::Char(_))) => {
                    self.at += 1;
                }
                Some(Unit::Char(_)) => {}
                Some(Unit::Value(piece)) => {
                    self.see(piece);
                    self.refuse(piece, refuse::in_backticks);
                }
            }
            self.at += 1;
        }
    }

    /// Reads the commands since `start`, which end here and stood in backticks, for the tree.
    fn substituted(&mut self, start: usize) {
        if self.tree.is_none() {
            return;
        }
        let characters = self.written(start);
        let mut text = String::new();
        let mut written = characters.chars().peekable();
        while let Some(char) = written.next() {
            let quoted = char == '\\' && matches!(written.peek(), Some('`' | '$' | '\\'));
            text.extend(if quoted { written.next() } else { Some(char) });
        }
        let piece = Piece::Text {
            text: text.into(),
            span: self.span(start),
        };
        let list = tree::read(&[piece], self.bash, self.depth + 1);
        self.note(|tree| tree.substituted(list));
    }

    /// Reads arithmetic up to the end of `open`. What a shell calculates it may also execute.
    pub(super) fn arithmetic(&mut self, open: Open) -> Result<(), Stop> {
        let first = self.seen.len();
        self.plain = false;
        self.deeper(|this| this.calculation(open))?;
        self.refuse_since(first, refuse::in_arithmetic);
        Ok(())
    }

    fn calculation(&mut self, open: Open) -> Result<(), Stop> {
        let mut scratch = Word::default();
        let mut brackets = 0_usize;
        loop {
            let Some(unit) = self.peek() else {
                return Err(self.unclosed(open));
            };
            let char = match unit {
                Unit::Value(piece) => {
                    self.bump();
                    self.see(piece);
                    continue;
                }
                Unit::Char(char) => char,
            };
            match char {
                '(' => brackets += 1,
                '[' if open.close == "]" => brackets += 1,
                ')' | ']' if brackets > 0 && (char == ']') == (open.close == "]") => brackets -= 1,
                ']' if open.close == "]" => {
                    self.bump();
                    return Ok(());
                }
                // The brace is the end of the parameter around it.
                '}' if open.close == "}" => return Ok(()),
                ')' if open.close == "))" => {
                    if !self.next_is("))") {
                        let span = self.span(open.at);
                        self.problems.push(refuse::not_arithmetic(span, open.word));
                        return Err(Stop);
                    }
                    self.at += 2;
                    return Ok(());
                }
                '\\' if matches!(self.raw(1), Some(Unit::Char(_))) => self.at += 1,
                '\'' if open.close == "]" => {
                    self.single(&mut scratch)?;
                    continue;
                }
                // Only `bash` knows quotes in arithmetic.
                '"' if self.bash => {
                    self.double(&mut scratch, Quote::Double)?;
                    continue;
                }
                '$' => {
                    self.dollar(Quote::Double)?;
                    continue;
                }
                '`' => {
                    self.backticks()?;
                    continue;
                }
                _ => {}
            }
            self.bump();
        }
    }

    /// Reads `{…}` behind a `$`.
    fn parameter(&mut self, start: usize, quote: Quote) -> Result<(), Stop> {
        let open = at(start, "${", "}");
        self.bump();
        self.deeper(|this| this.parameter_inside(open, quote))
    }

    fn parameter_inside(&mut self, open: Open, quote: Quote) -> Result<(), Stop> {
        let first = self.seen.len();
        // `${#name}` is a length and `${!name}` another name; `${#}` and `${!}` are parameters.
        if matches!(self.peek_char(), Some('#' | '!'))
            && !matches!(
                self.raw(1),
                Some(Unit::Char('}' | ':' | '-' | '+' | '=' | '%' | '/'))
            )
        {
            self.bump();
        }
        match self.peek_char() {
            Some('_' | 'a'..='z' | 'A'..='Z' | '0'..='9') => self.name(),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => self.bump(),
            _ => {}
        }
        if let Some(Unit::Value(piece)) = self.peek() {
            self.bump();
            self.see(piece);
            self.refuse(piece, refuse::as_variable);
        }
        if self.next_is("[") {
            let open = at(self.at, "[", "]");
            self.bump();
            self.arithmetic(open)?;
        }
        let operator = self.peek_char();
        match operator {
            Some('#' | '%' | '/' | '^' | ',') => {
                self.replacement(open, quote, true)?;
                if quote == Quote::Heredoc {
                    // Shells differ in whether quotes make a pattern literal here.
                    self.refuse_since(first, refuse::in_heredoc_pattern);
                } else if quote == Quote::None && operator == Some('/') {
                    // What is put in place becomes part of a text that the shell splits.
                    self.refuse_since(first, refuse::in_split_replacement);
                }
                Ok(())
            }
            Some(':') if !matches!(self.raw(1), Some(Unit::Char('-' | '=' | '?' | '+' | '}'))) => {
                self.arithmetic(open)?;
                self.bump();
                Ok(())
            }
            _ => self.replacement(open, quote, false),
        }
    }

    /// Reads the word inside a parameter's braces, and the brace that ends it.
    fn replacement(&mut self, open: Open, quote: Quote, pattern: bool) -> Result<(), Stop> {
        let mut scratch = Word::default();
        let quoted = quote != Quote::None && !pattern;
        loop {
            let Some(unit) = self.peek() else {
                return Err(self.unclosed(open));
            };
            match unit {
                Unit::Value(piece) => {
                    self.bump();
                    self.see(piece);
                    let place = if quoted { Place::Quoted } else { Place::Bare };
                    self.place(piece, place);
                    if self.is_list(piece) {
                        self.refuse(piece, refuse::list_in_word);
                    }
                }
                Unit::Char('}') => {
                    self.bump();
                    return Ok(());
                }
                Unit::Char('\\') => {
                    self.bump();
                    match self.raw(0) {
                        Some(Unit::Value(piece)) => self.refuse_after(piece, "\\"),
                        Some(Unit::Char(_)) => self.at += 1,
                        None => {}
                    }
                }
                Unit::Char('\'') if !quoted => self.single(&mut scratch)?,
                Unit::Char('"') => self.double(&mut scratch, quote)?,
                Unit::Char('$') => {
                    self.dollar(quote)?;
                }
                Unit::Char('`') => self.backticks()?,
                Unit::Char(_) => self.bump(),
            }
        }
    }
}

fn at(at: usize, word: &'static str, close: &'static str) -> Open {
    Open { at, word, close }
}
