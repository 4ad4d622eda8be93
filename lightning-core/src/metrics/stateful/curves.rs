//! Scores of one class against the rest: what the areas under the ROC curve and the
//! precision-recall curve are made of.
//!
//! Either every score is kept, and the curve has a point at each of them; or scores are counted
//! between fixed thresholds, which takes constant memory.

mod bins;
mod curve;
mod samples;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::tensor::{
    Tensor,
    activation::{sigmoid, softmax},
};
use serde_json::{Value, json};

pub(crate) use self::{bins::evenly, curve::Curve};
use self::{
    bins::{check_thresholds, count_bins},
    samples::Samples,
};
use super::{
    accumulate::Counts,
    average::ratio,
    exact,
    input::{Classification, Predictions},
    stat_scores::ScoreKind,
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// How the areas of the classes are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurveAverage {
    /// One area of all labels together, in a multilabel task.
    Micro,
    Macro,
    Weighted,
    PerClass,
}

/// Options and state of a metric of ranked scores.
#[derive(Clone, Debug)]
pub(crate) struct Curves {
    pub(crate) average: CurveAverage,
    pub(crate) ignore_index: Option<i64>,
    pub(crate) kind: ScoreKind,
    pub(crate) names: Vec<String>,
    /// Ascending; without any, every score is kept.
    thresholds: Option<Arc<[f32]>>,
    task: Option<Task>,
    samples: Samples,
    /// See [`count_bins`].
    bins: Counts,
}

impl Curves {
    pub(crate) fn new() -> Self {
        Self {
            average: CurveAverage::Macro,
            ignore_index: None,
            kind: ScoreKind::Guessed,
            names: Vec::new(),
            thresholds: None,
            task: None,
            samples: Samples::default(),
            bins: Counts::default(),
        }
    }

    /// Counts scores between these thresholds, instead of keeping them.
    pub(crate) fn bin(&mut self, thresholds: impl IntoIterator<Item = f32>) {
        let mut thresholds: Vec<f32> = thresholds.into_iter().collect();
        thresholds.sort_by(f32::total_cmp);
        self.thresholds = Some(thresholds.into());
    }

    /// Removes the scores, and keeps the options.
    pub(crate) fn reset(&mut self) {
        self.task = None;
        self.samples = Samples::default();
        self.bins = Counts::default();
    }

    /// Adds one batch.
    ///
    /// # Errors
    /// If the batch does not fit the options or the batches before, or the device fails.
    pub(crate) fn update(&mut self, input: &Classification) -> Result<()> {
        let (task, scores) = self.probabilities(&input.predictions)?;
        self.check_task(task)?;
        if scores.dims()[0] == 0 {
            return Ok(());
        }
        let Some(thresholds) = self.thresholds.clone() else {
            self.samples.push(scores, input.targets.clone())?;
            self.task = Some(task);
            let is_known = self.samples.is_known();
            return if is_known { self.samples.check(task, self.ignore_index) } else { Ok(()) };
        };
        check_thresholds(&thresholds)?;
        let bins = count_bins(&scores, &input.targets, &thresholds, task, self.ignore_index);
        self.bins.add(bins, scores.shape().num_elements())?;
        self.task = Some(task);
        if self.bins.is_known() { self.check_bins() } else { Ok(()) }
    }

    /// Returns the task of a batch, and its scores as probabilities of `[samples, columns]`.
    fn probabilities(&self, predictions: &Predictions) -> Result<(Task, Tensor<2>)> {
        Ok(match predictions {
            Predictions::Binary(scores) => {
                let [samples] = scores.dims();
                let probabilities = self.kind.probabilities(scores.clone(), sigmoid);
                (Task::Binary, probabilities.reshape([samples, 1]))
            }
            Predictions::Scores(scores) => {
                let softmax = |logits| softmax(logits, 1);
                let probabilities = self.kind.probabilities(scores.clone(), softmax);
                (Task::Multiclass(scores.dims()[1]), probabilities)
            }
            Predictions::Multilabel(scores) => {
                let probabilities = self.kind.probabilities(scores.clone(), sigmoid);
                (Task::Multilabel(scores.dims()[1]), probabilities)
            }
            Predictions::Labels(_) => {
                let text = "a metric that ranks predictions needs scores, found predicted labels";
                return Err(Error::new(ErrorKind::Metric, text).help(
                    "pass scores of the positive class as `Tensor<1>`, or `Tensor<2>` of \
                     shape [samples, classes]",
                ));
            }
        })
    }

    /// # Errors
    /// If the task is not that of the batches before, or does not fit the options.
    fn check_task(&self, task: Task) -> Result<()> {
        task.check_same(self.task)?;
        if self.average == CurveAverage::Micro && matches!(task, Task::Multiclass(_)) {
            let text = "`micro_average` needs a target per label, found one class per sample";
            return Err(Error::new(ErrorKind::Metric, text)
                .help("remove `.micro_average()`, or pass targets of shape [samples, labels]"));
        }
        if task.columns() > 1 { task.check_names(&self.names) } else { Ok(()) }
    }

