//! A lock has one limit in a plan: with two, who may hold it would depend on who came first. What
//! only the run knows is not compared.

use std::collections::HashMap;

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Value;
use lockstep_lang::ir::StmtKind;
use lockstep_plan::{Locals, Plan};

/// The locks of a plan that have two limits.
pub(super) fn check(plan: &Plan) -> Result<(), Vec<Diagnostic>> {
    let walk = plan.walk();
    let nothing = Locals::default();
    let mut first: HashMap<Name, (i64, Span)> = HashMap::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for (_, node) in plan.tree.iter() {
        let StmtKind::Lock {
            resource, limit, ..
        } = &node.stmt.kind
        else {
            continue;
        };
        let Ok(names) = walk.lock_names(resource, &nothing) else {
            continue;
        };
        let own = match limit.as_ref().map(|limit| walk.eval(limit, &nothing)) {
            None => 1,
            Some(Ok(Value::Int(limit))) => limit,
            Some(Ok(_) | Err(_)) => continue,
        };
        for name in names {
            let (limit, span) = *first.entry(name.clone()).or_insert((own, node.stmt.span));
            if limit != own {
                let told = two_limits(&name, (own, node.stmt.span), (limit, span));
                if !found.contains(&told) {
                    found.push(told);
                }
            }
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(found),
    }
}

fn two_limits(name: &str, own: (i64, Span), first: (i64, Span)) -> Diagnostic {
    let message = format!("lock `{name}` has two limits: {} and {}", first.0, own.0);
    Diagnostic::error(codes::TWO_LIMITS, own.1, message)
        .here(format!("{} here", own.0))
        .label(first.1, format!("{} here", first.0))
        .help("give it the same limit everywhere, or two locks two names")
}
