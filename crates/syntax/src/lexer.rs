//! The lexer of the language: which token (white space, comment, word, number, piece of a string,
//! sign) begins at a position, even in a text with errors. Keywords are not distinguished from
//! names here: a word is a word wherever it stands.
//!
//! `token_at` and `string_piece` have no state. [`tokens`] also tracks which `}` ends an
//! interpolation; callers that look for unbalanced brackets (`scan`, `recover`) do that themselves.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Blanks on a line, and the `\r` before a line end.
    Blank,
    /// A line end.
    LineEnd,
    /// From `#` to before the line end.
    Comment,
    /// A name or a keyword.
    Word,
    /// A number, a percent or a duration.
    Number,
    /// A piece of a string, with the quotes that are in it.
    Text,
    /// A sign; `${` and `}` of interpolations are among them.
    Sign,
    /// A character that means nothing outside of strings and comments.
    Strange,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl Token {
    /// Its text.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or("")
    }

    /// The quotes that it is, where a string begins.
    pub(super) fn quotes(&self, text: &str) -> Quotes {
        match (self.text(text).starts_with('\''), self.end - self.start) {
            (false, 3) => Quotes::Long,
            (false, _) => Quotes::Short,
            (true, 3) => Quotes::RawLong,
            (true, _) => Quotes::Raw,
        }
    }
}

/// What a string is written between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// `"…"`
    Short,
    /// `"""…"""`
    Long,
    /// `'…'`, in which nothing has a meaning.
    Raw,
    /// `'''`, a line break, lines, and a line that begins with `'''`.
    RawLong,
}

impl Quotes {
    /// Those of a string that has interpolations.
    pub(super) fn of_interpolated(long: bool) -> Self {
        match long {
            true => Self::Long,
            false => Self::Short,
        }
    }

    /// As they are written.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Short => "\"",
            Self::Long => "\"\"\"",
            Self::Raw => "'",
            Self::RawLong => "'''",
        }
    }
}

/// Why a piece of a string ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceEnd {
    /// Its quotes.
    Quotes,
    /// An interpolation: `${` is next.
    Interpolation,
    /// The string is on one line, and the line ends.
    LineEnd,
    /// The text ends.
    TextEnd,
}

/// Whether two characters are one sign.
const fn is_pair(first: u8, second: u8) -> bool {
    matches!(
        (first, second),
        (b'=' | b'!' | b'<' | b'>', b'=') | (b'?', b'?') | (b'-', b'>') | (b'.', b'.')
    )
}

/// Whether a character may stand in a word.
pub fn is_word_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-')
}

/// The blanks, the line end or the comment that begins at byte `at`, if one does.
#[inline]
pub fn trivia_at(text: &str, at: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let (kind, end) = match *bytes.get(at)? {
        b' ' | b'\t' | b'\r' => {
            let mut end = at + 1;
            while let Some(b' ' | b'\t' | b'\r') = bytes.get(end) {
                end += 1;
            }
            (TokenKind::Blank, end)
        }
        b'\n' => (TokenKind::LineEnd, at + 1),
        b'#' => (TokenKind::Comment, line_end(text, at)),
        _ => return None,
    };
    Some(Token {
        kind,
        start: at,
        end,
    })
}

/// The token that begins at byte `at`, outside of strings. Of a string it is the quotes alone;
/// [`string_piece`] reads on behind them.
#[inline]
pub(super) fn token_at(text: &str, at: usize) -> Option<Token> {
    if let Some(trivia) = trivia_at(text, at) {
        return Some(trivia);
    }
    let bytes = text.as_bytes();
    let (kind, end) = match *bytes.get(at)? {
        quote @ (b'"' | b'\'') => {
            let long = bytes[at..].starts_with(&[quote; 3]);
            (TokenKind::Text, at + if long { 3 } else { 1 })
        }
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => (TokenKind::Word, word_end(text, at)),
        b'0'..=b'9' => (TokenKind::Number, number_end(text, at)),
        0..=31 | 127 => (TokenKind::Strange, at + 1),
        128.. => wide(text, at),
        byte => {
            let pair = bytes.get(at + 1).is_some_and(|next| is_pair(byte, *next));
            (TokenKind::Sign, at + if pair { 2 } else { 1 })
        }
    };
    Some(Token {
        kind,
        start: at,
        end,
    })
}

/// For each byte, whether it is a blank or belongs to ASCII words, numbers and signs that are no
/// brackets: nothing begins or ends there that a look for strings, comments and brackets must see.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte: u8 = 32;
    while byte < 127 {
        plain[byte as usize] = !matches!(
            byte,
            b'"' | b'\'' | b'#' | b'(' | b')' | b'[' | b']' | b'{' | b'}'
        );
        byte += 1;
    }
    plain[b'\t' as usize] = true;
    plain
};

/// The start of the first token from `at` on that is, or begins with, more than [`PLAIN`] bytes;
/// `at` is where a token begins, outside of strings.
#[inline]
pub(super) fn pass_plain(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    while bytes.get(end).is_some_and(|byte| PLAIN[usize::from(*byte)]) {
        end += 1;
    }
    // A character beyond ASCII may belong to the word before it.
    if matches!(bytes.get(end), Some(128..)) {
        let behind_blank = bytes[at..end].iter().rposition(|byte| *byte == b' ');
        return at + behind_blank.map_or(0, |blank| blank + 1);
    }
    end
}

