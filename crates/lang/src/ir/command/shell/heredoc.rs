//! Parses here-documents: their delimiters and their bodies.

use super::word::{Quote, ScannedPart, ScannedWord, WordMode};
use super::{InterpolationPlace, ShellScanner, ShellSyntaxError, ShellUnit};
use crate::ir::command::errors;
use crate::ir::command::tree::{ShellTreeBuilder, ShellWord};

/// A here-document whose body begins after the next line end.
#[derive(Debug)]
pub(super) struct Heredoc {
    /// The line that ends it.
    pub(super) mark: String,
    /// Whether the mark was quoted: nothing is expanded in the body.
    quoted: bool,
    /// Whether tabs at the start of its lines are taken away (`<<-`).
    strip: bool,
    /// Where its mark stands.
    pub(super) at: usize,
    /// Its number among those of the text.
    number: usize,
}

impl ShellScanner<'_> {
    /// Reads the mark behind `<<` or `<<-`, which may have the number of a stream before it.
    pub(super) fn heredoc_mark(
        &mut self,
        strip: bool,
        stream: Option<String>,
    ) -> Result<(), ShellSyntaxError> {
        self.blanks();
        let at = self.at;
        let word = self.word(WordMode::Normal)?;
        let mut values = false;
        for (piece, _) in self.seen.split_off(word.first) {
            self.refuse(piece, errors::as_mark);
            values = true;
        }
        if values {
            return Err(ShellSyntaxError);
        }
        let quoted = (word.parts.iter()).any(|part| matches!(part, ScannedPart::Text(_, true)));
        let number = (self.tree.as_mut()).map_or(0, |tree| tree.document(stream));
        let mark = word.text().unwrap_or_else(|| self.written(at));
        self.pending.push(Heredoc {
            mark,
            quoted,
            strip,
            at,
            number,
        });
        Ok(())
    }

    /// The characters since `start`: a mark is never expanded.
    pub(super) fn written(&self, start: usize) -> String {
        (self.units.get(start..self.at).unwrap_or_default().iter())
            .filter_map(|(unit, _, _)| match unit {
                ShellUnit::Char(char) => Some(*char),
                ShellUnit::Value(_) => None,
            })
            .collect()
    }

    /// Reads a body with the line that ends it.
    pub(super) fn heredoc(&mut self, doc: &Heredoc) -> Result<(), ShellSyntaxError> {
        let mut body = ScannedWord {
            start: self.at,
            first: self.seen.len(),
            ..ScannedWord::default()
        };
        let variables = self.variables.len();
        let substitutions = self
            .tree
            .as_ref()
            .map_or(0, ShellTreeBuilder::substitutions);
        self.lines(doc)?;
        body.last = self.seen.len();
        if !doc.quoted {
            self.expanded_in(&mut body, variables, substitutions);
        }
        let text = self.shown(body.start);
        self.note(|tree| {
            let mut body = ShellWord::of(&body);
            if doc.quoted {
                // Without the line that ends it.
                let lines = text.trim_end_matches('\n').rsplit_once('\n');
                body.text = lines
                    .map(|(lines, _)| lines.to_string())
                    .unwrap_or_default();
            }
            tree.body(doc.number, body);
        });
        Ok(())
    }

    fn lines(&mut self, doc: &Heredoc) -> Result<(), ShellSyntaxError> {
        while !self.ends_here(doc) {
            if self.raw(0).is_none() {
                let span = self.span(doc.at);
                self.problems
                    .push(errors::unclosed_heredoc(span, &doc.mark));
                return Err(ShellSyntaxError);
            }
            if doc.quoted {
                self.verbatim_line();
            } else {
                self.expanded_line()?;
            }
        }
        Ok(())
    }

    /// Reads the line that ends the document, if this is it.
    fn ends_here(&mut self, doc: &Heredoc) -> bool {
        let mut ahead = 0;
        while doc.strip && self.raw(ahead) == Some(ShellUnit::Char('\t')) {
            ahead += 1;
        }
        for char in doc.mark.chars() {
            if self.raw(ahead) != Some(ShellUnit::Char(char)) {
                return false;
            }
            ahead += 1;
        }
        match self.raw(ahead) {
            // An empty mark is only found on an empty line, not at the end of the text.
            None if ahead == 0 => false,
            None => {
                self.at += ahead;
                true
            }
            Some(ShellUnit::Char('\n')) => {
                self.at += ahead + 1;
                true
            }
            Some(_) => false,
        }
    }

    fn verbatim_line(&mut self) {
        while let Some(unit) = self.raw(0) {
            self.at += 1;
            match unit {
                ShellUnit::Char('\n') => return,
                ShellUnit::Char(_) => {}
                ShellUnit::Value(piece) => {
                    self.see(piece);
                    self.refuse(piece, errors::in_quoted_heredoc);
                }
            }
        }
    }

    fn expanded_line(&mut self) -> Result<(), ShellSyntaxError> {
        let mut scratch = ScannedWord::default();
        while let Some(unit) = self.peek() {
            match unit {
                ShellUnit::Char('\n') => {
                    self.bump();
                    return Ok(());
                }
                ShellUnit::Char('\\') => self.escape_in_double(&mut scratch),
                ShellUnit::Char('$') => {
                    self.dollar(Quote::Heredoc)?;
                }
                ShellUnit::Char('`') => self.backticks()?,
                ShellUnit::Char(_) => self.bump(),
                ShellUnit::Value(piece) => {
                    self.bump();
                    self.see(piece);
                    self.place(piece, InterpolationPlace::Quoted);
                }
            }
        }
        Ok(())
    }
}
