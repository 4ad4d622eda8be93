//! A rate that falls to 0 as a power of the steps left.

use super::{
    StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// Polynomial decay to 0: `lr · (1 − min(step, steps) / steps)^power`.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::PolynomialDecay};
///
/// let mut schedule = PolynomialDecay::new(0.1, 2).power(2.0).into_scheduler()?;
/// schedule.step(None)?;
/// assert_eq!(schedule.lr(), 0.025);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `PolynomialLR(optimizer, total_iters, power)`.
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialDecay {
    lr: f64,
    steps: Steps,
    power: f64,
}

impl PolynomialDecay {
    /// Creates a schedule that falls linearly from `lr` to 0 in `steps` steps.
    pub fn new(lr: f64, steps: impl StepCount) -> Self {
        Self { lr, steps: Steps::new(steps), power: 1.0 }
    }

    /// Sets the power; 1 by default. Above 1 the rate falls faster at first, below 1 slower.
    #[must_use]
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }
}

curve::into_scheduler!(PolynomialDecay);

impl Curve for PolynomialDecay {
    const NAME: &'static str = "PolynomialDecay";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        let done = step.min(self.steps.get()) as f64 / self.steps.as_f64();
        self.lr * (1.0 - done).powf(self.power)
    }

    fn describe(&self) -> String {
        format!("polynomial of power {} from {} to 0 in {} steps", self.power, self.lr, self.steps)
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        if !(self.power.is_finite() && self.power > 0.0) {
            problems.add(
                format!("`PolynomialDecay`: `power` must be finite and above 0, found {:?}", self.power),
                "write a power such as 2.0",
            );
        }
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}
