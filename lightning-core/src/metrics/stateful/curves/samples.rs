//! Every score and target of an epoch.

use burn::tensor::{Int, Tensor, Transaction};

use super::{
    super::{stat_scores::ScoreKind, task::Task},
    Curve,
    scores::{Scores, one_against_rest},
};
use crate::{error::Result, tensor::readback};

/// The number of scores on a device before they move to the host, so that the device does not fill
/// up.
const KEPT_ON_DEVICE: usize = 1 << 22;

/// Scores as they were passed, and targets, row by row.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    pub(super) scores: Scores,
    pub(super) targets: Vec<i64>,
    /// What is still on the device.
    waiting: Vec<(Tensor<2>, Tensor<1, Int>)>,
    waiting_elements: usize,
    /// The number of targets that are known to be classes.
    checked: usize,
}

impl Samples {
    /// Creates samples from host memory.
    pub(super) fn new(scores: Vec<f64>, targets: Vec<i64>) -> Self {
        Self { scores: Scores::new(scores), targets, ..Self::default() }
    }

    /// Returns whether nothing is left on a device.
    pub(super) fn is_known(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds one batch.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn push(&mut self, scores: Tensor<2>, targets: Tensor<1, Int>) -> Result<()> {
        if readback::at_once(&scores.device()) {
            // sync: none, the data of a host device is there when the operation returns.
            self.scores.extend(&scores.into_data());
            self.targets.extend(targets.into_data().iter::<i64>());
            return Ok(());
        }
        self.waiting_elements += scores.shape().num_elements();
        self.waiting.push((scores, targets));
        if self.waiting_elements >= KEPT_ON_DEVICE { self.flush() } else { Ok(()) }
    }

    /// Reads what is left on the device.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting_elements = 0;
        let transaction = std::mem::take(&mut self.waiting)
            .into_iter()
            .fold(Transaction::default(), |all, (scores, targets)| all.register(scores).register(targets));
        // sync: once per epoch, or when the limit is reached.
        for (index, data) in readback::execute(transaction)?.iter().enumerate() {
            if index % 2 == 0 {
                self.scores.extend(data);
            } else {
                self.targets.extend(data.iter::<i64>());
            }
        }
        Ok(())
    }

    /// Adds the samples of another metric, which may be on another device.
    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.flush()?;
        other.flush()?;
        self.scores.append(&other.scores);
        self.targets.extend(other.targets);
        Ok(())
    }

    /// Checks the targets since the last call.
    ///
    /// # Errors
    /// If a target is not a class.
    pub(super) fn check(&mut self, task: Task, ignore_index: Option<i64>) -> Result<()> {
        let classes = task.targets();
        let foreign = self
            .targets
            .iter()
            .skip(self.checked)
            .filter(|target| Some(**target) != ignore_index)
            .filter(|target| usize::try_from(**target).map_or(true, |target| target >= classes));
        match foreign.count() {
            0 => {
                self.checked = self.targets.len();
                Ok(())
            }
            count => Err(task.no_such_class("targets", count as u64)),
        }
    }

    /// Returns the curve of each column of scores.
    pub(super) fn curves(&self, task: Task, ignore_index: Option<i64>, kind: ScoreKind) -> Vec<Curve> {
        let columns = task.columns();
        // In a multilabel task each score has its own target.
        let scores_of_target = if task.is_multilabel() { 1 } else { columns };
        let counted = |index: usize| self.targets.get(index / scores_of_target).copied() != ignore_index;
        if !self.are_logits(kind, counted) {
            return self.curves_of(self.scores.iter(), task, ignore_index);
        }
        // A sigmoid does not change the ranks, and only rounds: it is applied to the thresholds.
        let mut curves = if matches!(task, Task::Multiclass(_)) {
            let mut logits: Vec<f64> = self.scores.iter().collect();
            one_against_rest(&mut logits, columns);
            self.curves_of(logits.iter().copied(), task, ignore_index)
        } else {
            self.curves_of(self.scores.iter(), task, ignore_index)
        };
        for threshold in curves.iter_mut().flat_map(|curve| &mut curve.thresholds) {
            *threshold = 1.0 / (1.0 + (-*threshold).exp());
        }
        curves
    }

    /// Returns whether scores are logits: one decision for the whole epoch.
    fn are_logits(&self, kind: ScoreKind, counted: impl Fn(usize) -> bool) -> bool {
        match kind {
            ScoreKind::Logits => true,
            ScoreKind::Probabilities => false,
            ScoreKind::Guessed => {
                let outside = |score: f64| !(score.is_nan() || (0.0..=1.0).contains(&score));
                self.scores.iter().enumerate().any(|(index, score)| outside(score) && counted(index))
            }
        }
    }

    fn curves_of(
        &self,
        scores: impl Iterator<Item = f64> + Clone,
        task: Task,
        ignore_index: Option<i64>,
    ) -> Vec<Curve> {
        let columns = task.columns();
        (0..columns)
            .map(|column| {
                let (first, step) = if task.is_multilabel() { (column, columns) } else { (0, 1) };
                let class = if matches!(task, Task::Multiclass(_)) { column as i64 } else { 1 };
                let targets = self.targets.iter().skip(first).step_by(step);
                let mut ranked: Vec<(f64, bool)> = scores
                    .clone()
                    .skip(column)
                    .step_by(columns)
                    .zip(targets)
                    .filter(|(_, target)| Some(**target) != ignore_index)
                    .map(|(score, target)| (score, *target == class))
                    .collect();
                ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
                Curve::of_ranked(&ranked)
            })
            .collect()
    }
}
