//! `unused-input`: an input that nothing in the file reads, and that no other file is known to
//! read. A file without pipelines is skipped.

use std::collections::HashMap;

use super::super::context::Context;
use super::super::names;
use super::super::rule::{Rule, RuleInput};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_syntax::ast::ItemKind;

pub(super) const RULE: Rule =
    Rule::new(codes::UNUSED_INPUT, "unused-input", check).needs(RuleInput::Names);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.is_library_file() {
        return;
    }
    // The declarations that mention a name: the first two are enough.
    let mut users: HashMap<&Name, Vec<usize>> = HashMap::new();
    for (at, item) in context.items().iter().enumerate() {
        if matches!(item.kind, ItemKind::Test { .. }) {
            continue;
        }
        names::of_item(item, &mut |name| {
            let users = users.entry(&name.name).or_default();
            if users.len() < 2 && !users.contains(&at) {
                users.push(at);
            }
        });
    }
    for (at, item) in context.items().iter().enumerate() {
        let ItemKind::Input { name, .. } = &item.kind else {
            continue;
        };
        // The input's own constraint does not count as a use.
        let users = users.get(&name.name).map_or(&[][..], Vec::as_slice);
        let used = users.iter().any(|user| *user != at);
        let used = used || context.config.is_used_elsewhere(&name.name);
        if !used && !names::is_unnamed(&name.name) {
            let message = format!("input `{}` is never used", name.name);
            found.push(
                Diagnostic::warning(codes::UNUSED_INPUT, name.span, message)
                    .here("whatever is given makes no difference")
                    .help("use it, or remove it: callers must not give it any more then"),
            );
        }
    }
}
