//! `one-at-a-time`: a parallel block, loop or matrix with `max 1`. There is no safe fix: a serial
//! block would not go on after a failure.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::{Fork, Order};
use lockstep_syntax::ast::ModifierKind;

pub(super) const RULE: Rule = Rule::new(codes::ONE_AT_A_TIME, "one-at-a-time", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    context.with_constants(&mut |program, scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            let parallel = match stmt.kind.fork() {
                Some(Fork::Children(_)) => true,
                Some(Fork::Cells(matrix)) => {
                    matrix.axes.iter().any(|axis| axis.order == Order::Parallel)
                }
                None => false,
            };
            let max = stmt.modifiers.max.as_ref();
            if !parallel || max.and_then(|max| known.int(max)) != Some(1) {
                return;
            }
            let written = context.written(stmt);
            let span = written
                .and_then(|it| tree::modifier_span(it, |it| matches!(it, ModifierKind::Max(_))));
            found.push(
                Diagnostic::warning(
                    codes::ONE_AT_A_TIME,
                    span.unwrap_or(stmt.span),
                    "this is parallel, but does one thing at a time",
                )
                .here("the next one begins when this one has ended")
                .help(
                    "write `serial`, which also skips what follows a failure; if the others are \
                     to continue then, say so and allow it",
                ),
            );
        });
    });
}
