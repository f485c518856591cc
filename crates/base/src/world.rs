//! The outside that compiling and planning need, as traits: files and the caller's environment.
//! It does not know which of them exist; the command line, a test or an embedder supplies them.

/// Where source files are read from.
pub trait Files {
    /// The text of the file at `path` (as a person wrote it, joined lexically to its importer's
    /// folder). The error is a sentence for people: `no such file`.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// Variables of the caller's environment.
pub trait Environment {
    /// The variable's text, if it is set.
    fn var(&self, name: &str) -> Option<String>;
}
