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
    // A comment behind a construct that is alone on its lines is about it.
    let comment = comment_start(text, end).filter(|_| blank(line_start, start));
    if !blank(line_start, start) || !blank(end, comment.unwrap_or(line_end)) {
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

/// Where a comment begins that follows after blanks alone on the line of this byte.
fn comment_start(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    rest[blanks..].starts_with('#').then_some(from + blanks)
}

/// The spans to remove for an entry of a list without brackets: the entry, the comma that belongs
/// to it, and the comments that are about it alone: those on lines of their own right above it, and
/// the one behind it where it is the only entry of its line. `others` are the entries around it.
pub fn list_entry(text: &str, own: Span, others: (Option<Span>, Option<Span>)) -> Vec<Span> {
    let (start, end) = (own.start as usize, own.end as usize);
    let part = |start: usize, end: usize| Span::new(own.file, start, end);
    let (before, after) = others;
    // The comma behind it, or the one before the last entry.
    let comma = match after {
        Some(after) => comma_between(text, end, after.start as usize),
        None => before.and_then(|before| comma_between(text, before.end as usize, start)),
    };
    let comma_behind = comma.filter(|at| *at >= end);
    let own_end = comma_behind.map_or(end, |at| at + 1);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let comma_in_line = comma.filter(|at| (line_start..start).contains(at));
    let is_free = |from: usize, to: usize| {
        text[from..to].char_indices().all(|(at, c)| {
            c.is_whitespace() || comma_in_line.is_some_and(|comma| from + at == comma)
        })
    };
    let line_end = text[own_end..]
        .find('\n')
        .map_or(text.len(), |at| own_end + at);
    let is_in_line = |other: Option<Span>, from: usize, to: usize| {
        other.is_some_and(|it| it.start as usize >= from && (it.end as usize) <= to)
    };
    let is_only_entry = !is_in_line(before, line_start, start) && !is_in_line(after, end, line_end);
    let comment = comment_start(text, own_end).filter(|_| is_only_entry);
    let is_line_free =
        is_free(line_start, start) && text[own_end..comment.unwrap_or(line_end)].trim().is_empty();
    let mut removed = Vec::new();
    if is_line_free && line_start > 0 {
        let mut first = line_start;
        while let Some(above) = line_above(text, first)
            && text[above..first].trim_start().starts_with('#')
        {
            first = above;
        }
        // The line break before it goes too, so that what follows the list keeps its own.
        removed.push(part(first - 1, line_end));
    } else {
        let from = match before.filter(|it| it.end as usize >= line_start && after.is_none()) {
            Some(before) if comma_in_line.is_some() => before.end as usize,
            _ => start,
        };
        let to = comment.map_or(own_end, |_| line_end);
        let rest = text[to..line_end].trim_start_matches([' ', '\t']);
        // One blank is left where something follows, none at the end of the line.
        let (from, to) = match rest.is_empty() || rest.starts_with('#') {
            true => (text[..from].trim_end_matches([' ', '\t']).len(), to),
            false => (from, line_end - rest.len()),
        };
        removed.push(part(from, to));
    }
    if let Some(comma) = comma.filter(|_| after.is_none())
        && !removed
            .iter()
            .any(|it| (it.start as usize..it.end as usize).contains(&comma))
    {
        removed.push(part(comma, comma + 1));
    }
    removed.sort();
    removed
}

/// The comma between two entries, which is in no comment.
fn comma_between(text: &str, start: usize, end: usize) -> Option<usize> {
    let mut in_comment = false;
    let between = text.get(start..end)?.char_indices();
    let found = between.into_iter().find(|(_, c)| {
        in_comment = match c {
            '#' => true,
            '\n' => false,
            _ => in_comment,
        };
        *c == ',' && !in_comment
    });
    found.map(|(at, _)| start + at)
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
    fn an_entry_goes_with_its_comma_and_its_comments() {
        for (text, what, left) in [
            ("from x import a, b, c\n", "a", "from x import b, c\n"),
            ("from x import a, b, c\n", "b", "from x import a, c\n"),
            ("from x import a, b, c\n", "c", "from x import a, b\n"),
            ("i a,  # A\n  b  # B\n", "b", "i a  # A\n"),
            ("i a,  # A\n  b  # B\n", "a", "i\n  b  # B\n"),
            ("i\n  # A\n  a,\n  # B\n  b\n", "a", "i\n  # B\n  b\n"),
            ("i\n  # A\n  a,\n  # B\n  b\n", "b", "i\n  # A\n  a\n"),
            ("i a  # A, 1\n  , b\n", "b", "i a  # A, 1\n"),
            ("i a,  # A\n  # and\n  b\nx\n", "b", "i a  # A\nx\n"),
            ("i a, b,  # both\n  c\n", "b", "i a,  # both\n  c\n"),
            ("i a,\n  b, c  # both\n", "c", "i a,\n  b  # both\n"),
        ] {
            let names = ["a", "b", "c"];
            let span = |name: &str| {
                let at = text.char_indices().find(|(at, _)| {
                    let before = text[..*at].chars().next_back();
                    let after = text[at + name.len()..].chars().next();
                    let is_edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
                    let in_comment = text[..*at].rfind(['#', '\n']);
                    let in_comment = in_comment.is_some_and(|at| text[at..].starts_with('#'));
                    text[*at..].starts_with(name)
                        && is_edge(before)
                        && is_edge(after)
                        && !in_comment
                });
                at.map(|(at, _)| Span::new(FileId(0), at, at + name.len()))
            };
            let place = names.iter().position(|it| *it == what).expect("a name");
            let before = place.checked_sub(1).and_then(|at| span(names[at]));
            let after = names.get(place + 1).and_then(|name| span(name));
            let own = span(what).expect("it is there");
            let mut rest = text.to_string();
            for span in list_entry(text, own, (before, after)).iter().rev() {
                rest.replace_range(span.range(), "");
            }
            assert_eq!(rest, left, "{text:?} without {what}");
        }
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
            ("a\n  b # why\nc\n", "b", "a\nc\n"),
            ("b # why\n\nc\n", "b", "c\n"),
            ("b", "b", ""),
            ("  {\n    b\n  }\n", "b", "  {\n  }\n"),
        ] {
            assert_eq!(without(text, what), left, "{text:?}");
        }
    }
}
