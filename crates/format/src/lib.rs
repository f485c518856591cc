//! The formatter: prints a syntax tree with its comments in the one style of the language.
//!
//! The text is not generated from the tree. The printer copies the source token by token, and the
//! tree only determines where lines may be broken; what the tree does not explain is copied
//! verbatim. Each result is parsed again and compared before it is returned.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod body;
mod check;
mod declaration;
mod edits;
mod expression;
mod line;
mod long_string;
mod place;
mod printer;
mod statement;
mod test;
mod trivia;
mod types;
mod unread;

use std::ops::Range;

pub use edits::{FormatEdit, apply, edits};
use lockstep_base::source::{FileId, Span};
use lockstep_syntax::ast::Item;
use lockstep_syntax::{Parse, ScannedText, parse};
use printer::{LineStart, Printer, Unprintable};

/// How many mistakes a file may have before it is left alone.
const MAX_MISTAKES: usize = 400;

/// The tree of a shorter text is small: to read it in pieces saves nothing, and to read some of it
/// twice where it changes costs something. In bytes.
const MIN_BYTES_IN_PIECES: usize = 1 << 14;

/// How often a text with mistakes is formatted until it stays as it is.
const MAX_FORMAT_ROUNDS: usize = 4;

/// A formatted text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// The parts of the source that were left as they stand, because something is wrong with them.
    pub preserved: Vec<Span>,
    /// The strings of the source whose lines may have been moved.
    pub moved: Vec<Span>,
    /// Whether the source has mistakes.
    pub broken: bool,
}

/// The formatter made a mistake; what it would have written is not what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatterDefect {
    /// What is not the same, in a few words.
    pub what: &'static str,
}

impl std::fmt::Display for FormatterDefect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the formatted text would have {}", self.what)
    }
}

impl std::error::Error for FormatterDefect {}

/// What is left unchanged where the text has errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MistakeRegion {
    /// The statement, the field or the head.
    Statement,
    /// The whole declaration.
    Declaration,
}

/// Formats a text that has been read as `parse`, without comparing the result with it.
pub fn format(parse: &Parse, text: &str) -> Formatted {
    format_around(parse, text, MistakeRegion::Statement)
}

fn format_around(parse: &Parse, text: &str, around: MistakeRegion) -> Formatted {
    if parse.diagnostics.len() > MAX_MISTAKES {
        return unchanged(text, parse.file.span);
    }
    let mut printer = begun(text);
    let whole = text.len();
    let (items, wrong) = (&parse.file.items, wrong(parse));
    let start = print(&mut printer, items, whole, LineStart::First, &wrong, around);
    printer.keep_until(whole, start);
    printer.finish();
    Formatted {
        text: printer.out,
        preserved: printer.preserved,
        moved: printer.long,
        broken: !parse.diagnostics.is_empty(),
    }
}

/// Formats a text and makes sure that it means the same afterwards, has the same comments, and
/// stays as it is when it is formatted once more. A text with mistakes is formatted around them,
/// or left unchanged.
///
/// # Errors
///
/// When the formatter itself is wrong; the text must then be left alone.
///
/// ```
/// let text = lockstep_format::format_text("service  web:app{image=\"web:7\"}\n");
/// assert_eq!(text.unwrap(), "service web: app { image = \"web:7\" }\n");
/// ```
pub fn format_text(text: &str) -> Result<String, FormatterDefect> {
    checked(text).map(|formatted| formatted.text)
}

/// Formats the lines of a text that `range` touches, as changes of it. Strings that the range
/// touches are changed as a whole. There are none where the lines cannot be changed without
/// others.
///
/// # Errors
///
/// As [`format_text`].
///
/// ```
/// let text = "let  a = 1\nlet  b = 2\n";
/// let edits = lockstep_format::range(text, 0..3).unwrap();
/// assert_eq!(lockstep_format::apply(text, &edits), "let a = 1\nlet  b = 2\n");
/// ```
pub fn range(text: &str, range: Range<usize>) -> Result<Vec<FormatEdit>, FormatterDefect> {
    let formatted = checked(text)?;
    let edits = edits::within(text, &formatted, range);
    let before = parse(FileId(0), text);
    let new = apply(text, &edits);
    match check::same(&before, text, &parse(FileId(0), &new), &new) {
        Ok(()) => Ok(edits),
        Err(_) => Ok(Vec::new()),
    }
}

/// Formats a text as [`format_text`] does, and says what was left unchanged.
///
/// # Errors
///
/// As [`format_text`].
pub fn checked(text: &str) -> Result<Formatted, FormatterDefect> {
    let scanned = ScannedText::new(text);
    if text.len() >= MIN_BYTES_IN_PIECES
        && let Some(formatted) = unchanged_pieces(&scanned, text)
    {
        return Ok(formatted);
    }
    let before = scanned.parse(FileId(0));
    if before.diagnostics.is_empty() {
        let formatted = format(&before, text);
        if formatted.text != text {
            check::check(&before, text, &formatted.text, MistakeRegion::Statement)?;
        }
        return Ok(formatted);
    }
    let mut formatted = around_mistakes(&before, text);
    for _ in 0..MAX_FORMAT_ROUNDS {
        let again = parse(FileId(0), &formatted.text);
        let next = around_mistakes(&again, &formatted.text).text;
        if next == formatted.text {
            return Ok(formatted);
        }
        formatted.text = next;
    }
    Ok(unchanged(text, before.file.span))
}

