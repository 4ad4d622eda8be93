//! The normal distribution.

use std::f64::consts::{FRAC_2_SQRT_PI, PI, SQRT_2};

/// Returns the logarithm of the density at `z` standard deviations.
pub(super) fn log_density(z: f64) -> f64 {
    -0.5 * (z * z + (2.0 * PI).ln())
}

/// Returns the logarithm of the probability between two numbers of standard deviations, `low` below
/// `high`.
pub(super) fn log_mass(low: f64, high: f64) -> f64 {
    // Both tails are computed as the upper one, where the difference of small numbers is exact.
    let mass = match (low, high) {
        (low, high) if low >= 0.0 => upper(low) - upper(high),
        (low, high) if high <= 0.0 => upper(-high) - upper(-low),
        (low, high) => 1.0 - upper(-low) - upper(high),
    };
    if mass > 0.0 {
        return mass.ln();
    }
    // Farther out than numbers reach: the density at the nearer end, times the width.
    let near = if low > 0.0 { low } else { high.min(0.0) };
    log_density(near) + (high - low).max(f64::MIN_POSITIVE).ln()
}

/// The probability above `z`, which is not negative.
fn upper(z: f64) -> f64 {
    0.5 * erfc(z / SQRT_2)
}

/// The complementary error function, for `x ≥ 0`. Sources: M. Abramowitz, I. A. Stegun, "Handbook of
/// Mathematical Functions", 7.1.6 and 7.1.14.
fn erfc(x: f64) -> f64 {
    let square = x * x;
    if x < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..100 {
            term *= 2.0 * square / f64::from(2 * n + 1);
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - FRAC_2_SQRT_PI * (-square).exp() * sum;
    }
    let mut fraction = x;
    for n in (1..=60).rev() {
        fraction = x + 0.5 * f64::from(n) / fraction;
    }
    (-square).exp() / (PI.sqrt() * fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `scipy.special.erfc` and `scipy.special.log_ndtr`.
    #[test]
    fn probabilities_are_those_of_scipy() {
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.4795001221869535),
            (2.0, 0.004677734981047266),
            (2.5, 0.0004069520174449589),
            (5.0, 1.5374597944280347e-12),
        ] {
            assert!((erfc(x) / expected - 1.0).abs() < 1e-10, "erfc({x}) = {}", erfc(x));
        }
        assert!((log_mass(-1.0, 1.0) - 0.6826894921370859_f64.ln()).abs() < 1e-12);
        assert!((log_mass(-9.0, -8.0) - log_mass(8.0, 9.0)).abs() < 1e-12);
        assert!((log_mass(-f64::INFINITY, -8.0) - -35.013437159914).abs() < 1e-6);
        let far = log_mass(60.0, 60.1);
        assert!(far.is_finite() && far < -1700.0, "{far}");
    }
}
