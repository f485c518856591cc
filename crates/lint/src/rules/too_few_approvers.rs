//! `too-few-approvers`: an approval that nobody may give, as `except` names all who may, or for
//! which `count` asks for more people than its groups have. Who is in a group, `lockstep.toml`
//! says; of a name that is not there it is not known whether it is that of one person.

use std::collections::BTreeSet;

use super::super::config::Config;
use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{Expr, ExprKind, StmtKind, StringPart};

pub(super) const RULE: Rule =
    Rule::new(codes::TOO_FEW_APPROVERS, "too-few-approvers", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    tree::each_stmt_of(&module.ast, &mut |stmt| {
        let StmtKind::Approve {
            by: Some(by),
            count,
            except,
            ..
        } = &stmt.kind
        else {
            return;
        };
        let Some(names) = texts(by) else { return };
        let excepted = except.as_ref().map_or(Vec::new(), known_texts);
        // Where one name stands for an unknown number of people, all of them may be excepted only
        // if that name is.
        let left: Vec<&str> = (names.iter().copied())
            .filter(|name| !excepted.contains(name))
            .collect();
        let people = people(&left, context.config);
        let gone = excepted
            .iter()
            .flat_map(|name| members(name, context.config));
        let gone: BTreeSet<&str> = gone.collect();
        let remaining = people.map(|all| all.difference(&gone).count());
        let wanted = count.as_ref().map_or(Some(1), number);
        let (Some(remaining), Some(wanted)) = (remaining, wanted) else {
            return;
        };
        if names.is_empty() || i64::try_from(remaining).is_ok_and(|it| it >= wanted) {
            return;
        }
        let (message, at) = match (remaining, except) {
            (0, Some(except)) => {
                let message = String::from("nobody may give this approval");
                (message, except.span)
            }
            _ => (
                format!("this approval needs {wanted} people, and {remaining} may give it"),
                count.as_ref().map_or(by.span, |count| count.span),
            ),
        };
        let here = match (remaining, except) {
            (0, Some(_)) => "excepts all who may",
            _ => "more than there are",
        };
        found.push(
            Diagnostic::warning(codes::TOO_FEW_APPROVERS, at, message)
                .here(here)
                .label(by.span, "who may")
                .help("name more people or groups in `by`, or ask for fewer"),
        );
    });
}

/// The people behind these names; nothing where one may be a group that is not known here.
fn people<'a>(names: &[&'a str], config: &'a Config) -> Option<BTreeSet<&'a str>> {
    let mut people = BTreeSet::new();
    for name in names {
        people.extend(config.group(name)?.iter().map(String::as_str));
    }
    Some(people)
}

/// The people behind a name: the members of a group, or itself.
fn members<'a>(name: &'a str, config: &'a Config) -> Vec<&'a str> {
    match config.group(name) {
        Some(members) => members.iter().map(String::as_str).collect(),
        None => vec![name],
    }
}

/// The texts of a list that is written out.
fn texts(list: &Expr) -> Option<Vec<&str>> {
    let ExprKind::List(items) = &tree::bare(list).kind else {
        return None;
    };
    items.iter().map(text).collect()
}

/// Those texts of a list that are written out.
fn known_texts(list: &Expr) -> Vec<&str> {
    match &tree::bare(list).kind {
        ExprKind::List(items) => items.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

fn text(expr: &Expr) -> Option<&str> {
    let ExprKind::String(string) = &tree::bare(expr).kind else {
        return None;
    };
    match string.parts.as_slice() {
        [StringPart::Text { text, .. }] => Some(text),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<i64> {
    match &tree::bare(expr).kind {
        ExprKind::Int(number) => Some(*number),
        _ => None,
    }
}
