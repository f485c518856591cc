//! Prints strings over several lines: their lines are moved together with the surrounding
//! indentation, so that their value stays the same.

use super::line::blanks;

/// What opens and closes a string over several lines.
pub(super) const TRIPLE_QUOTE: &str = "\"\"\"";

/// The blanks before the closing quotes of a literal, if its lines can be moved: nothing else
/// stands before the quotes, and every line that says something begins with these blanks.
pub(super) fn margin(raw: &str) -> Option<&str> {
    let body = raw.strip_prefix(TRIPLE_QUOTE)?.strip_suffix(TRIPLE_QUOTE)?;
    let (lines, margin) = body.rsplit_once('\n')?;
    if !margin.bytes().all(blank) {
        return None;
    }
    let mut lines = lines.split('\n').skip(1);
    let fits =
        |line: &str| line.starts_with(margin) || line.bytes().all(|b| blank(b) || b == b'\r');
    lines.all(fits).then_some(margin)
}

fn blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Writes a literal that has a [`margin`] with its lines behind `indent` blanks.
pub(super) fn indent(raw: &str, indent: usize, out: &mut String) {
    let Some(margin) = margin(raw) else {
        copy(raw, out);
        return;
    };
    let mut lines = raw.split('\n').peekable();
    let opening = lines.next().unwrap_or("");
    // Blanks behind the opening quotes mean nothing, unless text follows them.
    out.push_str(if opening.trim_ascii_end() == TRIPLE_QUOTE {
        TRIPLE_QUOTE
    } else {
        opening.strip_suffix('\r').unwrap_or(opening)
    });
    while let Some(line) = lines.next() {
        out.push('\n');
        let inner = if lines.peek().is_some() {
            line.strip_suffix('\r').unwrap_or(line)
        } else {
            line
        };
        let inner = inner.strip_prefix(margin).unwrap_or("");
        if !inner.is_empty() {
            blanks(out, indent);
            out.push_str(inner);
        }
    }
}

/// Writes a literal verbatim except for the ends of its lines. Returns its last line.
pub(super) fn copy<'t>(raw: &'t str, out: &mut String) -> &'t str {
    let mut last = "";
    for (number, line) in raw.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        last = line;
        out.push_str(line.strip_suffix('\r').unwrap_or(line));
    }
    last
}
