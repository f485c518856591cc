//! The events that a run reports: those of `run --format json`, which also feed the live tree and
//! the ledger.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::approval::{is_one, one};
use lockstep_base::node_path::NodePath;
use lockstep_base::source::{Name, Span};
use lockstep_lang::ir::FailureClass;
pub use lockstep_plan::NodeKind;

/// The state of a node, as the language names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It has not been reached.
    Pending,
    /// It is ready, but `max`, `batches` or a lock does not let it in yet.
    Queued,
    /// It waits for others, for time or for a person.
    Waiting,
    /// It runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It failed, and that was counted as well.
    Ignored,
    /// It failed.
    Failed,
    /// It never started.
    Skipped,
    /// It was stopped.
    Cancelled,
    /// A later run has deployed there: it was left alone.
    Superseded,
    /// What it did is being undone.
    RollingBack,
    /// What it did was undone.
    RolledBack,
    /// Taking it back failed.
    RollbackFailed,
}

impl Status {
    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::RollingBack => "rolling-back",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
        }
    }

    /// Whether nothing more happens to it, unless a block around it rolls back.
    pub fn is_final(self) -> bool {
        use Status::{Pending, Queued, RollingBack, Running, Waiting};
        !matches!(self, Pending | Queued | Waiting | Running | RollingBack)
    }

    /// What a line of the ledger says that said `before`: a deployment that a further try does not
    /// come to is as an earlier try has left it.
    pub fn on_line(self, before: Self) -> Self {
        match self {
            Self::Skipped if before.is_final() => before,
            _ => self,
        }
    }

    /// Whether it is an end that is good.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Ignored)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// The class, which `on failure` handlers name.
    pub class: FailureClass,
    /// What happened, in plain words.
    pub message: String,
    /// The path of the node that failed first.
    pub node: NodePath,
    /// Where that node stands in the source.
    pub span: Option<Span>,
    /// What is known of the command that failed. It is the machine's own: no event says it.
    #[serde(skip)]
    pub command: Option<Arc<FailedCommand>>,
}

/// What is known of a command that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FailedCommand {
    /// Its exit code, if it ended with one.
    pub code: Option<i64>,
    /// The end of what it wrote.
    pub output: String,
    /// How it was killed, in plain words, if it did not end when it was asked to.
    pub killed: Option<String>,
}

/// What a waiting node waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "for")]
pub enum WaitReason {
    /// Others at a barrier.
    Barrier {
        /// Its name, with its key if it has one: `BE`, `wave[v2]`.
        name: String,
        /// How many have arrived.
        arrived: usize,
        /// How many must.
        expected: usize,
    },
    /// The run's place in a queue of runs; the node is the pipeline, which has not begun.
    Queue {
        /// The run's id.
        run: Name,
        /// The queue.
        name: Name,
        /// Who is before it.
        #[serde(flatten)]
        queue: LockQueuePosition,
    },
    /// The lock of one or more infrastructures or resources.
    Lock {
        /// Their names.
        names: Vec<Name>,
        /// Who is before it.
        #[serde(flatten)]
        queue: LockQueuePosition,
    },
    /// The windows of the infrastructures that it deploys to.
    Window {
        /// The windows, and what has them.
        windows: Vec<WindowOf>,
        /// When they open for as long as it needs: RFC 3339 in UTC.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens_at: Option<String>,
        /// The same for people, in the time zone of the window.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens: Option<String>,
        /// How long it takes at worst, in milliseconds.
        needs_ms: u64,
    },
    /// The next try.
    Retry {
        /// Which try comes next, from 2.
        attempt: u32,
        /// How many tries there are at most.
        of: u32,
        /// How long until then, in milliseconds.
        after_ms: i64,
        /// Why the try before failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Box<Failure>>,
    },
    /// Time.
    Time {
        /// How long, in milliseconds.
        after_ms: i64,
    },
    /// A person.
    Approval {
        /// The question.
        question: String,
        /// What can be answered: `yes` and `no`, or the ways on after a failure.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Name>,
        /// How long it is waited for an answer, in milliseconds, if there is a limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_ms: Option<i64>,
        /// Who has to say yes, and who has, for an `approve`.
        #[serde(flatten)]
        progress: ApprovalProgress,
    },
}

