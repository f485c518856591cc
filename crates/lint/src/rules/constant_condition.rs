//! `constant-condition`: a condition with a constant result. A named constant is meant as a switch
//! and is not reported.

use super::super::context::Context;
use super::super::rule::{Rule, RuleInput};
use super::super::tree;
use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_syntax::ast::{BinaryOp, Expr, ExprKind, StmtKind};

pub(super) const RULE: Rule =
    Rule::new(codes::CONSTANT_CONDITION, "constant-condition", check).needs(RuleInput::Syntax);

fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(module) = context.module() else {
        return;
    };
    let mut look = |condition: &Expr| {
        if let Some(why) = constant(context, condition) {
            found.push(
                Diagnostic::warning(
                    codes::CONSTANT_CONDITION,
                    condition.span,
                    "this condition is always the same",
                )
                .here(why)
                .help("write what was meant, or keep only the branch that is taken"),
            );
        }
    };
    tree::each_stmt_of(&module.ast, &mut |stmt| {
        if let StmtKind::If { branches, .. } = &stmt.kind {
            branches.iter().for_each(|(condition, _)| look(condition));
        }
        for expr in tree::exprs(stmt) {
            inside(expr, &mut look);
        }
    });
    for expr in module.ast.items.iter().flat_map(tree::item_exprs) {
        inside(expr, &mut look);
    }
}

/// The conditions of `if … then … else` inside an expression.
fn inside(expr: &Expr, look: &mut dyn FnMut(&Expr)) {
    tree::each_expr(expr, &mut |part| {
        if let ExprKind::If(condition, ..) = &part.kind {
            look(condition);
        }
    });
}

/// Why a condition is constant, if it is.
fn constant(context: &Context<'_>, condition: &Expr) -> Option<String> {
    let mut named = false;
    tree::each_expr(condition, &mut |part| {
        named |= matches!(part.kind, ExprKind::Name(_) | ExprKind::Error);
    });
    if !named {
        return Some(String::from("nothing in it can change"));
    }
    match &tree::bare(condition).kind {
        ExprKind::Binary(op, _, left, right)
            if matches!(
                op,
                BinaryOp::Eq
                    | BinaryOp::Ne
                    | BinaryOp::Lt
                    | BinaryOp::Le
                    | BinaryOp::Gt
                    | BinaryOp::Ge
            ) && context.text(left.span) == context.text(right.span) =>
        {
            Some(String::from("both sides are the same"))
        }
        // `true or x`, `x and false`.
        ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), _, left, right) => {
            let settles = |side: &Expr| {
                let settling = *op == BinaryOp::Or;
                matches!(tree::bare(side).kind, ExprKind::Bool(value) if value == settling)
            };
            let side = [left, right].into_iter().find(|side| settles(side))?;
            Some(format!("`{}` settles it", context.text(side.span)))
        }
        _ => None,
    }
}
