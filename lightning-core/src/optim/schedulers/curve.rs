//! Schedules whose rate is a function of the step alone.

use std::fmt;

use serde_json::Value;

use super::{LrScheduler, state, steps::Steps};
use crate::error::{ConfigErrors, Error, Result};

/// A rate as a function of the step. Its state is the step, so a resumed schedule is bit by bit the same.
pub(super) trait Curve: fmt::Debug + Clone + Send + Sync + 'static {
    /// The name in messages.
    const NAME: &'static str;

    fn base_lr(&self) -> f64;

    fn lr(&self, step: u64) -> f64;

    fn momentum(&self, _step: u64) -> Option<f64> {
        None
    }

    fn describe(&self) -> String;

    fn check(&self, problems: &mut ConfigErrors);

    /// The number of steps after which it is over, for those that end.
    fn length(&mut self) -> Option<&mut Steps> {
        None
    }
}

/// Checks a curve and sets it going, `warmup` steps later than the run.
///
/// # Errors
/// One error with everything that is wrong.
pub(super) fn scheduler<C: Curve>(mut curve: C, warmup: u64) -> Result<Box<dyn LrScheduler>> {
    let mut problems = ConfigErrors::default();
    curve.check(&mut problems);
    if let Some(length) = curve.length()
        && length.get() > 0
    {
        if warmup >= length.get() {
            problems.add(
                format!("the warm-up of {warmup} steps leaves nothing of the {length} steps of `{}`", C::NAME),
                "the schedule's steps count from the start of the run: give it more, or warm up for fewer",
            );
        }
        *length = length.less(warmup);
    }
    problems.finish()?;
    check_rate(C::NAME, curve.lr(0), 0)?;
    Ok(Box::new(Running { curve, step: 0 }))
}

/// Makes [`IntoScheduler`](super::IntoScheduler) out of [`Curve`].
macro_rules! into_scheduler {
    ($($settings:ty),*) => {
        $(impl $crate::optim::schedulers::IntoScheduler for $settings {
            fn into_scheduler(self) -> $crate::Result<Box<dyn $crate::optim::schedulers::LrScheduler>> {
                $crate::optim::schedulers::curve::scheduler(self, 0)
            }

            fn into_scheduler_after(self, warmup: u64) -> $crate::Result<Box<dyn $crate::optim::schedulers::LrScheduler>> {
                $crate::optim::schedulers::curve::scheduler(self, warmup)
            }
        }

        impl $crate::optim::schedulers::Unmonitored for $settings {})*
    };
}

pub(super) use into_scheduler;

#[derive(Clone, Debug)]
struct Running<C> {
    curve: C,
    step: u64,
}

impl<C: Curve> LrScheduler for Running<C> {
    fn base_lr(&self) -> f64 {
        self.curve.base_lr()
    }

    fn lr(&self) -> f64 {
        self.curve.lr(self.step)
    }

    fn step(&mut self, _monitored: Option<f64>) -> Result<()> {
        self.step = self.step.saturating_add(1);
        check_rate(C::NAME, self.lr(), self.step)
    }

    fn momentum(&self) -> Option<f64> {
        self.curve.momentum(self.step)
    }

    fn state(&self) -> Value {
        state::of_step(self.step)
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let step = state::step(state, C::NAME)?;
        check_rate(C::NAME, self.curve.lr(step), step)?;
        self.step = step;
        Ok(())
    }

    fn describe(&self) -> String {
        self.curve.describe()
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}

/// # Errors
/// When nothing can be trained with this rate.
pub(super) fn check_rate(schedule: &str, lr: f64, step: u64) -> Result<()> {
    if lr.is_finite() && lr >= 0.0 {
        return Ok(());
    }
    Err(Error::config(format!("the rate of the schedule `{schedule}` is {lr} at step {step}"))
        .help("a rate has to be finite and at least 0: correct the numbers of the schedule"))
}

/// A rate that was computed, for people: without the last bit's noise.
pub(super) fn short(lr: f64) -> f64 {
    format!("{lr:.9e}").parse().unwrap_or(lr)
}

/// Reports a rate that a schedule cannot be made with.
pub(super) fn check_base(owner: &str, name: &str, lr: f64, problems: &mut ConfigErrors) {
    if !(lr.is_finite() && lr > 0.0) {
        problems.add(format!("`{owner}`: `{name}` is {lr:?}"), "give a finite rate above 0");
    }
}

/// Reports a lowest rate that is none.
pub(super) fn check_floor(owner: &str, floor: f64, lr: f64, problems: &mut ConfigErrors) {
    if !(floor.is_finite() && floor >= 0.0) {
        problems.add(format!("`{owner}`: `min_lr` is {floor:?}"), "give a finite rate of at least 0");
    } else if lr > 0.0 && floor > lr {
        problems.add(format!("`{owner}`: `min_lr` is {floor:?}, above the rate {lr:?}"), "give a lower one");
    }
}

/// Reports a factor that would make rates negative or undefined.
pub(super) fn check_factor(owner: &str, name: &str, factor: f64, problems: &mut ConfigErrors) {
    if !(factor.is_finite() && factor > 0.0) {
        problems.add(format!("`{owner}`: `{name}` is {factor:?}"), "give a finite factor above 0");
    }
}

/// Reports a range of momenta that is none.
pub(super) fn check_momentum(owner: &str, range: Option<(f64, f64)>, problems: &mut ConfigErrors) {
    if let Some((base, max)) = range
        && !(0.0 <= base && base <= max && max < 1.0)
    {
        problems.add(
            format!("`{owner}`: `momentum({base:?}, {max:?})` is no range of momenta"),
            "give the smaller one first, both from 0.0 up to, but not including, 1.0",
        );
    }
}
