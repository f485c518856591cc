//! `atomic-without-undo`: an atomic block in which nothing can be rolled back.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::{tree, walk};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::visit::each_stmt;
use lockstep_syntax::ast::{ItemKind, ModifierKind};

pub(super) const RULE: Rule = Rule::new(codes::ATOMIC_WITHOUT_UNDO, "atomic-without-undo", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            if !stmt.modifiers.atomic {
                return;
            }
            let sum = context.effects.body(stmt);
            if sum.undo || !sum.acts {
                return;
            }
            let is_atomic = |kind: &ModifierKind| matches!(kind, ModifierKind::Atomic);
            let own = context
                .written(stmt)
                .and_then(|written| tree::modifier_span(written, is_atomic));
            let span = own.or_else(|| {
                // The modifiers of the pipeline itself.
                let items = context.items().iter();
                let mut pipelines = items.filter_map(|item| match &item.kind {
                    ItemKind::Pipeline { modifiers, .. }
                        if item.span.start <= stmt.span.start && stmt.span.end <= item.span.end =>
                    {
                        Some(modifiers)
                    }
                    _ => None,
                });
                let mut modifiers = pipelines.next()?.iter();
                modifiers.find(|it| is_atomic(&it.kind)).map(|it| it.span)
            });
            found.push(
                Diagnostic::warning(
                    codes::ATOMIC_WITHOUT_UNDO,
                    span.unwrap_or(stmt.span),
                    "this is atomic, but nothing in it can be rolled back",
                )
                .here("a failure leaves what has been done")
                .help("write `undo { … }` after the steps that change something"),
            );
        });
    });
}
