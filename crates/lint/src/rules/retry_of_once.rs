//! `retry-of-once`: a retry of something marked `once`, which is not idempotent.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::ir::visit::each_stmt;
use lockstep_lang::ir::{HandlerVerdict, Stmt};
use lockstep_syntax::ast::ModifierKind;

pub(super) const RULE: Rule = Rule::new(codes::RETRY_OF_ONCE, "retry-of-once", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            let Some(retry) = retried(context, stmt) else {
                return;
            };
            let Some(once) = context.effects.body(stmt).once else {
                return;
            };
            found.push(
                Diagnostic::warning(
                    codes::RETRY_OF_ONCE,
                    retry,
                    "what must happen only once is retried",
                )
                .here("a retry runs it a second time")
                .label(once, "marked `once`")
                .help(
                    "remove `once` if this is idempotent (harmless to run twice), else remove \
                       the retry",
                ),
            );
        });
    });
}

/// The span of the retry of a statement.
pub(super) fn retried(context: &Context<'_>, stmt: &Stmt) -> Option<Span> {
    if stmt.modifiers.retry.is_some() {
        let written = context.written(stmt)?;
        return tree::modifier_span(written, |it| matches!(it, ModifierKind::Retry { .. }));
    }
    let handlers = stmt.handlers.on_failure.iter();
    let last = handlers.filter_map(|handler| handler.body.stmts.last());
    let retry = |stmt: &Stmt| matches!(stmt.kind.verdict(), Some(HandlerVerdict::Retry(_)));
    last.filter(|stmt| retry(stmt)).map(|stmt| stmt.span).next()
}
