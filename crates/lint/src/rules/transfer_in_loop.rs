//! `transfer-in-loop`: a `send` or `fetch` in a loop that goes to the same place each time. A loop
//! over places is what it is for.

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{Block, Stmt, StmtKind};

pub(super) const RULE: Rule =
    Rule::new(codes::TRANSFER_IN_LOOP, "transfer-in-loop", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    for (_, block) in module.ast.items.iter().flat_map(tree::item_blocks) {
        each(block, false, found);
    }
}

fn each(block: &Block, repeated: bool, found: &mut Vec<Diagnostic>) {
    for stmt in &block.stmts {
        within(stmt, repeated, found);
        if let Some(effect) = tree::effect(stmt) {
            within(effect, repeated, found);
        }
    }
}

fn within(stmt: &Stmt, repeated: bool, found: &mut Vec<Diagnostic>) {
    let repeated = match &stmt.kind {
        StmtKind::Loop { .. } | StmtKind::Matrix { .. } => true,
        // The place is another one.
        StmtKind::On { .. } | StmtKind::With { on: Some(_), .. } => false,
        _ => repeated,
    };
    if let StmtKind::Transfer(transfer) = &stmt.kind
        && repeated
        && transfer.on.is_none()
    {
        let word = transfer.direction.word();
        found.push(
            Diagnostic::warning(
                codes::TRANSFER_IN_LOOP,
                stmt.head,
                format!("this `{word}` is repeated for one place"),
            )
            .here("each time goes over the connection on its own")
            .help("put what goes into one folder, and transfer that once"),
        );
    }
    for (_, block) in tree::blocks(stmt) {
        each(block, repeated, found);
    }
}
