//! Converts between byte offsets and the lines and characters of the protocol.

use gen_lsp_types::{Position, PositionEncodingKind, Range};

use lockstep_base::source::Span;

/// The unit of positions within a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 units; characters beyond the basic plane take two.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The best of the encodings that a client offers.
    pub(super) fn choose(offered: &[PositionEncodingKind]) -> Self {
        let has = |kind: &PositionEncodingKind| offered.contains(kind);
        if has(&PositionEncodingKind::UTF8) {
            Self::Utf8
        } else if has(&PositionEncodingKind::UTF32) && !has(&PositionEncodingKind::UTF16) {
            Self::Utf32
        } else {
            Self::Utf16
        }
    }

    /// Its name in the protocol.
    pub(super) fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    /// How many units a character takes.
    fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }

    /// How many units a text takes.
    pub(super) fn length(self, text: &str) -> u32 {
        let length = match self {
            Self::Utf8 => text.len(),
            _ if text.is_ascii() => text.len(),
            _ => text.chars().map(|c| self.width(c)).sum(),
        };
        u32::try_from(length).unwrap_or(u32::MAX)
    }
}

/// Where the lines of a text begin. A line ends with `\n`, `\r\n` or `\r`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    /// The lines of a text.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                starts.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
            }
        }
        Self { starts }
    }

    /// The line of a byte.
    fn line_of(&self, offset: usize) -> usize {
        let after = self
            .starts
            .partition_point(|start| *start as usize <= offset);
        after.saturating_sub(1)
    }

    /// The bytes of a line, without its end.
    fn range(&self, text: &str, line: usize) -> (usize, usize) {
        let Some(start) = self.starts.get(line).map(|start| *start as usize) else {
            return (text.len(), text.len());
        };
        let end = self
            .starts
            .get(line + 1)
            .map_or(text.len(), |end| *end as usize);
        let line = text.get(start..end).unwrap_or("");
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        (start, start + line.len())
    }

    /// The position of a byte; what is beyond the text is its end.
    pub(super) fn position(&self, text: &str, offset: usize, encoding: Encoding) -> Position {
        let offset = floor(text, offset);
        let line = self.line_of(offset);
        let (start, end) = self.range(text, line);
        let before = text.get(start..offset.min(end).max(start)).unwrap_or("");
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            character: encoding.length(before),
        }
    }

    /// The byte at a position; what is beyond the line is the line's end, what is beyond the text
    /// is the text's end, and what is inside a character is its start.
    pub(super) fn offset(&self, text: &str, place: Position, encoding: Encoding) -> usize {
        let (start, end) = self.range(text, place.line as usize);
        let line = text.get(start..end).unwrap_or("");
        let mut left = place.character as usize;
        for (at, c) in line.char_indices() {
            let width = encoding.width(c);
            if left < width {
                return start + at;
            }
            left -= width;
        }
        end
    }

    /// The range of a span.
    pub(super) fn span(&self, text: &str, span: Span, encoding: Encoding) -> Range {
        Range {
            start: self.position(text, span.start as usize, encoding),
            end: self.position(text, span.end as usize, encoding),
        }
    }
}

/// The last start of a character at or before a byte.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_the_units_of_the_client() {
        let text = "a\r\n😀é\rx\n";
        let lines = LineIndex::of(text);
        for (encoding, characters) in [
            (Encoding::Utf8, [0, 4, 6]),
            (Encoding::Utf16, [0, 2, 3]),
            (Encoding::Utf32, [0, 1, 2]),
        ] {
            for (offset, character) in [3, 7, 9].into_iter().zip(characters) {
                let place = Position { line: 1, character };
                assert_eq!(lines.position(text, offset, encoding), place);
                assert_eq!(lines.offset(text, place, encoding), offset);
            }
        }
    }

    #[test]
    fn places_beyond_are_the_nearest_that_exist() {
        let text = "ab\r\n😀";
        let lines = LineIndex::of(text);
        let at =
            |line, character| lines.offset(text, Position { line, character }, Encoding::Utf16);
        assert_eq!(at(0, 99), 2);
        assert_eq!(at(1, 1), 4);
        assert_eq!(at(1, 9), 8);
        assert_eq!(at(7, 0), 8);
        let end = lines.position(text, 99, Encoding::Utf16);
        assert_eq!(
            end,
            Position {
                line: 1,
                character: 2
            }
        );
        // Inside of `\r\n` is the end of the line, inside of a character is before it.
        assert_eq!(lines.position(text, 3, Encoding::Utf16).character, 2);
        assert_eq!(lines.position(text, 6, Encoding::Utf16).character, 0);
    }
}
