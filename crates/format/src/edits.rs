//! The difference (diff) between a text and its formatted form as small edits. Invariant: only
//! white space, line ends and commas differ.

use std::ops::Range;

use super::Formatted;

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatEdit {
    /// The bytes that are replaced.
    pub range: Range<usize>,
    /// What stands there instead.
    pub text: String,
}

/// What may be different: white space, and the commas that end lists.
fn differs(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b','
}

/// The end of the stretch of bytes that may differ, from `at` on.
fn stretch(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or(&[]);
    at + rest.iter().take_while(|byte| differs(**byte)).count()
}

/// The changes that make `new` of `old`, in order; none if they differ in more than white space
/// and commas.
pub fn edits(old: &str, new: &str) -> Option<Vec<FormatEdit>> {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    loop {
        let (to_i, to_j) = (stretch(a, i), stretch(b, j));
        if a.get(i..to_i) != b.get(j..to_j) {
            found.push(FormatEdit {
                range: i..to_i,
                text: new.get(j..to_j)?.to_string(),
            });
        }
        (i, j) = (to_i, to_j);
        match (a.get(i), b.get(j)) {
            (None, None) => return Some(found),
            (Some(x), Some(y)) if x == y => {
                i += 1;
                j += 1;
            }
            _ => return None,
        }
    }
}

/// Makes changes, which must be in order and apart from each other.
pub fn apply(text: &str, edits: &[FormatEdit]) -> String {
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        new.push_str(text.get(at..edit.range.start).unwrap_or(""));
        new.push_str(&edit.text);
        at = edit.range.end;
    }
    new.push_str(text.get(at..).unwrap_or(""));
    new
}

/// The changes within the lines that `range` touches.
pub(super) fn within(text: &str, formatted: &Formatted, range: Range<usize>) -> Vec<FormatEdit> {
    let bytes = text.as_bytes();
    let start = range.start.min(bytes.len());
    let end = range.end.clamp(start, bytes.len());
    let before = bytes.get(..start).unwrap_or(&[]);
    let mut from = before.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let behind = bytes.get(end..).unwrap_or(&[]);
    let line_end = behind.iter().position(|byte| *byte == b'\n');
    let mut to = line_end.map_or(bytes.len(), |length| end + length);
    // The lines of a string are moved together.
    for string in &formatted.moved {
        let (first, last) = (string.start as usize, string.end as usize);
        if first < to && last > from {
            (from, to) = (from.min(first), to.max(last));
        }
    }
    let all = edits(text, &formatted.text).unwrap_or_default();
    let last = bytes.len();
    let touches = |edit: &FormatEdit| {
        let begins = edit.range.start < to || to == last;
        begins && (edit.range.end > from || from == 0)
    };
    all.into_iter().filter(touches).collect()
}
