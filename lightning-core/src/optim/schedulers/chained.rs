//! Several schedules at once.

use serde_json::{Value, json};

use super::{
    IntoScheduler, LrScheduler,
    parts::{self, PartErrors},
    state,
};
use crate::{
    error::{Error, Result},
    metrics::Direction,
};

/// The product of several schedules: `lr · ∏ lrᵢ(step) / lr`.
///
/// ```
/// use lightning_core::{
///     prelude::*,
///     schedulers::{ChainedSchedule, ExponentialDecay, StepDecay},
/// };
///
/// let mut schedule = ChainedSchedule::new(ExponentialDecay::new(0.1, 0.5))
///     .and(StepDecay::new(0.1, 2))
///     .into_scheduler()?;
/// for expected in [0.1, 0.05, 0.0025] {
///     assert!((schedule.lr() - expected).abs() < 1e-15);
///     schedule.step(None)?;
/// }
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// All parts must be made with the same rate.
///
/// PyTorch: `ChainedScheduler(schedulers)`, for the schedules that multiply the rate: constant,
/// linear, exponential, step, multi-step, polynomial.
#[derive(Debug)]
pub struct ChainedSchedule {
    parts: Vec<Result<Box<dyn LrScheduler>>>,
}

const NAME: &str = "ChainedSchedule";

impl ChainedSchedule {
    /// Starts with the schedule `first`.
    pub fn new(first: impl IntoScheduler) -> Self {
        Self { parts: vec![first.into_scheduler()] }
    }

    /// Multiplies by the schedule `next`.
    #[must_use]
    pub fn and(mut self, next: impl IntoScheduler) -> Self {
        self.parts.push(next.into_scheduler());
        self
    }
}

impl IntoScheduler for ChainedSchedule {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        let mut errors = PartErrors::default();
        let parts: Vec<_> = self.parts.into_iter().filter_map(|part| errors.take(part)).collect();
        let mut rates: Vec<f64> = parts.iter().map(|part| part.base_lr()).collect();
        rates.dedup();
        if rates.len() > 1 {
            errors.add(
                Error::config(format!(
                    "`ChainedSchedule`: all schedules must be made with the same rate, found different rates: {rates:?}"
                ))
                .help("make each schedule with the same rate, which they multiply"),
            );
        }
        errors.finish()?;
        Ok(Box::new(Chained { parts }))
    }
}

/// The running parts, at least one.
#[derive(Clone, Debug)]
struct Chained {
    parts: Vec<Box<dyn LrScheduler>>,
}

impl LrScheduler for Chained {
    fn base_lr(&self) -> f64 {
        self.parts[0].base_lr()
    }

    fn lr(&self) -> f64 {
        let base = self.base_lr();
        self.parts.iter().fold(base, |lr, part| lr * (part.lr() / base))
    }

    fn step(&mut self, monitored: Option<f64>) -> Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.step(monitored))
    }

    fn wants_metric(&self) -> bool {
        self.parts.iter().any(|part| part.wants_metric())
    }

    fn watch(&mut self, direction: Direction) -> Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.watch(direction))
    }

    fn momentum(&self) -> Option<f64> {
        self.parts.iter().rev().find_map(|part| part.momentum())
    }

    fn state(&self) -> Value {
        let parts: Vec<_> = self.parts.iter().map(|part| part.state()).collect();
        json!({ "parts": parts })
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let states = state::parts(state, self.parts.len(), NAME)?;
        self.parts.iter_mut().zip(states).try_for_each(|(part, state)| part.load_state(state))
    }

    fn describe(&self) -> String {
        format!("({})", parts::describe(self.parts.iter()).join(") × ("))
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}
