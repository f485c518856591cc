//! The operators: the type of each result is defined next to the value itself, so that the type
//! checker and the evaluator cannot differ.
//!
//! An int with a float gives a float. A number times a percent is that share of the number (`200 *
//! 10%` is 20), and so is a duration times a percent. Integer division rounds towards zero; a
//! duration divided by a duration is a float.

use std::sync::Arc;

use super::limits::{LimitExceeded, MAX_BYTES, MAX_ELEMENTS};
use lockstep_base::value::{SecretPart, Type, Value, compare};
use lockstep_syntax::ast::{BinaryOp, UnaryOp};

/// Why an operator gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorError {
    /// The result needs more than 64 bits.
    Overflow,
    /// The right side of a division is zero.
    DivisionByZero,
    /// The result is larger than any float.
    NotFinite,
    /// The result is too large.
    TooLarge(LimitExceeded),
    /// The operator is not made for such values.
    Unfit,
}

use OperatorError::{DivisionByZero, NotFinite, Overflow, TooLarge, Unfit};

/// The type of `left op right`; `None` where the operator is not made for these types.
pub fn result(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use BinaryOp::{Add, And, Div, Else, Eq, Ge, Gt, In, Le, Lt, Mul, Ne, Or, Rem, Sub};
    match op {
        Else => match left {
            Type::Optional(left) => left.common(right),
            Type::None => Some(right.clone()),
            left => left.common(right),
        },
        And | Or => (is_bool(left) && is_bool(right)).then_some(Type::Bool),
        Eq | Ne => comparable(left, right).then_some(Type::Bool),
        Lt | Le | Gt | Ge => ordered(left, right).then_some(Type::Bool),
        In => contained(left, right).then_some(Type::Bool),
        Add => sum(left, right),
        Sub | Mul | Div | Rem => arithmetic(op, left, right),
    }
}

/// The type of `op of`; `None` where the operator is not made for this type.
pub fn unary_result(op: UnaryOp, of: &Type) -> Option<Type> {
    let fits = match op {
        UnaryOp::Not => is_bool(of),
        UnaryOp::Neg => matches!(
            of,
            Type::Int | Type::Float | Type::Duration | Type::Percent | Type::Any
        ),
    };
    fits.then(|| of.clone())
}

fn is_bool(ty: &Type) -> bool {
    matches!(ty, Type::Bool | Type::Any)
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Int | Type::Float)
}

fn is_text(ty: &Type) -> bool {
    ty.is_text()
}

/// Whether `==` says something: a value of one type may equal one of the other.
pub(super) fn comparable(a: &Type, b: &Type) -> bool {
    if let (Type::None, Type::Optional(_)) | (Type::Optional(_), Type::None) = (a, b) {
        return true;
    }
    !has_secret(a) && !has_secret(b) && (is_number(a) && is_number(b) || a.common(b).is_some())
}

/// Whether values of these types have an order.
pub(super) fn ordered(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Any, of) | (of, Type::Any) => {
            is_number(of) || is_text(of) || matches!(of, Type::Duration | Type::Percent | Type::Any)
        }
        (Type::Duration, Type::Duration) | (Type::Percent, Type::Percent) => true,
        (a, b) => is_number(a) && is_number(b) || is_text(a) && is_text(b),
    }
}

fn contained(part: &Type, whole: &Type) -> bool {
    match whole {
        Type::List(of) => comparable(part, of),
        Type::Map(_) | Type::Record(_) | Type::String | Type::OneOf(_) | Type::Path => {
            is_text(part) || *part == Type::Any
        }
        Type::Json | Type::Any => !has_secret(part),
        _ => false,
    }
}

fn has_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::List(of) | Type::Map(of) | Type::Optional(of) => has_secret(of),
        Type::Record(fields) => fields.values().any(has_secret),
        _ => false,
    }
}

fn sum(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (Type::List(a), Type::List(b)) => a.common(b).map(Type::list),
        (Type::Secret, b) if is_text(b) || *b == Type::Secret => Some(Type::Secret),
        (a, Type::Secret) if is_text(a) => Some(Type::Secret),
        (a, b) if is_text(a) && is_text(b) => Some(Type::String),
        (Type::Any, of @ Type::List(_)) | (of @ Type::List(_), Type::Any) => Some(of.clone()),
        (Type::Any, of) | (of, Type::Any) if is_text(of) => Some(Type::String),
        (Type::Any, Type::Secret) | (Type::Secret, Type::Any) => Some(Type::Secret),
        (a, b) => arithmetic(BinaryOp::Add, a, b),
    }
}

