//! A rate that falls when a metric stops improving.

mod scheduler;

use super::{IntoScheduler, LrScheduler, StepCount, checks, steps::Steps};
use crate::{error::ConfigErrors, error::Result, metrics::Direction};
use scheduler::PlateauScheduler;

/// The unit of the threshold of an improvement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThresholdMode {
    /// A fraction of the best value: a value improves if it is below `best − threshold · |best|`,
    /// or above `best + threshold · |best|` if the metric is maximized.
    #[default]
    Relative,
    /// The unit of the metric: a value improves if it is below `best − threshold`, or above
    /// `best + threshold` if the metric is maximized.
    Absolute,
}

/// Multiplies the rate by `factor` when a metric has not improved for more than `patience` checks.
///
/// The metric is named with `monitor = …`, and its key has the direction. NaN is never an
/// improvement.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::ReduceLROnPlateau};
///
/// let mut schedule = ReduceLROnPlateau::new(0.1).factor(0.5).patience(1).into_scheduler()?;
/// for loss in [1.0, 0.5, 0.6] {
///     schedule.step(Some(loss))?;
///     assert_eq!(schedule.lr(), 0.1);
/// }
/// schedule.step(Some(0.7))?;
/// assert_eq!(schedule.lr(), 0.05);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `ReduceLROnPlateau(optimizer, mode, factor=0.1, patience=10, threshold=1e-4,
/// threshold_mode, cooldown=0, min_lr=0, eps=1e-8)`, with the same defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceLROnPlateau {
    lr: f64,
    direction: Option<Direction>,
    factor: f64,
    patience: Steps,
    threshold: f64,
    threshold_mode: ThresholdMode,
    cooldown: Steps,
    min_lr: f64,
    eps: f64,
}

impl ReduceLROnPlateau {
    const NAME: &'static str = "ReduceLROnPlateau";

    /// Creates a schedule that starts at `lr` and divides the rate by 10 after 11 checks in a row
    /// without an improvement.
    pub fn new(lr: f64) -> Self {
        Self {
            lr,
            direction: None,
            factor: 0.1,
            patience: Steps::new(10),
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Relative,
            cooldown: Steps::new(0),
            min_lr: 0.0,
            eps: 1e-8,
        }
    }

    /// Sets the direction in which the metric improves, for a metric whose key has none;
    /// [`Direction::Minimize`] by default.
    #[must_use]
    pub fn mode(mut self, direction: Direction) -> Self {
        self.direction = Some(direction);
        self
    }

    /// Sets what the rate is multiplied by, between 0 and 1; 0.1 by default.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the number of checks without an improvement after which the next one lowers the rate;
    /// 10 by default.
    #[must_use]
    pub fn patience(mut self, checks: impl StepCount) -> Self {
        self.patience = Steps::new(checks);
        self
    }

    /// Sets by how much a value must be better than the best to be an improvement; 1e-4 by default.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets the unit of the threshold; [`ThresholdMode::Relative`] by default.
    #[must_use]
    pub fn threshold_mode(mut self, mode: ThresholdMode) -> Self {
        self.threshold_mode = mode;
        self
    }

    /// Sets the number of checks after a reduction that are not counted; 0 by default.
    #[must_use]
    pub fn cooldown(mut self, checks: impl StepCount) -> Self {
        self.cooldown = Steps::new(checks);
        self
    }

    /// Sets the lowest rate; 0 by default.
    #[must_use]
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }

    /// Sets the smallest reduction: the rate stays if it would fall by no more than this; 1e-8 by
    /// default.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    fn check(&self, problems: &mut ConfigErrors) {
        let Self { lr, direction: _, factor, patience, threshold, threshold_mode: _, cooldown, min_lr, eps } = self;
        checks::check_base(Self::NAME, "lr", *lr, problems);
        if !(*factor > 0.0 && *factor < 1.0) {
            problems.add(
                format!("`ReduceLROnPlateau`: `factor` must be above 0 and below 1, found {factor:?}"),
                "write a factor such as 0.1",
            );
        }
        patience.check_not_negative(Self::NAME, "patience", problems);
        cooldown.check_not_negative(Self::NAME, "cooldown", problems);
        for (name, value) in [("threshold", threshold), ("eps", eps)] {
            if !(value.is_finite() && *value >= 0.0) {
                problems.add(
                    format!("`ReduceLROnPlateau`: `{name}` must be finite and at least 0, found {value:?}"),
                    "write 0.0 or a small number such as 1e-4",
                );
            }
        }
        checks::check_floor(Self::NAME, *min_lr, *lr, problems);
    }

    /// Returns the rate after a reduction.
    fn reduced(&self, lr: f64) -> f64 {
        let lower = (lr * self.factor).max(self.min_lr);
        if lr - lower > self.eps { lower } else { lr }
    }
}

impl IntoScheduler for ReduceLROnPlateau {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        let mut problems = ConfigErrors::default();
        self.check(&mut problems);
        problems.finish()?;
        Ok(Box::new(PlateauScheduler::new(self)))
    }
}
