//! `no-cells`: a `where` that drops every cell, so that nothing is done. Inputs are known only from
//! a plan.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};

pub(super) const RULE: Rule = Rule::new(codes::NO_CELLS, "no-cells", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    context.each_scope(&mut |scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            let Some(matrix) = stmt.kind.matrix() else {
                return;
            };
            let Some(filter) = &matrix.filter else {
                return;
            };
            let mut any = false;
            let mut kept = false;
            let complete = known.combinations(matrix, &mut |_| {
                any = true;
                kept |= known.keeps(matrix) != Some(false);
                if kept {
                    std::ops::ControlFlow::Break(())
                } else {
                    std::ops::ControlFlow::Continue(())
                }
            });
            if complete.is_some() && any && !kept {
                let message = "this `where` drops every cell";
                let what = match matrix.include.is_empty() {
                    true => "nothing is left to do",
                    false => "only what `include` adds is left",
                };
                let finding = Diagnostic::warning(codes::NO_CELLS, filter.span, message)
                    .here(what)
                    .help("it holds for the cells that stay; write `not (…)` for those to drop");
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        });
    });
}
