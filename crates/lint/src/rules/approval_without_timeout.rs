//! `approval-without-timeout`: an approval that waits for ever if nobody answers. Off by default,
//! since how long to wait depends on who is asked.

use super::super::config::Level;
use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{ModifierKind, StmtKind};

pub(super) const RULE: Rule = Rule::new(
    codes::APPROVAL_WITHOUT_TIMEOUT,
    "approval-without-timeout",
    check,
)
.needs(RuleInput::Syntax)
.at(Level::Off);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    tree::each_stmt_of(&module.ast, &mut |stmt| {
        let limit = tree::modifier_span(stmt, |it| matches!(it, ModifierKind::Timeout(_)));
        if matches!(stmt.kind, StmtKind::Approve { .. }) && limit.is_none() {
            found.push(
                Diagnostic::warning(
                    codes::APPROVAL_WITHOUT_TIMEOUT,
                    stmt.head,
                    "this approval has no time limit",
                )
                .here("waits forever if nobody answers")
                .help("write `timeout D` after it"),
            );
        }
    });
}
