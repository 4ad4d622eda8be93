//! A rate that is multiplied by the same number at each step.

use super::{
    checks,
    curve::{self, Curve},
};
use crate::error::ConfigErrors;

/// Exponential decay: `lr · gamma^step`.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::ExponentialDecay};
///
/// let mut schedule = ExponentialDecay::new(0.1, 0.5).into_scheduler()?;
/// schedule.step(None)?;
/// schedule.step(None)?;
/// assert_eq!(schedule.lr(), 0.025);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `ExponentialLR(optimizer, gamma)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialDecay {
    lr: f64,
    gamma: f64,
}

impl ExponentialDecay {
    /// Creates a schedule that starts at `lr` and multiplies the rate by `gamma` at each step.
    pub fn new(lr: f64, gamma: f64) -> Self {
        Self { lr, gamma }
    }
}

curve::into_scheduler!(ExponentialDecay);

impl Curve for ExponentialDecay {
    const NAME: &'static str = "ExponentialDecay";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf(step as f64)
    }

    fn describe(&self) -> String {
        format!("exponential from {}, times {} each step", self.lr, self.gamma)
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        checks::check_factor(Self::NAME, "gamma", self.gamma, problems);
    }
}
