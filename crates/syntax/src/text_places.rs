//! Where the characters of a string's text stand in the source: between them are escapes, line ends
//! of two characters, and the indentation of `"""` and `'''` that is no part of the text.

/// For each byte of a text and its end, where it begins in the source that it was read from;
/// nothing where the text does not come from that source. In a raw text there are no escapes.
///
/// ```
/// use lockstep_syntax::text_places;
///
/// let source = "a\\n\n    b";
/// let starts = text_places(source, "a\n\n  b", false).unwrap();
/// assert_eq!(starts, [0, 1, 3, 6, 7, 8, 9]);
/// ```
pub fn text_places(source: &str, text: &str, raw: bool) -> Option<Vec<u32>> {
    let mut starts = Vec::with_capacity(text.len() + 1);
    let mut at = 0;
    let mut line_start = false;
    for (place, c) in text.char_indices() {
        if line_start {
            let blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
            at += blanks(source.get(at..)?).saturating_sub(blanks(text.get(place..)?));
        }
        let length = written_length(source.get(at..)?, c, raw)?;
        for byte in 0..c.len_utf8() {
            let inside = if length == c.len_utf8() { byte } else { 0 };
            starts.push(u32::try_from(at + inside).ok()?);
        }
        line_start = c == '\n' && source.get(at..)?.starts_with(['\n', '\r'])
            || line_start && matches!(c, ' ' | '\t');
        at += length;
    }
    starts.push(u32::try_from(at).ok()?);
    Some(starts)
}

/// How many bytes of the source are this character.
fn written_length(source: &str, c: char, raw: bool) -> Option<usize> {
    if c == '\n' && source.starts_with("\r\n") {
        return Some(2);
    }
    if source.starts_with(c) && (raw || c != '\\' || !source.starts_with("\\\\")) {
        return Some(c.len_utf8());
    }
    let escaped = source.strip_prefix('\\').filter(|_| !raw)?;
    match escaped.strip_prefix("u{") {
        Some(digits) => Some(digits.find('}')? + 4),
        None => Some(1 + escaped.chars().next()?.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{ExprKind, ItemKind, StringPart};
    use lockstep_base::source::FileId;

    /// The characters of the texts of a string, each as the source has it.
    fn written(literal: &str) -> Vec<(String, String)> {
        let source = format!("let x = {literal}\n");
        let file = crate::parse(FileId(0), &source).file;
        let Some(ItemKind::Let { value, .. }) = file.items.first().map(|it| &it.kind) else {
            panic!("no let: {source}");
        };
        let ExprKind::String(literal) = &value.kind else {
            panic!("no string: {source}");
        };
        let mut found = Vec::new();
        for part in &literal.parts {
            let StringPart::Text { text, span } = part else {
                continue;
            };
            let within = &source[span.range()];
            let starts = text_places(within, text, source.contains('\'')).expect("places");
            for (at, c) in text.char_indices() {
                let end = starts[at + c.len_utf8()].min(starts[at] + 12) as usize;
                found.push((c.to_string(), within[starts[at] as usize..end].to_owned()));
            }
        }
        found
    }

    #[test]
    fn every_character_is_found_where_it_is_written() {
        for (literal, escapes) in [
            ("\"plain é😀\"", &[][..]),
            (
                "\"a \\\"b\\\" \\\\ \\$x\"",
                &["\\\"", "\\\"", "\\\\", "\\$"],
            ),
            ("\"tab\\tline\\nend\"", &["\\t", "\\n"]),
            ("\"\\u{1F600}x\"", &["\\u{1F600}"]),
            ("\"\"\"\n    a\n      b\n    \"\"\"", &[]),
            ("\"\"\"\n    a\n\n    b ${1}\n    c\n    \"\"\"", &[]),
            ("\"\"\"\r\n\ta\r\n\t\tb\\\\\r\n\t\"\"\"", &["\\\\"]),
            ("\"\"\"\n  a\\n    b\n  c\n  \"\"\"", &["\\n"]),
            ("'a \"b\" ${c} #'", &[]),
            ("'''\n    it\'s\n      ${b}\n    '''", &[]),
        ] {
            let found = written(literal);
            assert!(!found.is_empty());
            let mut seen = Vec::new();
            for (c, source) in &found {
                let source = source.trim_end_matches([' ', '\t', '\n', '\r']);
                let is_break = c == "\n" && source.is_empty();
                if source.starts_with('\\') {
                    seen.push(source);
                } else {
                    let is_blank = c.trim().is_empty() && source.is_empty();
                    assert!(is_break || is_blank || source == c, "{literal}: {found:?}");
                }
            }
            assert_eq!(seen, escapes, "{literal}");
        }
    }
}
