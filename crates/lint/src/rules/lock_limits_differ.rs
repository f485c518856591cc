//! `lock-limits-differ`: a lock with another limit than at another place of the file. While both
//! are in use the smaller one counts for all. Within one pipeline it is an error.

use std::collections::HashMap;

use super::super::context::Context;
use super::super::lock_uses::lock_uses;
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_plan::lock_for_people;

pub(super) const RULE: Rule = Rule::new(codes::LOCK_LIMITS_DIFFER, "lock-limits-differ", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut first: HashMap<Name, (i64, Span)> = HashMap::new();
    for used in context.plans.iter().flat_map(|plan| lock_uses(plan)) {
        let (limit, span) = *first
            .entry(used.name.clone())
            .or_insert((used.limit, used.span));
        if limit != used.limit {
            let name = lock_for_people(&used.name);
            let message = format!("lock `{name}` has two limits: {limit} and {}", used.limit);
            let told = Diagnostic::warning(codes::LOCK_LIMITS_DIFFER, used.span, message)
                .here(format!("{} here", used.limit))
                .label(span, format!("{limit} here"))
                .help("give it one limit everywhere: the smaller one counts while both are in use");
            if !found.contains(&told) {
                found.push(told);
            }
        }
    }
}
