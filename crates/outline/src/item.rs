//! One item of an outline.

use lockstep_base::node_path::NodePath;
use lockstep_base::source::Name;
use serde::Serialize;

use super::measure::Measure;
use super::{Count, PeakConcurrency};
use lockstep_lang::ir::Order;
use lockstep_plan::Place;

/// What a part of an outline is: a word of the language, or a part of a loop or matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of the language")]
pub enum ItemKind {
    Stage,
    #[default]
    Serial,
    Parallel,
    Matrix,
    /// A value of an axis that is not the last: what happens for it.
    Axis,
    /// Cells that run at once because of `batches`.
    Wave,
    Cell,
    Deploy,
    Step,
    Run,
    Send,
    Fetch,
    Workflow,
    Action,
    /// A branch of an `if` that only the run decides.
    If,
    Barrier,
    Lock,
    Approve,
    Wait,
    Verify,
    On,
    With,
    Log,
    Fail,
    Undo,
    OnFailure,
    Always,
    Watch,
    Between,
}

impl ItemKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Serial => "serial",
            Self::Parallel => "parallel",
            Self::Matrix => "matrix",
            Self::Axis => "axis",
            Self::Wave => "wave",
            Self::Cell => "cell",
            Self::Deploy => "deploy",
            Self::Step => "step",
            Self::Run => "run",
            Self::Send => "send",
            Self::Fetch => "fetch",
            Self::Workflow => "workflow",
            Self::Action => "action",
            Self::If => "if",
            Self::Barrier => "barrier",
            Self::Lock => "lock",
            Self::Approve => "approve",
            Self::Wait => "wait",
            Self::Verify => "verify",
            Self::On => "on",
            Self::With => "with",
            Self::Log => "log",
            Self::Fail => "fail",
            Self::Undo => "undo",
            Self::OnFailure => "on failure",
            Self::Always => "always",
            Self::Watch => "watch",
            Self::Between => "between",
        }
    }
}

/// A part of the plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// What it is called: a name, the values of axes, a command's text, a question.
    pub label: String,
    /// The path of its node, as events and `--if-fails` name it; with a `*` where only the run
    /// knows a cell. Parts of a matrix that are no cells have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<NodePath>,
    /// What is deployed where, if it is a deployment.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<DeployTarget>,
    /// Where a command or a deployment runs, if that is not the machine of the run; `here` for a
    /// command on that machine in a deployment to somewhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether only the run knows where; `place` is then as it is written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub place_unknown: bool,
    /// The pool whose workers carry it out, where one is named and the plan knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// How its items follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// How many cells are in it, if it is a part of a loop or matrix and they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<u64>,
    /// How many of its cells are not in its items.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// How many deployments are in it; left out where there are none.
    #[serde(skip_serializing_if = "Count::is_none")]
    pub deployments: Count,
    /// The most that can run at once in it.
    pub width: PeakConcurrency,
    /// The longest that it can take, in milliseconds, where time limits bound it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u64>,
    /// What passes in any case, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub shortest_ms: u64,
    /// The infrastructures that it locks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// The windows of the infrastructures that it deploys to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<ItemWindow>,
    /// Which of the outline's meetings it is, if it is a barrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting: Option<usize>,
    /// Modifiers and other remarks, in the syntax of the language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// What is done when it is undone, when it fails, and when it ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<Item>,
}

impl Item {
    /// Records where it runs.
    pub(super) fn runs_at(&mut self, place: &Place) {
        (self.place, self.place_unknown) = match place {
            Place::Here => (None, false),
            Place::Known(place) => (Some(place.clone()), false),
            Place::Unknown(written) => (Some(written.clone()), true),
        };
    }

    /// Records what was counted of it.
    pub(super) fn measured(&mut self, measure: &Measure) {
        self.deployments = measure.deployments;
        self.width = measure.width();
        self.longest_ms = measure.longest.run;
        self.shortest_ms = measure.shortest.ms;
    }
}

/// A window in which something must begin and end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ItemWindow {
    /// The window.
    pub window: String,
    /// What has it: an environment, or infrastructures.
    pub of: String,
    /// Its time zone.
    pub zone: String,
    /// The longest that what must fit into it can take, in milliseconds, where it is known before
    /// the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_ms: Option<u64>,
}

/// What is deployed where, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DeployTarget {
    /// The service.
    pub service: String,
    /// The infrastructure.
    pub target: String,
    /// The workflow, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}
