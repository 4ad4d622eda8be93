//! A rate that changes by the same amount at each step.

use super::{
    StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// A linear change between two fractions of the rate, by default from the full rate to 0.
///
/// `lr · (start + (end − start) · min(step, steps) / steps)`: after the last step the rate stays at
/// its last value.
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
/// PyTorch: `LinearLR(optimizer, start_factor, end_factor, total_iters)`, which by default rises
/// from a third of the rate.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearDecay {
    lr: f64,
    steps: Steps,
    start_factor: f64,
    end_factor: f64,
}

impl LinearDecay {
    /// Creates a schedule that falls from `lr` to 0 in `steps` steps.
    pub fn new(lr: f64, steps: impl StepCount) -> Self {
        Self { lr, steps: Steps::new(steps), start_factor: 1.0, end_factor: 0.0 }
    }

    /// Sets the fraction of the rate at step 0; 1 by default.
    #[must_use]
    pub fn start_factor(mut self, factor: f64) -> Self {
        self.start_factor = factor;
        self
    }

    /// Sets the fraction of the rate at the last step and after it; 0 by default.
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
        let (start, end) = (checks::rounded(lr * start_factor), checks::rounded(lr * end_factor));
        format!("linear from {start} to {end} in {steps} steps")
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        for (name, factor) in [("start_factor", self.start_factor), ("end_factor", self.end_factor)] {
            if !(factor.is_finite() && factor >= 0.0) {
                problems.add(
                    format!("`LinearDecay`: `{name}` must be finite and at least 0, found {factor:?}"),
                    "write a fraction of the rate, such as 0.1",
                );
            }
        }
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}
