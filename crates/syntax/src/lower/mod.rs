//! Lowers the pairs of the grammar to the AST: one function for each rule. Positions in repaired
//! text are translated back to the source.

mod broken;
mod declaration;
mod expression;
mod foreign;
mod infrastructure;
mod loops;
mod misread;
mod number;
mod run;
mod statement;
mod string;
mod tail;
mod test;
mod transfer;
mod trigger;
mod types;

pub(crate) use number::NumberProblem;

use std::collections::{HashMap, HashSet};

use crate::ast::*;
use crate::errors;
use crate::grammar::{Pair, Parts, Reading, Rule, Unreadable};
use crate::recover::{Repair, RepairedPositions};
use crate::scan::{PieceScan, Scan};
use crate::trivia;
use crate::words::{self, first_word};
use broken::Before;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::{FileId, Name, Span};

/// The maximum number of errors that are collected.
const MAX_DIAGNOSTICS: usize = 2_000;

/// The declarations of a part of a file that was read on its own.
pub(super) struct DeclarationPiece {
    /// Where it is in the source.
    pub(super) range: (usize, usize),
    /// Whether it is as it stands in the source, and nothing is wrong with it.
    pub(super) clean: bool,
    /// The declarations.
    pub(super) items: Vec<Item>,
    /// What the scan of its bytes found.
    pub(super) scan: PieceScan,
}

/// What lowering carries from piece to piece of a file.
pub(super) struct TreeBuilder<'t> {
    file: FileId,
    /// The whole text as the grammar reads it.
    text: &'t str,
    /// Where the comments of `text` are.
    comments: &'t [(usize, usize)],
    /// From places in `text` to places in the source.
    places: &'t RepairedPositions,
    /// Where strange characters were taken out of the source, in order.
    marks: &'t [u32],
    /// Where the piece begins that is being lowered.
    base: usize,
    names: NameInterner,
    /// What was read of the piece before; its memory is used again.
    reading: Reading,
    /// How deep the expression is that was lowered last.
    height: usize,
    /// Where the words before the last `retry` end.
    before_retry: Span,
    /// How many expressions and if-branches are being lowered inside each other.
    depth: usize,
    /// Whether the depth of the current expression has been reported.
    too_deep: bool,
    /// Whether the value of a `secret` is being lowered.
    in_secret: bool,
    /// The words of statements that the file declares or imports something by, once asked for.
    declared_words: Option<HashSet<&'t str>>,
    /// Declarations that stood in a block.
    hoisted: Vec<Item>,
    /// What is wrong.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Errors that can be repaired.
    pub(super) repairs: Vec<Repair>,
}

impl<'t> TreeBuilder<'t> {
    pub(super) fn new(
        file: FileId,
        text: &'t str,
        comments: &'t [(usize, usize)],
        places: &'t RepairedPositions,
        marks: &'t [u32],
    ) -> Self {
        Self {
            file,
            text,
            comments,
            places,
            marks,
            base: 0,
            names: NameInterner::default(),
            reading: Reading::default(),
            height: 0,
            before_retry: Span::start_of(file),
            depth: 0,
            too_deep: false,
            in_secret: false,
            declared_words: None,
            hoisted: Vec::new(),
            diagnostics: Vec::new(),
            repairs: Vec::new(),
        }
    }

    /// Parses the whole text as a file, piece by piece. A piece that was parsed before without
    /// errors, and has not changed since, is reused.
    pub(super) fn pieces(
        &mut self,
        scan: &Scan,
        source: &str,
        known: Vec<DeclarationPiece>,
    ) -> Vec<DeclarationPiece> {
        let mut known: HashMap<(usize, usize), Vec<Item>> = known
            .into_iter()
            .filter(|piece| piece.clean)
            .map(|piece| (piece.range, piece.items))
            .collect();
        let ends = scan.cuts.iter().skip(1).copied();
        let ends = ends.chain([self.text.len()]);
        let mut pieces = Vec::with_capacity(scan.cuts.len());
        for (cut, (from, to)) in scan.cuts.iter().copied().zip(ends).enumerate() {
            let text = self.text.get(from..to).unwrap_or("");
            let range = self.places.source_range(from, to);
            let same = source.get(range.0..range.1) == Some(text);
            let taken = if same { known.remove(&range) } else { None };
            let trouble = self.report_broken();
            let items = taken.unwrap_or_else(|| self.piece(from, text));
            pieces.push(DeclarationPiece {
                range,
                clean: same && self.report_broken() == trouble,
                items,
                scan: scan.piece(cut, to),
            });
        }
        pieces
    }

