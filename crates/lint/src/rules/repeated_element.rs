//! `repeated-element`: an axis or a loop over a list with a duplicate element.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::ir::Axis;
use lockstep_syntax::ast;

pub(super) const RULE: Rule = Rule::new(codes::REPEATED_ELEMENT, "repeated-element", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    context.each_scope(&mut |scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            let Some(matrix) = stmt.kind.matrix() else {
                return;
            };
            for (at, axis) in matrix.axes.iter().enumerate() {
                let Some(Value::List(values)) = known.value(&axis.list) else {
                    continue;
                };
                let twice = (values.iter().enumerate())
                    .find(|(at, value)| values.iter().take(*at).any(|other| other == *value));
                let Some((_, value)) = twice else {
                    continue;
                };
                let written = context.written(stmt).and_then(|stmt| list_of(stmt, at));
                let name = scope.display(value);
                let name = match name.is_empty() {
                    true => lockstep_base::value::text::display(value, &|it| scope.display(it)),
                    false => name,
                };
                let finding = repeated(context, axis, written, &name);
                let place = finding.span();
                if !found
                    .iter()
                    .any(|it| it.code == finding.code && it.span() == place)
                {
                    found.push(finding);
                }
            }
        });
    });
}

/// The list of an axis as it was written.
fn list_of(stmt: &ast::Stmt, at: usize) -> Option<&ast::Expr> {
    match &stmt.kind {
        ast::StmtKind::Loop { axis, .. } => Some(&axis.list),
        ast::StmtKind::Matrix { axes, .. } => axes.get(at).map(|axis| &axis.list),
        _ => None,
    }
}

fn repeated(
    context: &Context<'_>,
    axis: &Axis,
    written: Option<&ast::Expr>,
    name: &str,
) -> Diagnostic {
    let message = format!("`{name}` occurs twice in the list of `{}`", axis.name);
    let pair = written.and_then(|list| pair(context, list));
    let span = pair.map_or(axis.list.span, |(_, second)| second);
    let finding = Diagnostic::warning(codes::REPEATED_ELEMENT, span, message)
        .here("its cells are run a second time")
        .help("take one of the two out, or write `distinct(…)` around the list");
    match pair {
        Some((first, second)) => {
            let end = Span {
                start: first.end.min(second.start),
                ..second
            };
            let gap = context.text(Span {
                end: second.start,
                ..end
            });
            let before = gap.rfind(',').map(|at| Span {
                start: end.start + at as u32,
                ..second
            });
            let finding = finding.label(first, "the first time");
            match before {
                Some(remove) => finding.fix("take it out", remove, ""),
                None => finding,
            }
        }
        None => finding,
    }
}

/// The first two elements of a written list with the same text.
fn pair(context: &Context<'_>, list: &ast::Expr) -> Option<(Span, Span)> {
    let ast::ExprKind::List(items) = &tree::bare(list).kind else {
        return None;
    };
    items.iter().enumerate().find_map(|(at, item)| {
        let text = context.text(item.span);
        let first = items
            .iter()
            .take(at)
            .find(|it| context.text(it.span) == text)?;
        Some((first.span, item.span))
    })
}
