//! A rate that is multiplied by the same number each step.

use super::curve::{self, Curve};
use crate::error::ConfigErrors;

/// `lr · gamma^step`
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
/// torch: `ExponentialLR(optimizer, gamma)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialDecay {
    lr: f64,
    gamma: f64,
}

impl ExponentialDecay {
    /// Starts at `lr` and multiplies it by `gamma` each step.
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
        curve::check_base(Self::NAME, "lr", self.lr, problems);
        curve::check_factor(Self::NAME, "gamma", self.gamma, problems);
    }
}
