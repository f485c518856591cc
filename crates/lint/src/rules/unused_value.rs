//! `unused-value`: a `let` in a body whose name is never read. Every mention of the name in its
//! block counts, whatever it stands for there, and every one in the handlers of the block.

use std::collections::HashSet;

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree::BlockRole;
use super::super::{names, text, tree};
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::source::{Name, Span};
use lockstep_base::value::Type;
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
    for item in &module.ast.items {
        in_blocks(context, &tree::item_blocks(item), found);
    }
}

/// The blocks of one statement or declaration.
fn in_blocks(context: &Context<'_>, blocks: &[(BlockRole, &Block)], found: &mut Vec<Diagnostic>) {
    let of_handlers = names_of_handlers(blocks);
    for (role, block) in blocks {
        let seen = match role {
            BlockRole::Body => of_handlers.clone(),
            BlockRole::Branch
            | BlockRole::Undo
            | BlockRole::Failure
            | BlockRole::Always
            | BlockRole::Watch
            | BlockRole::Between => HashSet::new(),
        };
        in_block(context, block, seen, found);
        for stmt in &block.stmts {
            for stmt in [Some(stmt), tree::effect(stmt)].into_iter().flatten() {
                in_blocks(context, &tree::blocks(stmt), found);
            }
        }
    }
}

/// The names that the handlers among the blocks of a statement mention.
fn names_of_handlers<'a>(blocks: &[(BlockRole, &'a Block)]) -> HashSet<&'a Name> {
    let mut mentioned = HashSet::new();
    for (role, block) in blocks {
        match role {
            BlockRole::Undo | BlockRole::Failure | BlockRole::Always | BlockRole::Watch => {
                names::of_block(block, &mut |name| {
                    mentioned.insert(&name.name);
                });
            }
            BlockRole::Body | BlockRole::Branch | BlockRole::Between => {}
        }
    }
    mentioned
}

/// `later` is what is mentioned behind the block.
fn in_block<'a>(
    context: &Context<'_>,
    block: &'a Block,
    mut later: HashSet<&'a Name>,
    found: &mut Vec<Diagnostic>,
) {
    // From the last statement to the first, so that each sees what the later ones mention.
    for stmt in block.stmts.iter().rev() {
        let own = names_of_handlers(&tree::blocks(tree::effect(stmt).unwrap_or(stmt)));
        if let StmtKind::Let { name, value, .. } = &stmt.kind
            && !later.contains(&name.name)
            && !own.contains(&name.name)
            && !names::is_unnamed(&name.name)
            && !names_a_call(context, value)
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

/// Whether a `let` only gives a call its name in paths, because the workflow gives nothing.
fn names_a_call(context: &Context<'_>, value: &LetValue) -> bool {
    let LetValue::Expr(value) = value else {
        return false;
    };
    let ExprKind::Call(callee, _) = &tree::bare(value).kind else {
        return false;
    };
    let ExprKind::Name(name) = &callee.kind else {
        return false;
    };
    let found = context.modules().find(ROOT_FILE, &name.name);
    let Some(NameTarget::Decl(Decl {
        sort: DeclKind::Workflow,
        index,
    })) = found.map(|it| it.target)
    else {
        return false;
    };
    let program = context.program;
    let workflow = program.and_then(|it| it.workflows.get(index as usize));
    workflow.is_some_and(|it| it.result == Type::Nothing)
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
