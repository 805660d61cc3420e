//! Numbers: exact where they are integers, and 64-bit floating point otherwise, as Go's are.

use std::cmp::Ordering;

use serde_json::Number;

/// Largest magnitude below which every integer has its own floating point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The number that a calculation gave: an integer if it is one. `None`: infinite, or no number.
pub(super) fn of(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        // In range, because its magnitude was compared.
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

pub(super) fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// The integer that a number is, in whatever way it is written (`3`, `3.0`).
pub(super) fn integer(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let value = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() <= EXACT)?;
        Some(value as i64)
    })
}

/// By value: `1` and `1.0` are equal, and integers beyond 2^53 keep their last digit.
pub(super) fn compare(left: &Number, right: &Number) -> Ordering {
    let whole = |number: &Number| number.as_i128();
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => float(left).partial_cmp(&float(right)).unwrap_or(Ordering::Equal),
    }
}

pub(super) fn equal(left: &Number, right: &Number) -> bool {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left == right,
        _ => float(left) == float(right),
    }
}
