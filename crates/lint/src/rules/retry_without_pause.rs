//! `retry-without-pause`: a retry without a delay of something that talks to another machine.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_base::value::Value;
use lockstep_lang::eval::Expr;
use lockstep_lang::ir::Stmt;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_syntax::ast::ModifierKind;

pub(super) const RULE: Rule = Rule::new(codes::RETRY_WITHOUT_PAUSE, "retry-without-pause", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| found.extend(in_stmt(context, stmt)));
    });
}

fn in_stmt(context: &Context<'_>, stmt: &Stmt) -> Option<Diagnostic> {
    let retry = stmt.modifiers.retry.as_ref()?;
    let none = |times: &Expr| times.as_const() == Some(&Value::Int(0));
    if retry.every.is_some() || none(&retry.times) {
        return None;
    }
    let (at, name) = context.effects.body(stmt).network?;
    let written = context.written(stmt);
    let modifier = written
        .and_then(|it| tree::modifier_span(it, |it| matches!(it, ModifierKind::Retry { .. })));
    let span = modifier.unwrap_or(stmt.span);
    let message = format!("`{name}` is retried without a pause");
    let finding = Diagnostic::warning(codes::RETRY_WITHOUT_PAUSE, span, message)
        .here("all attempts are over at once")
        .help("a service that does not answer needs time: write `every 1s..30s` after it");
    let finding = match at == stmt.span {
        true => finding,
        false => finding.label(at, "this is retried"),
    };
    let end = Span {
        start: span.end,
        ..span
    };
    Some(match modifier {
        Some(_) => finding.fix(
            "wait 1s, then longer, between retries",
            end,
            " every 1s..30s",
        ),
        None => finding,
    })
}
