//! Where the output of commands is kept: whole, and not in the history. Workers write it, and who
//! follows a run reads it.

mod bucket;
mod folder;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use lockstep_base::node_path::NodePath;
use lockstep_runtime::logs::{LogError, RunLogs};
use lockstep_runtime::process::OutputLine;

use bucket::BucketLogs;
pub use bucket::{BucketError, BucketWriter};
use folder::FolderLogs;

/// A piece is not longer than this.
const MAX_PIECE_BYTES: u64 = 1024 * 1024;

/// Why a log cannot be written or read: a sentence for people, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStoreError(String);

impl std::fmt::Display for LogStoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LogStoreError {}

impl From<LogError> for LogStoreError {
    fn from(error: LogError) -> Self {
        Self(error.to_string())
    }
}

impl From<BucketError> for LogStoreError {
    fn from(error: BucketError) -> Self {
        Self(error.to_string())
    }
}

/// A store of logs: a folder, or a bucket of an object store.
#[derive(Debug, Clone)]
pub struct LogStore(Place);

#[derive(Debug, Clone)]
enum Place {
    Folder(FolderLogs),
    Bucket(BucketLogs),
}

impl LogStore {
    /// The store that is named: a folder, or `s3://BUCKET/PREFIX`. `variable` reads a variable of
    /// the environment: those of the tools of AWS say how a bucket is reached.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn named(
        name: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, LogStoreError> {
        Ok(Self(match name.strip_prefix("s3://") {
            Some(bucket) => Place::Bucket(BucketLogs::named(bucket, variable)?),
            None => Place::Folder(FolderLogs::new(PathBuf::from(name))),
        }))
    }

    /// The time between two looks at what there is.
    pub fn look_interval(&self) -> Duration {
        match &self.0 {
            Place::Folder(_) => Duration::ZERO,
            // Each look is a request, which costs.
            Place::Bucket(_) => Duration::from_secs(1),
        }
    }

    /// What writes the log of a node of a run. One writes it at a time.
    pub fn writer(&self, run: &str, node: &NodePath) -> LogWriter {
        LogWriter(match &self.0 {
            Place::Folder(folder) => Writer::Folder(folder.logs(run), node.clone()),
            Place::Bucket(bucket) => Writer::Bucket(bucket.writer(run, node)),
        })
    }

    /// The logs of a run that there are by now, and how long they are. It may block.
    ///
    /// # Errors
    ///
    /// If they cannot be listed.
    pub fn present(&self, run: &str) -> Result<Vec<PresentLog>, LogStoreError> {
        Ok(match &self.0 {
            Place::Folder(folder) => folder.present(run)?,
            Place::Bucket(bucket) => bucket.present(run)?,
        })
    }

    /// What is new in the log of a node behind these ends, which are moved on; not more than it had
    /// when it was this long. It may block.
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
    ) -> Result<Vec<LogPiece>, LogStoreError> {
        Ok(match &self.0 {
            Place::Folder(folder) => folder.new_pieces(run, node, limit, ends)?,
            Place::Bucket(bucket) => bucket.new_pieces(run, node, limit, ends)?,
        })
    }
}

/// Writes the log of one node.
pub struct LogWriter(Writer);

enum Writer {
    Folder(RunLogs, NodePath),
    Bucket(BucketWriter),
}

impl LogWriter {
    /// Appends a line, or a piece of one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn line(&mut self, line: OutputLine<'_>) -> Result<(), LogStoreError> {
        match &mut self.0 {
            Writer::Folder(logs, node) => logs.line(node, line)?,
            Writer::Bucket(writer) => writer.line(line),
        }
        Ok(())
    }

    /// Writes what has been appended, so that others can read it. It may block.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<(), LogStoreError> {
        match &mut self.0 {
            Writer::Folder(logs, _) => logs.flush()?,
            Writer::Bucket(writer) => writer.flush()?,
        }
        Ok(())
    }
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

/// How much of each log is known.
#[derive(Debug, Clone, Default)]
pub struct LogEnds(HashMap<NodePath, u64>);
