//! Maps spans of a text to their positions after a change.

use super::checked_file::ROOT_FILE;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
use lockstep_syntax::unchanged_ends;

/// A change of a text, as the unchanged bytes before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextChange {
    /// The length of the unchanged prefix, in bytes.
    before: u32,
    /// The start of the unchanged suffix in the old text.
    after: u32,
    /// By how much the suffix has moved.
    by: i64,
}

impl TextChange {
    /// The difference between two texts as a single change.
    pub fn between(old: &str, new: &str) -> Self {
        let (before, same) = unchanged_ends(old, new);
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            before: small(before),
            after: small(old.len() - same),
            by: new.len() as i64 - old.len() as i64,
        }
    }

    /// Whether the change is strictly inside a span of the old text.
    pub fn is_inside(&self, span: Span) -> bool {
        span.start < self.before && self.after < span.end
    }

    /// The new position of a span that contains the change.
    pub fn stretched(&self, span: Span) -> Span {
        let end = i64::from(span.end) + self.by;
        Span {
            end: u32::try_from(end).unwrap_or(span.start),
            ..span
        }
    }

    /// The new position of a span; nothing if the change touches it.
    pub fn span(&self, span: Span) -> Option<Span> {
        if span.file != ROOT_FILE || span.end <= self.before {
            return Some(span);
        }
        if span.start < self.after {
            return None;
        }
        let moved = |at: u32| u32::try_from(i64::from(at) + self.by).ok();
        Some(Span {
            start: moved(span.start)?,
            end: moved(span.end)?,
            ..span
        })
    }

    /// A diagnostic at its new position; nothing if the change touches it.
    pub fn diagnostic(&self, diagnostic: &Diagnostic) -> Option<Diagnostic> {
        let mut moved = diagnostic.clone();
        let primary = moved.span()?;
        self.span(primary)?;
        moved
            .labels
            .retain_mut(|label| match self.span(label.span) {
                Some(span) => {
                    label.span = span;
                    true
                }
                None => false,
            });
        moved.fixes.retain_mut(|fix| {
            fix.edits.iter_mut().all(|(at, _)| match self.span(*at) {
                Some(span) => {
                    *at = span;
                    true
                }
                None => false,
            })
        });
        Some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_move_with_the_text_around_them() {
        let moved = TextChange::between("one two three", "one 2 and three");
        let at = |start, end| {
            moved
                .span(Span::new(ROOT_FILE, start, end))
                .map(Span::range)
        };
        assert_eq!(at(0, 3), Some(0..3));
        assert_eq!(at(8, 13), Some(10..15));
        assert_eq!(at(4, 7), None);
        assert_eq!(
            TextChange::between("aa", "aaa")
                .span(Span::new(ROOT_FILE, 0, 2))
                .map(Span::range),
            Some(0..2)
        );
        let same = TextChange::between("x", "x");
        assert_eq!(
            same.span(Span::new(ROOT_FILE, 0, 1)).map(Span::range),
            Some(0..1)
        );
    }
}