/// A token that begins with a character beyond ASCII. Only a letter begins a word: a digit of
/// another script, or `²`, begins nothing.
fn wide(text: &str, at: usize) -> (TokenKind, usize) {
    match text.get(at..).and_then(|rest| rest.chars().next()) {
        Some(char) if char.is_alphabetic() => (TokenKind::Word, word_end(text, at)),
        Some(char) => (TokenKind::Strange, at + char.len_utf8()),
        None => (TokenKind::Strange, at + 1),
    }
}

/// Where the word ends that begins at `at`. A dash belongs to it only before a letter or digit.
pub(super) fn word_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    loop {
        // Most words are of these alone.
        while let Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_') = bytes.get(end) {
            end += 1;
        }
        let dash = usize::from(bytes.get(end) == Some(&b'-'));
        match bytes.get(end + dash) {
            Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => end += dash + 1,
            Some(128..) => {
                let next = text.get(end + dash..).and_then(|rest| rest.chars().next());
                match next.filter(|char| char.is_alphanumeric()) {
                    Some(char) => end += dash + char.len_utf8(),
                    None => return end,
                }
            }
            _ => return end,
        }
    }
}

/// Where the number ends that begins at `at`, with all letters and digits that stand at it: what
/// is wrong with them is said of the whole.
fn number_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    while let Some(byte) = bytes.get(end) {
        let point = *byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        end += match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' => 1,
            b'.' if point => 1,
            128.. => match text.get(end..).and_then(|rest| rest.chars().next()) {
                Some(char) if char.is_alphanumeric() => char.len_utf8(),
                _ => break,
            },
            _ => break,
        };
    }
    end + usize::from(bytes.get(end) == Some(&b'%'))
}

/// Where the line ends that `at` is on, before its `\r`.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or(&[]);
    let length = rest.iter().position(|byte| *byte == b'\n');
    let line = rest.get(..length.unwrap_or(rest.len())).unwrap_or(&[]);
    at + line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// Where the piece of a string ends that continues at `at`, and why.
#[inline]
pub(super) fn string_piece(text: &str, mut at: usize, quotes: Quotes) -> (usize, PieceEnd) {
    let bytes = text.as_bytes();
    let long = match quotes {
        Quotes::Raw => return raw_piece(text, at),
        Quotes::RawLong => return raw_lines(text, at),
        Quotes::Long => true,
        Quotes::Short => false,
    };
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' if !long => return (at + 1, PieceEnd::Quotes),
            b'"' if bytes[at..].starts_with(b"\"\"\"") => return (at + 3, PieceEnd::Quotes),
            b'\n' if !long => {
                let end = at - usize::from(at > 0 && bytes[at - 1] == b'\r');
                return (end, PieceEnd::LineEnd);
            }
            // A line end behind the sign still ends a string on one line.
            b'\\' if long || !matches!(bytes.get(at + 1), Some(b'\n' | b'\r')) => at += 2,
            b'$' if bytes.get(at + 1) == Some(&b'{') => return (at, PieceEnd::Interpolation),
            _ => at += 1,
        }
    }
    (bytes.len(), PieceEnd::TextEnd)
}

/// Where a raw text ends that begins behind its quotes at `at`, and why.
fn raw_piece(text: &str, at: usize) -> (usize, PieceEnd) {
    let end = line_end(text, at);
    let line = text.get(at..end).unwrap_or("");
    match line.find('\'') {
        Some(length) => (at + length + 1, PieceEnd::Quotes),
        None if end == text.len() => (end, PieceEnd::TextEnd),
        None => (end, PieceEnd::LineEnd),
    }
}

/// The same for one of several lines; it ends on its first line where that is not empty.
fn raw_lines(text: &str, at: usize) -> (usize, PieceEnd) {
    let first = line_end(text, at);
    if !text.get(at..first).unwrap_or("").trim_ascii().is_empty() {
        return (first, PieceEnd::LineEnd);
    }
    let mut place = first;
    for line in text.get(first..).unwrap_or("").split_inclusive('\n') {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        if place > first && line[blanks..].starts_with("'''") {
            return (place + blanks + 3, PieceEnd::Quotes);
        }
        place += line.len();
    }
    (text.len(), PieceEnd::TextEnd)
}

/// The words, numbers, pieces of strings, comments and signs of a text, in order.
pub fn tokens(text: &str) -> Vec<Token> {
    // A rough estimate of the number of tokens.
    let mut lexer = Lexer::new(text, Vec::with_capacity(text.len() / 4));
    while lexer.advance() {}
    lexer.found
}

/// The first of them, up to the one behind the one at `offset`.
pub fn tokens_around(text: &str, offset: usize) -> Vec<Token> {
    let mut lexer = Lexer::new(text, Vec::with_capacity(offset / 4 + 2));
    let is_behind = |token: &Token| token.start > offset;
    while !lexer.found.last().is_some_and(is_behind) && lexer.advance() {}
    lexer.found
}

