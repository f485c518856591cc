//! Texts of runs in messages: they are data, whatever is in them.

/// What stands for the rest of a text that is cut.
const MORE: &str = "…";

/// Characters that change how those around them are shown.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// A text in one line: without control characters, and of at most so many characters.
pub(super) fn line(text: &str, max: usize) -> String {
    let blank = |char: char| match char.is_control() {
        true => ' ',
        false => char,
    };
    let clean = text.chars().filter(|char| !is_invisible(*char)).map(blank);
    cut(clean, max).trim().to_owned()
}

/// A text that may have several lines.
pub(super) fn lines(text: &str, max: usize) -> String {
    let clean = text.chars().filter(|char| !is_invisible(*char));
    let clean = clean.filter(|char| matches!(char, '\n' | '\t') || !char.is_control());
    cut(clean, max).trim().to_owned()
}

fn cut(text: impl Iterator<Item = char>, max: usize) -> String {
    // One more says whether anything is left out.
    let mut found: Vec<char> = text.take(max + 1).collect();
    let is_cut = found.len() > max;
    if is_cut {
        found.truncate(max.saturating_sub(1));
    }
    let mut text: String = found.into_iter().collect();
    if is_cut {
        text.push_str(MORE);
    }
    text
}
