//! A completion and its description.

/// A word, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The whole word. One that ends in `/`, `=` or `,` can be continued.
    pub value: String,
    /// Its description; may be empty.
    pub what: String,
}

impl Candidate {
    /// A completion without a description.
    pub fn plain(value: impl Into<String>) -> Self {
        Self::new(value, "")
    }

    /// A completion with a description.
    pub fn new(value: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            what: what.into(),
        }
    }

    /// The same completion with a prefix that is already typed.
    pub fn behind(self, prefix: &str) -> Self {
        Self {
            value: format!("{prefix}{}", self.value),
            what: self.what,
        }
    }
}
