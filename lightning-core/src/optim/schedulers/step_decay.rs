//! Rates that drop at certain steps.

use super::{
    StepCount, checks,
    curve::{self, Curve},
    steps::Steps,
};
use crate::error::ConfigErrors;

/// Drops at regular intervals: `lr · gamma^⌊step / step_size⌋`.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::StepDecay};
///
/// let mut schedule = StepDecay::new(0.1, 2).gamma(0.5).into_scheduler()?;
/// schedule.step(None)?;
/// assert_eq!(schedule.lr(), 0.1);
/// schedule.step(None)?;
/// assert_eq!(schedule.lr(), 0.05);
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// PyTorch: `StepLR(optimizer, step_size, gamma)`.
#[derive(Clone, Debug, PartialEq)]
pub struct StepDecay {
    lr: f64,
    step_size: Steps,
    gamma: f64,
}

impl StepDecay {
    /// Creates a schedule that divides the rate by 10 after every `step_size` steps.
    pub fn new(lr: f64, step_size: impl StepCount) -> Self {
        Self { lr, step_size: Steps::new(step_size), gamma: 0.1 }
    }

    /// Sets what the rate is multiplied by at each drop; 0.1 by default.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Curve for StepDecay {
    const NAME: &'static str = "StepDecay";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        self.lr * self.gamma.powf((step / self.step_size.get()) as f64)
    }

    fn describe(&self) -> String {
        format!("{}, times {} every {} steps", self.lr, self.gamma, self.step_size)
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        self.step_size.check_positive(Self::NAME, "step_size", problems);
        checks::check_factor(Self::NAME, "gamma", self.gamma, problems);
    }
}

/// Drops at milestones: `lr · gamma^n`, where `n` is the number of milestones reached.
///
/// ```
/// use lightning_core::{prelude::*, schedulers::MultiStepDecay};
///
/// let mut schedule = MultiStepDecay::new(0.1, [1, 3]).gamma(0.5).into_scheduler()?;
/// for expected in [0.1, 0.05, 0.05, 0.025, 0.025] {
///     assert_eq!(schedule.lr(), expected);
///     schedule.step(None)?;
/// }
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// A milestone that is given twice counts twice.
///
/// PyTorch: `MultiStepLR(optimizer, milestones, gamma)`.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiStepDecay {
    lr: f64,
    milestones: Vec<Steps>,
    gamma: f64,
}

impl MultiStepDecay {
    /// Creates a schedule that divides the rate by 10 at each of these steps.
    pub fn new<S: StepCount>(lr: f64, milestones: impl IntoIterator<Item = S>) -> Self {
        let mut milestones: Vec<_> = milestones.into_iter().map(Steps::new).collect();
        milestones.sort_unstable();
        Self { lr, milestones, gamma: 0.1 }
    }

    /// Sets what the rate is multiplied by at each drop; 0.1 by default.
    #[must_use]
    pub fn gamma(mut self, gamma: f64) -> Self {
        self.gamma = gamma;
        self
    }
}

impl Curve for MultiStepDecay {
    const NAME: &'static str = "MultiStepDecay";

    fn base_lr(&self) -> f64 {
        self.lr
    }

    fn lr(&self, step: u64) -> f64 {
        let reached = self.milestones.partition_point(|milestone| milestone.get() <= step);
        self.lr * self.gamma.powf(reached as f64)
    }

    fn describe(&self) -> String {
        let milestones: Vec<_> = self.milestones.iter().map(Steps::to_string).collect();
        format!("{}, times {} at steps {}", self.lr, self.gamma, milestones.join(", "))
    }

    fn check(&self, problems: &mut ConfigErrors) {
        checks::check_base(Self::NAME, "lr", self.lr, problems);
        for milestone in &self.milestones {
            milestone.check_not_negative(Self::NAME, "milestones", problems);
        }
        checks::check_factor(Self::NAME, "gamma", self.gamma, problems);
    }
}

curve::into_scheduler!(StepDecay, MultiStepDecay);