    /// Parses the whole text as a file without errors, and gives the declarations of each piece to
    /// `take`, with the place in the source where the piece ends. Nothing of a piece is stored.
    /// Returns whether there was no error, and `take` wanted to go on.
    pub(super) fn each_piece(
        &mut self,
        cuts: &[usize],
        mut take: impl FnMut(&[Item], usize) -> bool,
    ) -> bool {
        let ends = cuts.iter().skip(1).copied().chain([self.text.len()]);
        cuts.iter().copied().zip(ends).all(|(from, to)| {
            let items = self.piece(from, self.text.get(from..to).unwrap_or(""));
            self.report_broken() == 0 && take(&items, self.places.source_position(to))
        })
    }

    fn piece(&mut self, from: usize, text: &'t str) -> Vec<Item> {
        self.base = from;
        let mut items = Vec::new();
        let reading = match std::mem::take(&mut self.reading).file(text) {
            Ok(reading) => reading,
            Err(why) => {
                items.push(self.unreadable(text, why));
                return items;
            }
        };
        let mut before = Before::default();
        for pair in reading.parts(text) {
            if pair.rule() != Rule::EOI {
                before = self.item(pair, &mut items, before);
                items.append(&mut self.hoisted);
            }
        }
        self.reading = reading;
        items
    }

    /// A piece that the grammar cannot parse.
    fn unreadable(&mut self, piece: &str, why: Unreadable) -> Item {
        let blanks = piece.len() - piece.trim_start().len();
        let span = self.place(blanks, piece.trim_end().len().max(blanks));
        self.report(errors::unreadable(span, why));
        Item {
            doc: None,
            kind: ItemKind::Error,
            span,
        }
    }

