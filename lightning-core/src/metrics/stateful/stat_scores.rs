//! True and false positives of each class: what accuracy, precision, recall and F-beta are made of.

mod cells;
mod counting;
mod options;
mod predictions;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub(crate) use self::{
    cells::{Cells, places},
    counting::{column_of, count_places},
    options::Options,
    predictions::ScoreKind,
};
use super::{
    accumulate::Counts,
    average::{Average, Stats, average, ratio},
    exact,
    input::Classification,
    task::Task,
};
use crate::{error::Result, metrics::MetricValue};

/// Options and counts of a metric of true and false positives.
#[derive(Clone, Debug)]
pub struct StatScores {
    pub(crate) options: Options,
    task: Option<Task>,
    /// In binary and multilabel tasks [`Cells`]. In the others groups of right predictions, of
    /// predictions and of targets, each with a place per class, one for ignored samples, and one
    /// for what is not a class.
    counts: Counts,
}

impl StatScores {
    pub(crate) fn new(average: Average) -> Self {
        Self { options: Options::new(average), task: None, counts: Counts::default() }
    }

    /// Removes the counts, and keeps the options.
    pub(crate) fn reset(&mut self) {
        self.task = None;
        self.counts = Counts::default();
    }

    /// Adds one batch.
    ///
    /// # Errors
    /// If the batch does not fit the options or the batches before, or the device fails.
    pub(crate) fn update(&mut self, input: &Classification) -> Result<()> {
        let task = self.options.task_of(input, self.task)?;
        let len = input.len();
        if len == 0 {
            self.task = Some(task);
            return Ok(());
        }
        let counts = match self.options.labels(input, task) {
            None => self.options.count_cells(input, task),
            Some((predicted, targets)) => {
                let ignored = self.options.ignored(&targets);
                match task {
                    Task::Labels => counting::count_hits(predicted, targets, ignored),
                    _ => counting::count_classes(predicted, targets, ignored.as_ref(), task.classes()),
                }
            }
        };
        self.counts.add(counts, len)?;
        self.task = Some(task);
        self.check_counts()
    }

    /// Rejects targets and labels that are not classes.
    ///
    /// On a device other than the host this is known at the end only: an update must not wait for
    /// the device.
    ///
    /// # Errors
    /// If a target or label is not a class.
    fn check_counts(&mut self) -> Result<()> {
        let task = self.task.filter(|task| *task != Task::Labels && self.counts.is_known());
        let Some(task) = task else { return Ok(()) };
        let counts = self.counts.values()?;
        let foreign = |group: usize| counts.get((group + 1) * (task.classes() + 2) - 1).copied().unwrap_or(0);
        let (targets, labels) = match task.is_yes_or_no() {
            true => (Cells(counts).foreign_targets(), Cells(counts).foreign_labels()),
            false => (foreign(2), foreign(1)),
        };
        for (what, count) in [("targets", targets), ("predicted labels", labels)] {
            if count > 0 {
                return Err(task.no_such_class(what, count));
            }
        }
        Ok(())
    }

    /// Returns the counts of every class.
    ///
    /// # Errors
    /// If the device fails, or a target was not a class.
    pub(crate) fn stats(&mut self) -> Result<Vec<Stats>> {
        let Some(task) = self.task else { return Ok(Vec::new()) };
        // Reading the device first makes the check see everything.
        self.counts.values()?;
        self.check_counts()?;
        let counts = self.counts.values()?;
        if task.is_yes_or_no() {
            let columns: Vec<Stats> = Cells(counts).columns(task).collect();
            return Ok(match columns.as_slice() {
                [yes] if task == Task::Binary => vec![yes.swapped(), *yes],
                _ => columns,
            });
        }
        let group = task.classes() + 2;
        let at = |index: usize| counts.get(index).copied().unwrap_or(0) as f64;
        let classes = (0..task.classes()).map(|class| {
            let (tp, predicted, support) = (at(class), at(group + class), at(2 * group + class));
            Stats { tp, fp: predicted - tp, fn_: support - tp, tn: 0.0 }
        });
        Ok(classes.collect())
    }

