//! `unused-import`: a name or namespace that is imported and never used.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::{names, text};
use lockstep_base::diagnostic::{Diagnostic, Fix, codes};
use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::{Ident, ImportName, Item, ItemKind};

pub(super) const RULE: Rule = Rule::new(codes::UNUSED_IMPORT, "unused-import", check)
    .needs(RuleInput::Names)
    .fixes();

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut used: HashSet<&Name> = HashSet::new();
    for item in context.items() {
        names::of_item(item, &mut |name| {
            used.insert(&name.name);
        });
        overridden(item, &mut |name| {
            used.insert(&name.name);
        });
    }
    let source = context.source().map_or("", |source| &source.text);
    for item in context.items() {
        match &item.kind {
            ItemKind::Import { alias, .. } if !used.contains(&alias.name) => {
                found.push(unused(alias, vec![remove_item(source, item)]));
            }
            ItemKind::From { names, .. } => {
                let is_unused = |name: &ImportName| !used.contains(&bound(name).name);
                let all = names.iter().all(is_unused);
                for (at, name) in names.iter().enumerate().filter(|(_, it)| is_unused(it)) {
                    let spans = match all {
                        true => vec![remove_item(source, item)],
                        false => entry(source, names, at),
                    };
                    found.push(unused(bound(name), spans));
                }
            }
            _ => {}
        }
    }
}

/// The services that an environment overrides count as used, as imports at least.
fn overridden<'a>(item: &'a Item, see: &mut dyn FnMut(&'a Ident)) {
    let ItemKind::Environment(environment) = &item.kind else {
        return;
    };
    let places = environment.infrastructures.iter();
    let inner = places.flat_map(|place| &place.overrides);
    for entry in environment.overrides.iter().chain(inner) {
        let path = &entry.service;
        see(path.namespace.as_ref().unwrap_or(&path.name));
    }
}

/// The name that an import binds here.
fn bound(name: &ImportName) -> &Ident {
    name.alias.as_ref().unwrap_or(&name.name)
}

fn remove_item(source: &str, item: &Item) -> Span {
    text::whole(source, item.span)
}

/// A name of a list with the comma and the comments that belong to it.
fn entry(source: &str, names: &[ImportName], at: usize) -> Vec<Span> {
    let whole = |name: &ImportName| match &name.alias {
        Some(alias) => name.name.span.to(alias.span),
        None => name.name.span,
    };
    let before = at.checked_sub(1).and_then(|at| names.get(at)).map(whole);
    let after = names.get(at + 1).map(whole);
    text::list_entry(source, whole(&names[at]), (before, after))
}

fn unused(name: &Ident, remove: Vec<Span>) -> Diagnostic {
    let message = format!("`{}` is imported but never used", name.name);
    let mut finding =
        Diagnostic::warning(codes::UNUSED_IMPORT, name.span, message).here("not used in this file");
    finding.fixes.push(Fix {
        title: format!("remove the import of `{}`", name.name),
        edits: remove
            .into_iter()
            .map(|span| (span, String::new()))
            .collect(),
    });
    finding
}
