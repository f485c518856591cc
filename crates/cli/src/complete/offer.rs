//! Something that could stand at the cursor. It does not know why.

/// A word, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The whole word. One that ends in `/`, `=` or `,` goes on.
    pub value: String,
    /// What it is, in a few words; may be empty.
    pub what: String,
}

impl Offer {
    /// A word that needs no explanation.
    pub fn plain(value: impl Into<String>) -> Self {
        Self::new(value, "")
    }

    /// A word, and what it is.
    pub fn new(value: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            what: what.into(),
        }
    }

    /// The same behind something that is written already.
    pub fn behind(self, prefix: &str) -> Self {
        Self {
            value: format!("{prefix}{}", self.value),
            what: self.what,
        }
    }
}
