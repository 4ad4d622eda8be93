//! Every score and target of an epoch.

use burn::tensor::{Int, Tensor, Transaction};

use super::{super::task::Task, Curve};
use crate::{error::Result, tensor::readback};

/// The number of scores on a device before they move to the host, so that the device does not fill
/// up.
const KEPT_ON_DEVICE: usize = 1 << 22;

/// Scores and targets, row by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) scores: Vec<f32>,
    pub(crate) targets: Vec<i64>,
    /// What is still on the device.
    waiting: Vec<(Tensor<2>, Tensor<1, Int>)>,
    waiting_elements: usize,
    /// The number of targets that are known to be classes.
    checked: usize,
}

impl Samples {
    /// Creates samples from host memory.
    pub(crate) fn new(scores: Vec<f32>, targets: Vec<i64>) -> Self {
        Self { scores, targets, ..Self::default() }
    }

    /// Returns whether nothing is left on a device.
    pub(crate) fn is_known(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds one batch.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn push(&mut self, scores: Tensor<2>, targets: Tensor<1, Int>) -> Result<()> {
        if readback::at_once(&scores.device()) {
            // sync: none, the data of a host device is there when the operation returns.
            self.scores.extend(scores.into_data().iter::<f32>());
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
    pub(crate) fn flush(&mut self) -> Result<()> {
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
                self.scores.extend(data.iter::<f32>());
            } else {
                self.targets.extend(data.iter::<i64>());
            }
        }
        Ok(())
    }

    /// Adds the samples of another metric, which may be on another device.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.flush()?;
        other.flush()?;
        self.scores.extend(other.scores);
        self.targets.extend(other.targets);
        Ok(())
    }

    /// Checks the targets since the last call.
    ///
    /// # Errors
    /// If a target is not a class.
    pub(crate) fn check(&mut self, task: Task, ignore_index: Option<i64>) -> Result<()> {
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
    pub(crate) fn curves(&self, task: Task, ignore_index: Option<i64>) -> Vec<Curve> {
        let columns = task.columns();
        (0..columns)
            .map(|column| {
                // In a multilabel task each column has its own targets.
                let (first, step) = if task.is_multilabel() { (column, columns) } else { (0, 1) };
                let class = if matches!(task, Task::Multiclass(_)) { column as i64 } else { 1 };
                let targets = self.targets.iter().skip(first).step_by(step);
                let counted = |target: &i64| Some(*target) != ignore_index;
                let only_first = targets.clone().filter(|target| counted(target)).all(|target| *target == 0);
                let mut ranked: Vec<(f32, bool)> = self
                    .scores
                    .iter()
                    .skip(column)
                    .step_by(columns)
                    .zip(targets)
                    .filter(|(_, target)| counted(target))
                    .map(|(score, target)| (*score, *target == class))
                    .collect();
                ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
                Curve::of_ranked(&ranked, only_first)
            })
            .collect()
    }
}
