//! `idle-verify`: a `verify` whose body cannot fail, so that it verifies nothing.

use super::super::context::{Context, ROOT_FILE};
use super::super::rule::Rule;
use super::super::walk;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_lang::ir::StmtKind;
use lockstep_lang::ir::visit::each_stmt;

pub(super) const RULE: Rule = Rule::new(codes::IDLE_VERIFY, "idle-verify", check);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(program) = context.program else {
        return;
    };
    walk::bodies(program, ROOT_FILE, &mut |stmt| {
        each_stmt(stmt, &mut |stmt| {
            if let StmtKind::Verify { body, .. } = &stmt.kind
                && !context.effects.block(body).fails
            {
                found.push(
                    Diagnostic::warning(
                        codes::IDLE_VERIFY,
                        stmt.span,
                        "this verifies nothing: its body cannot fail",
                    )
                    .here("it only waits")
                    .help("run a command that fails when something is wrong, or write `wait`"),
                );
            }
        });
    });
}
