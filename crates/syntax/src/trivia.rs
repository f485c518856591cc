//! Trivia: where the comments are, and which of them are documentation.

use lockstep_base::source::Span;

/// A comment, from its `#` to before the end of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// Where.
    pub span: Span,
    /// Whether it begins with `##`.
    pub doc: bool,
}

/// Whether the comment with this text is documentation. `###` is a rule or a heading.
pub fn is_doc(text: &str) -> bool {
    text.starts_with("##") && !text.starts_with("###")
}

/// The documentation that ends directly above `start`: the texts of the `##` lines, joined.
/// `comments` are all comments of `text`, in order.
pub(super) fn doc_above(text: &str, comments: &[(usize, usize)], start: usize) -> Option<String> {
    let mut below = start;
    // Most declarations have no comment above them: the look back ends at the first word.
    let before = text.get(..start)?.trim_ascii_end().len();
    let mut place = comments.partition_point(|comment| comment.0 < before);
    if comments.get(place.wrapping_sub(1))?.1 < before {
        return None;
    }
    let mut lines: Vec<&str> = Vec::new();
    while place > 0 {
        place -= 1;
        let (from, to) = comments[place];
        let line = text.get(from..to)?;
        if !is_doc(line) || !directly_above(text.get(to..below)?) || !alone(text, from) {
            break;
        }
        let line = line.trim_start_matches('#');
        lines.push(line.strip_prefix(' ').unwrap_or(line).trim_end());
        below = from;
    }
    if lines.is_empty() {
        return None;
    }
    lines.reverse();
    Some(lines.join("\n"))
}

/// Whether a gap is one line end with blanks around it.
fn directly_above(gap: &str) -> bool {
    gap.bytes().filter(|byte| *byte == b'\n').count() == 1
        && gap.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// Whether nothing but blanks stands before `at` on its line.
fn alone(text: &str, at: usize) -> bool {
    text.get(..at).is_some_and(|before| {
        before
            .bytes()
            .rev()
            .take_while(|byte| *byte != b'\n')
            .all(|byte| byte == b' ' || byte == b'\t' || byte == b'\r')
    })
}
