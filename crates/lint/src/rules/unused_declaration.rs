//! `unused-declaration`: a declaration that no pipeline or test of the file can reach, and that no
//! other file is known to use. A file without pipelines is skipped.

use std::collections::{HashMap, HashSet};

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::{names, text};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Name;
use lockstep_syntax::ast::{Ident, Item, ItemKind};

pub(super) const RULE: Rule = Rule::new(codes::UNUSED_DECLARATION, "unused-declaration", check)
    .needs(RuleInput::Names)
    .fixes();

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if context.is_library_file() {
        return;
    }
    let items = context.items();
    let mentions: Vec<HashSet<&Name>> = items.iter().map(mentioned).collect();
    let reached = reach(context, &mentions);
    let mut mentioned_by: HashMap<&Name, Vec<usize>> = HashMap::new();
    for (at, mentions) in mentions.iter().enumerate() {
        if declared(&items[at]).is_some() {
            for name in mentions {
                mentioned_by.entry(name).or_default().push(at);
            }
        }
    }
    for (at, item) in items.iter().enumerate() {
        let Some((sort, name)) = declared(item) else {
            continue;
        };
        if reached.contains(&at) || names::is_unnamed(&name.name) {
            continue;
        }
        let by = mentioned_by.get(&name.name).into_iter().flatten();
        let by = by.copied().find(|other| *other != at);
        let by = by.and_then(|other| declared(&items[other]));
        found.push(unused(context, item, sort, name, by.map(|(_, by)| by)));
    }
}

/// The indices of the items that are reachable from the entry points.
fn reach(context: &Context<'_>, mentions: &[HashSet<&Name>]) -> HashSet<usize> {
    let items = context.items();
    let mut by_name: HashMap<&Name, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        by_name.extend(declared(item).map(|(_, name)| (&name.name, at)));
    }
    // The caller may set such an input to anything that is declared.
    let chosen = items
        .iter()
        .any(|item| matches!(&item.kind, ItemKind::Input { ty, .. } if names::chooses(ty)));
    // So may who goes through the kinds' services and infrastructures.
    let mut kinds = HashSet::new();
    for item in items {
        names::gone_through(item, &mut |name| {
            let declared = by_name.get(&name.name).and_then(|at| items.get(*at));
            if declared.is_none_or(|it| matches!(it.kind, ItemKind::Kind(_))) {
                kinds.insert(&name.name);
            }
        });
    }
    let of_a_kind = |item: &Item| match &item.kind {
        ItemKind::Service { .. } => !kinds.is_empty(),
        ItemKind::Environment(environment) => {
            (environment.infrastructures.iter()).any(|it| kinds.contains(&it.kind.name.name))
        }
        _ => false,
    };
    let is_root = |item: &Item| match item.kind {
        ItemKind::Pipeline { .. }
        | ItemKind::Test { .. }
        | ItemKind::Input { .. }
        | ItemKind::Trigger(_) => true,
        ItemKind::Service { .. } | ItemKind::Environment(_) | ItemKind::Group { .. } => chosen,
        _ => false,
    };
    let is_used_elsewhere = |item: &Item| {
        let declared = declared(item);
        declared.is_some_and(|(_, name)| context.config.is_used_elsewhere(&name.name))
    };
    let is_root = |item: &Item| is_root(item) || is_used_elsewhere(item) || of_a_kind(item);
    let roots = items.iter().enumerate().filter(|(_, item)| is_root(item));
    let mut open: Vec<usize> = roots.map(|(at, _)| at).collect();
    let mut reached: HashSet<usize> = HashSet::new();
    while let Some(at) = open.pop() {
        if reached.insert(at) {
            let names = mentions[at].iter();
            open.extend(names.filter_map(|name| by_name.get(*name)));
        }
    }
    reached
}

fn mentioned(item: &Item) -> HashSet<&Name> {
    let mut mentioned = HashSet::new();
    names::of_item(item, &mut |name| {
        mentioned.insert(&name.name);
    });
    mentioned
}

/// The declarations that this rule is about, with the word for them.
fn declared(item: &Item) -> Option<(&'static str, &Ident)> {
    Some(match &item.kind {
        ItemKind::Secret { name, .. } => ("secret", name),
        ItemKind::Let { name, .. } => ("let", name),
        ItemKind::Service { name, .. } => ("service", name),
        ItemKind::Environment(environment) => ("environment", &environment.name),
        ItemKind::Group { name, .. } => ("group", name),
        ItemKind::Kind(kind) => ("kind", &kind.name),
        ItemKind::Workflow { name, .. } => ("workflow", name),
        ItemKind::Action { name, .. } => ("action", name),
        ItemKind::Function { name, .. } => ("function", name),
        ItemKind::Type { name, .. } => ("type", name),
        ItemKind::Window { name, .. } => ("window", name),
        _ => return None,
    })
}

fn unused(
    context: &Context<'_>,
    item: &Item,
    sort: &str,
    name: &Ident,
    by: Option<&Ident>,
) -> Diagnostic {
    let message = match sort {
        "let" => format!("`{}` is never used", name.name),
        _ => format!("{sort} `{}` is never used", name.name),
    };
    let finding = Diagnostic::warning(codes::UNUSED_DECLARATION, name.span, message)
        .here("no pipeline gets here");
    let finding = match by {
        Some(by) => finding.label(by.span, "used here only, which is not used either"),
        None => finding,
    };
    let help = match sort {
        "service" => "deploy it, or remove it",
        "environment" | "group" => "deploy to it, or remove it",
        _ => "use it, or remove it",
    };
    let finding = finding.help(help);
    match (sort, by, context.source()) {
        // Other declarations are visible from outside: to `--set` and to other files. What another
        // one uses can only go after that.
        ("let", None, Some(source)) => {
            let whole = text::whole(&source.text, item.span);
            finding.fix(format!("remove `{}`", name.name), whole, "")
        }
        _ => finding,
    }
}
