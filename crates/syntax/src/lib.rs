//! The parser: text to syntax tree. Parsing never fails: what cannot be parsed becomes an `Error`
//! node with a diagnostic, and everything around it is understood.
//!
//! A file without errors is scanned once, split into pieces and parsed by the grammar. Where
//! something is wrong, error recovery repairs the text first (see `recover`) and it is parsed
//! again, until lowering finds nothing more to repair.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod ast;
mod compare;
mod errors;
pub mod foreign;
mod grammar;
pub mod lexer;
mod lower;
mod recover;
mod reparse;
mod scan;
mod span_shift;
mod text_places;
mod trivia;
pub mod visit;
pub mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;

pub use compare::EqIgnoringSpans;
use lockstep_base::diagnostic::{Diagnostic, Diagnostics};
use lockstep_base::source::{FileId, Span};
use lower::{DeclarationPiece, TreeBuilder};
use recover::{RepairedPositions, SourceRepair};
pub use reparse::{PreviousParse, reparse, unchanged_ends};
use scan::{KnownPiece, Scan};
pub use text_places::text_places;
pub use trivia::{Comment, is_doc};

/// The maximum number of rounds of repairing and parsing a text.
const MAX_REPAIR_ROUNDS: usize = 6;

/// The maximum number of errors reported; further ones are mostly their consequences.
const MAX_REPORTED_ERRORS: usize = 500;

/// A file as it was understood.
#[derive(Debug, Clone)]
pub struct Parse {
    /// The tree; broken text is in it as `Error` nodes.
    pub file: ast::File,
    /// Every comment, in order.
    pub comments: Vec<Comment>,
    /// What is wrong, in source order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file. It never fails: there is always a tree.
pub fn parse(file: FileId, text: &str) -> Parse {
    ScannedText::new(text).parse(file)
}

/// A text whose bytes have been looked at: where its comments are, and where it can be split.
#[derive(Debug)]
pub struct ScannedText<'t> {
    text: &'t str,
    /// Behind the byte order mark.
    body: &'t str,
    scan: Scan,
}

impl<'t> ScannedText<'t> {
    /// Looks at the bytes of a text.
    pub fn new(text: &'t str) -> Self {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let scan = scan::scan(body);
        Self { text, body, scan }
    }

    /// Where the body begins.
    fn offset(&self) -> usize {
        self.text.len() - self.body.len()
    }

    /// Reads the text as [`parse`] does.
    pub fn parse(&self, file: FileId) -> Parse {
        let read = read_file(file, self.body, self.offset(), &self.scan, Vec::new());
        Parse {
            file: whole(read.tree, Span::new(file, 0, self.text.len())),
            comments: read.comments,
            diagnostics: sorted(read.diagnostics),
        }
    }

    /// Reads the text for who needs its declarations one after the other: `take` gets some of them
    /// at a time, and where the text ends that they stand in; they are not stored. It says whether
    /// it wants more.
    ///
    /// Returns whether it has taken all, and nothing is wrong with the file. Else what it has taken
    /// may be other than what [`parse`] understands.
    pub fn pieces(&self, file: FileId, take: impl FnMut(&[ast::Item], usize) -> bool) -> bool {
        let scan = &self.scan;
        let places = RepairedPositions::unchanged(self.offset());
        let mut lower = TreeBuilder::new(file, self.body, &scan.comments, &places, &[]);
        scan.clean && lower.each_piece(&scan.cuts, take)
    }
}

/// Reads a file, whose pieces may be known.
fn read_file(
    file: FileId,
    body: &str,
    offset: usize,
    scan: &Scan,
    known: Vec<DeclarationPiece>,
) -> ReadExpression<Vec<DeclarationPiece>> {
    let steps = ReadSteps {
        broken_part: &|pieces: &Vec<DeclarationPiece>| broken_part(pieces, body.len()),
        scan: &|text, places, pieces| {
            let pieces = pieces.map_or(&[][..], Vec::as_slice);
            let known = known_pieces(pieces, |range| places.repaired_range(range));
            scan::scan_again(text, &known)
        },
        tree: &|lower, scan, known| lower.pieces(scan, body, known.unwrap_or_default()),
    };
    read(file, body, offset, scan, Some(known), &steps)
}

/// The pieces without errors, in the text that is scanned: `range` says where one is there that
/// has not been changed.
fn known_pieces(
    pieces: &[DeclarationPiece],
    range: impl Fn((usize, usize)) -> Option<(usize, usize)>,
) -> Vec<KnownPiece<'_>> {
    let clean = pieces.iter().filter(|piece| piece.clean);
    let known = clean.filter_map(|piece| {
        Some(KnownPiece {
            range: range(piece.range)?,
            scan: &piece.scan,
        })
    });
    known.collect()
}

