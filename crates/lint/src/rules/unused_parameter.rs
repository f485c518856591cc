//! `unused-parameter`: a parameter of a workflow or a function that its body never reads.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::names;
use super::super::rule::{Rule, RuleInput};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_syntax::ast::{Ident, ItemKind, Param, TypeKind};

pub(super) const RULE: Rule =
    Rule::new(codes::UNUSED_PARAMETER, "unused-parameter", check).needs(RuleInput::Names);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for item in context.items() {
        let mut used: HashSet<Name> = HashSet::new();
        let mut see = |name: &Ident| {
            used.insert(name.name.clone());
        };
        let (params, handed) = match &item.kind {
            ItemKind::Workflow { params, body, .. } => {
                names::of_block(body, &mut see);
                // A workflow that deploys always receives these two.
                (params, if deploys(params) { 2 } else { 0 })
            }
            ItemKind::Function { params, value, .. } => {
                names::of_expr(value, &mut see);
                (params, 0)
            }
            _ => continue,
        };
        for param in params {
            let defaults = param.default.iter();
            defaults.for_each(|it| {
                names::of_expr(it, &mut |name| {
                    used.insert(name.name.clone());
                })
            });
        }
        for param in params.iter().skip(handed) {
            let name = &param.name;
            if used.contains(&name.name) || names::is_unnamed(&name.name) {
                continue;
            }
            let message = format!("parameter `{}` is never used", name.name);
            found.push(
                Diagnostic::warning(codes::UNUSED_PARAMETER, name.span, message)
                    .here("whatever is handed over makes no difference")
                    .help(format!(
                        "use it, remove it, or name it `_{}` if it must be there",
                        name.name
                    )),
            );
        }
    }
}

fn deploys(params: &[Param]) -> bool {
    let is = |at: usize, word: &str| {
        params.get(at).is_some_and(|param| match &param.ty.kind {
            TypeKind::Name(name) | TypeKind::Of(name, _) => &*name.name == word,
            _ => false,
        })
    };
    is(0, "service") && is(1, "infrastructure")
}
