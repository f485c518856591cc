//! The plans of every pipeline of a program, as `check` and `lint` need them, and what is wrong
//! with them. What is known before a run is the same for all, so it is found once.

use std::collections::HashMap;

use lockstep_base::diagnostic::codes::Code;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::world::{EnvironmentVariables, Files};
use lockstep_lang::ir::Program;
use lockstep_plan::{Plan, RunRequest, bind, missing};

use super::proved_to_end;

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
    let of = |pipeline: &str| RunRequest {
        pipeline: Some(pipeline.to_string()),
        ..asked.clone()
    };
    let Some(first) = program.pipelines.first() else {
        return;
    };
    let any = RunRequest {
        pipeline: None,
        ..asked.clone()
    };
    // Where an input is missing, pipelines that do without it can be planned all the same.
    let all_known = missing(program, &any).next().is_none();
    let bound: Vec<_> = match all_known {
        true => vec![bind(program, &of(&first.name), environment, files)],
        false => (program.pipelines.iter())
            .map(|pipeline| of(&pipeline.name))
            .filter(|asked| missing(program, asked).next().is_none())
            .map(|asked| bind(program, &asked, environment, files))
            .collect(),
    };
    for bound in bound {
        let bound = match bound {
            Ok(bound) if all_known => bound.of_each_pipeline().collect(),
            Ok(bound) => vec![bound],
            Err(found) => {
                found.into_iter().for_each(|it| mistakes.add(it));
                continue;
            }
        };
        for bound in bound {
            match proved_to_end(bound) {
                Ok(plan) => see(plan, mistakes),
                Err(found) => found.into_iter().for_each(|it| mistakes.add(it)),
            }
        }
    }
}