    /// Reads the whole text as one expression.
    pub(super) fn expression(&mut self) -> Expr {
        let text = self.text;
        let reading = match Reading::default().expression(text) {
            Ok(reading) => reading,
            Err(why) => {
                let span = self.place(0, text.len());
                self.report(errors::unreadable(span, why));
                return self.no_expr(span);
            }
        };
        let mut parts = reading.parts(text);
        let expr = self.expr_of(&mut parts, "a value");
        self.junk_of(&mut parts);
        expr
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// The place of `start..end` of the current piece.
    fn place(&self, start: usize, end: usize) -> Span {
        let (start, end) = (self.base + start, self.base + end);
        Span::new(
            self.file,
            self.places.source_position(start),
            self.places.source_position(end),
        )
    }

    /// The place of a pair, without the white space and comments at its end.
    fn span(&self, pair: &Pair<'_>) -> Span {
        let (start, end) = (pair.start(), pair.end());
        self.place(start, self.trim(end).max(start))
    }

    /// Moves back from `end` over white space and comments.
    fn trim(&self, end: usize) -> usize {
        let mut end = self.base + end;
        loop {
            let before = self.text.get(..end).unwrap_or("").trim_ascii_end().len();
            if before == end && end != self.text.len() {
                return end.saturating_sub(self.base);
            }
            match self.comment_ending_at(before) {
                Some(start) => end = start,
                None => return before.saturating_sub(self.base),
            }
        }
    }

    fn comment_ending_at(&self, end: usize) -> Option<usize> {
        let place = self.comments.partition_point(|comment| comment.1 < end);
        let (start, stop) = *self.comments.get(place)?;
        // White space at the end of a comment belongs to it.
        (start < end && end <= stop).then_some(start)
    }

    /// The empty place after the last word before `at`.
    fn after_last_word(&self, at: usize) -> Span {
        let end = self.trim(at);
        self.place(end, end)
    }

    fn doc(&self, pair: &Pair<'_>) -> Option<Name> {
        if self.comments.is_empty() {
            return None;
        }
        let start = self.base + pair.start();
        trivia::doc_above(self.text, self.comments, start).map(Name::from)
    }

    fn ident(&mut self, pair: &Pair<'_>) -> Ident {
        let text = pair.text();
        let span = self.span_exact(pair);
        if matches!(text, "true" | "false" | "none") {
            self.report(errors::reserved(span, text));
        }
        Ident {
            name: self.names.get(text),
            span,
        }
    }

    /// The place of a pair that ends at its last token.
    fn span_exact(&self, pair: &Pair<'_>) -> Span {
        self.place(pair.start(), pair.end())
    }

    /// The name that must stand next; `what` says of what.
    fn name_of(&mut self, parts: &mut Parts<'_>, what: &str) -> Ident {
        let Some(pair) = parts.next() else {
            return self.no_name(self.place(0, 0));
        };
        match pair.rule() {
            Rule::ident => self.ident(&pair),
            Rule::bad_name => self.quoted_name(pair, what),
            Rule::bad_pair => self.pair_in_brackets(pair),
            _ => {
                let at = pair.start();
                if pair.text().is_empty() {
                    self.missing_name(at, what);
                }
                self.no_name(self.after_last_word(at))
            }
        }
    }

    fn quoted_name(&mut self, pair: Pair<'_>, what: &str) -> Ident {
        let span = self.span_exact(&pair);
        let text = pair.text().trim_matches('"');
        self.report(errors::quoted_name(span, what, text));
        Ident {
            name: self.names.get(text),
            span,
        }
    }

    fn no_name(&mut self, span: Span) -> Ident {
        Ident {
            name: self.names.get(""),
            span,
        }
    }

    /// A name is missing at `at`; perhaps a reserved word stands there.
    fn missing_name(&mut self, at: usize, what: &str) {
        let rest = self.text.get(self.base + at..).unwrap_or("");
        let word = first_word(rest);
        if words::RESERVED.contains(&word) {
            let span = self.place(at, at + word.len());
            self.repair(span, format!("{word}_"), errors::reserved(span, word));
            return;
        }
        if self.marked_before(at) {
            // The character that was taken out here has been reported.
            return;
        }
        let place = self.after_last_word(at);
        self.report(errors::missing_part(place, what));
    }

    /// Says that `what` is missing where `pair` is.
    fn missing(&mut self, pair: &Pair<'_>, what: &str) {
        if !pair.text().is_empty() {
            // The hole that recovery left has been reported.
            return;
        }
        if self.filler_at(pair.start()) {
            return;
        }
        let place = self.after_last_word(pair.start());
        self.report(errors::missing_part(place, what));
    }

    /// `name` or `namespace.name`.
    fn path_of(&mut self, parts: &mut Parts<'_>, what: &str) -> Path {
        let Some(pair) = parts.accept(Rule::path) else {
            let name = self.name_of(parts, what);
            return Path {
                namespace: None,
                name,
            };
        };
        let mut inner = Parts::of(pair);
        let first = self.name_of(&mut inner, what);
        if inner.peek() == Some(Rule::ident) {
            let name = self.name_of(&mut inner, what);
            return Path {
                namespace: Some(first),
                name,
            };
        }
        Path {
            namespace: None,
            name: first,
        }
    }

    /// Reports text before a closing bracket that does not belong there.
    fn junk_of(&mut self, parts: &mut Parts<'_>) {
        if let Some(pair) = parts.accept(Rule::junk) {
            self.junk(pair);
        }
    }

    fn junk(&mut self, pair: Pair<'_>) {
        let text = pair.text();
        let start = pair.start();
        let word = first_word(text);
        let span = self.place(start, start + word.len());
        self.report(match word {
            "?" => errors::ternary(span),
            _ => errors::unexpected(span, word, word),
        });
    }

    /// Reports a missing comma before the piece that follows.
    fn no_comma(&mut self, pair: &Pair<'_>) {
        let place = self.after_last_word(pair.start());
        self.report(errors::no_comma(place));
    }
}

/// The empty place behind another.
fn behind(span: Span) -> Span {
    Span {
        start: span.end,
        ..span
    }
}

/// Pushes onto a list that is mostly short: no capacity is reserved for elements that never come.
fn add<T>(list: &mut Vec<T>, element: T) {
    if list.len() < 4 {
        list.reserve_exact(1);
    }
    list.push(element);
}

/// An interner for recently used names, so that the same name is stored once.
struct NameInterner(Vec<Option<Name>>);

impl Default for NameInterner {
    fn default() -> Self {
        Self(vec![None; Self::INTERNER_SLOTS])
    }
}

impl NameInterner {
    const INTERNER_SLOTS: usize = 1 << 10;

    fn get(&mut self, text: &str) -> Name {
        let mut hash = text.len() as u32;
        for byte in text.bytes() {
            hash = hash.wrapping_mul(31).wrapping_add(u32::from(byte));
        }
        let place = (hash ^ (hash >> 10)) as usize % Self::INTERNER_SLOTS;
        let Some(slot) = self.0.get_mut(place) else {
            return Name::from(text);
        };
        match slot {
            Some(name) if &**name == text => name.clone(),
            _ => slot.insert(Name::from(text)).clone(),
        }
    }
}
