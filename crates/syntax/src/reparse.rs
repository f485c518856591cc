//! Incremental parsing: parses a text that has changed a little since it was last parsed, and
//! reuses the unchanged pieces. Invariant: the result equals that of [`parse`](super::parse).

use super::ast::File;
use super::lower::DeclarationPiece;
use super::scan::{PieceScan, scan_again};
use super::span_shift::SpanShift;
use super::{Parse, known_pieces, read_file, sorted};
use lockstep_base::source::{FileId, Span};

/// What is known of a text that has been parsed: where its pieces are.
#[derive(Debug, Clone, Default)]
pub struct PreviousParse {
    text: String,
    pieces: Vec<ReparsePiece>,
}

/// A piece: its bytes, whether it had no errors, and how many declarations it has.
#[derive(Debug, Clone)]
struct ReparsePiece {
    range: (usize, usize),
    clean: bool,
    items: usize,
    scan: PieceScan,
}

/// Parses a file like [`parse`](super::parse). `before` is the knowledge and the tree of the file
/// when it was last parsed.
pub fn reparse(
    file: FileId,
    text: &str,
    before: Option<(PreviousParse, File)>,
) -> (Parse, PreviousParse) {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let offset = text.len() - body.len();
    // A byte order mark moves everything; it rarely appears or disappears.
    let before = before.filter(|(known, _)| offset == 0 && !known.text.starts_with('\u{feff}'));
    let pieces = before.map(|(known, tree)| known.pieces(tree, body));
    let pieces = pieces.unwrap_or_default();
    let scan = scan_again(body, &known_pieces(&pieces, Some));
    let read = read_file(file, body, offset, &scan, pieces);
    let mut items = Vec::with_capacity(read.tree.iter().map(|piece| piece.items.len()).sum());
    let mut parts = Vec::with_capacity(read.tree.len());
    for piece in read.tree {
        parts.push(ReparsePiece {
            range: piece.range,
            clean: piece.clean,
            items: piece.items.len(),
            scan: piece.scan,
        });
        items.extend(piece.items);
    }
    let known = PreviousParse {
        pieces: parts,
        text: text.to_owned(),
    };
    let span = Span::new(file, 0, text.len());
    let parse = Parse {
        file: File { items, span },
        comments: read.comments,
        diagnostics: sorted(read.diagnostics),
    };
    (parse, known)
}

/// How many bytes two texts have in common at their beginnings, and behind those at their ends.
pub fn unchanged_ends(old: &str, new: &str) -> (usize, usize) {
    /// So many bytes are compared at once.
    const BLOCK: usize = 256;
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let least = old.len().min(new.len());
    let blocks = old.chunks_exact(BLOCK).zip(new.chunks_exact(BLOCK));
    let mut before = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let pairs = old[before..].iter().zip(&new[before..]);
    before += pairs.take_while(|(a, b)| a == b).count();
    let rest = least - before;
    let (old, new) = (&old[old.len() - rest..], &new[new.len() - rest..]);
    let blocks = old.rchunks_exact(BLOCK).zip(new.rchunks_exact(BLOCK));
    let same = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let pairs = old[..rest - same]
        .iter()
        .rev()
        .zip(new[..rest - same].iter().rev());
    (before, same + pairs.take_while(|(a, b)| a == b).count())
}

