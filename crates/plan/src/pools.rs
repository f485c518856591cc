//! Checks the pools of infrastructures, once the inputs are bound: their names may come from data.

use std::collections::HashSet;

use super::facts::{Facts, FieldValues};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::Program;
use lockstep_lang::pool::{POOL_FIELD, wrong_pool};

/// What is wrong with the names of pools. One that several infrastructures inherit is reported
/// once, and one that is fixed for the run has been reported.
pub(super) fn check(program: &Program, facts: &Facts, found: &mut Vec<Diagnostic>) {
    for (environment, values) in program.environments.iter().zip(&facts.environments) {
        let whose = || format!("`{}`", environment.name);
        found.extend(wrong(environment.fields.get(POOL_FIELD), values, &whose));
    }
    let mut defaults: HashSet<Span> = HashSet::new();
    for (place, values) in program.infrastructures.iter().zip(&facts.infrastructures) {
        let environment = program.environments.get(place.environment.0 as usize);
        let inherits = environment.is_some_and(|it| it.fields.contains_key(POOL_FIELD));
        let kind = program.kinds.get(place.kind as usize).filter(|_| !inherits);
        let default = kind.and_then(|kind| kind.infrastructure.get(POOL_FIELD)?.default.as_ref());
        match (place.fields.get(POOL_FIELD), kind, default) {
            (Some(own), ..) => {
                let whose = || format!("`{}`", place.name);
                found.extend(wrong(Some(own), values, &whose));
            }
            (None, Some(kind), Some(default)) if defaults.insert(default.span) => {
                let whose = || format!("kind `{}`", kind.name);
                found.extend(wrong(Some(default), values, &whose));
            }
            (None, ..) => {}
        }
    }
}

fn wrong(
    given: Option<&Expr>,
    values: &FieldValues,
    whose: &dyn Fn() -> String,
) -> Option<Diagnostic> {
    match values.get(POOL_FIELD)? {
        Value::String(name) => wrong_pool(given?.span, &whose(), name),
        _ => None,
    }
}
