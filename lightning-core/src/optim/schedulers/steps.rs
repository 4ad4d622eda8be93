//! Numbers of steps as settings.

use std::fmt;

use crate::error::ConfigErrors;

/// What a schedule takes as a number of steps: an integer of any of the usual types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number of steps",
    label = "expected an integer",
    note = "optimizer steps or epochs, whichever `interval` says: a `u64`, `usize`, `u32`, `i64` or `i32`"
)]
pub trait StepCount {
    /// The number; what cannot be one is reported when the schedule is made.
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

/// A number of steps as the user gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Steps(i128);

impl Steps {
    pub(super) fn new(count: impl StepCount) -> Self {
        Self(count.into_count())
    }

    /// The number, once checked.
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
            problems.add(format!("`{owner}`: `{name}` is {self}"), "give at least one step");
        }
    }

    pub(super) fn check_not_negative(self, owner: &str, name: &str, problems: &mut ConfigErrors) {
        if self.0 < 0 {
            problems.add(format!("`{owner}`: `{name}` is {self}"), "count steps from 0");
        }
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
