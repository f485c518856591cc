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
    /// A command without words.
    COMMAND_EMPTY = "E0601";
    /// Quotes, brackets or a keyword in a command without their other half.
    COMMAND_UNCLOSED = "E0602";
    /// A command that nests too deeply.
    COMMAND_TOO_DEEP = "E0603";
    /// A command with a character that no command can hold.
    COMMAND_NUL = "E0604";
    /// An interpolation inside single quotes of a command.
    VALUE_IN_SINGLE_QUOTES = "E0605";
    /// An interpolation inside `$'…'` of a command.
    VALUE_IN_ESCAPED_QUOTES = "E0606";
    /// An interpolation inside backticks of a command.
    VALUE_IN_BACKTICKS = "E0607";
    /// An interpolation in a here-document whose mark is quoted.
    VALUE_IN_QUOTED_HEREDOC = "E0608";
    /// An interpolation in a pattern in a here-document.
    VALUE_IN_HEREDOC_PATTERN = "E0609";
    /// An interpolation as the name of a command.
    VALUE_AS_COMMAND = "E0610";
    /// An interpolation where a shell calculates.
    VALUE_IN_ARITHMETIC = "E0611";
    /// An interpolation as the mark of a here-document.
    VALUE_AS_MARK = "E0612";
    /// An interpolation as the name of a shell variable.
    VALUE_AS_VARIABLE = "E0613";
    /// An interpolation directly behind a `$` or a backslash.
    VALUE_AFTER_MARK = "E0614";
    /// An interpolation in text that a command executes as code.
    VALUE_AS_CODE = "E0615";
    /// An interpolation in the command that `ssh` hands to a shell.
    VALUE_OVER_SSH = "E0616";
    /// A list interpolated into a word of a command.
    LIST_IN_WORD = "E0617";
    /// An interpolation in a replacement that the shell splits.
    VALUE_IN_SPLIT_REPLACEMENT = "E0618";
}
