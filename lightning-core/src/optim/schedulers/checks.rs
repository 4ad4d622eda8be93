//! Checks of the numbers of schedules, and their messages.

use crate::{
    error::ConfigErrors,
    error::{Error, Result},
};

/// # Errors
/// If `lr`, the rate of a schedule at `step`, is negative or not finite.
pub(super) fn check_rate(schedule: &str, lr: f64, step: u64) -> Result<()> {
    if lr.is_finite() && lr >= 0.0 {
        return Ok(());
    }
    Err(Error::config(format!(
        "the rate of the schedule `{schedule}` must be finite and at least 0, found {lr} at step {step}"
    ))
    .help("correct the numbers of the schedule"))
}

/// Rounds a computed rate for display: without the noise of the last bits.
pub(super) fn rounded(lr: f64) -> f64 {
    format!("{lr:.9e}").parse().unwrap_or(lr)
}

/// Reports a base rate that is not a positive number.
pub(super) fn check_base(owner: &str, name: &str, lr: f64, problems: &mut ConfigErrors) {
    if !(lr.is_finite() && lr > 0.0) {
        problems.add(
            format!("`{owner}`: `{name}` must be finite and above 0, found {lr:?}"),
            "write a learning rate such as 1e-3",
        );
    }
}

/// Reports a lowest rate that is negative, not finite, or above the base rate `lr`.
pub(super) fn check_floor(owner: &str, floor: f64, lr: f64, problems: &mut ConfigErrors) {
    if !(floor.is_finite() && floor >= 0.0) {
        problems.add(
            format!("`{owner}`: `min_lr` must be finite and at least 0, found {floor:?}"),
            "write 0.0 or a small rate such as 1e-6",
        );
    } else if lr > 0.0 && floor > lr {
        problems.add(
            format!("`{owner}`: `min_lr` must be at most the rate {lr:?}, found {floor:?}"),
            "write a lower `min_lr`, or a higher rate",
        );
    }
}

/// Reports a factor that would make rates negative or undefined.
pub(super) fn check_factor(owner: &str, name: &str, factor: f64, problems: &mut ConfigErrors) {
    if !(factor.is_finite() && factor > 0.0) {
        problems.add(
            format!("`{owner}`: `{name}` must be finite and above 0, found {factor:?}"),
            "write a positive factor such as 0.1",
        );
    }
}

/// Reports a range of momenta outside of `0 <= base <= max < 1`.
pub(super) fn check_momentum(owner: &str, range: Option<(f64, f64)>, problems: &mut ConfigErrors) {
    if let Some((base, max)) = range
        && !(0.0 <= base && base <= max && max < 1.0)
    {
        problems.add(
            format!("`{owner}`: momenta must satisfy 0 <= base <= max < 1, found `momentum({base:?}, {max:?})`"),
            "write the smaller one first, as in `momentum(0.85, 0.95)`",
        );
    }
}