/// A window, and what has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowOf {
    /// The window.
    pub window: Name,
    /// An environment, or infrastructures.
    pub of: String,
}

/// Who has to say yes to an `approve`, and who has done so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalProgress {
    /// The groups who may; empty for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// How many people have to.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
    /// Whose yes does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Who has said yes so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yes: Vec<Name>,
}

impl Default for ApprovalProgress {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            count: 1,
            except: Vec::new(),
            yes: Vec::new(),
        }
    }
}

/// Who is before a node that waits for locks, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockQueuePosition {
    /// Who holds the locks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<RunLockHolder>,
    /// How many others wait for one of them and came before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ahead: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLockHolder {
    /// The lock's name.
    pub lock: Name,
    /// The holder's run.
    pub run: Name,
    /// The node of that run which took it.
    pub node: NodePath,
    /// For how long it has held it, in milliseconds.
    pub held_ms: i64,
}

/// Which stream of a command a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of the field")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// One event of a run: its number, its time, and what happened. As JSON it is one flat object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Its number in the run, from 1.
    pub seq: u64,
    /// When. As JSON it is RFC 3339 in UTC with milliseconds.
    #[serde(with = "milliseconds")]
    pub at: jiff::Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: RunEventKind,
}

/// Times as texts: RFC 3339 in UTC with milliseconds.
mod milliseconds {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{at:.3}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEventKind {
    /// The run begins.
    RunStarted {
        /// The run's id.
        run: Name,
        /// The pipeline.
        pipeline: Name,
        /// Why it does not ask the windows of what it deploys to, if it does not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outside_window: Option<Name>,
    },
    /// The run continues after it was stopped. The commands that had not ended are run again, each
    /// with an event that it starts.
    RunResumed {
        /// The run's id.
        run: Name,
        /// The name of who resumed it.
        by: Name,
        /// The user id of who resumed it, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<u32>,
    },
    /// A node begins.
    NodeStarted {
        /// Its path.
        node: NodePath,
        /// What it is.
        kind: NodeKind,
        /// A few words: a command's text, a question, a log's text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// Where it runs, for a command that does not run on the machine of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
        /// What is deployed where, for a deployment that begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment: Option<DeploymentRecord>,
    },
    /// A node waits; another event of the node follows when it continues or ends.
    NodeWaiting {
        /// Its path.
        node: NodePath,
        /// What it is.
        kind: NodeKind,
        /// What for.
        waiting: WaitReason,
    },
    /// The windows of infrastructures are open for as long as what deploys there needs: it takes
    /// its locks, or goes on with them.
    WindowOpen {
        /// The path of the stage, or of what else takes the locks.
        node: NodePath,
        /// The windows, and what has them.
        windows: Vec<WindowOf>,
        /// The infrastructures.
        targets: Vec<Name>,
        /// How long it takes at worst, in milliseconds.
        needs_ms: u64,
    },
    /// A command wrote a line. Secrets are masked.
    NodeOutput {
        /// The command's path.
        node: NodePath,
        /// Where to.
        stream: Stream,
        /// The line, without its end.
        text: String,
    },
    /// A node ended, or began to roll back (`rolling-back`), or has rolled back.
    NodeFinished {
        /// Its path.
        node: NodePath,
        /// What it is.
        kind: NodeKind,
        /// How.
        status: Status,
        /// Why, where it is not good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// For a deployment: what there was before and is now, as its workflow says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment: Option<DeploymentRecord>,
    },
    /// A rollback has passed over something that has no way back (`undo none`).
    NoWayBack {
        /// The path of what is not taken back.
        node: NodePath,
        /// Why it has no way back.
        reason: String,
    },
    /// The run ends.
    RunFinished {
        /// How: succeeded, failed, rollback-failed or cancelled.
        status: Status,
        /// Why, where it is not good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The service.
    pub service: Name,
    /// The infrastructure.
    pub target: Name,
    /// What was there before, where the workflow says so (`return { before: …, after: … }`).
    pub before: Option<String>,
    /// What is there now.
    pub after: Option<String>,
    /// Whether it changed anything, where the workflow says so (`return { changed: … }`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}
