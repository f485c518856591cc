//! `idle-modifier`: a modifier that makes no difference. Reports nothing where that depends on an
//! input.

use super::super::context::{Context, ROOT_FILE};
use super::super::known_locals::KnownLocals;
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::ir::{Fork, Stmt};
use lockstep_syntax::ast::ModifierKind;

pub(super) const RULE: Rule = Rule::new(codes::IDLE_MODIFIER, "idle-modifier", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    context.with_constants(&mut |program, scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            for (word, why) in idle(stmt, known) {
                let span = context
                    .written(stmt)
                    .and_then(|it| tree::modifier_span(it, |kind| self::word(kind) == Some(word)));
                found.extend(span.map(|span| finding(context, span, word, &why)));
            }
        });
    });
}

fn word(kind: &ModifierKind) -> Option<&'static str> {
    match kind {
        ModifierKind::Retry { .. } => Some("retry"),
        ModifierKind::Max(_) => Some("max"),
        ModifierKind::Batches { .. } => Some("batches"),
        ModifierKind::Tolerate(_) => Some("tolerate"),
        _ => None,
    }
}

/// The modifiers of a statement that make no difference, and why.
fn idle(stmt: &Stmt, known: &KnownLocals<'_>) -> Vec<(&'static str, String)> {
    let modifiers = &stmt.modifiers;
    let mut found = Vec::new();
    let retry = modifiers.retry.as_ref();
    if retry.and_then(|it| known.int(&it.times)) == Some(0) {
        found.push(("retry", String::from("there is no retry")));
    }
    if let Some(tolerated) = &modifiers.tolerate {
        let none = match known.value(tolerated) {
            Some(Value::Int(0)) => true,
            Some(Value::Percent(share)) => share == 0.0,
            _ => false,
        };
        if none {
            found.push((
                "tolerate",
                String::from("no failure is tolerated without it either"),
            ));
        }
    }
    let Some((cells, what)) = cells(stmt, known) else {
        return found;
    };
    let count = |word: &str| format!("there are only {cells} {word}");
    if let Some(max) = modifiers.max.as_ref().and_then(|max| known.int(max))
        && max >= cells as i64
        && max > 1
    {
        found.push(("max", count(what)));
    }
    if let Some(Value::List(sizes)) = modifiers.batches.as_ref().and_then(|it| known.value(it)) {
        match sizes.first() {
            Some(Value::Percent(share)) if *share >= 100.0 => {
                found.push(("batches", String::from("the first wave is everything")));
            }
            Some(Value::Int(size)) if *size >= cells as i64 => found.push(("batches", count(what))),
            _ => {}
        }
    }
    found
}

/// How many things a block could do at once, and what they are called.
fn cells(stmt: &Stmt, known: &KnownLocals<'_>) -> Option<(usize, &'static str)> {
    match stmt.kind.fork()? {
        Fork::Children(body) => Some((body.stmts.len(), "statements")),
        Fork::Cells(matrix) => Some((known.cells(matrix)?, "cells")),
    }
}

fn finding(context: &Context<'_>, span: Span, word: &str, why: &str) -> Diagnostic {
    let text = context.text(span);
    let message = format!("`{word}` makes no difference here");
    // The blanks before it are removed too, but not a line of its own with a comment.
    let before = context
        .modules()
        .sources
        .get(span.file)
        .and_then(|source| source.text.get(..span.start as usize))
        .unwrap_or_default();
    let start = before.trim_end_matches([' ', '\t']).len();
    let remove = Span::new(span.file, start, span.end as usize);
    Diagnostic::warning(codes::IDLE_MODIFIER, span, message)
        .here(why)
        .help(format!(
            "remove it, or write what was meant instead of `{text}`"
        ))
        .fix(format!("remove `{text}`"), remove, "")
}
