//! `unbounded-parallel`: a loop or matrix that starts very many cells at once. A limit by `run
//! --max` is not considered.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};

pub(super) const RULE: Rule = Rule::new(codes::UNBOUNDED_PARALLEL, "unbounded-parallel", check);

/// More cells than this at once should be intentional.
const MAX_UNLIMITED_CELLS: usize = 50;
/// Counting stops here.
const MAX_COUNTED_CELLS: usize = 1000;

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    context.each_scope(&mut |scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            let Some(matrix) = stmt.kind.matrix() else {
                return;
            };
            if stmt.modifiers.max.is_some() || stmt.modifiers.batches.is_some() {
                return;
            }
            let at_once = known
                .at_once(matrix, MAX_COUNTED_CELLS)
                .filter(|cells| *cells > MAX_UNLIMITED_CELLS);
            let Some(cells) = at_once else { return };
            let known_already = |it: &Diagnostic| {
                it.code == codes::UNBOUNDED_PARALLEL && it.span() == Some(stmt.span)
            };
            if !found.iter().any(known_already) {
                let count = match cells >= MAX_COUNTED_CELLS {
                    true => format!("{MAX_COUNTED_CELLS} or more"),
                    false => cells.to_string(),
                };
                let message = format!("{count} cells run at once");
                found.push(
                    Diagnostic::warning(codes::UNBOUNDED_PARALLEL, stmt.span, message)
                        .here("nothing limits them")
                        .help(
                            "write `max N`, or `batches […]` for waves; if all are to run at once, \
                             `max` says so",
                        ),
                );
            }
        });
    });
}
