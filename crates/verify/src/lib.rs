//! Static verification of plans and conformance of runs: deadlock detection, what-if analysis of
//! failures, `test` blocks, and whether a run has followed its plan. Must not execute anything.

#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod conformance;
pub mod deadlock;
pub mod simulate;
pub mod testing;
pub mod what_if;

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::ir::Program;
use lockstep_plan::{BoundInputs, Plan, RunRequest, bind, missing};

use lockstep_outline::infeasible_timeouts;

/// The plan that follows from a program and its facts, proved to end.
///
/// # Errors
///
/// What is wrong with the plan, or how a run of it could wait for ever.
pub fn proved(bound: BoundInputs) -> Result<Plan, Vec<Diagnostic>> {
    let plan = Plan::new(bound)?;
    deadlock::report::prove(&plan)?;
    Ok(plan)
}

/// Plans every pipeline of a program that needs no inputs, and returns what is wrong with them:
/// what `check` can say beyond types. What depends on the caller's environment or on files that
/// are read while planning is left to the run.
pub fn check(
    program: &Program,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
) -> Vec<Diagnostic> {
    let outside = [codes::ENV, codes::FILE];
    let mut found: Vec<Diagnostic> = Vec::new();
    for pipeline in &program.pipelines {
        let asked = RunRequest {
            pipeline: Some(pipeline.name.to_string()),
            ..RunRequest::default()
        };
        if missing(program, &asked).next().is_some() {
            continue;
        }
        let planned = bind(program, &asked, environment, files).and_then(proved);
        let mistakes_found =
            planned.map_or_else(|mistakes| mistakes, |plan| infeasible_timeouts(&plan));
        for mistake in mistakes_found {
            if !outside.contains(&mistake.code) && !found.contains(&mistake) {
                found.push(mistake);
            }
        }
    }
    found
}
