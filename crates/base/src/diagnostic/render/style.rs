//! The style of rendered text: colours, symbols, width. Must not inspect the terminal: the caller
//! supplies what it supports.

/// What the place that text is written to can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderStyle {
    /// Whether it takes ANSI colours.
    pub color: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
    /// How many columns it has.
    pub width: usize,
}

impl RenderStyle {
    /// Text for a file or a test: no colours, all characters, 100 columns.
    pub const PLAIN: Self = Self {
        color: false,
        unicode: true,
        width: 100,
    };

    /// The text in this ink, where colours are taken.
    pub fn paint(self, ink: Ink, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        } else {
            text.to_string()
        }
    }
}

/// The few ways in which text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Ink {
    Bold,
    Dim,
    Error,
    Warning,
    Good,
    Name,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Good => "32",
            Self::Name => "36",
        }
    }
}

/// The text without what a terminal would obey: control characters (but line ends) and marks
/// that turn the direction of writing. Each is replaced, so that it can be seen.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' => ' ',
            char if is_hostile(char) => char::REPLACEMENT_CHARACTER,
            char => char,
        })
        .collect()
}

/// Whether a terminal would obey the character instead of showing it.
pub(super) fn is_hostile(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(
            char,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        )
}
