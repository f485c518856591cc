//! Where places of a text are after a change of it.
//! It does not know what stands there.

use super::checked::ROOT;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;

/// A change of a text: the bytes that are the same before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// How many bytes at the beginning are the same.
    before: u32,
    /// Where the bytes that are the same again begin, in the old text.
    after: u32,
    /// By how much those have moved.
    by: i64,
}

impl Moved {
    /// The change between two texts, as if it were a single one.
    pub fn between(old: &str, new: &str) -> Self {
        let (old, new) = (old.as_bytes(), new.as_bytes());
        let before = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let rest = old.len().min(new.len()) - before;
        let pairs = old.iter().rev().zip(new.iter().rev());
        let after = pairs.take(rest).take_while(|(a, b)| a == b).count();
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            before: small(before),
            after: small(old.len() - after),
            by: new.len() as i64 - old.len() as i64,
        }
    }

    /// Whether the change is inside of a span of the old text, without touching its ends.
    pub fn is_inside(&self, span: Span) -> bool {
        span.start < self.before && self.after < span.end
    }

    /// Where a span is now that holds the change.
    pub fn stretched(&self, span: Span) -> Span {
        let end = i64::from(span.end) + self.by;
        Span {
            end: u32::try_from(end).unwrap_or(span.start),
            ..span
        }
    }

    /// Where a span is now; nothing if the change touches it.
    pub fn span(&self, span: Span) -> Option<Span> {
        if span.file != ROOT || span.end <= self.before {
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

    /// A diagnostic at its new place; nothing if the change touches it.
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
        let moved = Moved::between("one two three", "one 2 and three");
        let at = |start, end| moved.span(Span::new(ROOT, start, end)).map(Span::range);
        assert_eq!(at(0, 3), Some(0..3));
        assert_eq!(at(8, 13), Some(10..15));
        assert_eq!(at(4, 7), None);
        assert_eq!(
            Moved::between("aa", "aaa")
                .span(Span::new(ROOT, 0, 2))
                .map(Span::range),
            Some(0..2)
        );
        let same = Moved::between("x", "x");
        assert_eq!(
            same.span(Span::new(ROOT, 0, 1)).map(Span::range),
            Some(0..1)
        );
    }
}
