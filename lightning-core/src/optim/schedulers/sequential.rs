//! One schedule after another.

use serde_json::{Value, json};

use super::{
    IntoScheduler, LrScheduler, StepCount,
    parts::{self, PartErrors},
    state,
    steps::Steps,
};
use crate::{
    error::{Error, Result},
    metrics::Direction,
};

/// Several schedules one after another, each starting from its own step 0.
///
/// ```
/// use lightning_core::{
///     prelude::*,
///     schedulers::{ConstantRate, ExponentialDecay, SequentialSchedule},
/// };
///
/// let mut schedule = SequentialSchedule::new(ConstantRate::new(0.1))
///     .then(2, ExponentialDecay::new(0.1, 0.5))
///     .into_scheduler()?;
/// for expected in [0.1, 0.1, 0.1, 0.05, 0.025] {
///     assert_eq!(schedule.lr(), expected);
///     schedule.step(None)?;
/// }
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Its [`base_lr`](LrScheduler::base_lr) is that of the first part. A part that monitors a metric
/// receives it while that part is active.
///
/// PyTorch: `SequentialLR(optimizer, schedulers, milestones)`.
#[derive(Debug)]
pub struct SequentialSchedule {
    parts: Vec<(Steps, Result<Box<dyn LrScheduler>>)>,
}

const NAME: &str = "SequentialSchedule";

impl SequentialSchedule {
    /// Starts with the schedule `first`.
    pub fn new(first: impl IntoScheduler) -> Self {
        Self { parts: vec![(Steps::new(0), first.into_scheduler())] }
    }

    /// Continues with the schedule `next` from step `milestone` on.
    #[must_use]
    pub fn then(mut self, milestone: impl StepCount, next: impl IntoScheduler) -> Self {
        self.parts.push((Steps::new(milestone), next.into_scheduler()));
        self
    }
}

impl IntoScheduler for SequentialSchedule {
    fn into_scheduler(self) -> Result<Box<dyn LrScheduler>> {
        let mut errors = PartErrors::default();
        for ((before, _), (milestone, _)) in self.parts.iter().zip(self.parts.iter().skip(1)) {
            if milestone <= before {
                errors.add(
                    Error::config(format!(
                        "`SequentialSchedule`: milestones must increase, found milestone {milestone} after {before}"
                    ))
                    .help("write milestones above 0, each larger than the one before"),
                );
            }
        }
        let parts: Vec<_> = self
            .parts
            .into_iter()
            .filter_map(|(start, part)| Some(Part { start: start.get(), schedule: errors.take(part)? }))
            .collect();
        errors.finish()?;
        Ok(Box::new(Sequential { parts, step: 0 }))
    }
}

#[derive(Clone, Debug)]
struct Part {
    start: u64,
    schedule: Box<dyn LrScheduler>,
}

/// A sequence at a step. There is at least one part, and the first starts at step 0.
#[derive(Clone, Debug)]
struct Sequential {
    parts: Vec<Part>,
    step: u64,
}

impl Sequential {
    /// Returns the index of the part that is active at `step`.
    fn index(&self, step: u64) -> usize {
        self.parts.partition_point(|part| part.start <= step).saturating_sub(1)
    }

    fn current(&self) -> &dyn LrScheduler {
        &*self.parts[self.index(self.step)].schedule
    }
}

impl LrScheduler for Sequential {
    fn base_lr(&self) -> f64 {
        self.parts[0].schedule.base_lr()
    }

    fn lr(&self) -> f64 {
        self.current().lr()
    }

    fn step(&mut self, monitored: Option<f64>) -> Result<()> {
        let next = self.step.saturating_add(1);
        let index = self.index(next);
        // A part that has just become active is at its own step 0 already.
        if self.index(self.step) == index {
            self.parts[index].schedule.step(monitored)?;
        }
        self.step = next;
        Ok(())
    }

    fn wants_metric(&self) -> bool {
        self.parts.iter().any(|part| part.schedule.wants_metric())
    }

    fn watch(&mut self, direction: Direction) -> Result<()> {
        self.parts.iter_mut().try_for_each(|part| part.schedule.watch(direction))
    }

    fn momentum(&self) -> Option<f64> {
        self.current().momentum()
    }

    fn state(&self) -> Value {
        let parts: Vec<_> = self.parts.iter().map(|part| part.schedule.state()).collect();
        json!({ "step": self.step, "parts": parts })
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        let step = state::step(state, NAME)?;
        let states = state::parts(state, self.parts.len(), NAME)?;
        for (part, state) in self.parts.iter_mut().zip(states) {
            part.schedule.load_state(state)?;
        }
        self.step = step;
        Ok(())
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for (part, words) in self.parts.iter().zip(parts::describe(self.parts.iter().map(|part| &part.schedule))) {
            if part.start > 0 {
                text.push_str(&format!("; from step {} ", part.start));
            }
            text.push_str(&words);
        }
        text
    }

    fn boxed_clone(&self) -> Box<dyn LrScheduler> {
        Box::new(self.clone())
    }
}
