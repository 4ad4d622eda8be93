//! What a trial returns.

use std::path::PathBuf;

use serde_json::json;

use super::{
    core::End,
    record::{CHECKPOINT, TrialState},
};
use crate::{
    metrics::{Direction, KeyRef},
    progress::StopReason,
    trainer::FitReport,
};

/// A metric that a study optimizes.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    pub(super) key: KeyRef,
    pub(super) direction: Direction,
}

impl Objective {
    /// Returns the name of the metric.
    pub fn name(&self) -> String {
        self.key.display()
    }

    /// Returns whether smaller or larger is better.
    pub fn direction(&self) -> Direction {
        self.direction
    }
}

/// The values of a trial, one for each objective.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    values: Vec<Option<f64>>,
    checkpoint: Option<PathBuf>,
    is_interrupted: bool,
}

impl Outcome {
    /// Creates an outcome from values, in the order of the objectives.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        Self { values: values.into_iter().map(Some).collect(), ..Self::default() }
    }

    /// Adds the checkpoint of the trained module, for [`BestTrial::checkpoint`](super::BestTrial::checkpoint).
    #[must_use]
    pub fn checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.checkpoint = Some(path.into());
        self
    }

    /// How the trial ends that returned it.
    pub(super) fn end(self, objectives: &[Objective]) -> End {
        if self.is_interrupted {
            return End::failed("interrupted", true);
        }
        if self.values.len() != objectives.len() {
            let why = format!(
                "a trial must return a value for each of {} objectives, found {}",
                objectives.len(),
                self.values.len()
            );
            return End::failed(why, false);
        }
        let mut values = Vec::with_capacity(objectives.len());
        for (value, objective) in self.values.iter().zip(objectives) {
            match value {
                Some(value) if !value.is_nan() => values.push(*value),
                Some(_) => return End::failed(format!("`{}` is NaN", objective.name()), false),
                None => {
                    let why = format!(
                        "`{}` had no value in the run: log it, in a validation of each epoch",
                        objective.name()
                    );
                    return End::failed(why, false);
                }
            }
        }
        let checkpoint = self.checkpoint.map(|path| (CHECKPOINT, json!(path)));
        End {
            state: TrialState::Complete,
            values: Some(values),
            attributes: checkpoint.into_iter().collect(),
            may_retry: false,
        }
    }

    /// How a pruned trial ends: with its last report.
    pub(super) fn pruned(self, last: Option<f64>) -> End {
        let checkpoint = self.checkpoint.map(|path| (CHECKPOINT, json!(path)));
        let values = last.filter(|value| !value.is_nan()).map(|value| vec![value]);
        End { state: TrialState::Pruned, values, attributes: checkpoint.into_iter().collect(), may_retry: false }
    }
}

/// What the function of a study can return: the report of `fit`, whose best values count, or the
/// values themselves.
#[diagnostic::on_unimplemented(
    message = "a trial cannot return `{Self}`",
    label = "expected the report of `fit`, or a number for each objective",
    note = "return `trainer.fit(&mut model, data)`, `Ok(value)`, or `Ok([value, other])`"
)]
pub trait IntoOutcome<M> {
    /// Returns the values of the objectives.
    fn into_outcome(self, objectives: &[Objective]) -> Outcome;
}

impl<M> IntoOutcome<M> for Outcome {
    fn into_outcome(self, _: &[Objective]) -> Outcome {
        self
    }
}

impl<M> IntoOutcome<M> for f64 {
    fn into_outcome(self, _: &[Objective]) -> Outcome {
        Outcome::new([self])
    }
}

impl<M, const N: usize> IntoOutcome<M> for [f64; N] {
    fn into_outcome(self, _: &[Objective]) -> Outcome {
        Outcome::new(self)
    }
}

impl<M> IntoOutcome<M> for FitReport<M> {
    fn into_outcome(self, objectives: &[Objective]) -> Outcome {
        let value = |objective: &Objective| {
            let name = objective.name();
            let best = self.best.iter().find(|(known, ..)| *known == name).map(|(_, value, _)| *value);
            // A metric whose direction only the key says has no best value.
            best.or_else(|| self.metrics.find(objective.key))
        };
        Outcome {
            values: objectives.iter().map(value).collect(),
            is_interrupted: self.stop_reason == StopReason::Interrupted,
            checkpoint: self.best_checkpoint,
        }
    }
}
