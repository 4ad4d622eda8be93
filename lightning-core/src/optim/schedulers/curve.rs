//! Schedules whose rate is a function of the step alone.

use std::fmt;

use serde_json::Value;

use super::{LrScheduler, checks::check_rate, state, steps::Steps};
use crate::{error::ConfigErrors, error::Result};

/// A rate as a function of the step.
///
/// The state of such a schedule is the step, so a resumed schedule has exactly the same rates.
pub(super) trait Curve: fmt::Debug + Clone + Send + Sync + 'static {
    /// The name in messages.
    const NAME: &'static str;

    fn base_lr(&self) -> f64;

    /// Returns the rate at `step`, which counts from 0.
    fn lr(&self, step: u64) -> f64;

    fn momentum(&self, _step: u64) -> Option<f64> {
        None
    }

    fn describe(&self) -> String;

    /// Reports all wrong settings.
    fn check(&self, problems: &mut ConfigErrors);

    /// Returns the number of steps after which the schedule ends, for those that end.
    fn length(&mut self) -> Option<&mut Steps> {
        None
    }
}

/// Checks a curve and makes a schedule of it that starts after `warmup` steps of the run.
///
/// # Errors
/// One error that lists all wrong settings.
pub(super) fn scheduler<C: Curve>(mut curve: C, warmup: u64) -> Result<Box<dyn LrScheduler>> {
    let mut problems = ConfigErrors::default();
    curve.check(&mut problems);
    if let Some(length) = curve.length()
        && length.get() > 0
    {
        if warmup >= length.get() {
            problems.add(
                format!("`{}`: the warm-up must be shorter than the {length} steps, found {warmup} steps", C::NAME),
                "the steps of the schedule include the warm-up: write more steps, or a shorter warm-up",
            );
        }
        *length = length.less(warmup);
    }
    problems.finish()?;
    check_rate(C::NAME, curve.lr(0), 0)?;
    Ok(Box::new(CurveScheduler { curve, step: 0 }))
}

/// Implements [`IntoScheduler`](super::IntoScheduler) for types that implement [`Curve`].
///
/// A blanket implementation would show the private trait in the compiler's messages.
macro_rules! into_scheduler {
    ($($settings:ty),*) => {
        $(impl $crate::optim::schedulers::IntoScheduler for $settings {
            fn into_scheduler(self) -> $crate::Result<Box<dyn $crate::optim::schedulers::LrScheduler>> {
                $crate::optim::schedulers::curve::scheduler(self, 0)
            }

            fn into_scheduler_after(self, warmup: u64) -> $crate::Result<Box<dyn $crate::optim::schedulers::LrScheduler>> {
                $crate::optim::schedulers::curve::scheduler(self, warmup)
            }
        })*
    };
}

pub(super) use into_scheduler;

/// A curve at a step.
#[derive(Clone, Debug)]
struct CurveScheduler<C> {
    curve: C,
    step: u64,
}

impl<C: Curve> LrScheduler for CurveScheduler<C> {
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

    fn steps(&self) -> Option<u64> {
        self.curve.clone().length().map(|steps| steps.get())
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
