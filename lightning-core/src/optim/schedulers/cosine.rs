//! Rates along a cosine.

use std::f64::consts::PI;

use super::{
    StepCount,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// Half a cosine from `lr` down to `min_lr` (0 unless set).
///
/// `min_lr + (lr − min_lr) · (1 + cos(π · step / steps)) / 2`, which beyond its steps rises again and repeats, as
/// torch's does: it is meant to end with the run.
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
/// torch: `CosineAnnealingLR(optimizer, T_max=steps, eta_min=min_lr)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cosine {
    lr: f64,
    steps: Steps,
    min_lr: f64,
}

impl Cosine {
    /// From `lr` to 0 in this many steps.
    pub fn new(lr: f64, steps: impl StepCount) -> Self {
        Self { lr, steps: Steps::new(steps), min_lr: 0.0 }
    }

    /// The rate at the end.
    #[must_use]
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }
}

/// `high` at a share of 0, `low` at a share of 1.
pub(super) fn anneal(high: f64, low: f64, share: f64) -> f64 {
    low + (high - low) / 2.0 * (1.0 + (PI * share).cos())
}

impl Curve for Cosine {
    const NAME: &'static str = "Cosine";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        // The remainder keeps the argument small: the cosine of a large one has fewer right digits.
        let share = (step % self.steps.get().saturating_mul(2)) as f64 / self.steps.as_f64();
        anneal(self.lr, self.min_lr, share)
    }

    fn describe(&self) -> String {
        format!("cosine from {} to {} in {} steps", self.lr, self.min_lr, self.steps)
    }

    fn check(&self, problems: &mut ConfigErrors) {
        curve::check_base(Self::NAME, "lr", self.lr, problems);
        self.steps.check_positive(Self::NAME, "steps", problems);
        curve::check_floor(Self::NAME, self.min_lr, self.lr, problems);
    }

    fn length(&mut self) -> Option<&mut Steps> {
        Some(&mut self.steps)
    }
}

/// Half a cosine from `lr` to `min_lr` (0 unless set), again and again, each `t_mult` times as long as the one before.
///
/// From "SGDR: Stochastic Gradient Descent with Warm Restarts" (Loshchilov and Hutter, 2017).
///
/// ```
/// use lightning_core::{prelude::*, schedulers::CosineWarmRestarts};
///
/// let mut schedule = CosineWarmRestarts::new(0.1, 2).t_mult(2).into_scheduler()?;
/// let mut restarts = Vec::new();
/// for step in 0..15 {
///     if schedule.lr() == 0.1 {
///         restarts.push(step);
///     }
///     schedule.step(None)?;
/// }
/// assert_eq!(restarts, [0, 2, 6, 14]);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// torch: `CosineAnnealingWarmRestarts(optimizer, T_0, T_mult, eta_min)`.
#[derive(Clone, Debug, PartialEq)]
pub struct CosineWarmRestarts {
    lr: f64,
    t_0: Steps,
    t_mult: Steps,
    min_lr: f64,
}

impl CosineWarmRestarts {
    /// From `lr` to 0 in `t_0` steps, then again.
    pub fn new(lr: f64, t_0: impl StepCount) -> Self {
        Self { lr, t_0: Steps::new(t_0), t_mult: Steps::new(1), min_lr: 0.0 }
    }

    /// How many times as long as the one before each further round is.
    #[must_use]
    pub fn t_mult(mut self, factor: impl StepCount) -> Self {
        self.t_mult = Steps::new(factor);
        self
    }

    /// The rate before a restart.
    #[must_use]
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }
}

impl Curve for CosineWarmRestarts {
    const NAME: &'static str = "CosineWarmRestarts";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        let (mut inside, mut length) = (step, self.t_0.get());
        if self.t_mult.get() == 1 {
            inside %= length;
        }
        while inside >= length {
            inside -= length;
            length = length.saturating_mul(self.t_mult.get());
        }
        anneal(self.lr, self.min_lr, inside as f64 / length as f64)
    }

    fn describe(&self) -> String {
        let Self { lr, t_0, t_mult, min_lr } = self;
        format!("cosine from {lr} to {min_lr} in {t_0} steps, restarting, each time {t_mult} times as long")
    }

    fn check(&self, problems: &mut ConfigErrors) {
        curve::check_base(Self::NAME, "lr", self.lr, problems);
        self.t_0.check_positive(Self::NAME, "t_0", problems);
        if self.t_mult < Steps::new(1) {
            problems.add(format!("`CosineWarmRestarts`: `t_mult` is {}", self.t_mult), "give a factor of at least 1");
        }
        curve::check_floor(Self::NAME, self.min_lr, self.lr, problems);
    }
}

curve::into_scheduler!(Cosine, CosineWarmRestarts);
