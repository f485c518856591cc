//! Edits of the source text that remove whole constructs, with the lines that belong to them.

use lockstep_base::source::Span;
use lockstep_syntax::is_doc;

/// The span to remove for a construct: its documentation above it, and, if it is alone on its
/// lines, those whole lines and one blank line.
pub fn whole(text: &str, span: Span) -> Span {
    let (mut start, mut end) = (span.start as usize, span.end as usize);
    let line_start = text
        .get(..start)
        .and_then(|it| it.rfind('\n'))
        .map_or(0, |at| at + 1);
    let rest = text.get(end..).unwrap_or_default();
    let line_end = rest.find('\n').map_or(text.len(), |at| end + at + 1);
    let blank = |from: usize, to: usize| {
        text.get(from..to)
            .is_some_and(|between| between.trim().is_empty())
    };
    if !blank(line_start, start) || !blank(end, line_end) {
        // Something else is on the line: only the blanks before it are removed too.
        let before = text.get(..start).unwrap_or_default();
        let kept = before.trim_end_matches([' ', '\t']).len();
        let at_line = kept == line_start;
        return Span::new(span.file, if at_line { start } else { kept }, end);
    }
    (start, end) = (line_start, line_end);
    // Its documentation.
    while let Some(above) = line_above(text, start)
        && is_doc(text[above..start].trim_start())
    {
        start = above;
    }
    let blank_above =
        start == 0 || line_above(text, start).is_some_and(|above| blank(above, start));
    if blank_above && let Some(next) = text.get(end..) {
        let line = next.find('\n').map_or(next.len(), |at| at + 1);
        if line > 0 && next[..line].trim().is_empty() {
            end += line;
        } else if next.is_empty()
            && let Some(above) = line_above(text, start)
        {
            start = above;
        }
    }
    Span::new(span.file, start, end)
}

/// Where the line above the one that begins at `start` begins.
fn line_above(text: &str, start: usize) -> Option<usize> {
    let before = text.get(..start)?.strip_suffix('\n')?;
    Some(before.rfind('\n').map_or(0, |at| at + 1))
}

/// The line of a byte, from 0, by the starts of all lines.
pub fn line_starts(text: &str) -> Vec<usize> {
    let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(breaks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_base::source::FileId;

    fn without(text: &str, what: &str) -> String {
        let at = text.rfind(what).expect("it is there");
        let span = whole(text, Span::new(FileId(0), at, at + what.len()));
        let mut text = text.to_string();
        text.replace_range(span.range(), "");
        text
    }

    #[test]
    fn lines_go_with_what_stood_on_them() {
        for (text, what, left) in [
            ("a\n\nb\n\nc\n", "b", "a\n\nc\n"),
            ("a\nb\nc\n", "b", "a\nc\n"),
            ("b\n\nc\n", "b", "c\n"),
            ("a\n\nb\n", "b", "a\n"),
            ("a\n\n## Of b.\n## More.\nb\n", "b", "a\n"),
            ("a\n### Rule\nb\n", "b", "a\n### Rule\n"),
            ("a b c\n", " b", "a c\n"),
            ("a b # why\n", "b", "a # why\n"),
            ("  b # why\n", "b", "   # why\n"),
            ("b", "b", ""),
            ("  {\n    b\n  }\n", "b", "  {\n  }\n"),
        ] {
            assert_eq!(without(text, what), left, "{text:?}");
        }
    }
}
