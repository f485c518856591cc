//! Queues, in which the runs of pipelines wait for each other.

use serde::{Deserialize, Serialize};

use crate::eval::Expr;

/// A queue of runs, which go one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name, a text that is known before the run.
    pub name: Expr,
    /// Which of the runs that wait are kept.
    pub keep: QueueKeep,
}

/// Which of the runs that wait in a queue are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueKeep {
    /// All of them.
    #[default]
    All,
    /// The latest one; an older one that has not begun is put aside.
    Latest,
}

impl QueueKeep {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::All, Self::Latest];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Latest => "latest",
        }
    }
}
