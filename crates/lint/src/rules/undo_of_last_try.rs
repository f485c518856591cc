//! `undo-of-last-try`: a step that is tried again and whose `undo` uses what a try has bound. What
//! the tries before the last one have made, it does not know.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::walk;
use super::retry_of_once::retried;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::Span;
use lockstep_lang::eval::ExprKind;
use lockstep_lang::ir::visit::{self, each_stmt};
use lockstep_lang::ir::{Stmt, StmtKind};

pub(super) const RULE: Rule = Rule::new(codes::UNDO_OF_LAST_TRY, "undo-of-last-try", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            let (Some(used), Some(retry)) = (used_in_undo(stmt), retried(context, stmt)) else {
                return;
            };
            found.push(
                Diagnostic::warning(
                    codes::UNDO_OF_LAST_TRY,
                    retry,
                    "the `undo` of what is tried again uses what a try has made",
                )
                .here("only what the last try made is known to it")
                .label(used, "the tries before may have made more")
                .help(
                    "retry the command in it that may fail, or have a try find what the one \
                     before has made",
                ),
            );
        });
    });
}

/// Where the `undo` of a step uses something that its body has bound, or its result.
fn used_in_undo(stmt: &Stmt) -> Option<Span> {
    let handlers = &stmt.handlers;
    let undo = handlers.undo.as_ref()?;
    let StmtKind::Step { .. } = &stmt.kind else {
        return None;
    };
    let mut used = None;
    visit::block(undo, &mut |expr| {
        visit::each_part(expr, &mut |part| {
            let ExprKind::Local(slot) = part.kind else {
                return;
            };
            let is_bound = handlers.bound.iter().any(|name| name.outside == slot);
            if used.is_none() && (is_bound || handlers.result == Some(slot)) {
                used = Some(part.span);
            }
        });
    });
    used
}
