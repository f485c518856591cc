//! The visitor of core expressions. Which expressions each form contains is listed here and nowhere
//! else.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{Expr, ExprKind, InterpolationPart, ListItem, Slot};
use lockstep_base::value::Value;

macro_rules! children_of {
    ($(#[$doc:meta])* $name:ident, $iter:ident $(, $mut:tt)?) => {
        $(#[$doc])*
        pub fn $name<'e>(expr: &'e $($mut)? Expr, see: &mut dyn FnMut(&'e $($mut)? Expr)) {
            match & $($mut)? expr.kind {
                ExprKind::Const(_)
                | ExprKind::Local(_)
                | ExprKind::Global(_)
                | ExprKind::Run(_) => {}
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
                ExprKind::Record(entries) => entries.$iter().for_each(|(_, value)| see(value)),
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
                    cond.$iter().for_each(|cond| see(cond));
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
                ExprKind::Bind { values, body } => {
                    values.$iter().for_each(|(_, value)| see(value));
                    see(body);
                }
                ExprKind::Convert(of, _) => see(of),
                ExprKind::Call(_, args) => args.$iter().for_each(see),
            }
        }
    };
}

children_of! {
    /// Calls `see` for the direct subexpressions of an expression, in source order.
    children, iter
}

children_of! {
    /// Like [`children`], to change them.
    children_mut, iter_mut, mut
}

/// Puts a value in the place of a local, wherever an expression names it.
pub fn give_local(expr: &mut Expr, slot: Slot, value: &Value) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if expr.kind == ExprKind::Local(slot) {
            expr.kind = ExprKind::Const(value.clone());
        } else {
            children_mut(expr, &mut |child| open.push(child));
        }
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
