//! From a program to a plan: inputs bound, everything evaluated that is known before the run,
//! calls put in their places, barriers tied to the block in which they meet.
//! It does not know the clock, nor how anything is carried out.

mod bind;
pub mod explore;
mod facts;
pub mod flow;
pub mod grid;
mod hurry;
mod locals;
mod meet;
pub mod outline;
pub mod proof;
mod tree;
mod walk;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, codes};
use crate::ir::{Pipeline, Program};
use crate::world::{Environment, Files};
pub use bind::{Asked, Raw, bind, inputs, missing, try_input};
pub use facts::{Facts, Fields, RunFacts, Sight, beside, display};
pub use hurry::hopeless;
pub use locals::Locals;
pub use meet::Meeting;
pub use outline::Outline;
pub use tree::{Node, NodeKind, Seq, Tree, TreeId};
pub use walk::{BarrierName, Deployment, FoundCell, MatrixAxes, Sum, Walk, body, stage_value};

/// A program with one of its pipelines and the facts of one run: all that is stored with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// The program.
    pub program: Program,
    /// The pipeline, by place.
    pub pipeline: u32,
    /// What is known before the run.
    pub facts: Facts,
}

/// A plan: what is stored with a run, and what follows from it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program and its facts.
    pub bound: Bound,
    /// The skeleton.
    pub tree: Tree,
    /// Where each barrier's strands meet.
    pub meetings: Vec<Meeting>,
}

impl Bound {
    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.program.pipelines[self.pipeline as usize]
    }
}

impl Plan {
    /// The plan that follows from a program and its facts, proved to end.
    pub fn new(bound: Bound) -> Result<Self, Vec<Diagnostic>> {
        let plan = Self::unproved(bound)?;
        proof::prove(&plan)?;
        Ok(plan)
    }

    /// The plan without the proof that it ends: for what compares the two.
    pub fn unproved(bound: Bound) -> Result<Self, Vec<Diagnostic>> {
        let pipeline = bound.pipeline();
        let tree = Tree::build(&bound.program, &pipeline.body, &pipeline.name)
            .map_err(|diagnostic| vec![diagnostic])?;
        let mut plan = Self {
            bound,
            tree,
            meetings: Vec::new(),
        };
        plan.meetings = meet::meetings(&plan.walk())?;
        Ok(plan)
    }

    /// A walk over it before it runs.
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            bound: &self.bound,
            tree: &self.tree,
            run: None,
            skip_stages: false,
        }
    }
}

/// Plans every pipeline of a program that needs no inputs, and returns what is wrong with them:
/// what `check` can say beyond types. What depends on the caller's environment or on files that
/// are read while planning is left to the run.
pub fn check(
    program: &Program,
    environment: &dyn Environment,
    files: &dyn Files,
) -> Vec<Diagnostic> {
    let outside = [codes::ENV, codes::FILE];
    let mut found: Vec<Diagnostic> = Vec::new();
    for pipeline in &program.pipelines {
        let asked = Asked {
            pipeline: Some(pipeline.name.to_string()),
            ..Asked::default()
        };
        if missing(program, &asked).next().is_some() {
            continue;
        }
        let planned = bind(program, &asked, environment, files).and_then(Plan::new);
        let told = planned.map_or_else(|mistakes| mistakes, |plan| hopeless(&plan));
        for mistake in told {
            if !outside.contains(&mistake.code) && !found.contains(&mistake) {
                found.push(mistake);
            }
        }
    }
    found
}
