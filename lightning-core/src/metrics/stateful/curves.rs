//! Scores of one class against the rest: what the areas under the ROC curve and the
//! precision-recall curve are made of.
//!
//! Either every score is kept, and the curve has a point at each of them; or scores are counted
//! between fixed thresholds, which takes constant memory.

mod bins;
mod curve;
#[cfg(test)]
mod points;
mod samples;
mod scores;
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
    bins::{Batch, Layout, check_thresholds, count_bins},
    samples::Samples,
};
use super::{
    accumulate::Counts,
    average::{Average, ratio},
    exact,
    input::{Classification, Predictions, matrix},
    stat_scores::ScoreKind,
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{CurveKind, MetricValue, ThresholdCurve, ThresholdCurves},
};

/// Options and state of a metric of ranked scores.
#[derive(Clone, Debug)]
pub(crate) struct Curves {
    pub(crate) average: Average,
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
            average: Average::Macro,
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
        let (task, scores) = columns_of(&input.predictions)?;
        self.check_task(task)?;
        if input.len() == 0 {
            return Ok(());
        }
        let Some(thresholds) = self.thresholds.clone() else {
            self.samples.push(scores, input.targets.clone())?;
            self.task = Some(task);
            let is_known = self.samples.is_known();
            return if is_known { self.samples.check(task, self.ignore_index) } else { Ok(()) };
        };
        check_thresholds(&thresholds)?;
        let batch = Batch { scores: &scores, targets: &input.targets, task, ignore_index: self.ignore_index };
        let activate = |logits| if matches!(task, Task::Multiclass(_)) { softmax(logits, 1) } else { sigmoid(logits) };
        let bins = count_bins(&batch, self.kind, activate, &thresholds);
        self.bins.add(bins, scores.shape().num_elements())?;
        self.task = Some(task);
        if self.bins.is_known() { self.check_bins() } else { Ok(()) }
    }

    /// # Errors
    /// If the task is not that of the batches before, or does not fit the options.
    fn check_task(&self, task: Task) -> Result<()> {
        task.check_same(self.task)?;
        if self.average == Average::Micro && matches!(task, Task::Multiclass(_)) {
            let text = "`Average::Micro` of ranked scores needs a target per label, found one class per sample";
            return Err(Error::new(ErrorKind::Metric, text)
                .help("remove `.average(Average::Micro)`, or pass targets of shape [samples, labels]"));
        }
        if task.columns() > 1 { task.check_names(&self.names) } else { Ok(()) }
    }

    /// # Errors
    /// If a target is not a class, or the device fails.
    fn check_bins(&mut self) -> Result<()> {
        let Some(task) = self.task else { return Ok(()) };
        // A target is counted once for each score that it goes with.
        let scores = if task.is_multilabel() { 1 } else { task.columns() };
        match Layout::foreign(self.bins.values()?) / scores as u64 {
            0 => Ok(()),
            foreign => Err(task.no_such_class("targets", foreign)),
        }
    }

    /// Returns the curve of each column; of all columns together for a micro average.
    fn curves(&mut self) -> Result<Vec<Curve>> {
        let Some(task) = self.task else { return Ok(Vec::new()) };
        let is_micro = self.average == Average::Micro;
        let Some(thresholds) = self.thresholds.clone() else {
            self.samples.flush()?;
            self.samples.check(task, self.ignore_index)?;
            // For a micro average, all scores are those of one label.
            let task = if is_micro { Task::Binary } else { task };
            return Ok(self.samples.curves(task, self.ignore_index, self.kind));
        };
        let layout = Layout::new(self.kind, task, thresholds.len());
        self.check_bins()?;
        let bins = layout.probabilities(self.bins.values()?);
        let curves = (0..task.columns()).map(|column| Curve::of_bins(bins, column, &thresholds));
        Ok(match is_micro {
            true => curves.reduce(Curve::together).into_iter().collect(),
            false => curves.collect(),
        })
    }

    /// Returns the score of the positive class, or the average over the classes.
    ///
    /// A class without a score is left out of an average, and NaN on its own. A class with a NaN
    /// among its scores has the score NaN, and so has every average.
    ///
    /// # Errors
    /// If a target is not a class, or the device fails.
    pub(crate) fn score(&mut self, score: impl Fn(&Curve) -> Option<f64>) -> Result<MetricValue> {
        let curves = self.curves()?;
        Ok(self.combined(&curves, score))
    }

    /// Returns the curves, and what [`score`](Self::score) returns of them.
    ///
    /// # Errors
    /// If a target is not a class, or the device fails.
    pub(crate) fn drawn(&mut self, kind: CurveKind, score: impl Fn(&Curve) -> Option<f64>) -> Result<MetricValue> {
        let curves = self.curves()?;
        let names = self.class_names(curves.len());
        let names = names.map(|name| if curves.len() > 1 { name } else { String::new() });
        let drawn = names.zip(&curves).map(|(name, curve)| ThresholdCurve {
            name,
            area: score(curve).filter(|_| !curve.has_nan).unwrap_or(f64::NAN),
            points: curve.drawn(kind),
        });
        Ok(MetricValue::Curves(ThresholdCurves::new(kind, drawn.collect(), self.combined(&curves, &score))))
    }

    fn combined(&self, curves: &[Curve], score: impl Fn(&Curve) -> Option<f64>) -> MetricValue {
        let scores: Vec<Option<f64>> =
            curves.iter().map(|curve| if curve.has_nan { Some(f64::NAN) } else { score(curve) }).collect();
        if let [] | [_] = scores.as_slice() {
            return MetricValue::Scalar(scores.first().copied().flatten().unwrap_or(f64::NAN));
        }
        if self.average == Average::PerClass {
            let scores = scores.into_iter().map(|score| score.unwrap_or(f64::NAN));
            return MetricValue::Named(self.class_names(curves.len()).zip(scores).collect());
        }
        let is_weighted = self.average == Average::Weighted;
        let known = curves.iter().zip(scores).filter_map(|(curve, score)| Some((curve, score?)));
        let (sum, weights) = known.fold((0.0, 0.0), |(sum, weights), (curve, score)| {
            let weight = if is_weighted { curve.positives as f64 } else { 1.0 };
            (sum + weight * score, weights + weight)
        });
        MetricValue::Scalar(ratio(sum, weights, f64::NAN))
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
        Ok(json!({ "task": name, "classes": classes, "raw": exact::numbers(scores.iter()), "targets": targets }))
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
            if bins.len() != Layout::new(self.kind, task, thresholds.len()).len() {
                return Err(exact::foreign("bins"));
            }
            self.bins = Counts::load(bins);
        } else {
            let scores = exact::numbers_of(state, "raw")?;
            let targets = exact::numbers_of(state, "targets")?;
            let targets: Vec<i64> = targets.into_iter().map(|target| target as i64).collect();
            let scores_of_target = if task.is_multilabel() { 1 } else { columns };
            if Some(scores.len()) != targets.len().checked_mul(scores_of_target) {
                return Err(exact::foreign("raw"));
            }
            self.samples = Samples::new(scores, targets);
        }
        self.task = Some(task);
        Ok(())
    }
}

/// Returns the task of a batch, and its scores as `[samples, columns]`.
///
/// # Errors
/// If there are no scores.
fn columns_of(predictions: &Predictions) -> Result<(Task, Tensor<2>)> {
    Ok(match predictions {
        Predictions::Binary(scores) => {
            let [samples] = scores.dims();
            (Task::Binary, matrix(scores.clone(), [samples, 1]))
        }
        Predictions::Scores(scores) => (Task::Multiclass(scores.dims()[1]), scores.clone()),
        Predictions::Multilabel(scores) => (Task::Multilabel(scores.dims()[1]), scores.clone()),
        Predictions::Labels(_) => {
            let text = "a metric that ranks predictions needs scores, found predicted labels";
            return Err(Error::new(ErrorKind::Metric, text).help(
                "pass scores of the positive class as `Tensor<1>`, or `Tensor<2>` of \
                 shape [samples, classes]",
            ));
        }
    })
}
