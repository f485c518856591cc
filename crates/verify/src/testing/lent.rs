//! The `given`s of a test, lent to what-if analysis: what commands and actions return.

use std::sync::Arc;

use super::given::{GivenEffect, GivenRule};
use super::world::{TestWorld, result_of_command};
use crate::simulate::StartedEffect;
use lockstep_base::diagnostic::Diagnostic;
use lockstep_engine::{CommandRequest, EffectOutcome};
use lockstep_lang::ir::{Program, Test, TestKind};
use lockstep_plan::{Plan, RunRequest};

/// What the `given`s of a test say that commands and actions return. What they let fail or refuse
/// is not among it: what fails is what is asked about.
#[derive(Debug, Clone)]
pub struct LentResults {
    rules: Vec<GivenRule>,
}

/// A simulated world with these results.
pub(crate) struct LentWorld(TestWorld);

impl LentResults {
    /// Those of a test, for a plan of its pipeline.
    ///
    /// # Errors
    ///
    /// Mistakes in the values.
    pub fn of(plan: &Plan, test: &Test) -> Result<Self, Vec<Diagnostic>> {
        let mut rules = super::rules(plan, test)?;
        rules.retain(|rule| matches!(rule.then, GivenEffect::Returns(_)));
        Ok(Self { rules })
    }

    pub(crate) fn world(&self, plan: &Arc<Plan>) -> LentWorld {
        LentWorld(TestWorld::new(plan.clone(), self.rules.clone(), Vec::new()))
    }
}

impl LentWorld {
    /// How a command or action ends, if a `given` says so.
    pub(crate) fn outcome(
        &mut self,
        started: &StartedEffect,
        command: Option<&CommandRequest>,
    ) -> Option<EffectOutcome> {
        let result = match command {
            Some(command) => result_of_command(command),
            None => Some(self.0.result_of(started)),
        };
        let given = self.0.given_outcome(started, result.as_ref());
        given.filter(|outcome| outcome.failure.is_none())
    }
}

/// Adds the inputs that a test gives to those that were asked for, which count more.
pub fn lend_inputs(program: &Program, test: &Test, asked: &mut RunRequest) {
    for stmt in &test.stmts {
        let TestKind::GivenInput { input, value } = &stmt.kind else {
            continue;
        };
        let declared = program.globals.get(input.0 as usize);
        let is_given = declared.is_some_and(|it| asked.inputs.contains_key(&*it.name));
        if !is_given {
            asked.written.insert(*input, value.clone());
        }
    }
}