    /// Returns the share of right samples, whatever their class.
    ///
    /// # Errors
    /// If the device fails, or a target was not a class.
    pub(crate) fn share_of_hits(&mut self) -> Result<f64> {
        let classes = self.stats()?;
        let (hits, samples) =
            classes.iter().fold((0.0, 0.0), |(hits, samples), stats| (hits + stats.tp, samples + stats.tp + stats.fn_));
        Ok(ratio(hits, samples, 0.0))
    }

    /// Returns the score of the positive class in a binary task, else the average over the classes.
    ///
    /// `absent` says which classes are left out of a macro average; in a multilabel task every
    /// label counts, because predicting none of them is an answer as well.
    ///
    /// # Errors
    /// If the device fails, or a target was not a class.
    pub(crate) fn score(
        &mut self,
        score: impl Fn(Stats) -> f64,
        absent: impl Fn(Stats) -> bool,
    ) -> Result<MetricValue> {
        let classes = self.stats()?;
        Ok(self.combine(&classes, score, absent))
    }

    /// Returns the same as [`score`](Self::score), without a class whose targets are ignored.
    ///
    /// # Errors
    /// If the device fails, or a target was not a class.
    pub(crate) fn score_without_ignored(
        &mut self,
        score: impl Fn(Stats) -> f64,
        absent: impl Fn(Stats) -> bool,
    ) -> Result<MetricValue> {
        let mut classes = self.stats()?;
        let ignored = self.options.ignore_index.and_then(|index| usize::try_from(index).ok());
        if let (Some(Task::Multiclass(_)), Some(ignored)) =
            (self.task, ignored.and_then(|index| classes.get_mut(index)))
        {
            *ignored = Stats::default();
        }
        Ok(self.combine(&classes, score, absent))
    }

    fn combine(&self, classes: &[Stats], score: impl Fn(Stats) -> f64, absent: impl Fn(Stats) -> bool) -> MetricValue {
        if let (Some(Task::Binary), [_, positive]) = (self.task, classes) {
            return MetricValue::Scalar(score(*positive));
        }
        let absent = |stats| !self.is_multilabel() && absent(stats);
        let names = || self.options.class_names(classes.len());
        average(self.options.average, classes, names, absent, score)
    }

    /// Returns which classes are neither predicted nor the target.
    ///
    /// With `top_k` only the targets count, because the predictions depend on them.
    pub(crate) fn is_absent(&self) -> impl Fn(Stats) -> bool + use<> {
        let top_k = self.options.top_k;
        move |Stats { tp, fp, fn_, .. }| {
            if top_k == 1 { tp + fp + fn_ == 0.0 } else { tp + fn_ == 0.0 }
        }
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.task == Some(Task::Binary)
    }

    pub(crate) fn is_multilabel(&self) -> bool {
        self.task.is_some_and(Task::is_multilabel)
    }

    /// Adds the counts of another metric.
    ///
    /// # Errors
    /// If its classes differ, or the device fails.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        Task::check_mergeable(self.task, other.task)?;
        if other.task.is_none() {
            return Ok(());
        }
        self.task = other.task;
        self.counts.merge(&other.counts)
    }

    /// Returns the counts as JSON; null without any.
    pub(crate) fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        let counts = self.counts.state()?;
        Ok(json!({ "task": task.name(), "classes": task.classes(), "counts": counts }))
    }

    /// Replaces the counts.
    ///
    /// # Errors
    /// If the JSON was not written by [`state`](Self::state).
    pub(crate) fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let counts = exact::counts_of(state, "counts")?;
        let expected = match task.is_yes_or_no() {
            true => Some(places(task)),
            false => task.classes().checked_add(2).and_then(|group| group.checked_mul(3)),
        };
        if !counts.is_empty() && Some(counts.len()) != expected {
            return Err(exact::foreign("counts"));
        }
        (self.task, self.counts) = (Some(task), Counts::load(counts));
        Ok(())
    }
}
