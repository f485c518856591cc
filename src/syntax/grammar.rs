//! The parser that pest makes of `grammar/deploy.pest`.
//! Nothing outside this folder sees its rules or pairs.

pub(super) use pest::Parser;
use pest_derive::Parser;

/// The generated parser.
#[derive(Parser)]
#[grammar = "../grammar/deploy.pest"]
pub(super) struct Grammar;

/// A piece of text that a rule has read.
pub(super) type Pair<'t> = pest::iterators::Pair<'t, Rule>;

/// The pieces of a pair in order, without the comments between them.
#[derive(Debug)]
pub(super) struct Parts<'t> {
    pairs: pest::iterators::Pairs<'t, Rule>,
    next: Option<Pair<'t>>,
}

impl<'t> Parts<'t> {
    /// The pieces of `pair`.
    pub(super) fn of(pair: Pair<'t>) -> Self {
        Self::new(pair.into_inner())
    }

    /// The pieces of a whole parse.
    pub(super) fn new(pairs: pest::iterators::Pairs<'t, Rule>) -> Self {
        let mut parts = Self { pairs, next: None };
        parts.advance();
        parts
    }

    fn advance(&mut self) {
        self.next = self
            .pairs
            .by_ref()
            .find(|pair| pair.as_rule() != Rule::comment);
    }

    /// The rule of the next piece.
    pub(super) fn peek(&self) -> Option<Rule> {
        self.next.as_ref().map(Pair::as_rule)
    }

    /// How many pieces are left, or a few more.
    pub(super) fn len(&self) -> usize {
        self.pairs.len() + usize::from(self.next.is_some())
    }

    /// Where the next piece begins.
    pub(super) fn peek_start(&self) -> Option<usize> {
        self.next.as_ref().map(|pair| pair.as_span().start())
    }

    /// The text of the next piece.
    pub(super) fn peek_text(&self) -> Option<&'t str> {
        self.next.as_ref().map(Pair::as_str)
    }

    /// The next piece, if it is a `rule`.
    pub(super) fn accept(&mut self, rule: Rule) -> Option<Pair<'t>> {
        if self.peek() == Some(rule) {
            self.next()
        } else {
            None
        }
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = Pair<'t>;

    fn next(&mut self) -> Option<Pair<'t>> {
        let taken = self.next.take();
        if taken.is_some() {
            self.advance();
        }
        taken
    }
}
