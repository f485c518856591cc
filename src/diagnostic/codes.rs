//! The stable codes of all diagnostics, each with its page. A code is never used again for
//! something else. It does not know when a diagnostic is raised.
//!
//! Families: 1xx syntax, 2xx names and imports, 3xx types, 4xx values, 5xx statements,
//! 6xx commands, 7xx inputs and the command line, 8xx barriers and locks.

use serde::{Serialize, Serializer};

/// A stable code, such as `E0101`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The code as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The page that explains it: Markdown with a wrong and a right example.
    pub fn page(self) -> &'static str {
        PAGES
            .iter()
            .find(|(code, _)| *code == self)
            .map_or("", |(_, page)| page)
    }

    /// The code with this text, in any case.
    pub fn find(text: &str) -> Option<Self> {
        PAGES
            .iter()
            .map(|(code, _)| *code)
            .find(|code| code.0.eq_ignore_ascii_case(text))
    }

    /// All codes, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        PAGES.iter().map(|(code, _)| *code)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code($code);)*

        const PAGES: &[(Code, &str)] =
            &[$(($name, include_str!(concat!("codes/", $code, ".md")))),*];
    };
}

codes! {
    /// Something that is no statement, declaration or expression of the language.
    SYNTAX = "E0101";
    /// A bracket that is never closed.
    UNCLOSED = "E0102";
    /// A closing bracket without an opening one.
    CLOSES_NOTHING = "E0103";
    /// A string that is never closed.
    OPEN_STRING = "E0104";
    /// An escape sequence that does not exist.
    ESCAPE = "E0105";
    /// A line of a `"""` string that is indented too little.
    MARGIN = "E0106";
    /// Digits that are no number, percent or duration.
    NUMBER = "E0107";
    /// A string in the quotes of another language.
    QUOTES = "E0108";
    /// A comment of another language.
    FOREIGN_COMMENT = "E0109";
    /// A semicolon.
    SEMICOLON = "E0110";
    /// An operator of another language.
    FOREIGN_OPERATOR = "E0111";
    /// A chain of comparisons.
    CHAINED = "E0112";
    /// `=`, `:` and `==` mixed up.
    WRONG_SIGN = "E0113";
    /// A missing comma.
    NO_COMMA = "E0114";
    /// A missing value.
    MISSING_VALUE = "E0115";
    /// A declaration or statement of which a part is missing.
    INCOMPLETE = "E0116";
    /// A reserved word where a name must stand.
    RESERVED = "E0117";
    /// A statement outside of a body.
    STRAY_STATEMENT = "E0118";
    /// A declaration inside of a body.
    STRAY_DECLARATION = "E0119";
    /// Text that is nested too deeply.
    TOO_DEEP = "E0120";
    /// A loop or branch of another language.
    FOREIGN_CONTROL = "E0121";
    /// A character without a meaning.
    CHARACTER = "E0122";
    /// A handler, modifier or `else` that belongs to nothing.
    MISPLACED = "E0123";
    /// A clause that stands twice.
    TWICE = "E0124";
    /// A call that is not written like one.
    CALL = "E0125";
}
