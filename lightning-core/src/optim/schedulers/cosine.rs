//! Cosine annealing.

use super::{
    StepCount,
    annealing::half_cosine,
    checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// Cosine annealing: half a cosine from `lr` down to `min_lr`.
///
/// `min_lr + (lr − min_lr) · (1 + cos(π · step / steps)) / 2`. It is meant to end with the run:
/// after `steps` steps the rate rises again and the curve repeats, as in PyTorch.
///
/// From "SGDR: Stochastic Gradient Descent with Warm Restarts" (Loshchilov and Hutter, 2017).
///
/// ```
/// use lightning_core::prelude::*;
///
/// let mut schedule = Cosine::new(0.1, 2).min_lr(0.02).into_scheduler()?;
/// schedule.step(None)?;
/// assert!((schedule.lr() - 0.06).abs() < 1e-12);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `CosineAnnealingLR(optimizer, T_max=steps, eta_min=min_lr)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cosine {
    lr: f64,
    steps: Steps,
    min_lr: f64,
}

impl Cosine {
    /// Creates a schedule that falls from `lr` to 0 in `steps` steps.
    pub fn new(lr: f64, steps: impl StepCount) -> Self {
        Self { lr, steps: Steps::new(steps), min_lr: 0.0 }
    }

    /// Sets the rate at the end; 0 by default.
    #[must_use]
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }
}

impl Curve for Cosine {
    const NAME: &'static str = "Cosine";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        // The remainder keeps the argument small: the cosine of a large number is less accurate.
        let share = (step % self.steps.get().saturating_mul(2)) as f64 / self.steps.as_f64();
        half_cosine(self.lr, self.min_lr, share)
    }

    fn describe(&self) -> String {
        format!("cosine from {} to {} in {} steps", self.lr, self.min_lr, self.steps)
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        checks::check_floor(Self::NAME, self.min_lr, self.lr, problems);
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}

curve::into_scheduler!(Cosine);
