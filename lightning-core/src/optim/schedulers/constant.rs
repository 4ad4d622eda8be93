//! A constant rate.

use super::{
    StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// A constant rate, optionally another one for the first steps.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::ConstantRate};
///
/// let mut schedule = ConstantRate::new(0.1).factor_for(0.5, 2).into_scheduler()?;
/// assert_eq!(schedule.lr(), 0.05);
/// schedule.step(None)?;
/// schedule.step(None)?;
/// assert_eq!(schedule.lr(), 0.1);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `ConstantLR(optimizer, factor, total_iters)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantRate {
    lr: f64,
    /// The factor of the first steps, and their number.
    first: Option<(f64, Steps)>,
}

impl ConstantRate {
    /// Creates a schedule that always has the rate `lr`.
    pub fn new(lr: f64) -> Self {
        Self { lr, first: None }
    }

    /// Multiplies the rate by `factor` during the first `steps` steps.
    #[must_use]
    pub fn factor_for(mut self, factor: f64, steps: impl StepCount) -> Self {
        self.first = Some((factor, Steps::new(steps)));
        self
    }
}

curve::into_scheduler!(ConstantRate);

impl Curve for ConstantRate {
    const NAME: &'static str = "ConstantRate";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        match self.first {
            Some((factor, steps)) if step < steps.get() => self.lr * factor,
            _ => self.lr,
        }
    }

    fn describe(&self) -> String {
        let lr = self.lr;
        match self.first {
            Some((factor, steps)) => format!("constant {lr}, times {factor} in the first {steps} steps"),
            None => format!("constant {lr}"),
        }
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        if let Some((factor, steps)) = self.first {
            checks::check_factor(Self::NAME, "factor", factor, problems);
            steps.check_positive(Self::NAME, "steps", problems);
        }
    }
}
