//! The source excerpt that is shown around a location: whole lines, truncated where they are very
//! long, without control characters or escape sequences that a terminal would execute.

use std::borrow::Cow;
use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::style::{clean, is_hostile};
use crate::source::Source;

/// A line longer than this is shown in part.
const MAX_LINE_CHARS: usize = 240;
/// How much of a long line is shown on either side of the place.
const EXCERPT_CHARS: usize = 60;
/// A place with more lines than this is shown as its first line.
const MAX_SPAN_LINES: usize = 6;
/// A place with more bytes than this is cut.
const MAX_SPAN_BYTES: usize = 400;
/// Two places are shown together only where there is no more than this between them.
const MAX_SPAN_GAP_BYTES: usize = 4000;

/// A source text, made safe to show.
#[derive(Debug)]
pub(super) struct Excerpt<'a> {
    source: &'a Source,
    text: Cow<'a, str>,
}

impl<'a> Excerpt<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            text: same_length_clean(&source.text),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.source.line_column(at).0
    }

    /// The bytes to show for a place, and how many lines before the place are among them.
    fn window(&self, place: Range<usize>, before: usize, after: usize) -> (Range<usize>, usize) {
        let text = self.text.as_ref();
        let mut from = line_start(text, place.start);
        let mut lines_before = 0;
        if place.start - from > MAX_LINE_CHARS {
            from = floor(text, place.start - EXCERPT_CHARS);
        } else {
            while lines_before < before && from > 0 {
                let previous = line_start(text, from - 1);
                if from - previous > MAX_LINE_CHARS {
                    break;
                }
                from = previous;
                lines_before += 1;
            }
        }
        let last = place.end.saturating_sub(1).max(place.start);
        let mut to = line_end(text, last);
        if to - last > MAX_LINE_CHARS {
            to = floor(text, last + EXCERPT_CHARS).max(place.end);
        } else {
            for _ in 0..after {
                let next = line_end(text, to);
                if next - to > MAX_LINE_CHARS {
                    break;
                }
                to = next;
            }
        }
        (from..to, lines_before)
    }
}

impl SourceCode for Excerpt<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let place = span.offset()..span.offset() + span.len();
        if self.text.get(place.clone()).is_none() {
            return Err(MietteError::OutOfBounds);
        }
        let (shown, lines_before) = self.window(place.clone(), before, after);
        // Only two places together can be that long: `fit` cuts each of them.
        if span.len() > MAX_SPAN_BYTES && shown.len() > MAX_SPAN_GAP_BYTES {
            return Err(MietteError::OutOfBounds);
        }
        let offset = u32::try_from(place.start).unwrap_or(u32::MAX);
        let (line, column) = self.source.line_column(offset);
        let data = &self.text.as_bytes()[shown.clone()];
        let breaks = data.iter().filter(|byte| **byte == b'\n').count();
        let unfinished = usize::from(data.last().is_some_and(|byte| *byte != b'\n'));
        Ok(Box::new(MietteSpanContents::new_named(
            clean(&self.source.name),
            data,
            shown.into(),
            (line - 1).saturating_sub(lines_before),
            column - 1,
            breaks + unfinished,
        )))
    }
}

/// The place as it can be drawn: within the text, on whole characters, not too long, and never
/// on nothing. `None` where the text is blank.
pub(super) fn fit(text: &str, place: Range<usize>) -> Option<Range<usize>> {
    if text.trim().is_empty() {
        return None;
    }
    let start = floor(text, place.start);
    let end = floor(text, place.end).max(start);
    let shown = text.get(start..end)?;
    if shown.is_empty() {
        return fit_empty(text, start);
    }
    let first_line = shown.split('\n').next().unwrap_or("");
    let cut = match () {
        () if shown.len() > MAX_SPAN_BYTES || shown.lines().count() > MAX_SPAN_LINES => {
            floor(shown, first_line.trim_end().len().min(MAX_SPAN_BYTES / 2)).max(1)
        }
        () => shown.trim_end().len(),
    };
    match cut {
        0 => fit_empty(text, start),
        cut => Some(start..floor(text, start + cut).max(start)),
    }
}

/// Where an empty place is drawn: at the end of what stands before it in its line, or at the end
/// of the text.
fn fit_empty(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let line = text.get(line_start(text, at)..at)?;
    let at_line_end = rest.is_empty() || rest.starts_with(['\n', '\r']);
    if !at_line_end || (line.trim().is_empty() && !rest.trim().is_empty()) {
        return Some(at..at);
    }
    let before = text.get(..at)?.trim_end();
    let last = before.chars().next_back()?;
    if before.len() < text.len() {
        return Some(before.len()..before.len());
    }
    Some(before.len() - last.len_utf8()..before.len())
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// The start of the line that holds the byte.
fn line_start(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1)
}

/// One past the line break of the line that holds the byte.
fn line_end(text: &str, at: usize) -> usize {
    let after = text.as_bytes().get(at..).unwrap_or_default();
    after
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |found| at + found + 1)
}

/// The text with each character that a terminal would obey replaced by one of the same length,
/// so that all places stay where they are.
fn same_length_clean(text: &str) -> Cow<'_, str> {
    let hostile = |char: char| is_hostile(char) && !matches!(char, '\t' | '\r');
    let lone_return = |text: &str| text.replace("\r\n", "").contains('\r');
    if !text.contains(hostile) && (!text.contains('\r') || !lone_return(text)) {
        return Cow::Borrowed(text);
    }
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        let ends_line = char == '\r' && chars.peek() == Some(&'\n');
        match char {
            '\t' => out.push(char),
            '\r' if ends_line => out.push(char),
            char if is_hostile(char) => out.push_str(match char.len_utf8() {
                1 => "?",
                2 => "\u{BF}",
                3 => "\u{FFFD}",
                _ => "\u{FFFD}?",
            }),
            char => out.push(char),
        }
    }
    Cow::Owned(out)
}
