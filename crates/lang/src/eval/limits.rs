//! Limits on the size of values and the number of evaluation steps, so that every expression
//! terminates and none exhausts the memory.

use std::cell::Cell;

use lockstep_base::value::{MAX_VALUE_DEPTH, SecretPart, Value};

/// How many elements a value may have, with those of the lists and maps inside it.
pub const MAX_ELEMENTS: usize = 10_000_000;
/// How many bytes of text a value may have.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many steps one evaluation may take; a step is an operator, an element or 64 bytes.
const MAX_STEPS: u64 = 100_000_000;

/// What became too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitExceeded {
    /// More than `MAX_ELEMENTS`.
    Elements,
    /// More than `MAX_BYTES`.
    Bytes,
    /// More than [`MAX_VALUE_DEPTH`] lists and maps in one another.
    Depth,
    /// More steps than one evaluation may take.
    Steps,
}

impl std::fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Elements => write!(f, "more than {} million elements", MAX_ELEMENTS / 1_000_000),
            Self::Bytes => write!(f, "more than {} MiB of text", MAX_BYTES >> 20),
            Self::Depth => write!(
                f,
                "more than {MAX_VALUE_DEPTH} levels of nested lists and maps"
            ),
            Self::Steps => write!(f, "more than {} million steps", MAX_STEPS / 1_000_000),
        }
    }
}

/// The limits of one evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// See `MAX_ELEMENTS`.
    pub elements: usize,
    /// See `MAX_BYTES`.
    pub bytes: usize,
    /// See [`MAX_STEPS`].
    pub steps: u64,
}

impl Limits {
    /// The limits of the language.
    pub const LANGUAGE: Self = Self {
        elements: MAX_ELEMENTS,
        bytes: MAX_BYTES,
        steps: MAX_STEPS,
    };
}

/// The size of a value: its elements at all levels, and its bytes of text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ValueSize {
    elements: usize,
    bytes: usize,
}

/// Counts what an evaluation uses up.
pub(super) struct EvalBudget {
    limits: Limits,
    left: Cell<u64>,
}

impl EvalBudget {
    /// A meter at zero.
    pub fn new(limits: Limits) -> Self {
        Self {
            left: Cell::new(limits.steps),
            limits,
        }
    }

    /// Counts steps.
    pub fn step(&self, steps: u64) -> Result<(), LimitExceeded> {
        let left = self
            .left
            .get()
            .checked_sub(steps)
            .ok_or(LimitExceeded::Steps)?;
        self.left.set(left);
        Ok(())
    }

    /// Measures a value, counts that as steps, and rejects it if it is too large.
    pub fn weigh(&self, value: &Value) -> Result<(), LimitExceeded> {
        self.add(value, 0, &mut ValueSize::default())
    }

    /// Adds an element to a growing list or map.
    pub fn grow(&self, size: &mut ValueSize, element: &Value) -> Result<(), LimitExceeded> {
        self.add(element, 1, size)
    }

    /// Adds bytes to a growing text.
    pub fn text(&self, size: &mut ValueSize, bytes: usize) -> Result<(), LimitExceeded> {
        self.step(bytes as u64 / 64)?;
        size.bytes = size.bytes.saturating_add(bytes);
        if size.bytes > self.limits.bytes {
            return Err(LimitExceeded::Bytes);
        }
        Ok(())
    }

    /// `depth` counts the lists and maps around the value, so this cannot recurse far.
    fn add(&self, value: &Value, depth: usize, size: &mut ValueSize) -> Result<(), LimitExceeded> {
        self.step(1)?;
        if depth > 0 {
            size.elements += 1;
            if size.elements > self.limits.elements {
                return Err(LimitExceeded::Elements);
            }
        }
        match value {
            Value::String(text) => self.text(size, text.len()),
            Value::List(_) | Value::Map(_) if depth >= MAX_VALUE_DEPTH => Err(LimitExceeded::Depth),
            Value::List(items) => items
                .iter()
                .try_for_each(|item| self.add(item, depth + 1, size)),
            Value::Map(entries) => entries.iter().try_for_each(|(key, value)| {
                self.text(size, key.len())?;
                self.add(value, depth + 1, size)
            }),
            Value::Secret(parts) => parts.iter().try_for_each(|part| match part {
                SecretPart::Text(text) => self.text(size, text.len()),
                SecretPart::Secret(_) | SecretPart::Made(_) => self.step(1),
                SecretPart::Derived(_) if depth >= MAX_VALUE_DEPTH => Err(LimitExceeded::Depth),
                SecretPart::Derived(derived) => derived
                    .args
                    .iter()
                    .try_for_each(|arg| self.add(arg, depth + 1, size)),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(elements: usize, bytes: usize, steps: u64) -> EvalBudget {
        EvalBudget::new(Limits {
            elements,
            bytes,
            steps,
        })
    }

    #[test]
    fn a_value_is_weighed_with_all_inside() {
        let ten = Value::list(vec![Value::Int(0); 10]);
        let hundred = Value::list(vec![ten; 10]);
        assert_eq!(meter(110, 0, 1_000).weigh(&hundred), Ok(()));
        assert_eq!(
            meter(109, 0, 1_000).weigh(&hundred),
            Err(LimitExceeded::Elements)
        );
        assert_eq!(
            meter(110, 0, 110).weigh(&hundred),
            Err(LimitExceeded::Steps)
        );
        let text = Value::map([("key", Value::string("12345"))]);
        assert_eq!(meter(1, 8, 10).weigh(&text), Ok(()));
        assert_eq!(meter(1, 7, 10).weigh(&text), Err(LimitExceeded::Bytes));
    }

    #[test]
    fn shared_values_count_each_time() {
        // 2 to the power of 40 elements in a few hundred bytes.
        let shared = (0..40).fold(Value::Int(0), |inner, _| {
            Value::list([inner.clone(), inner])
        });
        let meter = meter(1_000, 0, 1_000_000);
        assert_eq!(meter.weigh(&shared), Err(LimitExceeded::Elements));
    }

    #[test]
    fn depth_is_limited() {
        let nest = |levels| (0..levels).fold(Value::Int(0), |inner, _| Value::list([inner]));
        let meter = meter(100_000, 0, 1_000_000);
        assert_eq!(meter.weigh(&nest(MAX_VALUE_DEPTH)), Ok(()));
        assert_eq!(
            meter.weigh(&nest(MAX_VALUE_DEPTH + 1)),
            Err(LimitExceeded::Depth)
        );
        let mut size = ValueSize::default();
        assert_eq!(meter.grow(&mut size, &nest(MAX_VALUE_DEPTH - 1)), Ok(()));
        assert_eq!(
            meter.grow(&mut size, &nest(MAX_VALUE_DEPTH)),
            Err(LimitExceeded::Depth)
        );
    }
}
