//! True and false positives of each class: what accuracy, precision, recall and F-beta are made of.

mod counting;
mod options;
mod predictions;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub(crate) use self::{
    counting::{as_int, column_of, count_places, no_class},
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
    /// Groups of right predictions, of predictions and of targets, and in a multilabel task one of
    /// all samples. Each has a place per class, one for ignored samples, and one for what is not a
    /// class.
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
            return Ok(());
        }
        let (predicted, targets) = self.options.labels(input, task);
        let ignored = self.options.ignored(&targets);
        let counts = match task {
            Task::Labels => counting::count_hits(predicted, targets, ignored),
            Task::Multilabel(labels) => counting::count_labels(&predicted, &targets, ignored.as_ref(), labels),
            _ => counting::count_classes(predicted, targets, ignored.as_ref(), task.classes()),
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
        let classes = task.classes();
        let counts = self.counts.values()?;
        let foreign = |group: usize| counts.get((group + 1) * (classes + 2) - 1).copied().unwrap_or(0);
        for (what, count) in [("targets", foreign(2)), ("predicted labels", foreign(1))] {
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
    fn stats(&mut self) -> Result<Vec<Stats>> {
        let Some(task) = self.task else { return Ok(Vec::new()) };
        // Reading the device first makes the check see everything.
        self.counts.values()?;
        self.check_counts()?;
        let group = task.classes() + 2;
        let counts = self.counts.values()?;
        let at = |index: usize| counts.get(index).copied().unwrap_or(0) as f64;
        let classes = (0..task.classes()).map(|class| {
            let (tp, predicted, support) = (at(class), at(group + class), at(2 * group + class));
            let tn = match task {
                Task::Multilabel(_) => at(3 * group + class) - predicted - support + tp,
                _ => 0.0,
            };
            Stats { tp, fp: predicted - tp, fn_: support - tp, tn }
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
        if let (Some(Task::Binary), [_, positive]) = (self.task, classes.as_slice()) {
            return Ok(MetricValue::Scalar(score(*positive)));
        }
        let absent = |stats| !self.is_multilabel() && absent(stats);
        let names = || self.options.class_names(classes.len());
        Ok(average(self.options.average, &classes, names, absent, score))
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
        let groups = if task.is_multilabel() { 4 } else { 3 };
        let expected = task.classes().checked_add(2).and_then(|group| group.checked_mul(groups));
        if Some(counts.len()) != expected {
            return Err(exact::foreign("counts"));
        }
        (self.task, self.counts) = (Some(task), Counts::load(counts));
        Ok(())
    }
}
