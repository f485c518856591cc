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

    /// What it is, in a few words: the title line of its page without the code.
    pub fn title(self) -> &'static str {
        let line = self.page().lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
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
}
