//! A linear warm-up in front of a schedule.

use serde_json::{Value, json};

use super::{IntoScheduler, LrScheduler, StepCount, parts::PartErrors, state, steps::Steps};
use crate::{error::ConfigErrors, error::Result, metrics::Direction};

/// A schedule with a linear warm-up in front, made by [`warmup`](IntoScheduler::warmup).
#[derive(Clone, Debug, PartialEq)]
pub struct Warmup<S> {
    schedule: S,
    steps: Steps,
    start_factor: Option<f64>,
}

const NAME: &str = "warmup";

impl<S> Warmup<S> {
    pub(super) fn new(schedule: S, steps: impl StepCount) -> Self {
        Self { schedule, steps: Steps::new(steps), start_factor: None }
    }

    /// Sets the fraction of the full rate at step 0, between 0 and 1; `1 / (steps + 1)` by default.
    ///
    /// PyTorch: `LinearLR(start_factor=factor, total_iters=steps)` in front of the schedule.
    #[must_use]
    pub fn start_factor(mut self, factor: f64) -> Self {
        self.start_factor = Some(factor);
        self
    }

    fn check(&self) -> Result<()> {
        let mut problems = ConfigErrors::default();
        self.steps.check_not_negative(NAME, "steps", &mut problems);
        if let Some(factor) = self.start_factor
            && !(0.0..=1.0).contains(&factor)
        {
            problems.add(
                format!("`warmup`: `start_factor` must be between 0 and 1, found {factor:?}"),
                "write a fraction of the rate, such as 0.1",
            );
        }
        problems.finish()
    }
}

impl<S: IntoScheduler> IntoScheduler for Warmup<S> {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        self.into_scheduler_after(0)
    }

    fn into_scheduler_after(self, warmup: u64) -> Result<Box<dyn LrScheduler>> {
        let mut errors = PartErrors::default();
        errors.take(self.check());
        let Self { schedule, steps, start_factor } = self;
        let steps = steps.get();
        let schedule = errors.take(schedule.into_scheduler_after(warmup.saturating_add(steps)));
        errors.finish()?;
        let start_factor = start_factor.unwrap_or(1.0 / (steps as f64 + 1.0));
        match schedule {
            Some(schedule) => Ok(Box::new(WarmupScheduler { schedule, steps, start_factor, step: 0 })),
            None => Err(state::mismatch(NAME, "it has no schedule")),
        }
    }
}

#[derive(Clone, Debug)]
struct WarmupScheduler {
    schedule: Box<dyn LrScheduler>,
    steps: u64,
    start_factor: f64,
    step: u64,
}

impl LrScheduler for WarmupScheduler {
    fn base_lr(&self) -> f64 {
        self.schedule.base_lr()
    }

    fn lr(&self) -> f64 {
        if self.step >= self.steps {
            return self.schedule.lr();
        }
        let done = self.step as f64 / self.steps as f64;
        self.schedule.lr() * (self.start_factor + (1.0 - self.start_factor) * done)
    }

    fn step(&mut self, monitored: Option<f64>) -> Result<()> {
        if self.step >= self.steps {
            self.schedule.step(monitored)?;
        }
        self.step = self.step.saturating_add(1);
        Ok(())
    }

    fn wants_metric(&self) -> bool {
        self.schedule.wants_metric()
    }

    fn watch(&mut self, direction: Direction) -> Result<()> {
        self.schedule.watch(direction)
    }

    fn momentum(&self) -> Option<f64> {
        self.schedule.momentum()
    }

    fn steps(&self) -> Option<u64> {
        self.schedule.steps().map(|steps| steps.saturating_add(self.steps))
    }

    fn state(&self) -> Value {
        json!({ "step": self.step, "schedule": self.schedule.state() })
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let step = state::step(state, NAME)?;
        self.schedule.load_state(state::entry(state, "schedule", NAME)?)?;
        self.step = step;
        Ok(())
    }

    fn describe(&self) -> String {
        if self.steps == 0 {
            return self.schedule.describe();
        }
        format!("{} steps of linear warm-up, then {}", self.steps, self.schedule.describe())
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}
