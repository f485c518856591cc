//! Parses shell expansions, which begin with `$` or a backtick: parameters, command substitutions
//! and arithmetic.

use super::word::{Quote, ScannedWord};
use super::{InterpolationPlace, OpenDelimiter, ShellScanner, ShellSyntaxError, ShellUnit};
use crate::ir::command::analyse::CommandPiece;
use crate::ir::command::errors;
use crate::ir::command::marks::ShellMark;
use crate::ir::command::tree;

impl ShellScanner<'_> {
    /// Reads what a `$` begins; false where it is only a `$`.
    pub(super) fn dollar(&mut self, quote: Quote) -> Result<bool, ShellSyntaxError> {
        let start = self.at;
        self.plain = false;
        self.bump();
        let char = match self.peek() {
            None => return Ok(false),
            Some(ShellUnit::Value(piece)) => {
                self.refuse_after(piece, "$");
                return Ok(true);
            }
            Some(ShellUnit::Char(char)) => char,
        };
        match char {
            '(' if self.next_is("((") => {
                let open = at(start, "$((", "))");
                self.at += 2;
                self.arithmetic(open)?;
            }
            '(' => self.substitution(false)?,
            '{' => {
                self.parameter(start, quote)?;
                self.mark(start, ShellMark::Variable);
            }
            '[' if self.bash => {
                self.bump();
                self.arithmetic(at(start, "$[", "]"))?;
            }
            '[' => {
                self.perhaps_arithmetic();
                return Ok(false);
            }
            '\'' if quote == Quote::None && self.bash => self.escaped_quotes()?,
            '_' | 'a'..='z' | 'A'..='Z' => {
                self.name();
                self.mark(start, ShellMark::Variable);
            }
            '0'..='9' | '@' | '*' | '#' | '?' | '-' | '$' | '!' => {
                let name = self.at;
                self.bump();
                self.variable(name);
                self.mark(start, ShellMark::Variable);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses the values in `$[…]`, which is text to some shells and arithmetic to others.
    fn perhaps_arithmetic(&mut self) {
        // An index is never longer in practice, and scanning far at every `$[` would be slow.
        const MAX_LOOKAHEAD_CHARS: usize = 1000;
        let mut values = Vec::new();
        for ahead in 0..MAX_LOOKAHEAD_CHARS {
            match self.raw(ahead) {
                Some(ShellUnit::Value(piece)) => values.push(piece),
                Some(ShellUnit::Char(']')) => break,
                Some(ShellUnit::Char('\n')) | None => return,
                Some(ShellUnit::Char(_)) => {}
            }
        }
        for piece in values {
            self.refuse(piece, errors::in_arithmetic);
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
    pub(super) fn substitution(&mut self, process: bool) -> Result<(), ShellSyntaxError> {
        let open = self.open("$(", ")");
        self.plain = false;
        self.bump();
        let outer = std::mem::take(&mut self.pending);
        self.level += 1;
        let inside = self.at;
        self.list(&[")"], Some(open))?;
        self.mark(inside, ShellMark::Commands);
        self.level -= 1;
        self.note(|tree| tree.substitution(process));
        self.no_pending()?;
        self.pending = outer;
        Ok(())
    }

    /// Reads `` `…` ``. The shell reads it twice, so that no value can be placed in it safely.
    pub(super) fn backticks(&mut self) -> Result<(), ShellSyntaxError> {
        let open = self.open("`", "`");
        self.plain = false;
        self.at += 1;
        let start = self.at;
        loop {
            match self.raw(0) {
                None => return Err(self.unclosed(open)),
                Some(ShellUnit::Char('`')) => {
                    self.substituted(start);
                    self.at += 1;
                    return Ok(());
                }
                Some(ShellUnit::Char('\\')) if matches!(self.raw(1), Some(ShellUnit::Char(_))) => {
                    self.at += 1;
                }
                Some(ShellUnit::Char(_)) => {}
                Some(ShellUnit::Value(piece)) => {
                    self.see(piece);
                    self.refuse(piece, errors::in_backticks);
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
        let piece = CommandPiece::Text {
            text: text.into(),
            span: self.span(start),
            starts: None,
        };
        let list = tree::read(&[piece], self.bash, self.depth + 1);
        self.note(|tree| tree.substituted(list));
    }

    /// Reads arithmetic up to the end of `open`. What a shell calculates it may also execute.
    pub(super) fn arithmetic(&mut self, open: OpenDelimiter) -> Result<(), ShellSyntaxError> {
        let first = self.seen.len();
        self.plain = false;
        self.deeper(|this| this.calculation(open))?;
        self.refuse_since(first, errors::in_arithmetic);
        Ok(())
    }

    fn calculation(&mut self, open: OpenDelimiter) -> Result<(), ShellSyntaxError> {
        let mut scratch = ScannedWord::default();
        let mut brackets = 0_usize;
        loop {
            let Some(unit) = self.peek() else {
                return Err(self.unclosed(open));
            };
            let char = match unit {
                ShellUnit::Value(piece) => {
                    self.bump();
                    self.see(piece);
                    continue;
                }
                ShellUnit::Char(char) => char,
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
                        self.problems.push(errors::not_arithmetic(span, open.word));
                        return Err(ShellSyntaxError);
                    }
                    self.at += 2;
                    return Ok(());
                }
                '\\' if matches!(self.raw(1), Some(ShellUnit::Char(_))) => self.at += 1,
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
    fn parameter(&mut self, start: usize, quote: Quote) -> Result<(), ShellSyntaxError> {
        let open = at(start, "${", "}");
        self.bump();
        self.deeper(|this| this.parameter_inside(open, quote))
    }

    fn parameter_inside(
        &mut self,
        open: OpenDelimiter,
        quote: Quote,
    ) -> Result<(), ShellSyntaxError> {
        let first = self.seen.len();
        // `${#name}` is a length and `${!name}` another name; `${#}` and `${!}` are parameters.
        if matches!(self.peek_char(), Some('#' | '!'))
            && !matches!(
                self.raw(1),
                Some(ShellUnit::Char('}' | ':' | '-' | '+' | '=' | '%' | '/'))
            )
        {
            self.bump();
        }
        match self.peek_char() {
            Some('_' | 'a'..='z' | 'A'..='Z' | '0'..='9') => self.name(),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                let start = self.at;
                self.bump();
                self.variable(start);
            }
            _ => {}
        }
        if let Some(ShellUnit::Value(piece)) = self.peek() {
            self.bump();
            self.see(piece);
            self.refuse(piece, errors::as_variable);
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
                    self.refuse_since(first, errors::in_heredoc_pattern);
                } else if quote == Quote::None && operator == Some('/') {
                    // What is put in place becomes part of a text that the shell splits.
                    self.refuse_since(first, errors::in_split_replacement);
                }
                Ok(())
            }
            Some(':')
                if !matches!(
                    self.raw(1),
                    Some(ShellUnit::Char('-' | '=' | '?' | '+' | '}'))
                ) =>
            {
                self.arithmetic(open)?;
                self.bump();
                Ok(())
            }
            _ => self.replacement(open, quote, false),
        }
    }

    /// Reads the word inside a parameter's braces, and the brace that ends it.
    fn replacement(
        &mut self,
        open: OpenDelimiter,
        quote: Quote,
        pattern: bool,
    ) -> Result<(), ShellSyntaxError> {
        let mut scratch = ScannedWord::default();
        let quoted = quote != Quote::None && !pattern;
        loop {
            let Some(unit) = self.peek() else {
                return Err(self.unclosed(open));
            };
            match unit {
                ShellUnit::Value(piece) => {
                    self.bump();
                    self.see(piece);
                    let place = if quoted {
                        InterpolationPlace::Quoted
                    } else {
                        InterpolationPlace::Bare
                    };
                    self.place(piece, place);
                    if self.is_list(piece) {
                        self.refuse(piece, errors::list_in_word);
                    }
                }
                ShellUnit::Char('}') => {
                    self.bump();
                    return Ok(());
                }
                ShellUnit::Char('\\') => {
                    self.bump();
                    match self.raw(0) {
                        Some(ShellUnit::Value(piece)) => self.refuse_after(piece, "\\"),
                        Some(ShellUnit::Char(_)) => self.at += 1,
                        None => {}
                    }
                }
                ShellUnit::Char('\'') if !quoted => self.single(&mut scratch)?,
                ShellUnit::Char('"') => self.double(&mut scratch, quote)?,
                ShellUnit::Char('$') => {
                    self.dollar(quote)?;
                }
                ShellUnit::Char('`') => self.backticks()?,
                ShellUnit::Char(_) => self.bump(),
            }
        }
    }
}

fn at(at: usize, word: &'static str, close: &'static str) -> OpenDelimiter {
    OpenDelimiter { at, word, close }
}
