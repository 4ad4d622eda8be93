//! Text of numbers and lists, for tables and messages.

/// Formats a metric for a narrow column: at least three significant digits, three decimals from 0.1
/// on, and an exponent for very small and very large values.
pub(crate) fn format_metric(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || (0.1..1e6).contains(&size) => format!("{value:.3}"),
        _ => significant(value, 3),
    }
}

/// Formats a number with `digits` significant digits, without trailing zeros of the fraction.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0".to_owned() } else { format!("{value:?}") };
    }
    let digits = digits.max(1);
    // The exponent is that of the rounded number: 0.9999996 is 1.00000.
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return without_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    format!("{}e{exponent}", without_zeros(mantissa))
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Formats a count in at most four characters and a letter, as PyTorch Lightning does: 999, 1.2 K,
/// 12.3 K, 123 K, 1.2 M.
pub(crate) fn count_text(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["", " K", " M", " B"] {
        // Rounding may carry: 999,999 is 1.0 M, not 1000 K.
        let rounded = if unit.is_empty() || value >= 99.95 { value.round() } else { (value * 10.0).round() / 10.0 };
        if rounded < 1000.0 {
            let decimals = usize::from(!unit.is_empty() && rounded < 100.0);
            return format!("{rounded:.decimals$}{unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} T")
}

/// Formats a count with commas between groups of three digits.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lists names in a sentence; after the first 20 the rest is counted.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        text.push(format!("{} more", names.len() - SHOWN));
    }
    if text.is_empty() { "none".to_owned() } else { text.join(", ") }
}

/// Lists alternatives in a sentence: `a`, `b` or `c`.
#[cfg(feature = "cli")]
pub(crate) fn either(alternatives: &[String]) -> String {
    match alternatives {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
