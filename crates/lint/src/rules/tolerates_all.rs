//! `tolerates-all`: a `tolerate` that lets every cell fail. Reports nothing where that depends on
//! an input.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::Value;
use lockstep_lang::ir::StmtKind;
use lockstep_syntax::ast::ModifierKind;

pub(super) const RULE: Rule = Rule::new(codes::TOLERATES_ALL, "tolerates-all", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    context.with_constants(&mut |program, scope| {
        walk::with_values(program, ROOT_FILE, scope, &mut |stmt, known| {
            let (StmtKind::Matrix(matrix), Some(tolerated)) =
                (&stmt.kind, &stmt.modifiers.tolerate)
            else {
                return;
            };
            let why = match known.value(tolerated) {
                Some(Value::Percent(share)) if share >= 100.0 => String::from("all cells may fail"),
                Some(Value::Int(count)) if count > 0 => match known.cells(matrix) {
                    Some(cells) if count >= cells as i64 => {
                        format!("there are only {cells} cells, and all may fail")
                    }
                    _ => return,
                },
                _ => return,
            };
            let span = context.written(stmt).and_then(|it| {
                tree::modifier_span(it, |it| matches!(it, ModifierKind::Tolerate(_)))
            });
            found.push(
                Diagnostic::warning(
                    codes::TOLERATES_ALL,
                    span.unwrap_or(stmt.span),
                    "this succeeds even if everything in it fails",
                )
                .here(why)
                .help(
                    "tolerate fewer; if it does not matter at all, write `on failure { … ignore }`",
                ),
            );
        });
    });
}
