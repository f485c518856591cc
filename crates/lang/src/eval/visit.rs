//! The visitor of core expressions. Which expressions each form contains is listed here and nowhere
//! else.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{Expr, ExprKind, InterpolationPart, ListItem};

/// Calls `see` for the direct subexpressions of an expression, in source order.
pub fn children<'e>(expr: &'e Expr, see: &mut dyn FnMut(&'e Expr)) {
    match &expr.kind {
        ExprKind::Const(_) | ExprKind::Local(_) | ExprKind::Global(_) | ExprKind::Run(_) => {}
        ExprKind::Interpolate(parts) => {
            for part in parts {
                match part {
                    InterpolationPart::Value(value) => see(value),
                    InterpolationPart::Text(_) => {}
                }
            }
        }
        ExprKind::List(items) => {
            for ListItem { value, spread: _ } in items {
                see(value);
            }
        }
        ExprKind::Record(entries) => entries.iter().for_each(|(_, value)| see(value)),
        ExprKind::Field(of, _) | ExprKind::Star(of) | ExprKind::Unary(_, of) => see(of),
        ExprKind::Index(first, second) | ExprKind::Binary(_, first, second) => {
            see(first);
            see(second);
        }
        ExprKind::If(condition, then, otherwise) => {
            see(condition);
            see(then);
            see(otherwise);
        }
        ExprKind::Comprehension {
            body,
            slot: _,
            list,
            cond,
        } => {
            see(list);
            cond.iter().for_each(|cond| see(cond));
            see(body);
        }
        ExprKind::IfSome {
            value,
            slot: _,
            body,
        } => {
            see(value);
            see(body);
        }
        ExprKind::Convert(of, _) => see(of),
        ExprKind::Call(_, args) => args.iter().for_each(see),
    }
}

/// Calls `see` for an expression and all its parts, each before the parts in it. It does not
/// recurse, so deep nesting cannot overflow the stack.
pub fn each_part<'e>(expr: &'e Expr, see: &mut dyn FnMut(&'e Expr)) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        see(expr);
        let first = open.len();
        children(expr, &mut |child| open.push(child));
        open[first..].reverse();
    }
}
