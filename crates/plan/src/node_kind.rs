//! The kinds of nodes, and the questions that several ask of them: each with an answer for every
//! kind, so that a new one must have one.

use serde::{Deserialize, Serialize};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of the language")]
pub enum NodeKind {
    Pipeline,
    Stage,
    Serial,
    Parallel,
    /// A cell of a loop or matrix.
    Cell,
    Deploy,
    Step,
    Run,
    Workflow,
    Action,
    Barrier,
    Lock,
    Approve,
    Wait,
    Verify,
    Log,
    Undo,
}

/// The locks that a node holds while what is in it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldLocks {
    /// Those of its infrastructure.
    Infrastructure,
    /// Those that it names.
    Named,
    /// None of its own.
    None,
}

impl NodeKind {
    /// Whether no other node can be in it, so that its end prevents no strand from reaching a
    /// barrier.
    pub fn is_leaf(self) -> bool {
        match self {
            Self::Action | Self::Approve | Self::Barrier | Self::Log | Self::Run | Self::Wait => {
                true
            }
            Self::Pipeline
            | Self::Stage
            | Self::Serial
            | Self::Parallel
            | Self::Cell
            | Self::Deploy
            | Self::Step
            | Self::Workflow
            | Self::Lock
            | Self::Verify
            | Self::Undo => false,
        }
    }

    /// Whether people are told how long it took.
    pub fn is_timed(self) -> bool {
        match self {
            Self::Stage
            | Self::Deploy
            | Self::Step
            | Self::Run
            | Self::Workflow
            | Self::Action
            | Self::Approve
            | Self::Wait
            | Self::Verify
            | Self::Undo => true,
            Self::Pipeline
            | Self::Serial
            | Self::Parallel
            | Self::Cell
            | Self::Log
            | Self::Lock
            | Self::Barrier => false,
        }
    }

    /// The locks that it holds while what is in it runs.
    pub fn held_locks(self) -> HeldLocks {
        match self {
            Self::Deploy => HeldLocks::Infrastructure,
            Self::Lock => HeldLocks::Named,
            Self::Pipeline
            | Self::Stage
            | Self::Serial
            | Self::Parallel
            | Self::Cell
            | Self::Step
            | Self::Run
            | Self::Workflow
            | Self::Action
            | Self::Barrier
            | Self::Approve
            | Self::Wait
            | Self::Verify
            | Self::Log
            | Self::Undo => HeldLocks::None,
        }
    }
}
