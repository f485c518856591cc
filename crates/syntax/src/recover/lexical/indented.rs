//! Error recovery for bodies that are written as in YAML or Python: a head that ends in `:`, and
//! lines that are indented below it. They get the braces that they lack.

use super::RecoveryLexer;
use crate::{errors, words};

/// The words whose body may be written by indentation.
const HEADS: [&str; 20] = [
    "pipeline",
    "stage",
    "step",
    "serial",
    "parallel",
    "matrix",
    "if",
    "else",
    "elif",
    "workflow",
    "environment",
    "infrastructure",
    "service",
    "kind",
    "lock",
    "verify",
    "always",
    "undo",
    "on",
    "for",
];

/// A body that goes on as long as the lines are indented further than its head.
pub(super) struct IndentedBody {
    indent: usize,
    /// How many brackets are open around it.
    depth: usize,
}

impl RecoveryLexer<'_, '_> {
    /// At the end of a line: whether it is a head that ends in `:`.
    pub(super) fn head_ends(&mut self) {
        let at = self.after.saturating_sub(1);
        if self.fresh || !self.interpolations.is_empty() || self.byte(at) != b':' {
            return;
        }
        let head = self.source.get(self.line_first..at).unwrap_or("");
        let word = words::first_word(head);
        let alone = head.trim() == word;
        let known = HEADS.contains(&word)
            && (!alone || matches!(word, "else" | "parallel" | "serial" | "always" | "undo"));
        let closed = head.matches(['(', '[', '{']).count() == head.matches([')', ']', '}']).count();
        if !known || !closed {
            return;
        }
        self.repair.edit(at, at + 1, " {");
        self.heads.push(at);
        let (indent, depth) = (self.indent, self.open.len());
        self.indented.push(IndentedBody { indent, depth });
    }

    /// At the first token of a line: ends the bodies that are indented no less.
    pub(super) fn line_begins(&mut self) {
        while self
            .indented
            .pop_if(|body| body.indent >= self.indent)
            .is_some()
        {
            self.end_body();
        }
    }

    /// At a closing bracket: ends the bodies inside of it.
    pub(super) fn bracket_closes(&mut self) {
        while self
            .indented
            .pop_if(|body| body.depth >= self.open.len())
            .is_some()
        {
            self.end_body();
        }
    }

    /// At the end of the text.
    pub(super) fn bodies_end(&mut self) {
        while self.indented.pop().is_some() {
            self.end_body();
        }
        let span = |at: &usize| self.repair.span(*at, *at + 1);
        let spans: Vec<_> = self.heads.iter().map(span).collect();
        let mut edits: Vec<_> = spans
            .iter()
            .map(|span| (*span, String::from(" {")))
            .collect();
        for place in &self.body_ends {
            edits.push((self.repair.span(*place, *place), String::from("\n}")));
        }
        self.repair
            .diagnostics
            .extend(errors::colon_bodies(&spans, edits));
    }

    fn end_body(&mut self) {
        self.repair.edit(self.after, self.after, "\n}");
        self.body_ends.push(self.after);
    }
}