/// The same one after the other: what nobody asks for is not read.
pub(super) fn next_tokens(text: &str) -> impl Iterator<Item = Token> {
    let mut lexer = Lexer::new(text, Vec::new());
    let mut given = 0;
    std::iter::from_fn(move || {
        while given == lexer.found.len() {
            lexer.found.clear();
            given = 0;
            if !lexer.advance() {
                return None;
            }
        }
        given += 1;
        lexer.found.get(given - 1).copied()
    })
}

/// An interpolation that is open.
#[derive(Debug, Clone, Copy)]
struct Interpolation {
    /// Whether its string is written with `"""`.
    long: bool,
    /// How many `{` are open in it.
    braces: usize,
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    found: Vec<Token>,
    open: Vec<Interpolation>,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t str, found: Vec<Token>) -> Self {
        Self {
            text,
            at: 0,
            found,
            open: Vec::new(),
        }
    }

    /// Reads on, up to the end of a token at the most; false at the end of the text.
    fn advance(&mut self) -> bool {
        let Some(token) = token_at(self.text, self.at) else {
            return false;
        };
        match token.kind {
            TokenKind::Blank => self.at = token.end,
            TokenKind::LineEnd => {
                // The strings on this line end with it, and what is interpolated in them.
                if let Some(first) = self.open.iter().position(|it| !it.long) {
                    self.open.truncate(first);
                }
                self.at = token.end;
            }
            TokenKind::Strange => {
                let blank = token.text(self.text).chars().all(char::is_whitespace);
                match blank {
                    true => self.at = token.end,
                    false => self.push(TokenKind::Sign, token.end),
                }
            }
            TokenKind::Text => {
                self.string(token.end, token.quotes(self.text));
            }
            TokenKind::Sign => self.sign(token.end),
            TokenKind::Comment | TokenKind::Word | TokenKind::Number => {
                self.push(token.kind, token.end);
            }
        }
        true
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        let start = std::mem::replace(&mut self.at, end);
        self.found.push(Token { kind, start, end });
    }

    fn sign(&mut self, end: usize) {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.push(TokenKind::Sign, end);
        match (byte, self.open.last_mut()) {
            (Some(b'{'), Some(open)) => open.braces += 1,
            (Some(b'}'), Some(open)) if open.braces > 0 => open.braces -= 1,
            (Some(b'}'), Some(open)) => {
                let quotes = Quotes::of_interpolated(open.long);
                self.open.pop();
                self.string(self.at, quotes);
            }
            _ => {}
        }
    }

    /// Reads a piece of a string that continues at `from`, and the `${` behind it.
    fn string(&mut self, from: usize, quotes: Quotes) {
        let (end, why) = string_piece(self.text, from, quotes);
        if end > self.at {
            self.push(TokenKind::Text, end);
        }
        if why == PieceEnd::Interpolation {
            self.push(TokenKind::Sign, end + 2);
            let long = quotes == Quotes::Long;
            self.open.push(Interpolation { long, braces: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.text(text)).collect()
    }

    #[test]
    fn strings_and_interpolations_are_told_apart() {
        assert_eq!(
            shown("log \"a ${x[\"k\"]} b\" # c"),
            [
                "log", "\"a ", "${", "x", "[", "\"k\"", "]", "}", " b\"", "# c"
            ]
        );
        assert_eq!(
            shown("let z = \"abc\nlog 1"),
            ["let", "z", "=", "\"abc", "log", "1"]
        );
        assert_eq!(
            shown("run \"\"\"\n a ${b}\n\"\"\" x"),
            ["run", "\"\"\"\n a ", "${", "b", "}", "\n\"\"\"", "x"]
        );
    }

    #[test]
    fn words_hold_a_dash_only_before_a_letter() {
        assert_eq!(
            shown("prod-eu a - b x- 1h30m 10% 2.5"),
            ["prod-eu", "a", "-", "b", "x", "-", "1h30m", "10%", "2.5"]
        );
        assert_eq!(shown("é.😀 \\"), ["é", ".", "😀", "\\"]);
    }

    #[test]
    fn a_line_end_ends_what_is_interpolated_on_the_line() {
        assert_eq!(
            shown("log \"a ${x\nlog \"b\" }\n"),
            ["log", "\"a ", "${", "x", "log", "\"b\"", "}"]
        );
        assert_eq!(
            shown("\"${ ( }\" x \"\\\ny"),
            ["\"", "${", "(", "}", "\"", "x", "\"\\", "y"]
        );
    }

    #[test]
    fn every_text_is_covered_in_order() {
        for text in [
            "\"\\",
            "}}\"${",
            "\"\"\"",
            "\"${\"",
            "a\r\n\"b\r\n",
            "${}}\"",
            "\"\\é${",
            "a\u{a0}\u{7}²-é-",
        ] {
            let mut last = 0;
            for token in tokens(text) {
                assert!(token.start >= last && token.end > token.start, "{text:?}");
                assert!(text.is_char_boundary(token.end), "{text:?}");
                last = token.end;
            }
            assert!(last <= text.len());
        }
    }
}
