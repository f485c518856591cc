//! Parses the literals of numbers, percents and durations.

use crate::ast::ExprKind;

/// What may be wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberProblem {
    /// It does not fit its type.
    TooLarge,
    /// `_` does not stand between digits.
    Underscore,
    /// The letters behind it are no unit.
    Unit,
    /// A duration with a decimal point.
    Fraction,
    /// Units repeated, or from small to large.
    Order,
}

/// The units of a duration in milliseconds, from large to small.
const UNITS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The literal with this text.
pub(super) fn number(text: &str) -> Result<ExprKind, NumberProblem> {
    let (body, percent) = match text.strip_suffix('%') {
        Some(body) => (body, true),
        None => (text, false),
    };
    let digits = body
        .find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.')
        .unwrap_or(body.len());
    if digits < body.len() {
        if percent {
            return Err(NumberProblem::Unit);
        }
        return duration(body).map(ExprKind::Duration);
    }
    let plain = without_underscores(body)?;
    let plain: &str = plain.as_deref().unwrap_or(body);
    if percent || plain.contains('.') {
        let number: f64 = plain.parse().map_err(|_| NumberProblem::TooLarge)?;
        if !number.is_finite() {
            return Err(NumberProblem::TooLarge);
        }
        return Ok(if percent {
            ExprKind::Percent(number)
        } else {
            ExprKind::Float(number)
        });
    }
    let number = plain.parse().map_err(|_| NumberProblem::TooLarge)?;
    Ok(ExprKind::Int(number))
}

fn without_underscores(text: &str) -> Result<Option<String>, NumberProblem> {
    if !text.contains('_') {
        return Ok(None);
    }
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'_' && !(digit(at.checked_sub(1)) && digit(at.checked_add(1))) {
            return Err(NumberProblem::Underscore);
        }
    }
    Ok(Some(text.replace('_', "")))
}

/// `1h30m` in milliseconds.
fn duration(text: &str) -> Result<i64, NumberProblem> {
    let mut total: i64 = 0;
    let mut rest = text;
    let mut smallest = i64::MAX;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '_' && c != '.')
            .unwrap_or(rest.len());
        let (count, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(NumberProblem::Unit);
        };
        if count.contains('.') {
            return Err(NumberProblem::Fraction);
        }
        if *size >= smallest {
            return Err(NumberProblem::Order);
        }
        smallest = *size;
        let plain = without_underscores(count)?;
        let count: i64 = plain
            .as_deref()
            .unwrap_or(count)
            .parse()
            .map_err(|_| NumberProblem::TooLarge)?;
        total = count
            .checked_mul(*size)
            .and_then(|part| total.checked_add(part))
            .ok_or(NumberProblem::TooLarge)?;
        rest = tail;
    }
    Ok(total)
}
