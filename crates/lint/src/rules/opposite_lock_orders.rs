//! `opposite-lock-orders`: two locks that are taken in one order here and in the other order there.
//! One run alone cannot hang, that is proved; but two runs at once can wait for each other, and
//! then one of them fails. Locks whose names only the run knows are not reported.

use std::collections::HashMap;

use super::super::context::Context;
use super::super::lock_uses::{LockUse, lock_uses};
use super::super::rule::Rule;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_plan::lock_for_people;

pub(super) const RULE: Rule = Rule::new(codes::OPPOSITE_LOCK_ORDERS, "opposite-lock-orders", check);

/// A lock that is taken under another one.
struct Nested {
    span: Span,
    outer: Span,
    /// What is held around both.
    around: Vec<Name>,
}

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<(Name, Name), Vec<Nested>> = HashMap::new();
    for used in context.plans.iter().flat_map(|plan| lock_uses(plan)) {
        if used.limit != 1 {
            continue;
        }
        for (at, (outer, span)) in used.held.iter().enumerate() {
            let nested = nested(&used, at, *span);
            let opposite = (used.name.clone(), outer.clone());
            let others = seen.get(&opposite).into_iter().flatten();
            for other in others {
                // Under a common lock they cannot meet.
                if !nested.around.iter().any(|it| other.around.contains(it)) {
                    let told = crossed(&used.name, outer, &nested, other);
                    if !found.contains(&told) {
                        found.push(told);
                    }
                }
            }
            seen.entry((outer.clone(), used.name.clone()))
                .or_default()
                .push(nested);
        }
    }
}

fn nested(used: &LockUse, at: usize, outer: Span) -> Nested {
    let around = used.held.iter().take(at);
    Nested {
        span: used.span,
        outer,
        around: around.map(|(name, _)| name.clone()).collect(),
    }
}

fn crossed(inner: &Name, outer: &Name, here: &Nested, there: &Nested) -> Diagnostic {
    let (inner, outer) = (lock_for_people(inner), lock_for_people(outer));
    let message = format!("`{outer}` and `{inner}` are locked in opposite orders");
    Diagnostic::warning(codes::OPPOSITE_LOCK_ORDERS, here.span, message)
        .here(format!("`{inner}` is taken here"))
        .label(here.outer, format!("while `{outer}` is held"))
        .label(there.outer, format!("but here `{inner}` is held"))
        .label(there.span, format!("while `{outer}` is taken"))
        .help(
            "take them in one order everywhere: two runs at once would wait for each other, and \
             one of them fails with class `deadlock`",
        )
}