fn arithmetic(op: BinaryOp, a: &Type, b: &Type) -> Option<Type> {
    use BinaryOp::{Add, Div, Mul, Rem, Sub};
    use Type::{Any, Duration, Float, Int, Percent};
    Some(match (a, op, b) {
        (Any, _, Any | Int | Float | Duration | Percent) => Any,
        (Int | Float | Duration | Percent, _, Any) => Any,
        (Int, _, Int) => Int,
        (Int | Float, _, Int | Float) => Float,
        (Duration, Add | Sub | Rem, Duration) => Duration,
        (Duration, Mul | Div, Int | Float) | (Int | Float, Mul, Duration) => Duration,
        (Duration, Mul, Percent) | (Percent, Mul, Duration) => Duration,
        (Duration | Percent, Div, _) if a == b => Float,
        (Percent, Add | Sub | Mul, Percent) => Percent,
        (Percent, Div, Int | Float) => Percent,
        (Int | Float, Mul, Percent) | (Percent, Mul, Int | Float) => Float,
        _ => return None,
    })
}

/// The value of `left op right`. Both sides have been evaluated, so `and`, `or` and `??` are
/// not among the operators here.
pub(super) fn apply(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, OperatorError> {
    use BinaryOp::{Add, And, Div, Else, Eq, Ge, Gt, In, Le, Lt, Mul, Ne, Or, Rem, Sub};
    let order = |holds: fn(std::cmp::Ordering) -> bool| {
        let order = compare(left, right).ok_or(Unfit)?;
        Ok(Value::Bool(holds(order)))
    };
    match op {
        Else | And | Or => Err(Unfit),
        Eq => equal(left, right).map(Value::Bool),
        Ne => equal(left, right).map(|equal| Value::Bool(!equal)),
        Lt => order(std::cmp::Ordering::is_lt),
        Le => order(std::cmp::Ordering::is_le),
        Gt => order(std::cmp::Ordering::is_gt),
        Ge => order(std::cmp::Ordering::is_ge),
        In => contains(right, left).map(Value::Bool),
        Add => match add(left, right) {
            Err(Unfit) => calculate(op, left, right),
            done => done,
        },
        Sub | Mul | Div | Rem => calculate(op, left, right),
    }
}

/// The value of `op of`.
pub(super) fn apply_unary(op: UnaryOp, of: &Value) -> Result<Value, OperatorError> {
    match (op, of) {
        (UnaryOp::Not, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (UnaryOp::Neg, Value::Int(value)) => value.checked_neg().map(Value::Int).ok_or(Overflow),
        (UnaryOp::Neg, Value::Float(value)) => Ok(Value::Float(-value)),
        (UnaryOp::Neg, Value::Duration(value)) => {
            value.checked_neg().map(Value::Duration).ok_or(Overflow)
        }
        (UnaryOp::Neg, Value::Percent(value)) => Ok(Value::Percent(-value)),
        _ => Err(Unfit),
    }
}

/// Whether a number, duration or percent is zero, so that nothing can be divided by it.
pub(super) fn is_zero(value: &Value) -> bool {
    match value {
        Value::Int(value) | Value::Duration(value) => *value == 0,
        Value::Float(value) | Value::Percent(value) => *value == 0.0,
        _ => false,
    }
}

/// What a secret is, only the runtime knows; comparing it here would give a wrong answer.
fn equal(a: &Value, b: &Value) -> Result<bool, OperatorError> {
    // Whether there is one at all is no secret.
    let is_about_none = matches!((a, b), (Value::None, _) | (_, Value::None));
    if !is_about_none && (a.has_secret() || b.has_secret()) {
        return Err(Unfit);
    }
    Ok(a == b)
}

/// Whether a list has an element, a text a part, or a map a key.
pub(super) fn contains(whole: &Value, part: &Value) -> Result<bool, OperatorError> {
    match (whole, part) {
        (Value::List(items), part) => {
            if part.has_secret() || whole.has_secret() {
                return Err(Unfit);
            }
            Ok(items.contains(part))
        }
        (Value::String(whole), Value::String(part)) => Ok(whole.contains(&**part)),
        (Value::Map(entries), Value::String(key)) => Ok(entries.contains_key(key)),
        _ => Err(Unfit),
    }
}

/// Texts, secrets and lists, one after the other.
fn add(a: &Value, b: &Value) -> Result<Value, OperatorError> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            if a.len().saturating_add(b.len()) > MAX_BYTES {
                return Err(TooLarge(LimitExceeded::Bytes));
            }
            Ok(Value::string(format!("{a}{b}")))
        }
        (Value::List(a), Value::List(b)) => {
            if a.len().saturating_add(b.len()) > MAX_ELEMENTS {
                return Err(TooLarge(LimitExceeded::Elements));
            }
            Ok(Value::list(a.iter().chain(b.iter()).cloned()))
        }
        (Value::Secret(a), Value::Secret(b)) => Ok(join_secret(a.to_vec(), b)),
        (Value::Secret(a), Value::String(b)) => {
            Ok(join_secret(a.to_vec(), &[SecretPart::Text(b.clone())]))
        }
        (Value::String(a), Value::Secret(b)) => {
            Ok(join_secret(vec![SecretPart::Text(a.clone())], b))
        }
        _ => Err(Unfit),
    }
}

