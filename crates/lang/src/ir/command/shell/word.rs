//! Parses shell words: their quotes and what is expanded in them.

use super::{InterpolationPlace, OpenDelimiter, ShellScanner, ShellSyntaxError, ShellUnit};
use crate::ir::command::errors;
use crate::ir::command::marks::ShellMark;
use crate::ir::command::tree::{ShellTreeBuilder, Substitution};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;

/// The room for the text of a word's part, which is mostly enough.
const USUAL_TEXT_BYTES: usize = 24;

/// A word as it was read.
#[derive(Debug, Default)]
pub(in crate::ir::command) struct ScannedWord {
    /// Its parts; quotes are gone.
    pub(in crate::ir::command) parts: Vec<ScannedPart>,
    /// Where it begins.
    pub(in crate::ir::command) start: usize,
    /// The first of the values seen in it.
    pub(super) first: usize,
    /// One past the last of them.
    pub(super) last: usize,
    /// The values in it that no command substitution holds, by their pieces; for the tree alone.
    pub(in crate::ir::command) values: Vec<usize>,
    /// The variables named in it, likewise.
    pub(in crate::ir::command) variables: Vec<String>,
    /// The substitutions in it; for the tree alone.
    pub(in crate::ir::command) substitutions: Vec<Substitution>,
}

/// A part of a word.
#[derive(Debug)]
pub(in crate::ir::command) enum ScannedPart {
    /// Text, and whether it was quoted.
    Text(String, bool),
    /// An interpolated value, by its piece.
    Value(usize),
    /// Something that only the shell can expand, as it is written; for the tree alone.
    Opaque(String),
}

impl ScannedWord {
    fn push(&mut self, char: char, quoted: bool) {
        if let Some(ScannedPart::Text(text, was)) = self.parts.last_mut()
            && *was == quoted
        {
            text.push(char);
        } else {
            let mut text = String::with_capacity(USUAL_TEXT_BYTES);
            text.push(char);
            self.parts.push(ScannedPart::Text(text, quoted));
        }
    }

    /// An empty quoted text still makes a word.
    fn quote(&mut self) {
        self.parts.push(ScannedPart::Text(String::new(), true));
    }

    /// Its text, where the shell expands nothing in it and no value is in it.
    pub(in crate::ir::command) fn text(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                ScannedPart::Text(text, _) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Its text, where no part of it is quoted either: only such a word can be a keyword.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [ScannedPart::Text(text, false)] => Some(text),
            _ => None,
        }
    }

    /// The text before the first part that is not text.
    pub(super) fn head(&self) -> String {
        self.parts
            .iter()
            .map_while(|part| match part {
                ScannedPart::Text(text, _) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Whether it begins as an assignment: an unquoted name and `=`.
    pub(super) fn is_assignment(&self) -> bool {
        matches!(self.parts.first(), Some(ScannedPart::Text(text, false)) if assigns(text))
    }

    /// Whether it is an assignment of nothing so far, which an array may follow.
    pub(super) fn awaits_array(&self) -> bool {
        self.is_assignment() && self.bare().is_some_and(|text| text.ends_with('='))
    }

    fn last_char(&self) -> Option<char> {
        match self.parts.last() {
            Some(ScannedPart::Text(text, false)) => text.chars().last(),
            _ => None,
        }
    }
}

/// Whether a text begins with a name, perhaps an index, perhaps `+`, and `=`.
pub(in crate::ir::command) fn assigns(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else {
        return false;
    };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = match name.split_once('[') {
        Some((name, index)) if index.ends_with(']') => name,
        Some(_) => return false,
        None => name,
    };
    is_name(name)
}

/// Whether a text can name a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|char| char == '_' || char.is_ascii_alphanumeric())
}

/// Where a word is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordMode {
    /// In a command.
    Normal,
    /// In `[[ … ]]`.
    Condition,
    /// After `=~` in `[[ … ]]`: brackets and `|` are part of the word.
    Regex,
}

/// What is around an expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    Double,
    Heredoc,
}

