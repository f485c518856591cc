//! Totality: which expressions have a value whatever their parts are, so that leaving one out
//! cannot hide a failure.

#![deny(clippy::wildcard_enum_match_arm)]

use super::visit::each_part;
use super::{BinaryOp, Expr, ExprKind, InterpolationPart, UnaryOp};

/// Whether evaluating an expression can never be a fault, by its form alone. Where it is not sure
/// (arithmetic may overflow, a call may refuse its arguments, a field may be worked out late), it
/// says no.
pub fn cannot_fail(expr: &Expr) -> bool {
    let mut total = true;
    each_part(expr, &mut |part| total &= form_is_total(&part.kind));
    total
}

/// Whether a form is no fault where none of its parts is one.
fn form_is_total(form: &ExprKind) -> bool {
    match form {
        ExprKind::Const(_)
        | ExprKind::Local(_)
        | ExprKind::Global(_)
        | ExprKind::Run(_)
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::Star(_)
        | ExprKind::If(..)
        | ExprKind::IfSome { .. }
        | ExprKind::Bind { .. } => true,
        // A value may be one that has no text, such as the `null` of JSON.
        ExprKind::Interpolate(parts) => parts.iter().all(|part| match part {
            InterpolationPart::Text(_) => true,
            InterpolationPart::Value(_) => false,
        }),
        ExprKind::Unary(op, _) => match op {
            UnaryOp::Not => true,
            UnaryOp::Neg => false,
        },
        ExprKind::Binary(op, ..) => match op {
            BinaryOp::Else
            | BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::In => true,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => false,
        },
        ExprKind::Field(..)
        | ExprKind::Index(..)
        | ExprKind::Comprehension { .. }
        | ExprKind::Convert(..)
        | ExprKind::Call(..) => false,
    }
}
