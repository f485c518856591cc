//! The words and signs of a text, whatever is wrong with it.
//! It does not know the grammar: a word is a word wherever it stands.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A name or a keyword.
    Word,
    /// A number, a percent or a duration.
    Number,
    /// A piece of a string, with the quotes that are in it.
    Text,
    /// From `#` to before the end of the line.
    Comment,
    /// A sign, `${` and `}` of interpolations among them.
    Sign,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub sort: Sort,
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
}

/// The tokens of a text, in order.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        // About as many as there will be.
        found: Vec::with_capacity(text.len() / 4),
        open: Vec::new(),
    };
    while lexer.at < text.len() {
        lexer.next();
    }
    lexer.found
}

/// An open bracket: the string that goes on after it, if it is an interpolation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Plain,
    Line,
    Long,
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    found: Vec<Token>,
    open: Vec<Open>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn push(&mut self, sort: Sort, length: usize) {
        let start = self.at;
        self.at += length.max(1);
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        let end = self.at;
        self.found.push(Token { sort, start, end });
    }

    fn next(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            self.at = self.text.len();
            return;
        };
        match first {
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '#' => {
                let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
                self.push(Sort::Comment, length);
            }
            '"' => {
                let long = rest.starts_with("\"\"\"");
                self.string(if long { 3 } else { 1 }, long);
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = word(rest);
                self.push(Sort::Word, length);
            }
            c if c.is_ascii_digit() => {
                let length = number(rest);
                self.push(Sort::Number, length);
            }
            '(' | '[' | '{' => {
                self.open.push(Open::Plain);
                self.push(Sort::Sign, 1);
            }
            ')' | ']' | '}' => {
                let open = self.open.pop();
                self.push(Sort::Sign, 1);
                match open {
                    Some(Open::Line) => self.string(0, false),
                    Some(Open::Long) => self.string(0, true),
                    _ => {}
                }
            }
            _ => {
                let two = ["==", "!=", "<=", ">=", "??", "->", ".."];
                let length = if two.iter().any(|sign| rest.starts_with(sign)) {
                    2
                } else {
                    first.len_utf8()
                };
                self.push(Sort::Sign, length);
            }
        }
    }

    /// A piece of a string, whose first `skip` bytes are its quotes.
    fn string(&mut self, skip: usize, long: bool) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut at = skip;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' => at += 2,
                b'"' if !long => {
                    at += 1;
                    break;
                }
                b'"' if bytes.get(at..at + 3) == Some(b"\"\"\"") => {
                    at += 3;
                    break;
                }
                b'\n' | b'\r' if !long => break,
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    if at > 0 {
                        self.push(Sort::Text, at);
                    }
                    self.open.push(if long { Open::Long } else { Open::Line });
                    self.push(Sort::Sign, 2);
                    return;
                }
                _ => at += 1,
            }
        }
        let at = at.min(bytes.len());
        if at > 0 {
            self.push(Sort::Text, at);
        }
    }
}

/// How long the word is that a text begins with.
fn word(text: &str) -> usize {
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let part = match c {
            '-' => matches!(chars.peek(), Some((_, next)) if next.is_alphanumeric()),
            c => c.is_alphanumeric() || c == '_',
        };
        if !part {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// How long the number is that a text begins with.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let point = *byte == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || point) {
            break;
        }
        at += 1;
    }
    at + usize::from(bytes.get(at) == Some(&b'%'))
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
    fn every_text_is_covered_in_order() {
        for text in [
            "\"\\",
            "}}\"${",
            "\"\"\"",
            "\"${\"",
            "a\r\n\"b\r\n",
            "${}}\"",
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
