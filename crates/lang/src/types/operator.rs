//! Types operators: which types they accept, and the errors where they do not fit.

use crate::eval::{ExprKind, operators};
use lockstep_base::diagnostic::Diagnostic;
use lockstep_base::source::Span;
use lockstep_base::value::{Type, Value};
use lockstep_syntax::ast::{self, BinaryOp, ExprKind as Form, UnaryOp};

use super::locals::LocalScope;
use super::narrowing::ConditionFacts;
use super::{Checker, Typed, errors};

impl Checker<'_> {
    /// `-e`, `not e`
    pub(super) fn unary(
        &mut self,
        locals: &mut LocalScope,
        op: UnaryOp,
        of: &ast::Expr,
        span: Span,
        want: Option<&Type>,
    ) -> Typed {
        let want = if op == UnaryOp::Neg { want } else { None };
        let of = self.expr(locals, of, want);
        let Some(ty) = operators::unary_result(op, &of.ty) else {
            self.report(errors::unary(op, &of));
            return Typed::unknown(span);
        };
        let negated = match (op, of.expr.as_const()) {
            (UnaryOp::Neg, Some(Value::Int(value))) => value.checked_neg().map(Value::Int),
            (UnaryOp::Neg, Some(Value::Float(value))) => Some(Value::Float(-value)),
            _ => None,
        };
        let kind = match negated {
            Some(value) => ExprKind::Const(value),
            None => ExprKind::Unary(op, Box::new(of.expr)),
        };
        let mut typed = Typed::new(kind, span, ty);
        if op == UnaryOp::Not {
            typed.facts = of.facts.negated();
        }
        typed
    }

    /// `a + b`: a chain of operators leans to the left and may be long, so it is followed in a
    /// loop.
    pub(super) fn binary(
        &mut self,
        locals: &mut LocalScope,
        expr: &ast::Expr,
        want: Option<&Type>,
    ) -> Typed {
        let mut chain = Vec::new();
        let mut leftmost = expr;
        while let Form::Binary(op, at, left, right) = &leftmost.kind {
            chain.push((*op, *at, right, leftmost.span));
            leftmost = left;
        }
        let first = chain.last().map(|(op, ..)| *op);
        let wanted = wanted_by(first, want);
        let mut left = if first == Some(BinaryOp::Else) {
            self.absent_as_none(locals, leftmost, wanted)
        } else {
            self.expr(locals, leftmost, wanted)
        };
        let mut before: Option<BinaryOp> = None;
        while let Some((op, at, right, span)) = chain.pop() {
            let hint = match (op, &left.ty) {
                (_, Type::OneOf(_)) if is_text_literal(right) && is_equality(op) => {
                    Some(left.ty.clone())
                }
                (BinaryOp::Add | BinaryOp::Else, Type::List(_) | Type::Optional(_)) => {
                    want.cloned().or_else(|| Some(left.ty.clone()))
                }
                (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div, Type::Float)
                | (BinaryOp::Rem, Type::Float) => Some(Type::Float),
                _ => None,
            };
            let mark = locals.mark();
            if op == BinaryOp::And {
                locals.learn(&left.facts.holds);
            } else if op == BinaryOp::Or {
                locals.learn(&left.facts.fails);
            }
            let next = chain.last().map(|(op, ..)| *op);
            let right = if op == BinaryOp::Else && next == Some(BinaryOp::Else) {
                self.absent_as_none(locals, right, hint.as_ref())
            } else {
                self.expr(locals, right, hint.as_ref())
            };
            locals.release(mark);
            if is_comparison(op) && before.is_some_and(is_comparison) {
                // The parser has reported that comparisons do not chain.
                left = Typed {
                    ty: Type::Bool,
                    ..Typed::unknown(span)
                };
            } else {
                let facts = if matches!(op, BinaryOp::And | BinaryOp::Or) {
                    let of_left = std::mem::take(&mut left.facts);
                    ConditionFacts::joined(op, of_left, right.facts.clone())
                } else {
                    self.comparison_facts(locals, op, &left, &right)
                };
                left = match self.ignored_operand(locals, op, &left, &right) {
                    Some(error) => {
                        self.report(error);
                        Typed {
                            ty: Type::Bool,
                            ..Typed::unknown(span)
                        }
                    }
                    None => self.operate(op, at, left, right, span),
                };
                left.facts = facts;
            }
            before = Some(op);
        }
        left
    }

    /// A result whose failure was ignored is no value like others: that it is not equal to one says
    /// nothing of what it would have been, so it is to be compared with `none` before.
    fn ignored_operand(
        &self,
        locals: &LocalScope,
        op: BinaryOp,
        left: &Typed,
        right: &Typed,
    ) -> Option<Diagnostic> {
        if !is_equality(op) && op != BinaryOp::In {
            return None;
        }
        let is_ignored = |side: &&Typed| {
            matches!((&side.expr.kind, &side.ty), (ExprKind::Local(slot), Type::Optional(_))
                if locals.ignored(*slot).is_some())
        };
        let (of, with) = [(left, right), (right, left)]
            .into_iter()
            .find(|(side, _)| is_ignored(side))?;
        let decided = matches!(with.ty, Type::None | Type::Any);
        (!decided).then(|| errors::ignored_compared(self, of))
    }

    fn operate(&mut self, op: BinaryOp, at: Span, left: Typed, right: Typed, span: Span) -> Typed {
        if left.ty == Type::Any && super::is_poison(&left.expr)
            || right.ty == Type::Any && super::is_poison(&right.expr)
        {
            // One side has been reported; what the result would be is often known all the same.
            let ty = operators::result(op, &left.ty, &right.ty).unwrap_or(Type::Any);
            return Typed {
                ty,
                ..Typed::unknown(span)
            };
        }
        let left = match right.ty {
            Type::Float if is_arithmetic(op) => left.written_float(),
            _ => left,
        };
        if op == BinaryOp::Else
            && !matches!(
                left.ty,
                Type::Optional(_) | Type::None | Type::Any | Type::Json
            )
        {
            self.report(errors::never_none(at, &left));
            return Typed {
                expr: left.expr,
                ..left
            };
        }
        match operators::result(op, &left.ty, &right.ty) {
            Some(ty) if !mixes_numbers(op, &left.ty, &right.ty) => {
                let kind = ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr));
                Typed::new(kind, span, ty)
            }
            _ => {
                let error = errors::operands(self, op, at, &left, &right);
                self.report(error);
                let ty = match op {
                    BinaryOp::Or | BinaryOp::And => Type::Bool,
                    op if is_comparison(op) => Type::Bool,
                    _ => Type::Any,
                };
                Typed {
                    ty,
                    ..Typed::unknown(span)
                }
            }
        }
    }
}

/// What the leftmost operand would like to be.
fn wanted_by(op: Option<BinaryOp>, want: Option<&Type>) -> Option<&Type> {
    match (op, want) {
        (Some(BinaryOp::Add | BinaryOp::Else), Some(Type::List(_))) => want,
        (
            Some(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem),
            Some(Type::Float),
        ) => want,
        _ => None,
    }
}

fn is_text_literal(expr: &ast::Expr) -> bool {
    if let Form::Paren(inner) = &expr.kind {
        return is_text_literal(inner);
    }
    matches!(&expr.kind, Form::String(text) if text.plain().is_some())
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, In, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge | In)
}

fn is_equality(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Eq | BinaryOp::Ne)
}

fn is_arithmetic(op: BinaryOp) -> bool {
    use BinaryOp::{Add, Div, Mul, Rem, Sub};
    matches!(op, Add | Sub | Mul | Div | Rem)
}

/// There is no implicit conversion of a computed int to a float.
fn mixes_numbers(op: BinaryOp, left: &Type, right: &Type) -> bool {
    is_arithmetic(op)
        && matches!(
            (left, right),
            (Type::Int, Type::Float) | (Type::Float, Type::Int)
        )
}
