//! Files and variables that a host hands to an engine: from memory, or from a folder on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_runtime::text_file;

/// Files in memory, by their paths.
///
/// ```
/// # use lockstep_api as lockstep;
/// use lockstep::{Engine, MemoryFiles};
///
/// let files = MemoryFiles::new().with("a.deploy", "pipeline p { log \"hello\" }");
/// let engine = Engine::builder().files(files).build();
/// assert!(engine.compile("a.deploy").is_ok());
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles(BTreeMap<String, String>);

impl MemoryFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.insert(path.into(), text.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.0.get(path).cloned().ok_or(FileError::NotFound)
    }
}

/// Files on disk. Relative paths begin at a folder.
#[derive(Debug, Clone)]
pub struct DiskFiles {
    folder: PathBuf,
}

impl DiskFiles {
    /// Files whose relative paths begin at this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        text_file::read(&self.folder.join(path))
    }

    fn real(&self, path: &str) -> Option<String> {
        text_file::real(&self.folder.join(path))
    }

    fn folder(&self, name: &str) -> Option<String> {
        text_file::folder(&self.folder.join(name))
    }
}

/// Variables for `env("NAME")`, by their names. An engine that is given none has none: the
/// library does not read the environment of its process.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.insert(name.into(), text.into());
        self
    }
}

impl FromIterator<(String, String)> for Variables {
    /// Such as `std::env::vars().collect()`.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl EnvironmentVariables for Variables {
    fn var(&self, name: &str) -> Result<String, VariableError> {
        self.0.get(name).cloned().ok_or(VariableError::NotSet)
    }
}
