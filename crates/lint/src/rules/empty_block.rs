//! `empty-block`: a block that does nothing, without a comment that says why. An empty `undo` is no
//! mistake: it states that nothing is to be rolled back.

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree::{self, BlockRole};
use lockstep_base::diagnostic::{Diagnostic, codes};

pub(super) const RULE: Rule =
    Rule::new(codes::EMPTY_BLOCK, "empty-block", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    tree::each_block(&module.ast, &mut |role, block| {
        let commented = || context.has_comment(block.span);
        if role == BlockRole::Undo || !block.stmts.is_empty() || commented() {
            return;
        }
        let help = match role {
            BlockRole::Body => "write what it is to do, or remove it",
            BlockRole::Branch => "write what is to be done, or turn the condition around",
            BlockRole::Failure => {
                "an empty handler changes nothing: the failure is passed on as without it"
            }
            BlockRole::Undo | BlockRole::Always | BlockRole::Watch | BlockRole::Between => {
                "remove it"
            }
        };
        found.push(
            Diagnostic::warning(codes::EMPTY_BLOCK, block.span, "this block does nothing")
                .here("empty")
                .help(format!("{help}; a comment inside says that it is meant so")),
        );
    });
}
