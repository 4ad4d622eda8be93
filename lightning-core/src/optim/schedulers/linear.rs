//! A rate that changes by the same amount each step.

use super::{
    StepCount,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// From one share of the rate to another in equal steps, then the last one; from all of it to none unless set.
///
/// `lr · (start + (end − start) · min(step, steps) / steps)`
///
/// ```
/// use lightning_core::{prelude::*, schedulers::LinearDecay};
///
/// let mut schedule = LinearDecay::new(0.1, 4).end_factor(0.5).into_scheduler()?;
/// schedule.step(None)?;
/// schedule.step(None)?;
/// assert!((schedule.lr() - 0.075).abs() < 1e-15);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// torch: `LinearLR(optimizer, start_factor, end_factor, total_iters)`, which starts from a third and goes up unless set.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearDecay {
    lr: f64,
    steps: Steps,
    start_factor: f64,
    end_factor: f64,
}

impl LinearDecay {
    /// From `lr` to 0 in this many steps.
    pub fn new(lr: f64, steps: impl StepCount) -> Self {
        Self { lr, steps: Steps::new(steps), start_factor: 1.0, end_factor: 0.0 }
    }

    /// The share of the rate at step 0.
    #[must_use]
    pub fn start_factor(mut self, factor: f64) -> Self {
        self.start_factor = factor;
        self
    }

    /// The share of the rate at the end and after it.
    #[must_use]
    pub fn end_factor(mut self, factor: f64) -> Self {
        self.end_factor = factor;
        self
    }
}

curve::into_scheduler!(LinearDecay);

impl Curve for LinearDecay {
    const NAME: &'static str = "LinearDecay";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        let done = step.min(self.steps.get()) as f64 / self.steps.as_f64();
        self.lr * (self.start_factor + (self.end_factor - self.start_factor) * done)
    }

    fn describe(&self) -> String {
        let Self { lr, steps, start_factor, end_factor } = self;
        format!("linear from {} to {} in {steps} steps", curve::short(lr * start_factor), curve::short(lr * end_factor))
    }

    fn check(&self, problems: &mut ConfigErrors) {
        curve::check_base(Self::NAME, "lr", self.lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        for (name, factor) in [("start_factor", self.start_factor), ("end_factor", self.end_factor)] {
            if !(factor.is_finite() && factor >= 0.0) {
                problems.add(format!("`LinearDecay`: `{name}` is {factor:?}"), "give a finite factor of at least 0");
            }
        }
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}
