//! Scores and targets that are kept until the end of an epoch.

use burn::tensor::{Int, Tensor, Transaction};

use super::{super::task::Task, Curve};
use crate::{
    error::{Error, ErrorKind, Result},
    tensor::readback,
};

/// Samples kept on a device before they move to the host, so that the device does not fill up.
const KEPT_ON_DEVICE: usize = 1 << 22;

/// Every score and target, row by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) scores: Vec<f32>,
    pub(crate) targets: Vec<i64>,
    /// What has not been read from the device.
    waiting: Vec<(Tensor<2>, Tensor<1, Int>)>,
    waiting_elements: usize,
    /// How many of the targets are known to be classes.
    checked: usize,
}

impl Samples {
    /// Samples that lie in host memory.
    pub(crate) fn new(scores: Vec<f32>, targets: Vec<i64>) -> Self {
        Self { scores, targets, ..Self::default() }
    }

    /// Whether nothing is left on a device.
    pub(crate) fn is_known(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, scores: Tensor<2>, targets: Tensor<1, Int>) -> Result<()> {
        if readback::at_once(&scores.device()) {
            self.scores.extend(scores.into_data().iter::<f32>());
            self.targets.extend(targets.into_data().iter::<i64>());
            return Ok(());
        }
        self.waiting_elements += scores.shape().num_elements();
        self.waiting.push((scores, targets));
        if self.waiting_elements >= KEPT_ON_DEVICE { self.flush() } else { Ok(()) }
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting_elements = 0;
        let transaction = std::mem::take(&mut self.waiting)
            .into_iter()
            .fold(Transaction::default(), |all, (scores, targets)| all.register(scores).register(targets));
        // sync: once an epoch, or when the limit is reached.
        for (index, data) in readback::execute(transaction)?.iter().enumerate() {
            if index % 2 == 0 {
                self.scores.extend(data.iter::<f32>());
            } else {
                self.targets.extend(data.iter::<i64>());
            }
        }
        Ok(())
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.flush()?;
        other.flush()?;
        self.scores.extend(other.scores);
        self.targets.extend(other.targets);
        Ok(())
    }

    /// Looks at the targets that have come since the last call.
    ///
    /// # Errors
    /// When a target is no class.
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
            count => Err(no_such_class(count as u64, task)),
        }
    }

    pub(crate) fn curves(&self, task: Task, ignore_index: Option<i64>) -> Vec<Curve> {
        let columns = columns_of(task);
        (0..columns)
            .map(|column| {
                // Of the targets, those of the column where each label has its own.
                let (first, step) = if matches!(task, Task::Multilabel(_)) { (column, columns) } else { (0, 1) };
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

/// How many scores a sample has: one where it is yes or no.
pub(crate) fn columns_of(task: Task) -> usize {
    if task == Task::Binary { 1 } else { task.classes() }
}

/// Targets that are no class.
pub(crate) fn no_such_class(count: u64, task: Task) -> Error {
    Error::new(ErrorKind::Metric, format!("{count} targets are none of the classes 0 to {}", task.targets() - 1))
        .help("write `.ignore_index(…)` where a target marks what does not count")
}
