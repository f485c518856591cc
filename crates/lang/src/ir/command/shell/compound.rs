//! Parses shell commands: simple ones with their assignments and redirections, and compound ones.

use super::word::{ScannedWord, WordMode};
use super::{OpenDelimiter, ShellScanner, ShellSyntaxError, ShellUnit};
use crate::ir::command::errors;
use crate::ir::command::tree::{Redirection, ShellCommandKind, ShellTreeBuilder, ShellWord};

/// Words that open or close a compound command where a command's name is expected.
const COMPOUND_KEYWORDS: [&str; 8] = ["then", "else", "elif", "fi", "do", "done", "esac", "}"];

impl ShellScanner<'_> {
    /// Reads one command, or the keyword that ends a compound command around this place.
    pub(super) fn command(&mut self) -> Result<Option<&'static str>, ShellSyntaxError> {
        self.note(ShellTreeBuilder::open_command);
        let keyword = self.command_inside()?;
        self.note(ShellTreeBuilder::close_command);
        Ok(keyword)
    }

    fn command_inside(&mut self) -> Result<Option<&'static str>, ShellSyntaxError> {
        loop {
            self.blanks();
            if self.peek() == Some(ShellUnit::Char('(')) {
                self.subshell()?;
                return Ok(None);
            }
            if !self.starts_word() {
                return self.simple(None).map(|()| None);
            }
            let word = self.word(WordMode::Normal)?;
            let Some(keyword) = word.bare() else {
                return self.simple(Some(word)).map(|()| None);
            };
            if let Some(closing) = COMPOUND_KEYWORDS
                .iter()
                .find(|closing| **closing == keyword)
            {
                self.plain = false;
                return Ok(Some(closing));
            }
            match keyword {
                // They stand before a command; its name comes next.
                "!" | "coproc" => self.plain = false,
                "time" => {
                    self.plain = false;
                    self.blanks();
                    if self.next_is("-p ") {
                        self.at += 2;
                    }
                }
                "function" => {
                    self.plain = false;
                    self.function_name()?;
                    return Ok(None);
                }
                _ => {
                    if self.compound(keyword, word.start)? {
                        self.plain = false;
                        self.commands += 1;
                        let kind = match keyword {
                            "{" => ShellCommandKind::Group,
                            _ => ShellCommandKind::Compound,
                        };
                        self.note(|tree| tree.is(kind, &[]));
                        self.redirections()?;
                        return Ok(None);
                    }
                    return self.simple(Some(word)).map(|()| None);
                }
            }
        }
    }

    fn starts_word(&mut self) -> bool {
        match self.peek() {
            Some(ShellUnit::Char('<' | '>')) => self.raw(1) == Some(ShellUnit::Char('(')),
            Some(ShellUnit::Char('\n' | ';' | '&' | '|' | ')')) | None => false,
            Some(_) => true,
        }
    }

    /// Reads what follows the keyword of a compound command, if it is one.
    fn compound(&mut self, keyword: &str, start: usize) -> Result<bool, ShellSyntaxError> {
        let open = |word, close| OpenDelimiter {
            at: start,
            word,
            close,
        };
        match keyword {
            "{" => {
                self.list(&["}"], Some(open("{", "}")))?;
            }
            "if" => self.conditional(open("if", "fi"))?,
            "while" | "until" => {
                let open = open(if keyword == "while" { "while" } else { "until" }, "done");
                self.list(&["do"], Some(open))?;
                self.list(&["done"], Some(open))?;
            }
            "for" | "select" => {
                self.each(open(
                    if keyword == "for" { "for" } else { "select" },
                    "done",
                ))?;
            }
            "case" => self.case(open("case", "esac"))?,
            "[[" => self.condition(open("[[", "]]"))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn conditional(&mut self, open: OpenDelimiter) -> Result<(), ShellSyntaxError> {
        self.list(&["then"], Some(open))?;
        loop {
            match self.list(&["elif", "else", "fi"], Some(open))? {
                "fi" => return Ok(()),
                "elif" => self.list(&["then"], Some(open))?,
                _ => return self.list(&["fi"], Some(open)).map(|_| ()),
            };
        }
    }

    /// Reads `( … )`, or `(( … ))`, which is arithmetic to some shells.
    fn subshell(&mut self) -> Result<(), ShellSyntaxError> {
        let open = self.open("(", ")");
        let doubled = self.next_is("((");
        self.plain = false;
        if doubled && self.bash {
            let open = self.open("((", "))");
            self.at += 2;
            self.arithmetic(open)?;
            self.note(|tree| tree.is(ShellCommandKind::Compound, &[]));
        } else {
            let first = self.seen.len();
            self.bump();
            self.list(&[")"], Some(open))?;
            self.note(|tree| tree.is(ShellCommandKind::Group, &[]));
            if doubled {
                self.refuse_since(first, errors::in_arithmetic);
            }
        }
        self.commands += 1;
        self.redirections()
    }

    /// Reads `x in …; do … done`.
    fn each(&mut self, open: OpenDelimiter) -> Result<(), ShellSyntaxError> {
        self.blanks();
        if self.next_is("((") {
            let open = self.open("((", "))");
            self.at += 2;
            self.arithmetic(open)?;
        } else {
            let variable = self.word(WordMode::Normal)?;
            self.refuse_word(&variable, errors::as_variable);
            let name = variable.text();
            self.note(|tree| tree.each(name.unwrap_or_default()));
            self.gap()?;
            if self.next_is("in") && !self.name_goes_on(2) {
                self.at += 2;
                self.words_of_list()?;
            }
        }
        loop {
            self.gap()?;
            if !self.eat(';') {
                break;
            }
        }
        let start = self.at;
        if !self.starts_word() {
            return match self.peek() {
                None => Err(self.unclosed(open)),
                Some(_) => Err(self.unexpected(start, "this")),
            };
        }
        let word = self.word(WordMode::Normal)?;
        match word.bare() {
            Some("do") => self.list(&["done"], Some(open)).map(|_| ()),
            Some("{") => {
                let open = OpenDelimiter { close: "}", ..open };
                self.list(&["}"], Some(open)).map(|_| ())
            }
            _ => Err(self.unexpected(start, word.bare().unwrap_or("this"))),
        }
    }

    fn name_goes_on(&self, ahead: usize) -> bool {
        !matches!(
            self.raw(ahead),
            None | Some(ShellUnit::Char(' ' | '\t' | '\n' | ';'))
        )
    }

    /// Reads the words of a `for` up to the end of its line.
    fn words_of_list(&mut self) -> Result<(), ShellSyntaxError> {
        loop {
            self.blanks();
            if self.peek() == Some(ShellUnit::Char('#')) {
                self.comment();
            }
            let start = self.at;
            if !self.starts_word() {
                return Ok(());
            }
            let word = self.word(WordMode::Normal)?;
            self.settle(&word, true);
            self.note(|tree| tree.each_word(&word));
            if self.at == start {
                return Err(self.unexpected(start, "("));
            }
        }
    }

    fn case(&mut self, open: OpenDelimiter) -> Result<(), ShellSyntaxError> {
        self.blanks();
        let subject = self.word(WordMode::Normal)?;
        self.settle(&subject, false);
        self.gap()?;
        let start = self.at;
        match self.peek() {
            None => return Err(self.unclosed(open)),
            Some(_) if self.next_is("in") => self.at += 2,
            Some(_) => return Err(self.unexpected(start, "this")),
        }
        loop {
            self.gap()?;
            if self.patterns(open)? || self.list(&[";;", "esac"], Some(open))? == "esac" {
                return Ok(());
            }
        }
    }

    /// Reads the patterns of a branch with the bracket behind them; true for `esac`.
    fn patterns(&mut self, open: OpenDelimiter) -> Result<bool, ShellSyntaxError> {
        let bracket = self.eat('(');
        loop {
            self.gap()?;
            let start = self.at;
            let pattern = self.word(WordMode::Normal)?;
            self.settle(&pattern, false);
            if !bracket && pattern.bare() == Some("esac") {
                return Ok(true);
            }
            self.gap()?;
            match self.peek() {
                None => return Err(self.unclosed(open)),
                Some(ShellUnit::Char('|')) => self.bump(),
                Some(ShellUnit::Char(')')) => {
                    self.bump();
                    return Ok(false);
                }
                Some(_) => return Err(self.unexpected(start, "this")),
            }
        }
    }

    /// Reads what `[[` opens. Operands of its number comparisons are arithmetic.
    fn condition(&mut self, open: OpenDelimiter) -> Result<(), ShellSyntaxError> {
        const NUMERIC_TESTS: [&str; 6] = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
        let mut before: Option<ScannedWord> = None;
        let mut operator = String::new();
        let mut mode = WordMode::Condition;
        loop {
            self.gap()?;
            let start = self.at;
            if self.peek().is_none() {
                return Err(self.unclosed(open));
            }
            let word = self.word(mode)?;
            mode = WordMode::Condition;
            if self.at == start {
                // An operator's character.
                self.bump();
                operator.clear();
                continue;
            }
            self.settle(&word, false);
            let text = word.bare().unwrap_or_default();
            if text == "]]" {
                return Ok(());
            }
            if NUMERIC_TESTS.contains(&operator.as_str()) {
                self.refuse_word(&word, errors::in_arithmetic);
            } else if matches!(operator.as_str(), "-v" | "-R") {
                self.refuse_word(&word, errors::as_variable);
            }
            if NUMERIC_TESTS.contains(&text)
                && let Some(operand) = &before
            {
                self.refuse_word(operand, errors::in_arithmetic);
            }
            if text == "=~" {
                self.blanks();
                mode = WordMode::Regex;
            }
            operator = String::from(text);
            before = Some(word);
        }
    }

    fn function_name(&mut self) -> Result<(), ShellSyntaxError> {
        self.blanks();
        let name = self.word(WordMode::Normal)?;
        self.refuse_word(&name, errors::as_command);
        self.note(|tree| tree.function(name.text()));
        self.blanks();
        if self.eat('(') {
            self.blanks();
            self.eat(')');
        }
        self.awaits_body = true;
        Ok(())
    }

    /// Reads a simple command, of which `first` has been read already.
    fn simple(&mut self, first: Option<ScannedWord>) -> Result<(), ShellSyntaxError> {
        let mut words: Vec<ScannedWord> = Vec::new();
        let mut next = first;
        loop {
            let word = match next.take() {
                Some(word) => word,
                None => {
                    self.blanks();
                    match self.peek() {
                        Some(ShellUnit::Char('#')) => {
                            self.comment();
                            break;
                        }
                        Some(ShellUnit::Char('&'))
                            if self.bash && self.raw(1) == Some(ShellUnit::Char('>')) =>
                        {
                            let start = self.at;
                            self.bump();
                            self.redirection(start, None)?;
                            continue;
                        }
                        Some(ShellUnit::Char('<' | '>')) if !self.starts_word() => {
                            self.redirection(self.at, None)?;
                            continue;
                        }
                        Some(ShellUnit::Char('(')) => {
                            if self.function(&words)? {
                                return Ok(());
                            }
                            return Err(self.unexpected(self.at, "("));
                        }
                        _ if self.starts_word() => self.word(WordMode::Normal)?,
                        _ => break,
                    }
                }
            };
            if self.is_descriptor(&word) {
                self.redirection(self.at, word.text())?;
            } else if word.is_assignment() && words.is_empty() {
                self.plain = false;
                self.assignment(&word)?;
            } else {
                let array = word.awaits_array();
                if words.is_empty() {
                    self.refuse_word(&word, errors::as_command);
                }
                self.settle(&word, true);
                words.push(word);
                if array && self.peek() == Some(ShellUnit::Char('(')) {
                    self.array(&words[words.len() - 1].head())?;
                }
            }
        }
        self.note(|tree| tree.is(ShellCommandKind::Simple, &words));
        self.commands += 1;
        if self.commands == 1 {
            self.words = words;
        }
        Ok(())
    }

    /// Whether a word is the number of a redirection: `2>`.
    fn is_descriptor(&mut self, word: &ScannedWord) -> bool {
        word.bare()
            .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            && matches!(self.peek(), Some(ShellUnit::Char('<' | '>')))
    }

    fn assignment(&mut self, word: &ScannedWord) -> Result<(), ShellSyntaxError> {
        self.settle(word, false);
        self.note(|tree| tree.assignment(ShellWord::of(word)));
        if word.awaits_array() && self.peek() == Some(ShellUnit::Char('(')) {
            self.array(&word.head())?;
        }
        Ok(())
    }

    /// Reads the words of `NAME=( … )`, of which `NAME=` has been read.
    fn array(&mut self, name: &str) -> Result<(), ShellSyntaxError> {
        let open = self.open("(", ")");
        self.plain = false;
        self.bump();
        loop {
            self.gap()?;
            let start = self.at;
            match self.peek() {
                None => return Err(self.unclosed(open)),
                Some(ShellUnit::Char(')')) => {
                    self.bump();
                    return Ok(());
                }
                Some(_) => {}
            }
            let word = self.word(WordMode::Normal)?;
            if self.at == start {
                return Err(self.unexpected(start, "this"));
            }
            let head = word.head();
            if head.starts_with('[') && !head.contains("]=") {
                self.refuse_word(&word, errors::in_arithmetic);
            }
            self.settle(&word, true);
            self.note(|tree| {
                let mut element = ShellWord::of(&word);
                element.text.insert_str(0, name);
                tree.assignment(element);
            });
        }
    }

    /// Reads `()` behind a name. The function's body is the next command.
    fn function(&mut self, words: &[ScannedWord]) -> Result<bool, ShellSyntaxError> {
        let [name] = words else { return Ok(false) };
        let Some(name) = name.text() else {
            return Ok(false);
        };
        self.plain = false;
        self.bump();
        self.blanks();
        self.note(|tree| tree.function(Some(name)));
        self.awaits_body = self.eat(')');
        Ok(self.awaits_body)
    }

    fn redirections(&mut self) -> Result<(), ShellSyntaxError> {
        loop {
            self.blanks();
            if self.bash && self.next_is("&>") {
                let start = self.at;
                self.bump();
                self.redirection(start, None)?;
                continue;
            }
            let digits = (0..)
                .take_while(|ahead| {
                    matches!(self.raw(*ahead), Some(ShellUnit::Char(char)) if char.is_ascii_digit())
                })
                .count();
            if !matches!(self.raw(digits), Some(ShellUnit::Char('<' | '>'))) {
                return Ok(());
            }
            let start = self.at;
            self.at += digits;
            let stream = (digits > 0).then(|| self.written(start));
            self.redirection(self.at, stream)?;
        }
    }

    /// Reads an operator such as `>` or `<<`, which began at `first`, and its target.
    fn redirection(
        &mut self,
        first: usize,
        stream: Option<String>,
    ) -> Result<(), ShellSyntaxError> {
        self.plain = false;
        if self.next_is("<<<") {
            self.at += 3;
        } else if self.next_is("<<") {
            self.at += 2;
            let strip = self.eat('-');
            return self.heredoc_mark(strip, stream);
        } else {
            self.bump();
            if matches!(self.peek(), Some(ShellUnit::Char('>' | '&' | '|'))) {
                self.bump();
            }
        }
        let operator = self.shown(first);
        self.blanks();
        if !self.starts_word() {
            let at = self.at.saturating_sub(1);
            return Err(self.unexpected(at, "this redirection"));
        }
        let start = self.at;
        let target = self.word(WordMode::Normal)?;
        if self.at == start {
            return Err(self.unexpected(start, "("));
        }
        self.settle(&target, false);
        self.note(|tree| {
            tree.redirection(Redirection {
                stream,
                operator,
                target: ShellWord::of(&target),
            });
        });
        Ok(())
    }
}
