//! `unused-value`: a `let` in a body whose name is never read. Every mention of the name in its
//! block counts, whatever it stands for there.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::{names, text, tree};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_lang::resolve::{Decl, DeclKind, NameTarget};
use lockstep_syntax::ast::{Block, Expr, ExprKind, Ident, LetValue, Stmt, StmtKind};

use super::super::context::ROOT_FILE;

pub(super) const RULE: Rule = Rule::new(codes::UNUSED_VALUE, "unused-value", check)
    .needs(RuleInput::Names)
    .fixes();

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    tree::each_block(&module.ast, &mut |_, block| in_block(context, block, found));
}

fn in_block(context: &Context<'_>, block: &Block, found: &mut Vec<Diagnostic>) {
    // From the last statement to the first, so that each sees what the later ones mention.
    let mut later: HashSet<&Name> = HashSet::new();
    for stmt in block.stmts.iter().rev() {
        if let StmtKind::Let { name, value, .. } = &stmt.kind
            && !later.contains(&name.name)
            && !names::is_unnamed(&name.name)
        {
            found.push(unused(context, stmt, name, value));
        }
        names::of_stmt(stmt, &mut |name| {
            later.insert(&name.name);
        });
    }
}

fn unused(context: &Context<'_>, stmt: &Stmt, name: &Ident, value: &LetValue) -> Diagnostic {
    let message = format!("`{}` is never read", name.name);
    let finding = Diagnostic::warning(codes::UNUSED_VALUE, name.span, message)
        .here("nothing reads it")
        .help(format!("use it, or leave `let {} =` out", name.name));
    let keep = |from: Span| Span {
        end: from.start,
        ..stmt.span
    };
    match value {
        LetValue::Effect(inner) if matches!(inner.kind, StmtKind::Run(_)) => {
            finding.fix("keep the command alone", keep(inner.span), "")
        }
        // Nobody would receive its result.
        LetValue::Effect(_) => finding,
        LetValue::Expr(value) if is_effect(context, value) => {
            finding.fix("keep the call alone", keep(value.span), "")
        }
        LetValue::Expr(_) => match context.source() {
            Some(source) => {
                let whole = text::whole(&source.text, stmt.span);
                finding.fix(format!("remove `{}`", name.name), whole, "")
            }
            None => finding,
        },
    }
}

/// Whether an expression is a call of a workflow or an action, or may be one.
fn is_effect(context: &Context<'_>, value: &Expr) -> bool {
    let ExprKind::Call(callee, _) = &tree::bare(value).kind else {
        return false;
    };
    match &callee.kind {
        ExprKind::Name(name) => matches!(
            context
                .modules()
                .find(ROOT_FILE, &name.name)
                .map(|it| it.target),
            Some(
                NameTarget::Lost
                    | NameTarget::Decl(Decl {
                        sort: DeclKind::Workflow | DeclKind::Action,
                        ..
                    })
            )
        ),
        _ => true,
    }
}
