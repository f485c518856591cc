//! Static verification of plans and conformance of runs: deadlock detection, what-if analysis of
//! failures, `test` blocks, and whether a run has followed its plan. Must not execute anything.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod conformance;
pub mod deadlock;
mod every_pipeline;
mod lock_limits;
mod missing_files;
pub mod simulate;
pub mod testing;
pub mod what_if;

use std::sync::Arc;

pub use every_pipeline::{DistinctMistakes, each_plan};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::node_path::NodePath;
use lockstep_base::value::Value;
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::ir::Program;
use lockstep_plan::{BoundInputs, PipelinePart, Plan, RunRequest, part_of};

use lockstep_outline::{infeasible_timeouts, window_faults};

/// The plan that follows from a program and its facts, proved to end.
///
/// # Errors
///
/// What is wrong with the plan, how a run of it could wait for ever, or which of its expressions
/// have no value with these inputs.
pub fn proved(bound: BoundInputs) -> Result<Plan, Vec<Diagnostic>> {
    let plan = proved_to_end(bound)?;
    let faults = plan.known_faults();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(plan)
}

/// The plan of a part of a pipeline, proved to end. `lent` has the values of nodes that another run
/// has made.
///
/// # Errors
///
/// Where there is no such part, a value is missing that what is left out would have made, or the
/// plan is wrong.
pub fn proved_part(
    plan: &Plan,
    part: &PipelinePart,
    lent: &dyn Fn(&NodePath) -> Option<Value>,
) -> Result<Plan, Vec<Diagnostic>> {
    proved(BoundInputs {
        program: Arc::new(part_of(plan, part, lent)?),
        ..plan.bound.clone()
    })
}

/// The same, whatever values its expressions have: those of inputs that a file is checked with are
/// only their defaults.
fn proved_to_end(bound: BoundInputs) -> Result<Plan, Vec<Diagnostic>> {
    let plan = Plan::new(bound)?;
    plan.queue().map_err(|mistake| vec![*mistake])?;
    let misfits = plan.misfits();
    if !misfits.is_empty() {
        return Err(misfits);
    }
    let faults = window_faults(&plan);
    if !faults.is_empty() {
        return Err(faults);
    }
    lock_limits::check(&plan)?;
    deadlock::report::prove(&plan)?;
    Ok(plan)
}

/// Plans every pipeline of a program that needs no inputs, and returns what is wrong with them, and
/// with the patterns of its tests: what `check` can say beyond types. What depends on the caller's
/// environment or on what is in files that are read while planning is left to the run; files that
/// are not there are warnings.
pub fn check(
    program: &Program,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> Vec<Diagnostic> {
    let mut mistakes = DistinctMistakes::default();
    let asked = RunRequest::default();
    let see = &mut |plan: Plan, mistakes: &mut DistinctMistakes| {
        let found = infeasible_timeouts(&plan);
        found.into_iter().for_each(|it| mistakes.add(it));
    };
    each_plan(program, &asked, environment, files, &mut mistakes, see);
    for mistake in testing::stray_patterns(program) {
        mistakes.add(mistake);
    }
    let mut found = mistakes.into_list();
    found.extend(missing_files::missing_files(program, files));
    found
}
