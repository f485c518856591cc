//! Text that could not be read, on a line with what could: a statement before it may go on in it,
//! one behind it may be its end. Such a line stays as it is written, since a line break has a
//! meaning for what is understood of it.

use super::body::one_line_of;
use super::printer::{LineStart, Printer};
use super::trivia::TokenTrivia;

/// Members that stay on their lines as they are written.
pub(super) struct UnreadLines {
    from: usize,
    to: usize,
}

impl Printer<'_> {
    /// What stays with a member, as text that could not be read stands on a line with it; nothing
    /// where none does. The members stand in `ranges`, in order, and end before `closing`.
    pub(super) fn unread_lines(
        &mut self,
        ranges: &[(usize, usize)],
        place: usize,
        closing: usize,
    ) -> Option<UnreadLines> {
        let before = self.next_start();
        let (from, to) = ranges.get(place).copied()?;
        let mut lines = UnreadLines { from, to };
        let mut place = place + 1;
        let mut any = false;
        if before < from && self.on_one_line_to(self.trimmed(before, from), from) {
            (lines.from, any) = (before, true);
        }
        loop {
            while ranges.get(place).is_some_and(|it| it.0 < lines.to) {
                place += 1;
            }
            let next = ranges.get(place).copied();
            let follows = next.map_or(closing, |(from, _)| from);
            if !self.is_unread_behind(lines.to, follows) {
                break;
            }
            (lines.to, any) = (self.trimmed(lines.to, follows), true);
            match next {
                Some((from, to)) if self.on_one_line_to(lines.to, from) => {
                    lines.to = to;
                    place += 1;
                }
                _ => break,
            }
        }
        any.then_some(lines)
    }

    /// Prints such lines as they are written.
    pub(super) fn keep_lines(&mut self, lines: &UnreadLines, start: LineStart) {
        self.start_line(start);
        self.keep(lines.from, lines.to);
    }

    /// Whether text that is no member begins behind `end`, on the same line and before `next`.
    fn is_unread_behind(&self, end: usize, next: usize) -> bool {
        let mut behind = TokenTrivia::default();
        behind.begin(end);
        if behind.read(self.text) == Some(b',') && behind.breaks == 0 && behind.notes.is_empty() {
            behind.pass_comma();
            behind.read(self.text);
        }
        behind.at < next && behind.breaks == 0 && behind.notes.is_empty()
    }

    /// The end of what stands in `from..to`, without blanks behind it.
    fn trimmed(&self, from: usize, to: usize) -> usize {
        from + self.text.get(from..to).unwrap_or("").trim_ascii_end().len()
    }

    fn on_one_line_to(&self, from: usize, to: usize) -> bool {
        one_line_of(self.text, from, to)
    }
}