    /// # Errors
    /// If a target is not a class, or the device fails.
    fn check_bins(&mut self) -> Result<()> {
        let Some(task) = self.task else { return Ok(()) };
        // A target is counted once for each score that it goes with.
        let scores = if task.is_multilabel() { 1 } else { task.columns() };
        match self.bins.values()?.last().copied().unwrap_or(0) / scores as u64 {
            0 => Ok(()),
            foreign => Err(task.no_such_class("targets", foreign)),
        }
    }

    /// Returns the curve of each column; of all columns together for a micro average.
    fn curves(&mut self) -> Result<Vec<Curve>> {
        let Some(task) = self.task else { return Ok(Vec::new()) };
        let is_micro = self.average == CurveAverage::Micro;
        let Some(thresholds) = &self.thresholds else {
            self.samples.flush()?;
            self.samples.check(task, self.ignore_index)?;
            // For a micro average, all scores are those of one label.
            let task = if is_micro { Task::Binary } else { task };
            return Ok(self.samples.curves(task, self.ignore_index));
        };
        let levels = thresholds.len() + 1;
        self.check_bins()?;
        let bins = self.bins.values()?;
        let curves = (0..task.columns()).map(|column| Curve::of_bins(bins, column, levels));
        Ok(match is_micro {
            true => curves.reduce(Curve::together).into_iter().collect(),
            false => curves.collect(),
        })
    }

    /// Returns the score of the positive class, or the average over the classes. A class whose
    /// score is NaN is left out of an average.
    ///
    /// # Errors
    /// If a target is not a class, or the device fails.
    pub(crate) fn score(&mut self, score: impl Fn(&Curve) -> f64) -> Result<MetricValue> {
        let curves = self.curves()?;
        let scores: Vec<f64> = curves.iter().map(score).collect();
        if let [] | [_] = scores.as_slice() {
            return Ok(MetricValue::Scalar(scores.first().copied().unwrap_or(f64::NAN)));
        }
        if self.average == CurveAverage::PerClass {
            return Ok(MetricValue::Named(self.class_names(scores.len()).zip(scores).collect()));
        }
        let is_weighted = self.average == CurveAverage::Weighted;
        let known = curves.iter().zip(scores).filter(|(_, score)| !score.is_nan());
        let (sum, weights) = known.fold((0.0, 0.0), |(sum, weights), (curve, score)| {
            let weight = if is_weighted { curve.positives as f64 } else { 1.0 };
            (sum + weight * score, weights + weight)
        });
        // The values of torchmetrics without any class to average.
        let otherwise = if is_weighted { 0.0 } else { f64::NAN };
        Ok(MetricValue::Scalar(ratio(sum, weights, otherwise)))
    }

    fn class_names(&self, classes: usize) -> impl Iterator<Item = String> {
        let numbers = if self.names.is_empty() { 0..classes } else { 0..0 };
        self.names.iter().cloned().chain(numbers.map(|class| class.to_string()))
    }

    /// Adds the scores of another metric.
    ///
    /// # Errors
    /// If its classes or thresholds differ, or the device fails.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let Some(task) = other.task else { return Ok(()) };
        if self.thresholds != other.thresholds {
            let text = "metrics that are merged must have the same thresholds, found different ones";
            return Err(
                Error::new(ErrorKind::Metric, text).help("merge metrics that were created with the same options")
            );
        }
        Task::check_mergeable(self.task, other.task)?;
        self.task = Some(task);
        self.bins.merge(&other.bins)?;
        self.samples.merge(&other.samples)
    }

    /// Returns the scores as JSON; null without any.
    pub(crate) fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        let (name, classes) = (task.name(), task.classes());
        if self.thresholds.is_some() {
            return Ok(json!({ "task": name, "classes": classes, "bins": self.bins.state()? }));
        }
        self.samples.flush()?;
        let Samples { scores, targets, .. } = &self.samples;
        let scores = exact::numbers(scores.iter().copied().map(f64::from));
        Ok(json!({ "task": name, "classes": classes, "scores": scores, "targets": targets }))
    }

    /// Replaces the scores.
    ///
    /// # Errors
    /// If the JSON was not written by [`state`](Self::state) with the same thresholds.
    pub(crate) fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let columns = task.columns();
        if let Some(thresholds) = &self.thresholds {
            let bins = exact::counts_of(state, "bins")?;
            let expected = columns.checked_mul(2 * (thresholds.len() + 1));
            if Some(bins.len()) != expected.and_then(|len| len.checked_add(2)) {
                return Err(exact::foreign("bins"));
            }
            self.bins = Counts::load(bins);
        } else {
            let scores = exact::numbers_of(state, "scores")?;
            let scores: Vec<f32> = scores.into_iter().map(|score| score as f32).collect();
            let targets = exact::numbers_of(state, "targets")?;
            let targets: Vec<i64> = targets.into_iter().map(|target| target as i64).collect();
            let scores_of_target = if task.is_multilabel() { 1 } else { columns };
            if Some(scores.len()) != targets.len().checked_mul(scores_of_target) {
                return Err(exact::foreign("scores"));
            }
            self.samples = Samples::new(scores, targets);
        }
        self.task = Some(task);
        Ok(())
    }
}