/// The part of a file outside of which no piece has an error.
fn broken_part(pieces: &[DeclarationPiece], length: usize) -> Range<usize> {
    let mut start = 0;
    for piece in pieces {
        if !piece.clean || piece.range.0 != start {
            break;
        }
        start = piece.range.1;
    }
    // How it goes on may say what is wrong before: a whole piece behind it is a part of it, too.
    let (mut end, mut behind) = (length, length);
    for piece in pieces.iter().rev() {
        if !piece.clean || piece.range.1 != behind {
            break;
        }
        (end, behind) = (behind, piece.range.0);
    }
    start..end.max(start)
}

/// A file of pieces.
fn whole(pieces: Vec<DeclarationPiece>, span: Span) -> ast::File {
    let mut items = Vec::with_capacity(pieces.iter().map(|piece| piece.items.len()).sum());
    items.extend(pieces.into_iter().flat_map(|piece| piece.items));
    ast::File { items, span }
}

/// Reads a single expression, as on the command line.
pub fn parse_expression(file: FileId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let scan = scan::scan(text);
    let steps = ReadSteps {
        broken_part: &|_| 0..text.len(),
        scan: &|text, _, _| scan::scan(text),
        tree: &|lower, _, _| lower.expression(),
    };
    let read = read(file, text, 0, &scan, None, &steps);
    (read.tree, sorted(read.diagnostics))
}

fn sorted(diagnostics: Diagnostics) -> Vec<Diagnostic> {
    let mut sorted = diagnostics.into_sorted();
    sorted.truncate(MAX_REPORTED_ERRORS);
    sorted
}

/// What was understood of a text.
struct ReadExpression<T> {
    tree: T,
    comments: Vec<Comment>,
    diagnostics: Diagnostics,
}

/// What a round of reading does, with the tree of the round before.
struct ReadSteps<'r, T> {
    /// Where in a tree errors are.
    broken_part: &'r dyn Fn(&T) -> Range<usize>,
    /// Scans a repaired text.
    scan: &'r dyn Fn(&str, &RepairedPositions, Option<&T>) -> Scan,
    /// Makes the tree.
    tree: &'r dyn Fn(&mut TreeBuilder<'_>, &Scan, Option<T>) -> T,
}

/// Parses `body`, which has been scanned and begins at `offset` of its file, and repairs it as
/// often as needed.
fn read<T>(
    file: FileId,
    body: &str,
    offset: usize,
    scan: &Scan,
    known: Option<T>,
    steps: &ReadSteps<'_, T>,
) -> ReadExpression<T> {
    let mut known = known;
    if scan.clean {
        let places = RepairedPositions::unchanged(offset);
        let mut lower = TreeBuilder::new(file, body, &scan.comments, &places, &[]);
        let tree = (steps.tree)(&mut lower, scan, known.take());
        if lower.report_broken() == 0 {
            return ReadExpression {
                tree,
                comments: comments(file, body, scan, &places),
                diagnostics: Diagnostics::default(),
            };
        }
        known = Some(tree);
    }
    let part = known.as_ref().map_or(0..body.len(), steps.broken_part);
    let mut repair = SourceRepair::new(file, body, offset, part);
    let marks = repair.marks();
    let mut rounds = 0;
    loop {
        let (mended, places) = repair.repaired();
        let scan = (steps.scan)(&mended, &places, known.as_ref());
        let mut lower = TreeBuilder::new(file, &mended, &scan.comments, &places, &marks);
        let tree = (steps.tree)(&mut lower, &scan, known.take());
        let found = std::mem::take(&mut lower.diagnostics);
        let repairs = std::mem::take(&mut lower.repairs);
        if rounds < MAX_REPAIR_ROUNDS && repair.apply_repairs(&repairs) {
            rounds += 1;
            known = Some(tree);
            continue;
        }
        let mut diagnostics = Diagnostics::default();
        diagnostics.extend(repair.diagnostics);
        diagnostics.extend(found);
        diagnostics.extend(repairs.into_iter().map(|repair| repair.diagnostic));
        return ReadExpression {
            tree,
            comments: comments(file, &mended, &scan, &places),
            diagnostics,
        };
    }
}

fn comments(file: FileId, text: &str, scan: &Scan, places: &RepairedPositions) -> Vec<Comment> {
    scan.comments
        .iter()
        .map(|(from, to)| Comment {
            span: Span::new(
                file,
                places.source_position(*from),
                places.source_position(*to),
            ),
            doc: trivia::is_doc(text.get(*from..*to).unwrap_or("")),
        })
        .collect()
}
