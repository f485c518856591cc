//! `unreachable`: statements behind one that always ends the body. Conditions are not evaluated.

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{Block, Stmt, StmtKind};

pub(super) const RULE: Rule =
    Rule::new(codes::UNREACHABLE, "unreachable", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    let parallel = parallel_bodies(context);
    tree::each_block(&module.ast, &mut |_, block| {
        if parallel.iter().any(|body| std::ptr::eq(*body, block)) {
            return;
        }
        for pair in block.stmts.windows(2) {
            let [end, after] = pair else { continue };
            if let Some(word) = ends(end) {
                found.push(
                    Diagnostic::warning(
                        codes::UNREACHABLE,
                        after.head,
                        "this statement is never reached",
                    )
                    .here("never done")
                    .label(end.head, format!("{word} here, always"))
                    .help("remove it, or put it before"),
                );
                return;
            }
        }
    });
}

/// The bodies whose statements run in parallel.
fn parallel_bodies<'a>(context: &Context<'a>) -> Vec<&'a Block> {
    let mut found = Vec::new();
    if let Some(module) = context.module() {
        tree::each_stmt_of(&module.ast, &mut |stmt| {
            if let StmtKind::Parallel { body } = &stmt.kind {
                found.push(body);
            }
        });
    }
    found
}

/// How a statement ends the body, if it always does.
fn ends(stmt: &Stmt) -> Option<&'static str> {
    match &stmt.kind {
        StmtKind::Return(_) => Some("it returns"),
        StmtKind::Fail { .. } => Some("it fails"),
        StmtKind::Abort => Some("the run is stopped"),
        StmtKind::If {
            branches,
            otherwise: Some(otherwise),
        } => {
            let bodies = branches.iter().map(|(_, body)| body);
            let mut bodies = bodies.chain(std::iter::once(otherwise));
            bodies
                .all(|body| body.stmts.iter().any(|stmt| ends(stmt).is_some()))
                .then_some("every branch ends")
        }
        _ => None,
    }
}
