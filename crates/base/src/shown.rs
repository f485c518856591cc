//! Texts that come from outside, for people: the one place that says how a character is shown that
//! would be obeyed, or would hide, instead of being seen. It is written as in the source of a
//! program: `\r`, `\n`, `\u{1b}`, `\u{202e}`. So a value can neither overwrite what it stands in,
//! nor begin a line of its own, nor turn the reading order.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is not seen as what it is: control characters, line separators, marks that
/// turn the direction of reading, and characters without a width.
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Whether a text has only bytes with which no hidden character begins: so do nearly all texts. Of
/// another one each character has to be looked at. There is no branch for each byte, so that many
/// are looked at at once; it is a function of its own because a caller that is built to be small
/// would look at one after the other.
#[inline(never)]
pub fn hides_nothing(text: &str) -> bool {
    text.bytes()
        .fold(true, |all, byte| all & begins_nothing_hidden(byte))
}

/// Whether no hidden character begins with this byte in UTF-8. It may be inside of one.
fn begins_nothing_hidden(byte: u8) -> bool {
    byte >= 0x20
        && byte != 0x7f
        && byte != 0xc2
        && byte != 0xd8
        && byte != 0xe1
        && byte != 0xe2
        && byte != 0xef
        && byte != 0xf3
}

/// A text on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// A text that may have several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text, |char| char == '\n')
}

fn shown(text: &str, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    if hides_nothing(text) || !text.contains(|char| is_hidden(char) && !keeps(char)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            char if keeps(char) || !is_hidden(char) => out.push(char),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            // Nobody is misled by a blank.
            '\t' => out.push(' '),
            char => {
                // Writing to a text does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(char));
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_shown_as_what_they_are() {
        for (text, shown) in [
            ("evil\rgood", "evil\\rgood"),
            ("a\nb\r\n", "a\\nb\\r\\n"),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("admin\u{202e}txt", "admin\\u{202e}txt"),
            (
                "a\u{200b}b\u{feff}\u{2028}",
                "a\\u{200b}b\\u{feff}\\u{2028}",
            ),
            ("a\tb", "a b"),
            ("שלום ü 日本 👩\u{200d}🚀", "שלום ü 日本 👩\u{200d}🚀"),
        ] {
            assert_eq!(line(text), shown);
        }
        assert_eq!(lines("a\nb\r\n"), "a\nb\\r\n");
    }

    #[test]
    fn usual_texts_are_not_looked_at_by_characters() {
        for text in [
            "",
            "GET /index.html 200",
            "größe é ñ",
            "Ошибка",
            "日本語",
            "👩🚀",
        ] {
            assert!(hides_nothing(text), "{text}");
        }
    }

    #[test]
    fn nothing_is_hidden_in_what_is_shown() {
        for number in 0..=0x0010_ffff {
            let Some(char) = char::from_u32(number) else {
                continue;
            };
            let text = format!("a{char}b");
            assert!(!is_hidden(char) || !hides_nothing(&text), "{number:x}");
            assert!(!line(&text).contains(is_hidden), "{number:x}");
            assert!(
                !lines(&text).contains(|it| it != '\n' && is_hidden(it)),
                "{number:x}"
            );
        }
    }
}
