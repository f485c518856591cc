//! The style of rendered text: colours, symbols, width. Must not inspect the terminal: the caller
//! supplies what it supports.

use crate::shown;

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

/// The text without what a terminal would obey, which is shown as what it is; its lines stay.
pub fn clean(text: &str) -> String {
    shown::lines(text).into_owned()
}

/// The same on one line: for names, values and what people write.
pub fn clean_line(text: &str) -> String {
    shown::line(text).into_owned()
}

/// Whether a terminal would obey the character instead of showing it.
pub(super) fn is_hostile(char: char) -> bool {
    shown::is_hidden(char) && char != '\n'
}
