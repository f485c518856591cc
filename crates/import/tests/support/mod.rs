//! What the tests of samples share.

use lockstep_base::world::{EnvironmentVariables, FileError, Files, VariableError};
use lockstep_import::SourceFile;

/// One file, in memory.
pub struct OneFile<'t>(pub &'t str);

impl Files for OneFile<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match path == "imported.deploy" {
            true => Ok(self.0.to_string()),
            false => Err(FileError::NotFound),
        }
    }
}

/// An environment without variables.
pub struct NoVariables;

impl EnvironmentVariables for NoVariables {
    fn var(&self, _: &str) -> Result<String, VariableError> {
        Err(VariableError::NotSet)
    }
}

/// The files of a sample.
pub fn files(name: &str, text: &str) -> Vec<SourceFile> {
    let mut files = vec![SourceFile {
        path: name.to_string(),
        text: String::new(),
    }];
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("# file: ") {
            files.push(SourceFile {
                path: path.trim().to_string(),
                text: String::new(),
            });
            continue;
        }
        let last = files.last_mut().unwrap();
        last.text.push_str(line);
        last.text.push('\n');
    }
    files
}
