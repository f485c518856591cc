//! `always-true-where`: a `where` that keeps every cell for all inputs. Reports nothing where the
//! result depends on an input.

use std::ops::ControlFlow;

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};

pub(super) const RULE: Rule = Rule::new(codes::ALWAYS_TRUE_WHERE, "always-true-where", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    context.with_constants(&mut |program, scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            let Some(matrix) = stmt.kind.matrix() else {
                return;
            };
            let Some(filter) = &matrix.filter else {
                return;
            };
            let mut any = false;
            let mut all = true;
            let complete = known.combinations(matrix, &mut |_| {
                any = true;
                all &= known.keeps(matrix) == Some(true);
                match all {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
            if complete.is_some() && any && all {
                found.push(
                    Diagnostic::warning(
                        codes::ALWAYS_TRUE_WHERE,
                        filter.span,
                        "this `where` keeps every cell",
                    )
                    .here("true for all of them")
                    .help("correct it if it is to drop some, or remove it"),
                );
            }
        });
    });
}
