//! Cosine annealing with warm restarts.

use super::{
    StepCount,
    annealing::half_cosine,
    checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// Cosine annealing with warm restarts: half cosines from `lr` to `min_lr`, one after another.
///
/// The first takes `t_0` steps, each further one `t_mult` times as many as the one before.
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
/// PyTorch: `CosineAnnealingWarmRestarts(optimizer, T_0, T_mult, eta_min)`.
#[derive(Clone, Debug, PartialEq)]
pub struct CosineWarmRestarts {
    lr: f64,
    t_0: Steps,
    t_mult: Steps,
    min_lr: f64,
}

impl CosineWarmRestarts {
    /// Creates a schedule that falls from `lr` to 0 in `t_0` steps, again and again.
    pub fn new(lr: f64, t_0: impl StepCount) -> Self {
        Self { lr, t_0: Steps::new(t_0), t_mult: Steps::new(1), min_lr: 0.0 }
    }

    /// Sets by what the number of steps is multiplied after each restart; 1 by default.
    #[must_use]
    pub fn t_mult(mut self, factor: impl StepCount) -> Self {
        self.t_mult = Steps::new(factor);
        self
    }

    /// Sets the rate before a restart; 0 by default.
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
        half_cosine(self.lr, self.min_lr, inside as f64 / length as f64)
    }

    fn describe(&self) -> String {
        let Self { lr, t_0, t_mult, min_lr } = self;
        format!("cosine from {lr} to {min_lr} in {t_0} steps, restarting, each time {t_mult} times as long")
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        self.t_0.check_positive(Self::NAME, "t_0", problems);
        if self.t_mult < Steps::new(1) {
            problems.add(
                format!("`CosineWarmRestarts`: `t_mult` must be at least 1, found {}", self.t_mult),
                "write 1 for periods of equal length, or 2",
            );
        }
        checks::check_floor(Self::NAME, self.min_lr, self.lr, problems);
    }
}

curve::into_scheduler!(CosineWarmRestarts);
