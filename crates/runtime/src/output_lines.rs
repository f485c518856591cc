//! What a command has written between two looks at it, in one piece: commands write millions of
//! lines, and nothing is allocated for each.

use super::process::OutputLine;
use lockstep_engine::run_event::Stream;

/// Lines of one command, in order.
#[derive(Debug, Default)]
pub(crate) struct OutputLines {
    /// The texts one after the other, each line with its end where it has one: as in a log.
    text: String,
    lines: Vec<LineEnd>,
}

/// Where the text of a line ends, and what else is known of it.
#[derive(Debug, Clone, Copy)]
struct LineEnd {
    /// Behind its last character, before its line end.
    at: usize,
    stream: Stream,
    is_ended: bool,
}

impl OutputLines {
    /// Appends a line.
    pub(crate) fn push(&mut self, line: OutputLine<'_>) {
        self.text.push_str(line.text);
        self.lines.push(LineEnd {
            at: self.text.len(),
            stream: line.stream,
            is_ended: line.is_ended,
        });
        if line.is_ended {
            self.text.push('\n');
        }
    }

    /// How many lines they are.
    pub(crate) fn count(&self) -> usize {
        self.lines.len()
    }

    /// Whether they are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines.
    pub(crate) fn iter(&self) -> impl Iterator<Item = OutputLine<'_>> {
        let mut next = 0;
        self.lines.iter().map(move |line| {
            let text = self.text.get(next..line.at).unwrap_or_default();
            next = line.at + usize::from(line.is_ended);
            OutputLine {
                stream: line.stream,
                text,
                is_ended: line.is_ended,
            }
        })
    }

    /// All of it as it stands in a log, where each line has an end and the first one was written to
    /// this stream.
    pub(crate) fn whole(&self) -> Option<(Stream, &str)> {
        let first = self.lines.first()?;
        let is_whole = self.lines.iter().all(|line| line.is_ended);
        is_whole.then_some((first.stream, &*self.text))
    }

    /// The same in pieces of at most so many lines.
    pub(crate) fn pieces(self, most_lines: usize) -> impl Iterator<Item = Self> {
        let mut whole = Some(self);
        let mut given = 0;
        std::iter::from_fn(move || {
            if given == 0 {
                // The usual case: they are few.
                if let Some(few) = whole.take_if(|it| it.count() <= most_lines) {
                    return Some(few).filter(|it| !it.is_empty());
                }
            }
            let mut piece = Self::default();
            let lines = whole.as_ref()?.iter().skip(given).take(most_lines);
            lines.for_each(|line| piece.push(line));
            given += piece.count();
            Some(piece).filter(|it| !it.is_empty())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, stream: Stream, is_ended: bool) -> OutputLine<'_> {
        OutputLine {
            stream,
            text,
            is_ended,
        }
    }

    fn some(count: usize) -> OutputLines {
        let mut lines = OutputLines::default();
        for number in 0..count {
            lines.push(line(&format!("line {number}"), Stream::Stdout, true));
        }
        lines
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let (out, err) = (Stream::Stdout, Stream::Stderr);
        let all = [
            line("", out, true),
            line("ü\n", out, true),
            line("begun", err, false),
            line("", err, false),
            line(" and ended", err, true),
            line("open", out, false),
        ];
        let mut lines = OutputLines::default();
        all.iter().for_each(|line| lines.push(*line));
        assert_eq!(lines.iter().collect::<Vec<_>>(), all);
        assert_eq!(lines.whole(), None);
        let pieces: Vec<OutputLines> = lines.pieces(4).collect();
        let counts: Vec<usize> = pieces.iter().map(OutputLines::count).collect();
        assert_eq!(counts, [4, 2]);
        let again: Vec<_> = pieces.iter().flat_map(OutputLines::iter).collect();
        assert_eq!(again, all);
    }

    #[test]
    fn whole_lines_are_the_text_of_a_log() {
        assert_eq!(some(0).whole(), None);
        assert_eq!(some(2).whole(), Some((Stream::Stdout, "line 0\nline 1\n")));
    }

    #[test]
    fn pieces_are_no_longer_than_asked() {
        for (count, pieces) in [(0, vec![]), (3, vec![3]), (4, vec![3, 1]), (6, vec![3, 3])] {
            let counts: Vec<usize> = some(count).pieces(3).map(|it| it.count()).collect();
            assert_eq!(counts, pieces);
        }
    }
}