fn join_secret(mut parts: Vec<SecretPart>, more: &[SecretPart]) -> Value {
    parts.extend_from_slice(more);
    Value::Secret(Arc::new(parts))
}

fn calculate(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, OperatorError> {
    use BinaryOp::{Div, Mul, Rem};
    use Value::{Duration, Float, Int, Percent};
    if matches!(op, Div | Rem) && is_zero(right) {
        // Only where the operator is made for such values at all.
        return Err(match (left, right) {
            (Int(_) | Float(_), Int(_) | Float(_)) => DivisionByZero,
            (Duration(_), Duration(_)) => DivisionByZero,
            (Duration(_) | Percent(_), Int(_) | Float(_)) if op == Div => DivisionByZero,
            (Percent(_), Percent(_)) if op == Div => DivisionByZero,
            _ => Unfit,
        });
    }
    let share = |number: f64, percent: f64| number * percent / 100.0;
    match (left, op, right) {
        (Int(a), _, Int(b)) => whole(op, *a, *b).map(Int),
        (Int(a), _, Float(b)) => float(op, *a as f64, *b).map(Float),
        (Float(a), _, Int(b)) => float(op, *a, *b as f64).map(Float),
        (Float(a), _, Float(b)) => float(op, *a, *b).map(Float),

        (Duration(a), Div, Duration(b)) => float(op, *a as f64, *b as f64).map(Float),
        (Duration(_), Mul, Duration(_)) => Err(Unfit),
        (Duration(a), _, Duration(b)) => whole(op, *a, *b).map(Duration),
        (Duration(a), Mul | Div, Int(b)) => whole(op, *a, *b).map(Duration),
        (Int(a), Mul, Duration(b)) => whole(op, *a, *b).map(Duration),
        (Duration(a), Mul | Div, Float(b)) => round(raw(op, *a as f64, *b)?),
        (Float(a), Mul, Duration(b)) => round(raw(op, *a, *b as f64)?),
        (Duration(a), Mul, Percent(b)) | (Percent(b), Mul, Duration(a)) => {
            round(share(*a as f64, *b))
        }

        (Percent(a), Mul, Percent(b)) => finite(share(*a, *b)).map(Percent),
        (Percent(a), Div, Percent(b)) => float(op, *a, *b).map(Float),
        (Percent(_), Rem, Percent(_)) => Err(Unfit),
        (Percent(a), _, Percent(b)) => float(op, *a, *b).map(Percent),
        (Percent(a), Div, Int(b)) => float(op, *a, *b as f64).map(Percent),
        (Percent(a), Div, Float(b)) => float(op, *a, *b).map(Percent),
        (Int(a), Mul, Percent(b)) | (Percent(b), Mul, Int(a)) => {
            finite(share(*a as f64, *b)).map(Float)
        }
        (Float(a), Mul, Percent(b)) | (Percent(b), Mul, Float(a)) => {
            finite(share(*a, *b)).map(Float)
        }
        _ => Err(Unfit),
    }
}

fn whole(op: BinaryOp, a: i64, b: i64) -> Result<i64, OperatorError> {
    match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div => a.checked_div(b),
        // The only remainder that overflows on the way is zero: of the least integer by -1.
        BinaryOp::Rem => Some(a.wrapping_rem(b)),
        _ => return Err(Unfit),
    }
    .ok_or(Overflow)
}

fn float(op: BinaryOp, a: f64, b: f64) -> Result<f64, OperatorError> {
    finite(raw(op, a, b)?)
}

fn raw(op: BinaryOp, a: f64, b: f64) -> Result<f64, OperatorError> {
    Ok(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Rem => a % b,
        _ => return Err(Unfit),
    })
}

fn finite(value: f64) -> Result<f64, OperatorError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(NotFinite)
    }
}

/// Milliseconds to the nearest whole one; infinitely many are an overflow.
fn round(ms: f64) -> Result<Value, OperatorError> {
    let ms = ms.round();
    // Both bounds are exact as floats; the upper one is the first that does not fit.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&ms) {
        Ok(Value::Duration(ms as i64))
    } else {
        Err(Overflow)
    }
}
