//! `barrier-without-timeout`: a barrier that waits as long as the slowest strand takes. Off by
//! default, since how long that is depends on the commands.

use super::super::config::Level;
use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{ModifierKind, StmtKind};

pub(super) const RULE: Rule = Rule::new(
    codes::BARRIER_WITHOUT_TIMEOUT,
    "barrier-without-timeout",
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
        if matches!(stmt.kind, StmtKind::Barrier { .. }) && limit.is_none() {
            found.push(
                Diagnostic::warning(
                    codes::BARRIER_WITHOUT_TIMEOUT,
                    stmt.head,
                    "this barrier has no time limit",
                )
                .here("waits as long as the slowest strand takes")
                .help("write `timeout D` after it"),
            );
        }
    });
}
