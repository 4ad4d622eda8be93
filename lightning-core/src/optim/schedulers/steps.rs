//! Numbers of steps as settings.

use std::fmt;

use crate::error::ConfigErrors;

/// A number of steps of a schedule: an integer of one of the usual types.
#[diagnostic::on_unimplemented(
    message = "a number of steps must be an integer, found `{Self}`",
    label = "expected an integer",
    note = "write optimizer steps or epochs, depending on `interval`, as `u64`, `usize`, `u32`, `i64` or `i32`",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait StepCount {
    /// Converts the number. A negative one is reported when the schedule is made.
    fn into_count(self) -> i128;
}

macro_rules! step_counts {
    ($($number:ty),*) => {
        $(impl StepCount for $number {
            fn into_count(self) -> i128 {
                self as i128
            }
        })*
    };
}

step_counts!(i32, i64, u32, u64, usize);

/// A number of steps as the user wrote it, possibly negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Steps(i128);

impl Steps {
    pub(super) fn new(count: impl StepCount) -> Self {
        Self(count.into_count())
    }

    /// Returns the number, and 0 for a negative one, which a check has reported.
    pub(super) fn get(self) -> u64 {
        self.0.max(0).try_into().unwrap_or(u64::MAX)
    }

    pub(super) fn as_f64(self) -> f64 {
        self.get() as f64
    }

    pub(super) fn less(self, steps: u64) -> Self {
        Self(self.0 - i128::from(steps))
    }

    pub(super) fn check_positive(self, owner: &str, name: &str, problems: &mut ConfigErrors) {
        if self.0 < 1 {
            problems.add(format!("`{owner}`: `{name}` must be at least 1, found {self}"), "write at least one step");
        }
    }

    pub(super) fn check_not_negative(self, owner: &str, name: &str, problems: &mut ConfigErrors) {
        if self.0 < 0 {
            problems.add(format!("`{owner}`: `{name}` must be at least 0, found {self}"), "write 0 or a larger number");
        }
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
