//! Learning-rate schedules: PyTorch's, with the same rates, and Burn's.
//!
//! | here | PyTorch (`torch.optim.lr_scheduler`) |
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
//! | [`warmup`](IntoScheduler::warmup) of any of them | `SequentialLR` after a `LinearLR` |
//!
//! A schedule is declared with its settings, checked once by [`IntoScheduler::into_scheduler`], and
//! runs as an [`LrScheduler`]. A step of a schedule is an optimizer step or an epoch, depending on
//! `interval`. Burn's configurations, such as
//! `burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig`, are accepted as well.
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

mod annealing;
mod burn;
mod chained;
mod checks;
mod constant;
mod cosine;
mod cosine_warm_restarts;
mod curve;
mod cyclic;
mod exponential;
mod lambda;
mod linear;
mod monitored;
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

pub use annealing::Annealing;
pub use chained::ChainedSchedule;
pub use constant::ConstantRate;
pub use cosine::Cosine;
pub use cosine_warm_restarts::CosineWarmRestarts;
pub use cyclic::Cyclic;
pub use exponential::ExponentialDecay;
pub use lambda::LambdaRate;
pub use linear::LinearDecay;
#[doc(hidden)]
pub use monitored::{RateOf, Scheduled};
pub use noam::Noam;
pub use one_cycle::OneCycle;
pub use plateau::{ReduceLROnPlateau, ThresholdMode};
pub use polynomial::PolynomialDecay;
pub use sequential::SequentialSchedule;
pub use step_decay::{MultiStepDecay, StepDecay};
pub use steps::StepCount;
pub use warmup::Warmup;

use crate::{error::Result, metrics::Direction};

/// A running learning-rate schedule.
///
/// Implement it for a schedule that no other type here provides, and use the schedule as a
/// `Box<dyn LrScheduler>`. A rate that is a function of the step alone needs only a
/// [`LambdaRate`].
///
/// ```
/// use lightning_core::{prelude::*, schedulers::LrScheduler};
/// use serde_json::Value;
///
/// /// Halves the rate after every step.
/// #[derive(Clone, Debug)]
/// struct Halving {
///     base_lr: f64,
///     step: i32,
/// }
///
/// impl LrScheduler for Halving {
///     fn base_lr(&self) -> f64 {
///         self.base_lr
///     }
///     fn lr(&self) -> f64 {
///         self.base_lr * 0.5_f64.powi(self.step)
///     }
///     fn step(&mut self, _monitored: Option<f64>) -> Result<()> {
///         self.step += 1;
///         Ok(())
///     }
///     fn state(&self) -> Value {
///         self.step.into()
///     }
///     fn load_state(&mut self, state: &Value) -> Result<()> {
///         self.step = state.as_i64().ok_or("the state of `Halving` is not a step")? as i32;
///         Ok(())
///     }
///     fn describe(&self) -> String {
///         format!("halving from {}", self.base_lr)
///     }
///     fn boxed_clone(&self) -> Box<dyn LrScheduler> {
///         Box::new(self.clone())
///     }
/// }
///
/// let mut schedule: Box<dyn LrScheduler> = Box::new(Halving { base_lr: 0.1, step: 0 });
/// schedule.step(None)?;
/// assert_eq!(schedule.lr(), 0.05);
/// # Ok::<(), lightning_core::Error>(())
/// ```
pub trait LrScheduler: fmt::Debug + Send + Sync + 'static {
    /// Returns the rate that the schedule was made with, finite and above 0.
    ///
    /// It is PyTorch's `initial_lr`: parameter groups keep their ratio to it.
    fn base_lr(&self) -> f64;

    /// Returns the current rate; before the first [`step`](Self::step) that is the rate of step 0.
    fn lr(&self) -> f64;

    /// Advances by one step. `monitored` is the value of the monitored metric, for schedules that
    /// [want one](Self::wants_metric).
    ///
    /// # Errors
    /// If the schedule wants a metric and gets none, or if the next rate is negative or not finite.
    fn step(&mut self, monitored: Option<f64>) -> Result<()>;

    /// Returns whether [`step`](Self::step) needs the value of a metric.
    fn wants_metric(&self) -> bool {
        false
    }

    /// Tells a schedule that monitors a metric in which direction the metric improves.
    ///
    /// # Errors
    /// If the schedule was made for the other direction.
    fn watch(&mut self, direction: Direction) -> Result<()> {
        let _ = direction;
        Ok(())
    }

    /// Returns the number of steps after which the schedule is meant to end; `None`, the default, if
    /// it has no end.
    fn steps(&self) -> Option<u64> {
        None
    }

    /// Returns the momentum, or first beta of Adam, if the schedule drives it.
    fn momentum(&self) -> Option<f64> {
        None
    }

    /// Returns the position in the schedule, as JSON.
    ///
    /// The settings are not part of it: a resumed run uses those of the program.
    fn state(&self) -> Value;

    /// Restores a position that [`state`](Self::state) returned.
    ///
    /// # Errors
    /// If this is not the state of such a schedule.
    fn load_state(&mut self, state: &Value) -> Result<()>;

    /// Returns the settings as text, for the summary of a run.
    fn describe(&self) -> String;

    /// Returns a copy, for speculative runs such as a learning-rate finder's.
    fn boxed_clone(&self) -> Box<dyn LrScheduler>;
}

impl Clone for Box<dyn LrScheduler> {
    fn clone(&self) -> Self {
        self.boxed_clone()
    }
}

/// The settings of a schedule, from which it is made at the start of `fit`.
#[diagnostic::on_unimplemented(
    message = "a learning-rate schedule is required, found `{Self}`",
    label = "expected a schedule such as `Cosine::new(lr, steps)`",
    note = "schedules are in `lightning_core::schedulers`; configurations of `burn::lr_scheduler` are also accepted",
    note = "C13 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait IntoScheduler: Sized {
    /// Checks the settings and makes the schedule.
    ///
    /// # Errors
    /// One error that lists all wrong settings.
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>>;

    /// Makes the schedule for a run whose first `warmup` steps are a warm-up.
    ///
    /// A schedule with a fixed number of steps keeps its end and is `warmup` steps shorter; any
    /// other starts later.
    ///
    /// # Errors
    /// As [`into_scheduler`](Self::into_scheduler), and if the warm-up is as long as the schedule.
    fn into_scheduler_after(self, warmup: u64) -> Result<Box<dyn LrScheduler>> {
        let _ = warmup;
        self.into_scheduler()
    }

    /// Puts a linear warm-up of `steps` steps in front.
    ///
    /// With `n` steps, the rate of step `k < n` is `(k + 1) / (n + 1)` of the first rate of the
    /// schedule, so step 0 trains already and step `n` is the first step of the schedule.
    ///
    /// [`Cosine`], [`LinearDecay`], [`PolynomialDecay`] and [`OneCycle`], which have a number of
    /// steps, end when they would without a warm-up: `Cosine::new(lr, 1000).warmup(200)` warms up
    /// for 200 steps and anneals for 800. All others are delayed by the warm-up.
    ///
    /// PyTorch: `SequentialLR([LinearLR(start_factor=1/(n+1), total_iters=n), schedule],
    /// milestones=[n])`.
    fn warmup(self, steps: impl StepCount) -> Warmup<Self> {
        Warmup::new(self, steps)
    }
}

impl IntoScheduler for Box<dyn LrScheduler> {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        Ok(self)
    }
}
