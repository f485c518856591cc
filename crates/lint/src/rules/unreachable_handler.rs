//! `unreachable-handler`: an `on failure` that is never used, since earlier ones of the same
//! statement handle its failures.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_syntax::ast::{Handler, HandlerKind, ItemKind};

pub(super) const RULE: Rule =
    Rule::new(codes::UNREACHABLE_HANDLER, "unreachable-handler", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    for item in &module.ast.items {
        if let ItemKind::Pipeline { handlers, .. } = &item.kind {
            in_handlers(handlers, found);
        }
    }
    tree::each_stmt_of(&module.ast, &mut |stmt| in_handlers(&stmt.handlers, found));
}

fn in_handlers(handlers: &[Handler], found: &mut Vec<Diagnostic>) {
    let mut all: Option<Span> = None;
    let mut taken: HashSet<&Name> = HashSet::new();
    let mut last: Option<Span> = None;
    for handler in handlers {
        let HandlerKind::OnFailure { classes, body } = &handler.kind else {
            continue;
        };
        let head = Span {
            end: body.span.start,
            ..handler.span
        };
        let covered = !classes.is_empty() && classes.iter().all(|it| taken.contains(&it.name));
        let by = all.or(last.filter(|_| covered));
        if let Some(by) = by {
            found.push(
                Diagnostic::warning(
                    codes::UNREACHABLE_HANDLER,
                    head,
                    "this handler is never used",
                )
                .here("nothing is left for it")
                .label(by, "handles these failures first")
                .help("the first handler that matches is used: put this one first, or remove it"),
            );
        }
        if classes.is_empty() {
            all = all.or(Some(head));
        }
        taken.extend(classes.iter().map(|class| &class.name));
        last = Some(head);
    }
}