impl PreviousParse {
    /// The pieces that a new text still has, at their positions in it.
    fn pieces(self, tree: File, new: &str) -> Vec<DeclarationPiece> {
        let (before, same) = unchanged_ends(&self.text, new);
        let after = self.text.len() - same;
        let by = new.len() as i64 - self.text.len() as i64;
        let mut items = tree.items.into_iter();
        let mut found = Vec::new();
        for part in self.pieces {
            let mut own: Vec<_> = items.by_ref().take(part.items).collect();
            let (from, to) = part.range;
            // A change directly behind a piece may belong to it.
            let range = if to < before {
                (from, to)
            } else if from >= after && from > before {
                own.shift_spans(by);
                let moved = |at: usize| usize::try_from(at as i64 + by).unwrap_or(0);
                (moved(from), moved(to))
            } else {
                continue;
            };
            if part.clean {
                found.push(DeclarationPiece {
                    range,
                    clean: true,
                    items: own,
                    scan: part.scan,
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use crate::scan::scan;

    #[test]
    fn the_unchanged_ends_of_two_texts() {
        let long = "x".repeat(1000);
        let changed = format!("{}y{}", &long[..300], &long[301..]);
        assert_eq!(unchanged_ends(&long, &changed), (300, 699));
        assert_eq!(unchanged_ends(&long, &long), (1000, 0));
        assert_eq!(unchanged_ends(&long, &long[1..]), (999, 0));
        assert_eq!(unchanged_ends("", "a"), (0, 0));
        assert_eq!(unchanged_ends("one two", "one 2 two"), (4, 3));
    }

    /// Pieces of a text of many alike declarations stay known while one of them becomes longer.
    #[test]
    fn a_longer_declaration_moves_no_cut_of_others() {
        let body = "  log \"at\"\n".repeat(20);
        let text: String = (0..500)
            .map(|at| format!("workflow w-{at}() {{\n{body}}}\n\n"))
            .collect();
        let place = text.find("workflow w-100()").expect("it is there");
        let place = place + text[place..].find("log").expect("it has a body");
        let cuts = scan(&text).cuts;
        assert!(cuts.len() > 20, "{cuts:?}");
        for length in 1..400 {
            let mut longer = text.clone();
            longer.insert_str(place, &" ".repeat(length));
            let now = scan(&longer).cuts;
            let moved = |cut: &usize| match *cut > place {
                true => cut + length,
                false => *cut,
            };
            let same = cuts.iter().filter(|cut| now.contains(&moved(cut)));
            assert!(
                same.count() + 3 >= cuts.len(),
                "{length} more bytes: {now:?}"
            );
        }
    }

    /// Changes a text at random and compares the result with parsing it from scratch.
    #[test]
    fn reading_again_gives_what_reading_gives() {
        let one = include_str!("tests/samples/everything.deploy");
        let mut text = one.repeat(4);
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |limit: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % limit.max(1) as u64) as usize
        };
        let pieces = [
            "x",
            "\n",
            "\n# one more\n",
            "{",
            "}",
            "\"",
            "#",
            "é",
            "service s: k { }\n",
            "",
            "",
            "",
        ];
        let (first, mut known) = reparse(FileId(0), &text, None);
        let mut tree = first.file;
        for round in 0..300 {
            let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let from = boundaries[below(boundaries.len())];
            let to = boundaries[below(boundaries.len())].clamp(from, from + 8);
            let to = (to..=text.len())
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(from);
            text.replace_range(from..to, pieces[below(pieces.len())]);
            if round % 15 == 14 {
                // Back to a valid text.
                text = one.repeat(4);
            }
            let (again, now) = reparse(FileId(0), &text, Some((known, tree)));
            let fresh = parse(FileId(0), &text);
            // What is passed over because it is known is what looking at it finds.
            let cuts = scan(&text).cuts;
            let fresh_cuts = now.pieces.iter().map(|piece| piece.range.0);
            if fresh.diagnostics.is_empty() {
                assert_eq!(fresh_cuts.collect::<Vec<_>>(), cuts, "round {round}");
            }
            for (a, b) in again.file.items.iter().zip(&fresh.file.items) {
                assert_eq!(a, b, "round {round}");
            }
            assert_eq!(
                again.file.items.len(),
                fresh.file.items.len(),
                "round {round}"
            );
            assert_eq!(again.diagnostics, fresh.diagnostics, "round {round}");
            assert_eq!(again.comments, fresh.comments, "round {round}");
            (known, tree) = (now, again.file);
        }
    }
}
