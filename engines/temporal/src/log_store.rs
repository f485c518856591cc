//! Where the output of commands is kept: whole, and not in the history. Workers write it, and who
//! follows a run reads it.

use std::path::{Path, PathBuf};

use lockstep_base::node_path::NodePath;
use lockstep_runtime::logs::{LogAccess, LogError, RunLogs, file_name, log_names, node_of};

/// A folder that all workers, and who follows runs, can reach.
#[derive(Debug, Clone)]
pub struct LogStore {
    folder: PathBuf,
}

/// A log that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentLog {
    /// The node.
    pub node: NodePath,
    /// Its length in bytes.
    pub length: u64,
}

/// A new piece of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPiece {
    /// The node.
    pub node: NodePath,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// The piece.
    pub bytes: Vec<u8>,
}

/// A piece is not longer than this.
const MAX_PIECE_BYTES: u64 = 1024 * 1024;

impl LogStore {
    /// A store in a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { folder }
    }

    fn of_run(&self, run: &str) -> PathBuf {
        self.folder.join(run)
    }

    /// The logs of a run, to write into. Each node is written by one worker at a time.
    pub fn logs(&self, run: &str) -> RunLogs {
        RunLogs::new(self.folder.clone(), self.of_run(run), LogAccess::Group)
    }

    /// The logs of a run that there are by now, and how long they are.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn present(&self, run: &str) -> Result<Vec<PresentLog>, LogError> {
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
    pub fn new_pieces(
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

/// How much of each log is known.
#[derive(Debug, Clone, Default)]
pub struct LogEnds(std::collections::HashMap<NodePath, u64>);
