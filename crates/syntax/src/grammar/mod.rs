//! The parser generated from `grammar/deploy.pest` at build time, and the pairs that it produces.
//! Its internals are private to this folder: others see rules and pairs.

mod reader;

/// The parser that the build script generates from the grammar.
#[allow(clippy::all, unused_parens, unused_variables)]
mod parser {
    use super::reader::{Reader, Set};

    include!(concat!(env!("OUT_DIR"), "/parser.rs"));

    /// Reads a whole file.
    pub(super) fn file(reader: &mut Reader<'_>) -> bool {
        read_file(reader)
    }

    /// Reads a single expression.
    pub(super) fn expression(reader: &mut Reader<'_>) -> bool {
        read_expression(reader)
    }
}

pub(super) use parser::Rule;
use reader::{Piece, Reader};

/// A text as the grammar sees it: pieces inside each other.
#[derive(Debug, Default)]
pub(super) struct Reading(Vec<Piece>);

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It nests too deeply.
    TooDeep,
    /// Its brackets or strings are not closed.
    Broken,
}

impl Reading {
    /// Reads `text` as a file. The memory of this reading is used again.
    pub(super) fn file(self, text: &str) -> Result<Self, Unreadable> {
        self.read(text, parser::file)
    }

    /// Reads `text` as an expression.
    pub(super) fn expression(self, text: &str) -> Result<Self, Unreadable> {
        self.read(text, parser::expression)
    }

    fn read(self, text: &str, rule: fn(&mut Reader<'_>) -> bool) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(text, self.0);
        let read = rule(&mut reader);
        match (reader.too_deep, read) {
            (true, _) => Err(Unreadable::TooDeep),
            (false, false) => Err(Unreadable::Broken),
            (false, true) => Ok(Self(reader.pieces)),
        }
    }

    /// The pieces directly inside the whole text.
    pub(super) fn parts<'t>(&'t self, text: &'t str) -> Parts<'t> {
        let mut all = Parts {
            all: &self.0,
            text,
            next: 0,
            end: self.0.len() as u32,
        };
        all.next().map_or(all, Parts::of)
    }
}

/// A piece of text that a rule has read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'t> {
    all: &'t [Piece],
    text: &'t str,
    place: u32,
    piece: Piece,
}

impl<'t> Pair<'t> {
    /// The rule.
    pub(super) fn rule(&self) -> Rule {
        self.piece.rule
    }

    /// Where the piece begins, in bytes.
    pub(super) fn start(&self) -> usize {
        self.piece.start as usize
    }

    /// Where the piece ends, in bytes.
    pub(super) fn end(&self) -> usize {
        self.piece.end as usize
    }

    /// The text of the piece.
    pub(super) fn text(&self) -> &'t str {
        self.text.get(self.start()..self.end()).unwrap_or("")
    }
}

/// The pieces directly inside a piece, in order.
#[derive(Debug, Clone)]
pub(super) struct Parts<'t> {
    all: &'t [Piece],
    text: &'t str,
    next: u32,
    end: u32,
}

impl<'t> Parts<'t> {
    /// The next piece, which stays there.
    pub(super) fn peek_pair(&self) -> Option<Pair<'t>> {
        self.clone().next()
    }

    /// The pieces of `pair`.
    pub(super) fn of(pair: Pair<'t>) -> Self {
        Self {
            all: pair.all,
            text: pair.text,
            next: pair.place + 1,
            end: pair.piece.after,
        }
    }

    fn first(&self) -> Option<&'t Piece> {
        if self.next < self.end {
            self.all.get(self.next as usize)
        } else {
            None
        }
    }

    /// How many pieces are left.
    pub(super) fn len(&self) -> usize {
        self.clone().count()
    }

    /// The rule of the next piece.
    pub(super) fn peek(&self) -> Option<Rule> {
        self.first().map(|piece| piece.rule)
    }

    /// Where the next piece begins.
    pub(super) fn peek_start(&self) -> Option<usize> {
        self.first().map(|piece| piece.start as usize)
    }

    /// The text of the next piece.
    pub(super) fn peek_text(&self) -> Option<&'t str> {
        let piece = self.first()?;
        self.text.get(piece.start as usize..piece.end as usize)
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
        let piece = *self.first()?;
        let place = std::mem::replace(&mut self.next, piece.after);
        Some(Pair {
            all: self.all,
            text: self.text,
            place,
            piece,
        })
    }
}
