//! The parts of a condition, through `not`, `and` and `or`: what is so where it holds, and whether
//! it is known at some moment before the statement that asks it is come to. The machine evaluates
//! it from left to right by the values that are there; of each part it is known which bindings it
//! reads.

use super::ModelLiteral;
use super::conditions::{Conditions, MAX_PARTS};
use lockstep_base::value::Value;
use lockstep_lang::eval::{BinaryOp, Expr, ExprKind, UnaryOp};
use lockstep_plan::{Locals, PlanWalk};

/// What is known of a condition at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// It has a value.
    Known,
    /// It has none.
    Unknown,
    /// It has one, or not: its parts decide.
    Partly,
    /// Nobody can tell which of these.
    Unread,
}

/// A condition as its parts.
#[derive(Debug, Clone)]
pub(super) struct ConditionShape {
    /// What is so where it holds; nothing where it cannot be compared with others.
    holds: Option<ModelLiteral>,
    kind: ShapeKind,
}

#[derive(Debug, Clone)]
enum ShapeKind {
    Is(bool),
    Asks,
    Not(Box<ConditionShape>),
    /// `and`; `or` where the first part decides if it holds.
    Both(bool, Box<[ConditionShape; 2]>),
}

impl Conditions {
    /// A condition as its parts.
    pub fn shape(
        &mut self,
        walk: &PlanWalk<'_>,
        condition: &Expr,
        locals: &Locals,
    ) -> ConditionShape {
        let mut parts = 0;
        self.shape_of(walk, condition, locals, &mut parts)
    }

    fn shape_of(
        &mut self,
        walk: &PlanWalk<'_>,
        expr: &Expr,
        locals: &Locals,
        parts: &mut u32,
    ) -> ConditionShape {
        let alone = |kind| ConditionShape { holds: None, kind };
        *parts += 1;
        if *parts > MAX_PARTS {
            return alone(ShapeKind::Asks);
        }
        if let Ok(Value::Bool(value)) = walk.eval(expr, locals) {
            return alone(ShapeKind::Is(value));
        }
        if let Some((expr, around)) = self.behind(expr, locals) {
            let (expr, around) = (expr.clone(), around.clone());
            return self.shape_of(walk, &expr, &around, parts);
        }
        let kind = match &expr.kind {
            ExprKind::Unary(UnaryOp::Not, of) => {
                return self.shape_of(walk, of, locals, parts).equal_to(false);
            }
            ExprKind::Binary(BinaryOp::Ne, one, other) => {
                let equal = ExprKind::Binary(BinaryOp::Eq, one.clone(), other.clone());
                let span = expr.span;
                let of = self.shape_of(walk, &Expr { kind: equal, span }, locals, parts);
                return of.equal_to(false);
            }
            ExprKind::Binary(BinaryOp::Eq, one, other) => {
                // A comparison with a value that is known is about the other side.
                let holds = match (walk.eval(one, locals), walk.eval(other, locals)) {
                    (Ok(Value::Bool(value)), Err(_)) => {
                        return self.shape_of(walk, other, locals, parts).equal_to(value);
                    }
                    (Err(_), Ok(Value::Bool(value))) => {
                        return self.shape_of(walk, one, locals, parts).equal_to(value);
                    }
                    (Ok(value), Err(_)) => self.literal(walk, other, locals, &value),
                    (Err(_), Ok(value)) => self.literal(walk, one, locals, &value),
                    (Ok(_), Ok(_)) | (Err(_), Err(_)) => self.holds(walk, expr, locals),
                };
                let kind = ShapeKind::Asks;
                return ConditionShape { holds, kind };
            }
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), one, other) => {
                let one = self.shape_of(walk, one, locals, parts);
                let other = self.shape_of(walk, other, locals, parts);
                ShapeKind::Both(*op == BinaryOp::Or, Box::new([one, other]))
            }
            ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Global(_)
            | ExprKind::Run(_)
            | ExprKind::Interpolate(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Field(..)
            | ExprKind::Star(_)
            | ExprKind::Index(..)
            | ExprKind::Unary(UnaryOp::Neg, _)
            | ExprKind::Binary(..)
            | ExprKind::If(..)
            | ExprKind::Comprehension { .. }
            | ExprKind::IfSome { .. }
            | ExprKind::Bind { .. }
            | ExprKind::Convert(..)
            | ExprKind::Call(..) => ShapeKind::Asks,
        };
        let holds = self.holds(walk, expr, locals);
        ConditionShape { holds, kind }
    }
}

