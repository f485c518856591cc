//! Error recovery for texts that go over several lines though their quotes are those of one line,
//! or that begin on the line of their `'''`.

use super::RecoveryLexer;
use crate::lexer::{self, PieceEnd, Quotes};
use crate::{errors, words};

/// How many lines such a text may go on.
const MAX_LINES: usize = 20;

impl RecoveryLexer<'_, '_> {
    /// At the line end `end` of a string that began at `start`: whether a later line ends it. That
    /// line has a quote, and nothing behind it that would be a text's; the lines between have none.
    pub(super) fn goes_on(&self, start: usize, end: usize, quotes: Quotes) -> bool {
        let quote = quotes.text();
        let opened = self.source.get(self.line_of(start)..start).unwrap_or("");
        let rest = self.source.get(end..).unwrap_or("");
        let lines = rest.lines().skip(1).take(MAX_LINES);
        for line in lines {
            let Some((before, behind)) = line.split_once(quote) else {
                continue;
            };
            let word = words::first_word(before.trim_start());
            let begins = words::STATEMENTS.contains(&word) || words::DECLARATIONS.contains(&word);
            let opens =
                begins && before.trim() == word || before.trim_end().ends_with(['=', ':', '(']);
            let behind = behind.trim_start();
            let closes = behind.is_empty()
                || behind.starts_with([')', ']', '}', ',', '#'])
                || words::CLAUSES.contains(&words::first_word(behind))
                || words::MODIFIERS.contains(&words::first_word(behind));
            let rest_is_closed = behind.matches(quote).count().is_multiple_of(2);
            return rest_is_closed && closes && !opens && !opened.contains('#');
        }
        false
    }

    /// Reads on in such a string behind its line end, which is taken for one in the text.
    pub(super) fn next_line(&mut self, start: usize, end: usize, quotes: Quotes) -> usize {
        let span = self.repair.span(start, end);
        let known = self
            .repair
            .diagnostics
            .iter()
            .any(|found| found.span().is_some_and(|other| other.start == span.start));
        if !known {
            let error = errors::string_over_lines(span, quotes.text());
            self.repair.diagnostics.push(error);
        }
        let next = end + 1 + usize::from(self.byte(end) == b'\r');
        let text = match quotes {
            Quotes::Short => "\\n",
            Quotes::Long | Quotes::Raw | Quotes::RawLong => " ",
        };
        self.repair.edit(end, next, text);
        self.line += 1;
        self.line_start = next;
        self.string(start, next, quotes)
    }

    /// `'''` with text behind it on its line: where it is all of the text it is written between
    /// `'`; where a later line begins with `'''`, a line break is missing.
    pub(super) fn raw_on_a_line(&mut self, start: usize, end: usize) -> usize {
        let line = self.source.get(start + 3..end).unwrap_or("");
        let closing = line.find("'''");
        if let (None, (close, PieceEnd::Quotes)) = (
            closing,
            lexer::string_piece(self.source, end, Quotes::RawLong),
        ) && self
            .source
            .get(end..close)
            .is_some_and(|text| text.matches("'''").count() == 1)
        {
            let indent = self.indent_at(close - 3);
            let missing = format!("\n{}", " ".repeat(indent));
            let (span, place) = (
                self.repair.span(start, end),
                self.repair.span(start + 3, start + 3),
            );
            let error = errors::raw_begins_late(span, place, &missing);
            self.repair.diagnostics.push(error);
            self.repair.edit(start + 3, start + 3, missing);
            self.rewind(close);
            return close;
        }
        self.repair.edit(start, start + 3, "'");
        let close = match closing {
            Some(length) => {
                self.repair
                    .edit(start + 3 + length, start + 6 + length, "'");
                start + 6 + length
            }
            None => {
                self.repair.edit(end, end, "'");
                end
            }
        };
        let span = self.repair.span(start, close);
        self.repair.diagnostics.push(errors::raw_on_a_line(span));
        close
    }
}
