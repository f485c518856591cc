//! From a program to a plan: inputs bound, everything evaluated that is known before the run, calls
//! inlined, and each barrier assigned to the block in which its strands meet.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod barrier_scope;
mod bind;
mod cell_numbers;
mod declared;
mod deployed;
mod facts;
mod from_data;
mod given_names;
pub mod grid;
mod locals;
mod lock_names;
mod node_kind;
mod part;
mod paths;
mod pattern_steps;
mod place;
mod pools;
mod queue;
mod required_programs;
mod run_facts;
pub mod schedule;
mod secret_uses;
pub mod share;
mod sibling_names;
mod tree;
pub mod triggers;
mod walk;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use barrier_scope::BarrierScope;
pub use bind::{DeclaredValues, InputValue, RunRequest, bind, inputs, missing, try_input};
pub use cell_numbers::CellNumbers;
pub use declared::display;
pub use deployed::DeployedVersion;
pub use facts::{EvalScope, Facts, FieldValues, resolve_beside};
pub use from_data::with_made;
pub use locals::Locals;
pub use lock_names::{
    infrastructure_lock, lock_for_people, lock_name_exprs, named_lock, queue_lock, queue_of_lock,
};
use lockstep_base::diagnostic::Diagnostic;
pub use lockstep_lang::ir::{InputUses, input_uses, needed_inputs, settable_fields};
use lockstep_lang::ir::{Pipeline, Program};
pub use node_kind::{HeldLocks, NodeKind};
pub use part::{PipelinePart, part_of};
pub use pattern_steps::{
    NodeForms, OtherName, PatternStep, SourceNode, SourceNodes, ValueForms, written,
};
pub use place::{Place, PlacePools, connection_text, has_local_files};
pub use queue::RunQueue;
pub use required_programs::RequiredProgram;
pub use run_facts::{MAX_COMMANDS, RunFacts};
pub use tree::{PlanNode, PlanSequence, PlanTree, TreeId, called_workflows};
pub use walk::{
    BarrierKey, BarrierName, BodySummary, FirstCell, MatrixAxes, MatrixCell, PlanWalk,
    ResolvedDeployment, body, stage_value, too_many_cells,
};

/// A program with one of its pipelines and the facts of one run: all that is stored with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoundInputs {
    /// The program.
    pub program: Arc<Program>,
    /// The pipeline, by place.
    pub pipeline: u32,
    /// What is known before the run.
    pub facts: Arc<Facts>,
}

/// A plan: what is stored with a run, and what follows from it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program and its facts.
    pub bound: BoundInputs,
    /// The skeleton.
    pub tree: PlanTree,
    /// Where each barrier's strands meet.
    pub meetings: Vec<BarrierScope>,
}

impl BoundInputs {
    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.program.pipelines[self.pipeline as usize]
    }

    /// The same for each pipeline of the program: what is known before a run does not depend on
    /// which of them it is.
    pub fn of_each_pipeline(&self) -> impl Iterator<Item = Self> {
        (0..self.program.pipelines.len()).map(|pipeline| Self {
            program: self.program.clone(),
            pipeline: pipeline as u32,
            facts: self.facts.clone(),
        })
    }
}

impl Plan {
    /// The plan that follows from a program and its facts. Whether every run of it ends is proved
    /// elsewhere.
    pub fn new(bound: BoundInputs) -> Result<Self, Vec<Diagnostic>> {
        let mut tree = PlanTree::build(&bound).map_err(|diagnostic| vec![diagnostic])?;
        let meetings = barrier_scope::barrier_scopes(&bound.program, &mut tree)?;
        Ok(Self {
            bound,
            tree,
            meetings,
        })
    }

    /// A walk over it before it runs.
    pub fn walk(&self) -> PlanWalk<'_> {
        PlanWalk {
            bound: &self.bound,
            tree: &self.tree,
            run: None,
            skip_holders: false,
            misfits: None,
            one_cell_of: None,
        }
    }
}
