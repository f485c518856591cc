//! Logs in a folder that all workers, and who follows runs, can reach: a file for each node.

use std::path::{Path, PathBuf};

use lockstep_base::node_path::NodePath;
use lockstep_runtime::logs::{LogAccess, LogError, RunLogs, file_name, log_names, node_of};

use super::{LogEnds, LogPiece, MAX_PIECE_BYTES, PresentLog};

/// A folder of logs.
#[derive(Debug, Clone)]
pub(super) struct FolderLogs {
    folder: PathBuf,
}

impl FolderLogs {
    /// A store in a folder.
    pub(super) fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { folder }
    }

    fn of_run(&self, run: &str) -> PathBuf {
        self.folder.join(run)
    }

    /// The logs of a run, to write into. Each node is written by one worker at a time.
    pub(super) fn logs(&self, run: &str) -> RunLogs {
        RunLogs::new(self.folder.clone(), self.of_run(run), LogAccess::Group)
    }

    /// The logs of a run that there are by now, and how long they are.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub(super) fn present(&self, run: &str) -> Result<Vec<PresentLog>, LogError> {
        let folder = self.of_run(run);
        let mut found = Vec::new();
        for name in log_names(&folder)? {
            // One whose name is shortened is read when its command has ended.
            if let Some(node) = node_of(&name) {
                let length = std::fs::metadata(folder.join(&name)).map_or(0, |it| it.len());
                found.push(PresentLog { node, length });
            }
        }
        Ok(found)
    }

    /// What is new in the log of a node behind these ends, which are moved on; not more than it had
    /// when it was this long.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(super) fn new_pieces(
        &self,
        run: &str,
        node: &NodePath,
        limit: u64,
        ends: &mut LogEnds,
    ) -> Result<Vec<LogPiece>, LogError> {
        let mut pieces = Vec::new();
        let path = self.of_run(run).join(file_name(node));
        self.read(&path, node, limit, ends, &mut pieces)?;
        Ok(pieces)
    }

    fn read(
        &self,
        path: &Path,
        node: &NodePath,
        limit: u64,
        ends: &mut LogEnds,
        pieces: &mut Vec<LogPiece>,
    ) -> Result<(), LogError> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let failed = |error: std::io::Error| LogError::new(path, &error);
        let length = match std::fs::metadata(path) {
            Ok(data) => data.len().min(limit),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let end = ends.0.entry(node.clone()).or_default();
        if length <= *end {
            return Ok(());
        }
        let mut file = std::fs::File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(*end)).map_err(failed)?;
        while *end < length {
            let mut bytes = Vec::new();
            let piece = (&mut file).take(MAX_PIECE_BYTES.min(length - *end));
            let mut piece = piece;
            piece.read_to_end(&mut bytes).map_err(failed)?;
            if bytes.is_empty() {
                break;
            }
            let offset = *end;
            *end += bytes.len() as u64;
            let node = node.clone();
            pieces.push(LogPiece {
                node,
                offset,
                bytes,
            });
        }
        Ok(())
    }
}