impl ConditionShape {
    /// That the condition is true, or that it is false.
    fn equal_to(self, value: bool) -> Self {
        match value {
            true => self,
            false => Self {
                holds: None,
                kind: ShapeKind::Not(Box::new(self)),
            },
        }
    }

    /// What is so where the condition holds, or where it does not.
    pub fn implied(&self, holds: bool) -> Vec<ModelLiteral> {
        let own = self.holds.map(|it| match holds {
            true => it,
            false => it.negated(),
        });
        let mut all: Vec<ModelLiteral> = own.into_iter().collect();
        match &self.kind {
            ShapeKind::Is(_) | ShapeKind::Asks => {}
            ShapeKind::Not(of) => all.extend(of.implied(!holds)),
            // Where the first part decides, nothing is known of the second.
            ShapeKind::Both(decides, both) => {
                if holds != *decides {
                    all.extend(both.iter().flat_map(|it| it.implied(holds)));
                }
            }
        }
        all
    }

    /// Whether the condition is known once the first bindings have been made; notes in `parts`
    /// those of its parts that are, as far as they are evaluated then.
    pub fn knowledge(
        &self,
        conditions: &Conditions,
        bindings: usize,
        parts: &mut Vec<ModelLiteral>,
    ) -> Knowledge {
        match (&self.kind, &self.holds) {
            (ShapeKind::Is(_), _) => Knowledge::Known,
            (ShapeKind::Not(of), _) => of.knowledge(conditions, bindings, parts),
            (ShapeKind::Asks, None) => Knowledge::Unread,
            (ShapeKind::Asks, Some(asked)) => {
                let known = conditions.knowledge(asked, bindings);
                if known == Knowledge::Known && !parts.contains(asked) {
                    parts.push(*asked);
                }
                known
            }
            (ShapeKind::Both(_, both), _) => {
                let [one, other] = &**both;
                let one = one.knowledge(conditions, bindings, parts);
                if matches!(one, Knowledge::Unknown | Knowledge::Unread) {
                    return one;
                }
                match (one, other.knowledge(conditions, bindings, parts)) {
                    (_, Knowledge::Unread) => Knowledge::Unread,
                    (Knowledge::Known, Knowledge::Known) => Knowledge::Known,
                    (Knowledge::Known | Knowledge::Partly, _) => Knowledge::Partly,
                    (Knowledge::Unknown | Knowledge::Unread, _) => one,
                }
            }
        }
    }

    /// What the condition is where all of this is known and nothing else; nothing where that does
    /// not decide it.
    pub fn value(&self, known: &[ModelLiteral]) -> Option<bool> {
        let told = self.holds.and_then(|asked| {
            let of = known.iter().filter(|it| it.decision == asked.decision);
            of.map(|it| told_by(&asked, it)).find_map(|told| told)
        });
        if told.is_some() {
            return told;
        }
        match &self.kind {
            ShapeKind::Is(value) => Some(*value),
            ShapeKind::Asks => None,
            ShapeKind::Not(of) => of.value(known).map(|it| !it),
            ShapeKind::Both(decides, both) => {
                let [one, other] = &**both;
                match one.value(known)? == *decides {
                    true => Some(*decides),
                    false => other.value(known),
                }
            }
        }
    }
}

/// What another answer to the same question says about this one.
fn told_by(asked: &ModelLiteral, known: &ModelLiteral) -> Option<bool> {
    let holds = match (known.equal, known.value == asked.value) {
        (true, same) => same,
        (false, true) => false,
        (false, false) => return None,
    };
    Some(holds == asked.equal)
}
