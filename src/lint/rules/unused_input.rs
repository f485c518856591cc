//! `unused-input`: an input that nothing in the file looks at.
//! It does not know who gives it; a file without pipelines is left alone.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::names;
use super::super::rule::{Needs, Rule};
use crate::diagnostic::{Diagnostic, codes};
use crate::source::Name;
use crate::syntax::ast::ItemKind;

pub(super) const RULE: Rule =
    Rule::new(codes::UNUSED_INPUT, "unused-input", check).needs(Needs::Names);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.is_library_file() {
        return;
    }
    for item in context.items() {
        let ItemKind::Input { name, .. } = &item.kind else {
            continue;
        };
        // Its own rule does not use it.
        let others = context.items().iter().filter(|it| !std::ptr::eq(*it, item));
        let mut used: HashSet<&Name> = HashSet::new();
        for other in others.filter(|it| !matches!(it.kind, ItemKind::Test { .. })) {
            names::of_item(other, &mut |name| {
                used.insert(&name.name);
            });
        }
        if !used.contains(&name.name) && !names::is_unnamed(&name.name) {
            let message = format!("input `{}` is never used", name.name);
            found.push(
                Diagnostic::warning(codes::UNUSED_INPUT, name.span, message)
                    .here("whatever is given makes no difference")
                    .help("use it, or remove it: callers must not give it any more then"),
            );
        }
    }
}