impl ShellScanner<'_> {
    /// Reads a word. A list in it must still be resolved by the caller, which knows whether a word
    /// may become several.
    pub(super) fn word(&mut self, mode: WordMode) -> Result<ScannedWord, ShellSyntaxError> {
        let mut word = ScannedWord {
            start: self.at,
            first: self.seen.len(),
            ..ScannedWord::default()
        };
        let variables = self.variables.len();
        let substitutions = self
            .tree
            .as_ref()
            .map_or(0, ShellTreeBuilder::substitutions);
        let mut brackets = 0_usize;
        while let Some(unit) = self.peek() {
            let char = match unit {
                ShellUnit::Value(piece) => {
                    self.bump();
                    self.see(piece);
                    self.place(piece, InterpolationPlace::Bare);
                    word.parts.push(ScannedPart::Value(piece));
                    continue;
                }
                ShellUnit::Char(char) => char,
            };
            match char {
                ' ' | '\t' | '\n' if brackets == 0 || mode != WordMode::Regex => break,
                '|' if mode == WordMode::Regex => self.literal(&mut word, char),
                '(' if mode == WordMode::Regex => {
                    brackets += 1;
                    self.literal(&mut word, char);
                }
                ')' if brackets > 0 => {
                    brackets -= 1;
                    self.literal(&mut word, char);
                }
                '<' | '>'
                    if mode == WordMode::Normal && self.raw(1) == Some(ShellUnit::Char('(')) =>
                {
                    let start = self.at;
                    self.bump();
                    self.substitution(true)?;
                    word.parts.push(ScannedPart::Opaque(self.shown(start)));
                }
                '(' if self.is_pattern_group(mode, &word) => self.pattern_group(&mut word)?,
                ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => self.single(&mut word)?,
                '"' => self.double(&mut word, Quote::None)?,
                '\\' => self.escape(&mut word),
                '$' => self.dollar_in(&mut word, Quote::None)?,
                '`' => self.backtick_in(&mut word)?,
                _ => self.literal(&mut word, char),
            }
        }
        word.last = self.seen.len();
        self.expanded_in(&mut word, variables, substitutions);
        Ok(word)
    }

    /// Records what is expanded in a word that ends here, where a tree is wanted: its values, and
    /// the variables and substitutions since those that are numbered.
    pub(super) fn expanded_in(
        &self,
        word: &mut ScannedWord,
        variables: usize,
        substitutions: usize,
    ) {
        let Some(tree) = &self.tree else {
            return;
        };
        let here = |(what, level): &(usize, usize)| (*level == self.level).then_some(*what);
        let seen = self.seen.get(word.first..).unwrap_or_default();
        word.values = seen.iter().filter_map(here).collect();
        let names = self.variables.get(variables..).unwrap_or_default().iter();
        let names = names.filter(|(_, level)| *level == self.level);
        word.variables = names.map(|(name, _)| name.clone()).collect();
        word.substitutions = tree.substitutions_since(substitutions);
    }

    /// Refuses the values of a word that no command substitution of their own holds.
    pub(super) fn refuse_word(&mut self, word: &ScannedWord, why: impl Fn(Span) -> Diagnostic) {
        for at in word.first..word.last {
            if let Some((piece, level)) = self.seen.get(at).copied()
                && level == self.level
            {
                self.refuse(piece, &why);
            }
        }
    }

    /// Decides what becomes of the lists in a word: one that is all of it may become several
    /// words where several words may stand.
    pub(super) fn settle(&mut self, word: &ScannedWord, several: bool) {
        for part in &word.parts {
            let ScannedPart::Value(piece) = part else {
                continue;
            };
            if !self.is_list(*piece) || self.places[*piece] != Some(InterpolationPlace::Bare) {
                continue;
            }
            if several && word.parts.len() == 1 {
                self.places[*piece] = Some(InterpolationPlace::Spread);
            } else {
                self.refuse(*piece, errors::list_in_word);
            }
        }
    }

    fn literal(&mut self, word: &mut ScannedWord, char: char) {
        let starts = |word: &ScannedWord| {
            word.parts.is_empty() || matches!(word.last_char(), Some('=' | ':'))
        };
        if matches!(char, '*' | '?' | '[') || (char == '~' && starts(word)) {
            self.plain = false;
        }
        word.push(char, false);
        self.bump();
        // Most of most words means nothing to the shell.
        while let Some(ShellUnit::Char(char)) = self.raw(0)
            && (char.is_ascii_alphanumeric() || matches!(char, '/' | '.' | '-' | '_'))
        {
            word.push(char, false);
            self.at += 1;
        }
    }

    /// Whether a bracket here opens a pattern group (`@(a|b)`), which only `bash` knows.
    fn is_pattern_group(&self, mode: WordMode, word: &ScannedWord) -> bool {
        (self.bash || mode == WordMode::Condition)
            && matches!(word.last_char(), Some('?' | '*' | '+' | '@' | '!'))
    }

    fn pattern_group(&mut self, word: &mut ScannedWord) -> Result<(), ShellSyntaxError> {
        let open = self.open("(", ")");
        self.plain = false;
        self.bump();
        self.deeper(|this| {
            loop {
                let inner = this.word(WordMode::Normal)?;
                this.settle(&inner, false);
                word.parts.extend(inner.parts);
                match this.peek() {
                    Some(ShellUnit::Char(')')) => {
                        this.bump();
                        word.parts.push(ScannedPart::Opaque(String::new()));
                        return Ok(());
                    }
                    Some(ShellUnit::Char(
                        '|' | '(' | '<' | '>' | '&' | ';' | ' ' | '\t' | '\n',
                    )) => {
                        this.bump();
                    }
                    _ => return Err(this.unclosed(open)),
                }
            }
        })
    }

    /// Reads `'…'`.
    pub(super) fn single(&mut self, word: &mut ScannedWord) -> Result<(), ShellSyntaxError> {
        let open = self.open("'", "'");
        self.bump();
        word.quote();
        loop {
            match self.raw(0) {
                None => return Err(self.unclosed(open)),
                Some(ShellUnit::Char('\'')) => {
                    self.at += 1;
                    self.mark(open.at, ShellMark::Quoted);
                    return Ok(());
                }
                Some(ShellUnit::Char(char)) => word.push(char, true),
                Some(ShellUnit::Value(piece)) => {
                    self.see(piece);
                    self.refuse(piece, errors::in_single_quotes);
                    word.parts.push(ScannedPart::Value(piece));
                }
            }
            self.at += 1;
        }
    }

    /// Reads `$'…'`, of which only the quotes are left.
    pub(super) fn escaped_quotes(&mut self) -> Result<(), ShellSyntaxError> {
        let open = self.open("$'", "'");
        self.bump();
        loop {
            match self.raw(0) {
                None => return Err(self.unclosed(open)),
                Some(ShellUnit::Char('\'')) => {
                    self.at += 1;
                    self.mark(open.at, ShellMark::Quoted);
                    return Ok(());
                }
                Some(ShellUnit::Char('\\')) if matches!(self.raw(1), Some(ShellUnit::Char(_))) => {
                    self.at += 1;
                }
                Some(ShellUnit::Char(_)) => {}
                Some(ShellUnit::Value(piece)) => {
                    self.see(piece);
                    self.refuse(piece, errors::in_escaped_quotes);
                }
            }
            self.at += 1;
        }
    }

    /// Reads `"…"`, inside `outer`.
    pub(super) fn double(
        &mut self,
        word: &mut ScannedWord,
        outer: Quote,
    ) -> Result<(), ShellSyntaxError> {
        let open = self.open("\"", "\"");
        // Inside a here-document's `${…}` quotes are no more than a sign of care; the text around
        // them is quoted already.
        let quote = if outer == Quote::Heredoc {
            outer
        } else {
            Quote::Double
        };
        self.bump();
        word.quote();
        loop {
            match self.peek() {
                None => return Err(self.unclosed(open)),
                Some(ShellUnit::Char('"')) => {
                    self.bump();
                    self.mark(open.at, ShellMark::Quoted);
                    return Ok(());
                }
                Some(ShellUnit::Char('\\')) => self.escape_in_double(word),
                Some(ShellUnit::Char('$')) => self.dollar_in(word, quote)?,
                Some(ShellUnit::Char('`')) => self.backtick_in(word)?,
                Some(ShellUnit::Char(char)) => {
                    word.push(char, true);
                    self.bump();
                }
                Some(ShellUnit::Value(piece)) => {
                    self.bump();
                    self.see(piece);
                    self.place(piece, InterpolationPlace::Quoted);
                    word.parts.push(ScannedPart::Value(piece));
                }
            }
        }
    }

    /// Reads a backslash and what it quotes, outside quotes.
    pub(super) fn escape(&mut self, word: &mut ScannedWord) {
        self.bump();
        match self.raw(0) {
            Some(ShellUnit::Char(char)) => {
                word.push(char, true);
                self.at += 1;
            }
            Some(ShellUnit::Value(piece)) => self.refuse_after(piece, "\\"),
            None => {
                self.plain = false;
                word.push('\\', true);
            }
        }
    }

    /// Reads a backslash inside double quotes, where it quotes a few characters only.
    pub(super) fn escape_in_double(&mut self, word: &mut ScannedWord) {
        self.bump();
        match self.raw(0) {
            Some(ShellUnit::Char(char @ ('$' | '`' | '"' | '\\'))) => {
                word.push(char, true);
                self.at += 1;
            }
            Some(ShellUnit::Value(piece)) => self.refuse_after(piece, "\\"),
            _ => word.push('\\', true),
        }
    }

    /// Refuses the value that is next: it stands directly behind `mark`.
    pub(super) fn refuse_after(&mut self, piece: usize, mark: &'static str) {
        self.at += 1;
        self.see(piece);
        self.refuse(piece, |span| errors::after_mark(span, mark));
    }

    pub(super) fn dollar_in(
        &mut self,
        word: &mut ScannedWord,
        quote: Quote,
    ) -> Result<(), ShellSyntaxError> {
        let start = self.at;
        if self.dollar(quote)? {
            word.parts.push(ScannedPart::Opaque(self.shown(start)));
        } else {
            word.push('$', true);
        }
        Ok(())
    }

    fn backtick_in(&mut self, word: &mut ScannedWord) -> Result<(), ShellSyntaxError> {
        let start = self.at;
        self.backticks()?;
        word.parts.push(ScannedPart::Opaque(self.shown(start)));
        Ok(())
    }

    pub(super) fn open(&self, word: &'static str, close: &'static str) -> OpenDelimiter {
        OpenDelimiter {
            at: self.at,
            word,
            close,
        }
    }
}
