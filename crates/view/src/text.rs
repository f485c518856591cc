//! Makes untrusted text safe for a terminal: no control codes, a known width.

use std::borrow::Cow;

use super::style::Style;
use lockstep_base::shown;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns the text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// A text on one line, in which every character is seen as what it is.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    shown::line(text)
}

/// A line that a command has written, without escape sequences and control characters, with tabs
/// as blanks. What it overwrote with a carriage return is gone, as on a screen: commands draw
/// progress and colours so.
pub fn output_line(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !shown::is_hidden(c);
    if shown::hides_nothing(text) || text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => {
                let column = width(&out);
                out.extend(std::iter::repeat_n(' ', 8 - column % 8));
            }
            '\r' if chars.peek().is_some() => out.clear(),
            c if harmless(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// The lines of the text, each cleaned; at least one.
pub(super) fn lines(text: &str) -> Vec<String> {
    let lines: Vec<String> = text.lines().map(|line| clean(line).into_owned()).collect();
    if lines.is_empty() {
        vec![String::new()]
    } else {
        lines
    }
}

/// The first line that is not blank, with a mark where more follow.
pub(super) fn first_line(text: &str, ellipsis: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or("");
    let mut first = clean(first.trim()).into_owned();
    if lines.next().is_some() {
        first.push(' ');
        first.push_str(ellipsis);
    }
    first
}

/// How much of a text of several lines is shown on one line, in columns.
const MAX_JOINED_CHARS: usize = 80;

/// The lines of a text on one line; of a text that has several, only the beginning.
pub(super) fn joined(text: &str, style: Style) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<Cow<'_, str>> = lines.map(clean).collect();
    match lines.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        several => {
            let end = format!(" {} ", style.line_end());
            cut(&several.join(&end), MAX_JOINED_CHARS, style.ellipsis()).into_owned()
        }
    }
}

/// As much of the text as fits into `room` columns, with the ellipsis where something is cut.
pub(super) fn cut<'a>(text: &'a str, room: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    let Some(room) = room.checked_sub(width(ellipsis)) else {
        return Cow::Borrowed("");
    };
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        out.push(c);
    }
    let mut out = out.trim_end().to_owned();
    out.push_str(ellipsis);
    Cow::Owned(out)
}

/// Skips what follows an escape character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some('\u{20}'..='\u{2f}') => {
            while chars
                .next_if(|c| ('\u{20}'..='\u{2f}').contains(c))
                .is_some()
            {}
            chars.next();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_do_not_reach_the_terminal() {
        assert_eq!(output_line("\u{1b}[1;31mred\u{1b}[0m text"), "red text");
        assert_eq!(output_line("\u{1b}]0;title\u{7}body"), "body");
        assert_eq!(output_line("\u{1b}]8;;http://x\u{1b}\\link"), "link");
        assert_eq!(output_line("\u{1b}(Bx\u{7}y\u{9b}"), "xy");
        assert_eq!(output_line(" 10%\r 50%\r100%\r"), "100%");
        assert_eq!(output_line("a\tb"), "a       b");
        assert_eq!(output_line("admin\u{202e}txt"), "admintxt");
        assert_eq!(output_line("broken \u{1b}["), "broken ");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("deploy", 6, "…"), "deploy");
        assert_eq!(cut("deploying", 6, "…"), "deplo…");
        assert_eq!(cut("日本語テキスト", 6, "…"), "日本…");
        assert_eq!(cut("two words", 5, "…"), "two…");
        assert_eq!(cut("abc", 0, "…"), "");
    }

    #[test]
    fn the_first_line_tells_that_more_follow() {
        assert_eq!(first_line("\n  set -e\n  make\n", "…"), "set -e …");
        assert_eq!(first_line("make", "…"), "make");
        assert_eq!(first_line("", "…"), "");
    }

    #[test]
    fn several_lines_are_joined() {
        let joined = |text: &str| joined(text, Style::PLAIN);
        assert_eq!(joined("\n  set -e\n\n  make\n"), "set -e ⏎ make");
        assert_eq!(joined("make"), "make");
        assert_eq!(joined(""), "");
        assert_eq!(joined(&"x".repeat(200)), "x".repeat(200));
        let long = joined(&"0123456789\n".repeat(20));
        assert!(
            long.ends_with('…') && width(&long) <= MAX_JOINED_CHARS,
            "{long}"
        );
    }
}
