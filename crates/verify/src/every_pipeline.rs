//! The plans of every pipeline of a program, as `check` and `lint` need them, and what is wrong
//! with them. What is known before a run is the same for all, so it is found once.

use std::collections::HashMap;

use lockstep_base::diagnostic::codes::Code;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::ir::Program;
use lockstep_plan::{Plan, RunRequest, bind, missing};

use super::proved;

/// Mistakes in the order in which they were found, each once.
#[derive(Debug, Default)]
pub struct DistinctMistakes {
    found: Vec<Diagnostic>,
    by_place: HashMap<(Code, Option<Span>), Vec<usize>>,
}

impl DistinctMistakes {
    /// Adds a mistake that is not among them. What depends on the caller's environment or on files
    /// that are read while planning is left to the run.
    pub fn add(&mut self, mistake: Diagnostic) {
        if [codes::ENV, codes::FILE].contains(&mistake.code) {
            return;
        }
        let place = (mistake.code, mistake.span());
        let there = self.by_place.entry(place).or_default();
        if !there.iter().any(|at| self.found[*at] == mistake) {
            there.push(self.found.len());
            self.found.push(mistake);
        }
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.found
    }
}

/// Plans each pipeline whose inputs are known, whichever the request names, and passes each plan to
/// `see`, one after the other.
pub fn each_plan(
    program: &Program,
    asked: &RunRequest,
    environment: &dyn EnvironmentVariables,
    files: &dyn Files,
    mistakes: &mut DistinctMistakes,
    see: &mut dyn FnMut(Plan, &mut DistinctMistakes),
) {
    let Some(first) = program.pipelines.first() else {
        return;
    };
    if missing(program, asked).next().is_some() {
        return;
    }
    let asked = RunRequest {
        pipeline: Some(first.name.to_string()),
        ..asked.clone()
    };
    match bind(program, &asked, environment, files) {
        Ok(bound) => {
            for bound in bound.of_each_pipeline() {
                match proved(bound) {
                    Ok(plan) => see(plan, mistakes),
                    Err(found) => found.into_iter().for_each(|it| mistakes.add(it)),
                }
            }
        }
        Err(found) => found.into_iter().for_each(|it| mistakes.add(it)),
    }
}
