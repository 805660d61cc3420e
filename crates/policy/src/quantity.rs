//! Quantities of Kubernetes: `100m`, `1.5Gi`, `2e3`.
//!
//! Shape: a decimal number with a suffix `n u m k M G T P E`, `Ki Mi Gi Ti Pi Ei` or an exponent.
//! Unit: kept in billionths, the smallest part that Kubernetes keeps; what is finer is rounded up, away from zero.
//! Source: kubernetes/apimachinery:pkg/api/resource/quantity.go.

use std::fmt;

const NANO: i128 = 1_000_000_000;
/// Kubernetes caps what it reads at 2^63 - 1.
const MOST: i128 = i64::MAX as i128 * NANO;

/// How a quantity was written, and is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `Ki`, `Mi`, ..
    Binary,
    /// `m`, `k`, `M`, ..
    Decimal,
    /// `e3`.
    Exponent,
}

/// An exact number with the way it is written.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    /// In billionths.
    nanos: i128,
    /// Digits behind the point that the text had: a quotient keeps as many.
    digits: u32,
    format: Format,
}

impl PartialEq for Quantity {
    /// By value, as [`PartialOrd`]: `1000m` is `1`.
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    /// By value, whatever the suffixes.
    fn partial_cmp(&self, other: &Quantity) -> Option<std::cmp::Ordering> {
        Some(self.nanos.cmp(&other.nanos))
    }
}

impl Quantity {
    /// Reads a quantity. `None`: another form.
    pub fn parse(text: &str) -> Option<Quantity> {
        let (negative, rest) = match text.strip_prefix(['-', '+']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, after) = rest.split_at(digits(rest));
        let (fraction, suffix) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits(after)),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (base, power, format) = suffix_of(suffix)?;
        let number = format!("{whole}{fraction}");
        let number = number.trim_start_matches('0');
        let scale = i32::try_from(fraction.len()).ok()?;
        // Exact as long as it fits; what does not fit is beyond the cap.
        let magnitude = if base == 10 {
            shift(number, 9_i32.checked_sub(scale)?.checked_add(power)?)
        } else {
            let factor = 1024_i128.checked_pow(u32::try_from(power).ok()?)?;
            // 20 digits times 2^60 fit in 128 bits; digits behind them are rounded up.
            let dropped = number.len().saturating_sub(20);
            let kept = shift(number, -i32::try_from(dropped).ok()?);
            let product = kept.and_then(|kept| kept.checked_mul(factor));
            product.and_then(|product| shift(&product.to_string(), i32::try_from(dropped).ok()? + 9 - scale))
        };
        let size = magnitude.unwrap_or(MOST).min(MOST);
        let nanos = if negative { -size } else { size };
        let shown = if base == 10 { scale - power } else { scale };
        Some(Quantity { nanos, digits: u32::try_from(shown.clamp(0, 9)).ok()?, format })
    }

    /// The value as a floating point number, nearly.
    pub fn approximate(&self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// The sum. The suffix is that of `self`, unless that is zero. `None`: beyond what can be kept.
    pub fn plus(&self, other: &Quantity) -> Option<Quantity> {
        let format = if self.is_zero() { other.format } else { self.format };
        Some(Quantity { nanos: self.nanos.checked_add(other.nanos)?, digits: self.digits.max(other.digits), format })
    }

    /// The difference.
    pub fn minus(&self, other: &Quantity) -> Option<Quantity> {
        self.plus(&Quantity { nanos: other.nanos.checked_neg()?, ..*other })
    }

    /// The product with a number. `None`: beyond what can be kept.
    pub fn times(&self, factor: &Quantity) -> Option<Quantity> {
        // A product of two numbers in billionths: both halves of each, so that nothing overflows that fits in the end.
        let (whole, part) = (factor.nanos / NANO, factor.nanos % NANO);
        let rest = self.nanos.checked_mul(part)?;
        let carried = rest / NANO + if rest % NANO == 0 { 0 } else { rest.signum() };
        let nanos = self.nanos.checked_mul(whole)?.checked_add(carried)?;
        Some(Quantity { nanos, digits: self.digits.max(factor.digits), format: self.format })
    }

    /// The quotient by a number that is not zero, cut after as many digits as the longer of both has. `None`: zero, or too large.
    pub fn over(&self, divisor: &Quantity) -> Option<Quantity> {
        let digits = self.digits.max(divisor.digits);
        let unit = 10_i128.checked_pow(9 - digits.min(9))?;
        let steps = self.nanos.checked_mul(NANO / unit)?.checked_div(divisor.nanos)?;
        Some(Quantity { nanos: steps.checked_mul(unit)?, digits, format: self.format })
    }

    /// A whole number in the way that `self` is written.
    pub fn with_value(&self, value: i64) -> Quantity {
        Quantity { nanos: i128::from(value) * NANO, digits: 0, format: self.format }
    }
}

/// Base, power and format of a suffix.
fn suffix_of(suffix: &str) -> Option<(u32, i32, Format)> {
    let decimal = |power| Some((10, power, Format::Decimal));
    let binary = |power| Some((1024, power, Format::Binary));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        other => {
            let power = other.strip_prefix(['e', 'E'])?;
            let digits = power.strip_prefix(['-', '+']).unwrap_or(power);
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            // Go reads the exponent in 64 bits; beyond a thousand it is the cap or nothing all the same.
            let size: i32 = digits.trim_start_matches('0').get(..4).map_or_else(
                || if digits.trim_start_matches('0').is_empty() { Some(0) } else { digits.parse().ok() },
                |_| Some(1_000),
            )?;
            Some((10, if power.starts_with('-') { -size } else { size }, Format::Exponent))
        }
    }
}

/// Digits times a power of ten, rounded away from zero. `None`: beyond 128 bits.
fn shift(digits: &str, power: i32) -> Option<i128> {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    if power >= 0 {
        if digits.len() as i64 + i64::from(power) > 38 {
            return None;
        }
        return digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(power.unsigned_abs())?);
    }
    let cut = digits.len().saturating_sub(power.unsigned_abs() as usize);
    let (kept, dropped) = digits.split_at(cut);
    if kept.len() > 37 {
        return None;
    }
    let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    kept.checked_add(i128::from(dropped.bytes().any(|digit| digit != b'0')))
}

impl fmt::Display for Quantity {
    /// The shortest form that loses nothing: the largest suffix before which a whole number stands.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return out.write_str("0");
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.format == Format::Binary && !small && self.nanos % NANO == 0 {
            let mut value = self.nanos / NANO;
            let mut power = 0;
            while value % 1024 == 0 && power < 6 {
                value /= 1024;
                power += 1;
            }
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(power).copied().unwrap_or_default();
            return write!(out, "{value}{suffix}");
        }
        let mut value = self.nanos;
        let mut power = -9;
        while value % 1000 == 0 && power < 18 {
            value /= 1000;
            power += 3;
        }
        if self.format == Format::Exponent {
            return if power == 0 { write!(out, "{value}") } else { write!(out, "{value}e{power}") };
        }
        let index = usize::try_from((power + 9) / 3).unwrap_or_default();
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].get(index).copied().unwrap_or_default();
        write!(out, "{value}{suffix}")
    }
}
