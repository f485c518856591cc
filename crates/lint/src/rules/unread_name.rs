//! `unread-name`: `$version` in the text of a command, where `version` is a name of the file: the
//! shell looks for a variable of that name, and nothing sets one. The value is `${version}`.

use std::collections::BTreeSet;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{Item, ItemKind, RecordKey, Run, StmtKind, StringPart};

pub(super) const RULE: Rule =
    Rule::new(codes::UNREAD_NAME, "unread-name", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    let of_file: BTreeSet<&str> = module.ast.items.iter().filter_map(value_name).collect();
    for item in &module.ast.items {
        let own = names_in(item);
        let is_value = |name: &str| of_file.contains(name) || own.contains(name);
        for (_, block) in tree::item_blocks(item) {
            tree::each_stmt(block, &mut |stmt| {
                if let StmtKind::Run(run) = &stmt.kind {
                    for name in unread(run, is_value) {
                        found.push(told(run, &name));
                    }
                }
            });
        }
    }
}

fn told(run: &Run, name: &str) -> Diagnostic {
    let message = format!("`${name}` is a variable of the shell, not the `{name}` of this file");
    Diagnostic::warning(codes::UNREAD_NAME, run.command.span, message)
        .here("nothing sets it")
        .help(format!(
            "write `${{{name}}}`, or set it by `env {{ {name}: {name} }}`"
        ))
}

/// The name of a value that stands at the top of the file.
fn value_name(item: &Item) -> Option<&str> {
    match &item.kind {
        ItemKind::Input { name, .. }
        | ItemKind::Secret { name, .. }
        | ItemKind::Let { name, .. } => Some(&name.name),
        _ => None,
    }
}

/// The values that get a name somewhere in a declaration.
fn names_in(item: &Item) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    if let ItemKind::Workflow { params, .. } = &item.kind {
        names.extend(params.iter().map(|param| &*param.name.name));
    }
    for (_, block) in tree::item_blocks(item) {
        tree::each_stmt(block, &mut |stmt| match &stmt.kind {
            StmtKind::Let { name, .. } => drop(names.insert(&name.name)),
            StmtKind::Loop { axis, .. } => drop(names.insert(&axis.var.name)),
            StmtKind::Matrix { axes, .. } => names.extend(axes.iter().map(|it| &*it.var.name)),
            _ => {}
        });
    }
    names
}

/// The variables of a command's text that have the name of a value, and that neither the command
/// nor its `env` sets.
fn unread(run: &Run, is_value: impl Fn(&str) -> bool) -> Vec<String> {
    let texts: Vec<&str> = (run.command.parts.iter())
        .map(|part| match part {
            StringPart::Text { text, .. } => &**text,
            // A value stands for one word.
            StringPart::Interpolation { .. } => "x",
        })
        .collect();
    let text = texts.concat();
    let is_given = |name: &str| {
        let by_env = run.variables().iter().any(|(key, _)| match key {
            RecordKey::Name(key) => &*key.name == name,
            RecordKey::String(key) => key.plain().as_deref() == Some(name),
        });
        by_env || may_set(&text, name)
    };
    let used = variables(&text).into_iter();
    used.filter(|name| is_value(name) && !is_given(name))
        .collect()
}

/// The variables that a shell reads in a text: `$name`, but not in single quotes or behind `\`.
fn variables(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut signs = text.chars().peekable();
    let (mut in_single, mut in_double) = (false, false);
    while let Some(sign) = signs.next() {
        match sign {
            '\'' if !in_double => in_single = !in_single,
            '"' if !in_single => in_double = !in_double,
            '\\' if !in_single => drop(signs.next()),
            '$' if !in_single => {
                let mut name = String::new();
                while let Some(next) = signs.next_if(|it| it.is_ascii_alphanumeric() || *it == '_')
                {
                    name.push(next);
                }
                found.insert(name);
            }
            _ => {}
        }
    }
    found
}

/// Whether a command may set a variable itself, in whichever way: its name stands in the text
/// without the `$`, as in `name=1`, `read name` or `for name in`.
fn may_set(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|it| it.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|it| it.chars().next());
        let is_part = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
        let reads = before == Some('$');
        !reads && !is_part(before) && !is_part(after) && sets(text, at, after)
    })
}

fn sets(text: &str, at: usize, after: Option<char>) -> bool {
    let words = text.get(..at).unwrap_or_default().split_whitespace();
    let before = words.rev().take(4).any(|word| {
        matches!(
            word,
            "read" | "for" | "export" | "local" | "declare" | "getopts" | "mapfile"
        )
    });
    after == Some('=') || after == Some('+') || before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_outside_of_single_quotes() {
        let found = |text: &str| variables(text).into_iter().collect::<Vec<_>>();
        assert_eq!(found("echo $a \"$b\" '$c' \\$d"), ["a", "b"]);
        assert_eq!(found("it's $a"), [""; 0]);
        assert!(may_set("version=1; echo $version", "version"));
        assert!(may_set(
            "while read -r version; do echo $version; done",
            "version"
        ));
        assert!(may_set(
            "for version in a b; do echo $version; done",
            "version"
        ));
        assert!(!may_set("echo version is $version", "version"));
    }
}
