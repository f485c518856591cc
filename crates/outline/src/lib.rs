//! The outline of a plan as people and tools read it before the run (dry run): a tree of what
//! happens, in which order and with which concurrency, with locks and barriers.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod beside;
mod builder;
mod cells;
mod infeasible_timeouts;
mod item;
mod labels;
mod list;
mod longest_time;
mod measure;
pub(crate) mod minimum_time;
mod peak_load;
mod statement;
mod waves;
mod window_time;

use lockstep_base::node_path::NodePath;
use lockstep_base::source::FileId;
use serde::Serialize;

pub(crate) use builder::{InfeasibleTimeout, OutlineBuilder};
pub use infeasible_timeouts::infeasible_timeouts;
use item::is_zero;
pub use item::{DeployTarget, Item, ItemKind, ItemWindow};
use lockstep_base::value::{Type, Value};
use lockstep_lang::ir::{Global, GlobalSource};
use lockstep_plan::Plan;
pub use measure::Count;
pub use window_time::{
    LockHolder, UnboundedTime, WindowTime, places_text, window_faults, windows_of,
};

/// The version of this form. Within a version fields are added, never changed or taken away.
pub const VERSION: u32 = 1;

/// A plan before the run. As JSON it is the stable form of `lockstep plan --format json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Outline {
    /// [`VERSION`].
    pub version: u32,
    /// The pipeline.
    pub pipeline: String,
    /// Its documentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// The inputs and their values.
    pub inputs: Vec<Input>,
    /// The fields that are set for this run, by their paths, and their values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<Input>,
    /// How many deployments there are.
    pub deployments: Count,
    /// The most that can run at once.
    pub width: PeakConcurrency,
    /// The longest that it can take, in milliseconds, where time limits bound it: with its tries,
    /// handlers and rollbacks. Waiting for other runs comes on top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u64>,
    /// What passes in any case, in milliseconds: what waits and verifications are written to take.
    #[serde(skip_serializing_if = "is_zero")]
    pub shortest_ms: u64,
    /// The windows of the infrastructures that it deploys to outside its stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<ItemWindow>,
    /// The infrastructures that it locks as a whole, for deployments outside its stages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// Its modifiers and handlers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What happens, one item after the other.
    pub items: Vec<Item>,
    /// What is done when it fails, and when it ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<Item>,
    /// The meetings at barriers that are in listed items.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub meetings: Vec<BarrierMembers>,
    /// The stages that have to take turns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<SerializedStages>,
}

/// An input and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its value as a person would write it.
    pub value: String,
}

/// The most that can run at once. Nothing where only the run knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PeakConcurrency {
    /// Deployments.
    pub deployments: Option<u64>,
    /// Commands and actions, those of deployments too.
    pub commands: Option<u64>,
}

/// A meeting at a barrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BarrierMembers {
    /// The barrier, with its key if it has one.
    pub barrier: String,
    /// The values of the axes that are fixed for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub within: String,
    /// How many strands meet.
    pub strands: u64,
    /// Whether more come than those, or others, as only the run knows a list or a key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// The first of them.
    pub who: Vec<String>,
}

/// Two stages that could run at the same time but for their locks: one runs after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SerializedStages {
    /// The paths of the stages.
    pub stages: [NodePath; 2],
    /// The infrastructures that both lock.
    pub locks: Vec<String>,
}

/// Whether an input has a value: one that the pipeline does not reach may have none.
fn is_given(global: &Global, value: &Value) -> bool {
    match &global.source {
        GlobalSource::Input { default, .. } => {
            let may_be_none = matches!(global.ty, Type::Optional(_));
            default.is_some() || may_be_none || *value != Value::None
        }
        GlobalSource::Let(_) => false,
    }
}

impl Outline {
    /// The outline of a plan, with at most 60 cells of each loop or matrix.
    pub fn of(plan: &Plan) -> Self {
        Self::with(plan, 60)
    }

    /// The outline of a plan, with at most `cells` cells of each loop or matrix. What only the run
    /// knows is marked as such.
    pub fn with(plan: &Plan, cells: usize) -> Self {
        let program = &plan.bound.program;
        let seen = |value: &Value| plan.bound.facts.seen_from(FileId(0), value.clone());
        let globals = program.globals.iter().zip(&plan.bound.facts.globals);
        let inputs = globals
            .filter(|(global, value)| is_given(global, value))
            .map(|(global, value)| Input {
                name: global.name.to_string(),
                value: labels::shown(program, &seen(value)),
            })
            .collect();
        let set = (plan.bound.facts.set.iter())
            .map(|(path, value)| Input {
                name: path.to_string(),
                value: labels::shown(program, &seen(value)),
            })
            .collect();
        let pipeline = plan.bound.pipeline();
        let mut whole = OutlineBuilder::new(plan, cells).whole();
        // How large cells are is known when some have been listed.
        if let Some(room) = builder::more_cells(&whole.root.items, cells) {
            whole = OutlineBuilder::new(plan, cells).with_room(room).whole();
        }
        // A plan whose queue is not known is refused.
        let queue = plan.queue().ok().flatten().map(|queue| queue.written());
        let notes = queue.into_iter().chain(whole.root.notes).collect();
        Self {
            version: VERSION,
            pipeline: pipeline.name.to_string(),
            doc: pipeline.doc.as_ref().map(ToString::to_string),
            inputs,
            set,
            deployments: whole.root.deployments,
            width: whole.root.width,
            longest_ms: whole.root.longest_ms,
            shortest_ms: whole.root.shortest_ms,
            windows: whole.root.windows,
            locks: whole.root.locks,
            notes,
            items: whole.root.items,
            handlers: whole.root.handlers,
            meetings: whole.meetings,
            turns: whole.turns,
        }
    }

    /// How much is to be done in the pipeline and in each of its stages, as far as it is known.
    pub fn work(&self) -> Vec<PlannedWork> {
        let mut all = vec![PlannedWork {
            path: self.pipeline.as_str().into(),
            deployments: self.deployments.least,
            cells: 0,
        }];
        let mut open: Vec<(&Item, usize)> = self.items.iter().rev().map(|item| (item, 0)).collect();
        while let Some((item, mut at)) = open.pop() {
            if let (ItemKind::Stage, Some(path)) = (item.kind, &item.path) {
                at = all.len();
                all.push(PlannedWork {
                    path: path.clone(),
                    deployments: item.deployments.least,
                    cells: 0,
                });
            }
            match item.cells {
                Some(cells) if item.deployments.is_none() => all[at].cells += cells,
                _ => open.extend(item.items.iter().rev().map(|item| (item, at))),
            }
        }
        all
    }

    /// How many cells the loops have that deploy nothing; of loops in loops the outermost ones.
    pub fn cells_without_deployments(&self) -> u64 {
        self.work().iter().map(|work| work.cells).sum()
    }
}

/// How much is to be done in a pipeline or a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWork {
    /// The path of the pipeline or the stage.
    pub path: NodePath,
    /// How many deployments there are at least.
    pub deployments: u64,
    /// How many cells its loops have that deploy nothing; for a pipeline those outside of stages.
    pub cells: u64,
}
