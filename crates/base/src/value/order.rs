//! Comparison of values: equality, ordering, and a hash key for sets of values.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Value;

/// 2 to the power of 63: the first float above all integers.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// The order of two values, where they have one: numbers among themselves, and two texts,
/// durations or percents.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) | (Value::Percent(a), Value::Percent(b)) => {
            a.partial_cmp(b)
        }
        (Value::Int(a), Value::Float(b)) => int_with_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => int_with_float(*b, *a).map(Ordering::reverse),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Compares without rounding: a float above 2^53 would otherwise equal several integers.
pub(super) fn int_with_float(a: i64, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    if b >= TWO_TO_63 {
        return Some(Ordering::Less);
    }
    if b < -TWO_TO_63 {
        return Some(Ordering::Greater);
    }
    // The whole part fits now; what is behind the point decides among equals.
    let by_whole = a.cmp(&(b.trunc() as i64));
    Some(by_whole.then_with(|| 0.0_f64.partial_cmp(&b.fract()).unwrap_or(Ordering::Equal)))
}

/// A value as a member of a hash set, under the language's equality.
pub struct ValueKey<'a>(pub &'a Value);

impl PartialEq for ValueKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// Values are never NaN, so each equals itself.
impl Eq for ValueKey<'_> {}

impl Hash for ValueKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Value::None => state.write_u8(0),
            Value::Bool(value) => (1_u8, value).hash(state),
            Value::Int(value) => (2_u8, value).hash(state),
            Value::Float(value) => hash_float(*value, state),
            Value::String(text) => (4_u8, text).hash(state),
            Value::Duration(value) => (5_u8, value).hash(state),
            Value::Percent(value) => {
                state.write_u8(6);
                hash_float(*value, state);
            }
            Value::List(items) => {
                (7_u8, items.len()).hash(state);
                for item in items.iter() {
                    ValueKey(item).hash(state);
                }
            }
            Value::Map(entries) => {
                (8_u8, entries.len()).hash(state);
                // Equal maps may have their entries in different orders.
                let sum = entries.iter().fold(0_u64, |sum, (key, value)| {
                    let mut entry = std::hash::DefaultHasher::new();
                    (key, ValueKey(value)).hash(&mut entry);
                    sum.wrapping_add(entry.finish())
                });
                state.write_u64(sum);
            }
            Value::Secret(parts) => (9_u8, parts.len()).hash(state),
            Value::Service { id, .. } => (10_u8, id).hash(state),
            Value::Environment(id) => (11_u8, id).hash(state),
            Value::Infrastructure(id) => (12_u8, id).hash(state),
            Value::Unknown => state.write_u8(13),
        }
    }
}

/// A whole float hashes like the integer that it equals.
fn hash_float<H: Hasher>(value: f64, state: &mut H) {
    if value.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&value) {
        (2_u8, value as i64).hash(state);
    } else {
        (3_u8, value.to_bits()).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const BIG: i64 = 9_007_199_254_740_993; // 2^53 + 1, which no float can hold.

    #[test]
    fn numbers_compare_without_rounding() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, order) in [
            (1, 1.0, Equal),
            (1, 1.5, Less),
            (-1, -1.5, Greater),
            (0, -0.0, Equal),
            (0, 0.25, Less),
            (0, -0.25, Greater),
            (BIG, (BIG - 1) as f64, Greater),
            (i64::MAX, TWO_TO_63, Less),
            (i64::MIN, -TWO_TO_63, Equal),
            (i64::MIN, -1e300, Greater),
            (i64::MAX, 1e300, Less),
        ] {
            let (int, float) = (Value::Int(a), Value::Float(b));
            assert_eq!(compare(&int, &float), Some(order), "{a} and {b}");
            assert_eq!(compare(&float, &int), Some(order.reverse()), "{b} and {a}");
            assert_eq!(int == float, order == Equal, "{a} == {b}");
        }
    }

    #[test]
    fn what_has_no_order() {
        for (a, b) in [
            (Value::Bool(true), Value::Bool(false)),
            (Value::Int(1), Value::string("1")),
            (Value::Int(1), Value::Duration(1)),
            (Value::Percent(1.0), Value::Float(1.0)),
            (Value::None, Value::None),
        ] {
            assert_eq!(compare(&a, &b), None, "{a:?} and {b:?}");
        }
    }

    #[test]
    fn equal_values_have_equal_keys() {
        let a = Value::map([("a", Value::Int(1)), ("b", Value::Float(0.0))]);
        let b = Value::map([("b", Value::Float(-0.0)), ("a", Value::Float(1.0))]);
        assert_eq!(a, b);
        let lists = [Value::list([a.clone()]), Value::list([b.clone()])];
        let values = [
            &a,
            &b,
            &lists[0],
            &lists[1],
            &Value::Int(3),
            &Value::Percent(3.0),
        ];
        let keys: HashSet<ValueKey> = values.into_iter().map(ValueKey).collect();
        assert_eq!(keys.len(), 4);
    }
}
