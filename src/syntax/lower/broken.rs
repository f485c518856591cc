//! What the error productions of the grammar have caught: each becomes one precise message.
//! It does not know how to go on reading; the grammar has already done that.

use super::Lower;
use crate::source::Span;
use crate::syntax::errors;
use crate::syntax::grammar::{Pair, Parts, Rule};

impl<'t> Lower<'t> {
    /// A line that is no declaration or statement.
    pub(super) fn error_line(&mut self, pair: Pair<'t>, span: Span) {
        self.report(errors::line(span, pair.as_str()));
        self.inner_blocks(pair);
    }

    /// Finds the mistakes in the blocks of broken text.
    fn inner_blocks(&mut self, pair: Pair<'t>) {
        for pair in Parts::of(pair) {
            if pair.as_rule() == Rule::block {
                self.block(pair);
            }
        }
    }

    /// A line that is no field.
    pub(super) fn error_field(&mut self, pair: Pair<'t>) {
        let span = self.span(&pair);
        self.report(errors::line(span, pair.as_str()));
    }

    /// Words in a head that are no modifier.
    pub(super) fn bad_head(&mut self, pair: Pair<'t>, _known: &[&str]) {
        let span = self.span(&pair);
        self.report(errors::line(span, pair.as_str()));
    }

    /// A statement at the top level.
    pub(super) fn stray_stmt(&mut self, pair: Pair<'t>, span: Span) {
        self.report(errors::line(span, pair.as_str()));
        for inner in Parts::of(pair) {
            self.stmt(inner);
        }
    }

    /// A declaration in a block.
    pub(super) fn stray_item(&mut self, pair: Pair<'t>, span: Span) {
        self.report(errors::line(span, pair.as_str()));
        let mut items = Vec::new();
        for inner in Parts::of(pair) {
            self.item(inner, &mut items);
        }
    }
}
