//! The folder of a run (`run.scratch`): made before its first command, kept while the run can go
//! on, and removed when it has ended.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use lockstep_lang::ir::Program;
use lockstep_lang::ir::visit::uses_scratch;
use lockstep_plan::RunFacts;

/// The folder of a run that uses one.
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes the folder, if the program uses it and it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn of_run(program: &Program, run: &RunFacts) -> std::io::Result<Option<Self>> {
        if run.scratch.is_empty() || !uses_scratch(program) {
            return Ok(None);
        }
        let path = PathBuf::from(&*run.scratch);
        let mut folder = std::fs::DirBuilder::new();
        folder.mode(0o700).recursive(true).create(&path)?;
        Ok(Some(Self(path)))
    }

    /// Removes it, since the run has ended.
    pub fn remove(self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(target: "lockstep::scratch", %error, "the folder of the run is left");
        }
        // That of the last run takes the folder around it along.
        let _ = self.0.parent().map_or(Ok(()), remove_if_empty);
    }
}

fn remove_if_empty(folder: &Path) -> std::io::Result<()> {
    match folder.file_name() {
        Some(name) if name == "scratch" => std::fs::remove_dir(folder),
        _ => Ok(()),
    }
}
