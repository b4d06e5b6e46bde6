//! Exact Kubernetes quantities.
//!
//! Invariant: a value is never rounded down; a fraction of the unit counts as one more, as in Kubernetes.

/// A quantity in `unit`ths of one (1 for bytes, 1,000 for thousandths of a core). None if it is no quantity, is
/// negative or is too large to count.
/// Source: `Quantity` of Kubernetes (decimal number with exponent, or with one of the suffixes below).
pub(super) fn parse(text: &str, unit: u64) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let number = number.strip_prefix('+').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mantissa: u128 = digits.parse().ok()?;
    let (factor, exponent) = scale(suffix)?;
    let exponent = exponent - i32::try_from(fraction.len()).ok()?;
    let scaled = mantissa.checked_mul(factor)?.checked_mul(u128::from(unit))?;
    let power = 10u128.checked_pow(exponent.unsigned_abs());
    let value = match (power, exponent < 0) {
        (Some(power), true) => scaled.div_ceil(power),
        // So small that only the rounding is left.
        (None, true) => u128::from(scaled > 0),
        (Some(power), false) => scaled.checked_mul(power)?,
        (None, false) if scaled == 0 => 0,
        (None, false) => return None,
    };
    u64::try_from(value).ok()
}

/// True for a quantity of 0 or more that can be counted.
pub(crate) fn is_quantity(text: &str) -> bool {
    parse(text, 1).is_some()
}

/// What a suffix multiplies by: a factor and a power of ten.
fn scale(suffix: &str) -> Option<(u128, i32)> {
    let scale = match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            let power: i32 = digits.parse().ok()?;
            return (-60..=60).contains(&power).then_some((1, power));
        }
    };
    Some(scale)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_are_exact_and_fractions_round_up() {
        for (text, unit, value) in [
            ("250m", 1_000, 250),
            ("0.5", 1_000, 500),
            (".5", 1_000, 500),
            ("1.", 1_000, 1_000),
            ("2", 1_000, 2_000),
            ("0.0001", 1_000, 1),
            ("512Mi", 1, 536_870_912),
            ("2Gi", 1, 2_147_483_648),
            ("1.5Gi", 1, 1_610_612_736),
            ("1G", 1, 1_000_000_000),
            ("128974848", 1, 128_974_848),
            ("129e6", 1, 129_000_000),
            ("1E", 1, 1_000_000_000_000_000_000),
            ("1E2", 1, 100),
            ("128974848000m", 1, 128_974_848),
            ("1n", 1, 1),
            ("0", 1, 0),
        ] {
            assert_eq!(parse(text, unit), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "m", "-1", "1 Gi", "1gi", "1KI", "1.2.3", "0x10", "1e", "1e999", "99Ei", "½"] {
            assert_eq!(parse(text, 1), None, "{text}");
        }
    }
}