/// Formats a text that is formatted already, as most are; nothing where it is not, or has mistakes.
/// It is read and printed piece by piece, so that there is never a tree of all of it, and no
/// further than to the first difference.
fn unchanged_pieces(scanned: &ScannedText<'_>, text: &str) -> Option<Formatted> {
    let mut printer = begun(text);
    let mut start = LineStart::First;
    let mut rest = text.get(mark_bytes(text)..)?;
    let mut compared = 0;
    let is_read = scanned.pieces(FileId(0), |items, end| {
        let around = MistakeRegion::Statement;
        start = print(&mut printer, items, end, start, &[], around);
        let new = printer.out.get(compared..).unwrap_or_default();
        compared = printer.out.len();
        match rest.strip_prefix(new) {
            Some(behind) => {
                rest = behind;
                true
            }
            None => false,
        }
    });
    if !is_read {
        return None;
    }
    printer.keep_until(text.len(), start);
    printer.finish();
    (printer.out == text).then_some(Formatted {
        text: printer.out,
        preserved: printer.preserved,
        moved: printer.long,
        broken: false,
    })
}

/// Formats a text with mistakes. Lines have a meaning for what can be understood of it: where the
/// parts of a declaration cannot be moved, all of it stays as it is.
fn around_mistakes(parse: &Parse, text: &str) -> Formatted {
    for around in [MistakeRegion::Statement, MistakeRegion::Declaration] {
        let formatted = format_around(parse, text, around);
        if formatted.text == text || check::check(parse, text, &formatted.text, around).is_ok() {
            return formatted;
        }
    }
    unchanged(text, parse.file.span)
}

fn unchanged(text: &str, whole: Span) -> Formatted {
    Formatted {
        text: text.to_string(),
        preserved: vec![whole],
        moved: Vec::new(),
        broken: true,
    }
}

/// Where something is wrong.
fn wrong(parse: &Parse) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for diagnostic in &parse.diagnostics {
        spans.extend(diagnostic.labels.iter().map(|label| label.span));
        let edits = diagnostic.fixes.iter().flat_map(|fix| &fix.edits);
        spans.extend(edits.map(|(span, _)| *span));
    }
    spans
}

/// A printer at the beginning of a text.
fn begun(text: &str) -> Printer<'_> {
    let mut printer = Printer::new(text);
    printer.begin(mark_bytes(text));
    printer
}

/// How many bytes of a text are byte order marks at its beginning.
fn mark_bytes(text: &str) -> usize {
    text.len() - text.trim_start_matches('\u{feff}').len()
}

/// Prints declarations, which stand before `end`. Returns how what follows them begins.
fn print(
    printer: &mut Printer<'_>,
    items: &[Item],
    end: usize,
    start: LineStart,
    wrong: &[Span],
    around: MistakeRegion,
) -> LineStart {
    let mut start = start;
    let range = |item: &Item| (item.span.start as usize, item.span.end as usize);
    let ranges: Vec<(usize, usize)> = items.iter().map(range).collect();
    for (place, item) in items.iter().enumerate() {
        let (from, to) = range(item);
        // A declaration in a block stands in the tree a second time.
        if from < printer.end() || from >= to {
            continue;
        }
        if let Some(lines) = printer.unread_lines(&ranges, place, end) {
            printer.keep_lines(&lines, start);
            start = LineStart::Next;
            continue;
        }
        let touched = |span: &&Span| span.start <= item.span.end && span.end >= item.span.start;
        printer.mistakes = wrong.iter().filter(touched).copied().collect();
        if printer.keep_until(from, start) {
            start = LineStart::Next;
        }
        let whole = around == MistakeRegion::Declaration && !printer.mistakes.is_empty();
        printer.member((from, to), start, |printer| match whole {
            true => Err(Unprintable),
            false => printer.item(item),
        });
        start = LineStart::Next;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Declarations of all kinds, formatted, many times: a text of many pieces.
    fn long_text() -> String {
        let unit = r#"# Of many.
kind app@ {
  service { image: string = "x" }
  infrastructure { hosts: [string] = [] }
  deploy using roll@
}

workflow roll@(s: service<app@>, i: infrastructure<app@>) {
  # What it does.
  run """
    echo ${s.image}
    echo ${i.name}
    """ timeout 5m retry 3 every 250ms
  if length(i.hosts) > 3 { log "many" } else { log "few" }  # Behind.
}

service web@: app@ { image = "web:7" }
"#;
        let mut text = String::from("\u{feff}# The file.\n");
        for number in 0..100 {
            text.push('\n');
            text.push_str(&unit.replace('@', &number.to_string()));
        }
        text + "\n# The end.\n"
    }

    fn in_pieces(text: &str) -> Option<Formatted> {
        unchanged_pieces(&ScannedText::new(text), text)
    }

    #[test]
    fn a_formatted_text_is_read_in_pieces_as_it_is_in_one() {
        let text = long_text();
        let whole = format(&parse(FileId(0), &text), &text);
        assert_eq!(whole.text, text);
        assert_eq!(whole.moved.len(), 100);
        assert_eq!(in_pieces(&text), Some(whole));
    }

    #[test]
    fn pieces_say_nothing_of_a_text_that_changes() {
        let text = long_text();
        for (place, _) in text.match_indices("\nservice web") {
            let mut changed = text.clone();
            changed.insert(place + "\nservice".len(), ' ');
            assert_eq!(in_pieces(&changed), None);
            assert_eq!(format_text(&changed).as_ref(), Ok(&text));
        }
        for changed in [
            text.trim_end().to_owned(),
            format!("{text}\n"),
            format!("{text}service web: app0 {{"),
            format!("{text}let x = y z\n"),
        ] {
            assert_eq!(in_pieces(&changed), None);
        }
    }
}
