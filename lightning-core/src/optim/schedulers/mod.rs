//! Learning-rate schedules: torch's, with torch's numbers, and Burn's.
//!
//! | here | torch (`torch.optim.lr_scheduler`) |
//! |---|---|
//! | [`ConstantRate`] | `ConstantLR` |
//! | [`LinearDecay`] | `LinearLR` |
//! | [`Cosine`] | `CosineAnnealingLR` |
//! | [`CosineWarmRestarts`] | `CosineAnnealingWarmRestarts` |
//! | [`ExponentialDecay`] | `ExponentialLR` |
//! | [`StepDecay`], [`MultiStepDecay`] | `StepLR`, `MultiStepLR` |
//! | [`PolynomialDecay`] | `PolynomialLR` |
//! | [`Noam`] | none: the schedule of "Attention Is All You Need" |
//! | [`OneCycle`], [`Cyclic`] | `OneCycleLR`, `CyclicLR` |
//! | [`ReduceLROnPlateau`] | `ReduceLROnPlateau` |
//! | [`LambdaRate`] | `LambdaLR` |
//! | [`SequentialSchedule`], [`ChainedSchedule`] | `SequentialLR`, `ChainedScheduler` |
//! | [`warmup`](IntoScheduler::warmup) of any of them | `SequentialLR` of a `LinearLR` and the schedule |
//!
//! A schedule is declared with its settings, checked once by [`IntoScheduler::into_scheduler`], and runs as an
//! [`LrScheduler`]. Its steps are optimizer steps or epochs, whichever `interval` says. Burn's configurations
//! (`burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig` and the others) can be used as they are.
//!
//! ```
//! use lightning_core::prelude::*;
//!
//! let mut schedule = Cosine::new(0.1, 100).warmup(9).into_scheduler()?;
//! let mut rates = Vec::new();
//! for _ in 0..100 {
//!     rates.push(schedule.lr());
//!     schedule.step(None)?;
//! }
//! assert!((rates[0] - 0.01).abs() < 1e-12); // a tenth, then up in equal steps …
//! assert_eq!(rates[9], 0.1); // … to the full rate, where the cosine begins
//! assert!(schedule.lr() < 1e-12); // the warm-up is part of the 100 steps
//! # Ok::<(), lightning_core::Error>(())
//! ```

mod burn;
mod chained;
mod constant;
mod cosine;
mod curve;
mod cyclic;
mod exponential;
mod lambda;
mod linear;
mod noam;
mod one_cycle;
mod parts;
mod plateau;
mod polynomial;
mod sequential;
mod state;
mod step_decay;
mod steps;
#[cfg(test)]
mod tests;
mod warmup;

use std::fmt;

use serde_json::Value;

pub use chained::ChainedSchedule;
pub use constant::ConstantRate;
pub use cosine::{Cosine, CosineWarmRestarts};
pub use cyclic::Cyclic;
pub use exponential::ExponentialDecay;
pub use lambda::LambdaRate;
pub use linear::LinearDecay;
pub use noam::Noam;
pub use one_cycle::{Annealing, OneCycle};
pub use plateau::{ReduceLROnPlateau, ThresholdMode};
pub use polynomial::PolynomialDecay;
pub use sequential::SequentialSchedule;
pub use step_decay::{MultiStepDecay, StepDecay};
pub use steps::StepCount;
pub use warmup::Warmup;

use crate::{error::Result, metrics::Direction};

/// A learning-rate schedule.
pub trait LrScheduler: fmt::Debug + Send + Sync + 'static {
    /// The rate the schedule was made with (torch's `base_lr` / `initial_lr`): parameter groups keep their ratio to it.
    /// Finite and above 0.
    fn base_lr(&self) -> f64;

    /// The rate in force: before any [`step`](Self::step) the one of step 0.
    fn lr(&self) -> f64;

    /// Goes one step on. `monitored` is the value of the watched metric, for schedules that
    /// [want one](Self::wants_metric).
    ///
    /// # Errors
    /// When the schedule wants a metric and gets none, or when the rate that follows is negative or not finite.
    fn step(&mut self, monitored: Option<f64>) -> Result<()>;

    /// Whether it has to be given a metric.
    fn wants_metric(&self) -> bool {
        false
    }

    /// Tells a schedule that watches a metric which way that metric gets better.
    ///
    /// # Errors
    /// When the schedule was made for the other way.
    fn watch(&mut self, direction: Direction) -> Result<()> {
        let _ = direction;
        Ok(())
    }

    /// The momentum, or first beta of Adam, that it also drives, if any.
    fn momentum(&self) -> Option<f64> {
        None
    }

    /// Where it stands, as JSON. The numbers it was made with are not in it: on resume the program's settings win.
    fn state(&self) -> Value;

    /// Goes to where a [`state`](Self::state) was taken.
    ///
    /// # Errors
    /// When this is no state of such a schedule.
    fn load_state(&mut self, state: &Value) -> Result<()>;

    /// Its numbers, for the summary.
    fn describe(&self) -> String;

    /// A copy, for speculative runs such as a rate finder's.
    fn boxed_clone(&self) -> Box<dyn LrScheduler>;
}

impl Clone for Box<dyn LrScheduler> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// The settings of a schedule, from which it is made at the start of `fit`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no learning-rate schedule",
    label = "expected a schedule such as `Cosine::new(lr, steps)`",
    note = "schedules are in `lightning_core::schedulers`; Burn's configurations of `burn::lr_scheduler` are taken too"
)]
pub trait IntoScheduler: Sized {
    /// Checks the settings and makes the schedule.
    ///
    /// # Errors
    /// One error that lists everything that is wrong with the settings.
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>>;

    /// Makes the schedule for a run whose first `warmup` steps are a warm-up: a schedule with an end
    /// keeps it, so it has that many steps fewer; any other begins later.
    ///
    /// # Errors
    /// As [`into_scheduler`](Self::into_scheduler), and when the warm-up leaves none of the schedule.
    fn into_scheduler_after(self, warmup: u64) -> Result<Box<dyn LrScheduler>> {
        let _ = warmup;
        self.into_scheduler()
    }

    /// Puts a linear warm-up of this many steps in front.
    ///
    /// With `n` steps, the rate of step `k < n` is `(k + 1) / (n + 1)` of the one the schedule begins with, so step 0
    /// trains already and step `n` is the schedule's first. [`Cosine`], [`LinearDecay`], [`PolynomialDecay`] and
    /// [`OneCycle`], which know how many steps they take, end when they would without a warm-up:
    /// `Cosine::new(lr, 1000).warmup(200)` warms up for 200 steps and anneals for 800. All others are delayed by it.
    ///
    /// torch: `SequentialLR([LinearLR(start_factor=1/(n+1), total_iters=n), schedule], milestones=[n])`.
    fn warmup(self, steps: impl StepCount) -> Warmup<Self> {
        Warmup::new(self, steps)
    }
}

/// A schedule that does without a metric, so that `monitor` may be left out.
///
/// Whether a [`SequentialSchedule`], a [`ChainedSchedule`] or a boxed schedule wants one is seen at the start of `fit`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` watches a metric, and none is named",
    label = "this schedule needs a metric",
    note = "write `monitor = Self::VAL_LOSS` beside it; a schedule of your own that needs none has `impl Unmonitored for …`"
)]
pub trait Unmonitored: IntoScheduler {}

impl Unmonitored for Box<dyn LrScheduler> {}

impl IntoScheduler for Box<dyn LrScheduler> {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        Ok(self)
    }
}
