//! Scores counted between fixed thresholds, on the device.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData};

use super::super::{
    stat_scores::{ScoreKind, count_places},
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    tensor::labels::{is_label, no_class, same_type},
};

/// The number of comparisons in one operation: it bounds the memory of `[scores, thresholds]`.
const COMPARED: usize = 1 << 24;

/// Returns `count` evenly spaced thresholds from 0 to 1, rounded as `torch.linspace` does.
pub(crate) fn evenly(count: usize) -> Vec<f32> {
    let step = 1.0 / (count.max(2) - 1) as f32;
    (0..count)
        .map(|index| match index < count / 2 {
            true => step * index as f32,
            // From the other end, rounded once.
            false => (-step).mul_add((count - 1 - index) as f32, 1.0),
        })
        .collect()
}

/// Rejects thresholds that do not make bins.
///
/// # Errors
/// If there are fewer than two, or one is outside of [0, 1].
pub(super) fn check_thresholds(thresholds: &[f32]) -> Result<()> {
    let outside = thresholds.iter().find(|threshold| !(0.0..=1.0).contains(*threshold));
    let found = match outside {
        Some(threshold) => format!("{threshold}"),
        None if thresholds.len() < 2 => format!("a list of length {}", thresholds.len()),
        None => return Ok(()),
    };
    let text = format!("thresholds must be at least two numbers from 0 to 1, found {found}");
    Err(Error::new(ErrorKind::Metric, text)
        .help("write `.thresholds(200)`, or `.threshold_list([…])` with numbers from 0 to 1"))
}

/// The layout of the counts of a task.
///
/// For each variant of the scores and each column there are the counts of other and of own targets;
/// of each, how many scores reach no threshold, just the lowest, …, all of them, and how many are
/// NaN. Three more count ignored targets, targets that are not classes, and scores outside of
/// [0, 1].
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Scores are counted as they are and, if it is not known whether they are logits, as the
    /// probabilities of logits as well.
    variants: usize,
    columns: usize,
    /// The number of different counts of one column and target.
    pub(super) levels: usize,
}

impl Layout {
    pub(super) fn new(kind: ScoreKind, task: Task, thresholds: usize) -> Self {
        let variants = if kind == ScoreKind::Guessed { 2 } else { 1 };
        Self { variants, columns: task.columns(), levels: thresholds + 2 }
    }

    /// Returns the number of counts of one variant.
    fn variant(self) -> usize {
        self.columns.saturating_mul(2 * self.levels)
    }

    /// Returns the number of all counts.
    pub(super) fn len(self) -> usize {
        self.variant().saturating_mul(self.variants).saturating_add(3)
    }

    /// Returns the counts of the scores as probabilities.
    pub(super) fn probabilities(self, counts: &[u64]) -> &[u64] {
        let outside = counts.last().copied().unwrap_or(0);
        // One score outside of [0, 1] makes all of them logits.
        let first = if self.variants > 1 && outside > 0 { self.variant() } else { 0 };
        counts.get(first..first + self.variant()).unwrap_or_default()
    }

    /// Returns the number of scores whose target is not a class.
    pub(super) fn foreign(counts: &[u64]) -> u64 {
        counts.len().checked_sub(2).and_then(|index| counts.get(index)).copied().unwrap_or(0)
    }
}

/// Counts the scores of one batch between thresholds, in the order of [`Layout`].
///
/// `activate` converts logits to probabilities.
pub(super) fn count_bins(
    batch: &Batch<'_>,
    kind: ScoreKind,
    activate: impl FnOnce(Tensor<2>) -> Tensor<2>,
    thresholds: &[f32],
) -> Tensor<1, Int> {
    let scores = batch.scores.clone();
    let len = Layout::new(kind, batch.task, thresholds.len()).variant();
    let only = |scores| {
        let counts = batch.count(scores, thresholds);
        let none = Tensor::zeros([1], (&counts.device(), counts.dtype()));
        Tensor::cat(vec![counts, none], 0)
    };
    match kind {
        ScoreKind::Probabilities => only(scores),
        ScoreKind::Logits => only(activate(scores)),
        ScoreKind::Guessed => {
            let outside = batch.count_outside();
            let as_probabilities = batch.count(scores.clone(), thresholds).narrow(0, 0, len);
            let (counts, outside) = same_type(batch.count(activate(scores), thresholds), outside);
            Tensor::cat(vec![as_probabilities, counts, outside], 0)
        }
    }
}

/// The scores and targets of one batch.
pub(super) struct Batch<'a> {
    pub(super) scores: &'a Tensor<2>,
    pub(super) targets: &'a Tensor<1, Int>,
    pub(super) task: Task,
    pub(super) ignore_index: Option<i64>,
}

impl Batch<'_> {
    /// Counts one variant of the scores, then ignored targets and targets that are not classes.
    fn count(&self, scores: Tensor<2>, thresholds: &[f32]) -> Tensor<1, Int> {
        let [samples, columns] = scores.dims();
        let device = scores.device();
        let levels = thresholds.len() + 2;
        let len = 2 * columns * levels + 2;
        let thresholds = Tensor::<1>::from_data(TensorData::from(thresholds), (&device, scores.dtype()));
        let thresholds = thresholds.reshape([1, levels - 2]);
        let chunk = (COMPARED / (columns * levels)).max(1);
        let counts = (0..samples).step_by(chunk).map(|start| {
            let rows = start..samples.min(start + chunk);
            let reached = reached_levels(&scores, &thresholds, rows.clone());
            let [count, _] = reached.dims();
            let elements = count * columns;
            let targets = target_of_each_score(self.targets.clone(), self.task, rows);
            let positive = positive(&targets, self.task).reshape([elements]);
            let (reached, targets) = same_type(reached.reshape([elements]), targets.reshape([elements]));
            let (reached, positive) = same_type(reached, positive);
            let column = Tensor::<1, Int>::arange(0..columns as i64, (&device, reached.dtype()));
            let column = column.reshape([1, columns]).expand([count, columns]).reshape([elements]);
            let places = (positive + column * 2) * levels as i64 + reached;
            let mut places = places.mask_fill(no_class(&targets, self.task.targets()), len as i64 - 1);
            if let Some(index) = self.ignore_index {
                places = places.mask_fill(is_label(&targets, index), len as i64 - 2);
            }
            count_places(places, len)
        });
        counts.reduce(|total, counts| total + counts).unwrap_or_else(|| Tensor::zeros([len], &device))
    }

    /// Counts the scores outside of [0, 1] whose target is not ignored.
    fn count_outside(&self) -> Tensor<1, Int> {
        let [samples, columns] = self.scores.dims();
        let outside = self.scores.clone().lower_scalar(0.0).bool_or(self.scores.clone().greater_scalar(1.0));
        let outside = match self.ignore_index {
            None => outside,
            Some(index) => {
                let targets = target_of_each_score(self.targets.clone(), self.task, 0..samples);
                let ignored = is_label(&targets.reshape([samples * columns]), index);
                outside.bool_and(ignored.bool_not().reshape([samples, columns]))
            }
        };
        outside.int().sum()
    }
}

/// Returns how many thresholds each score of some rows reaches, and one more than there are where it
/// is NaN: `[rows, columns]`.
fn reached_levels(scores: &Tensor<2>, thresholds: &Tensor<2>, rows: Range<usize>) -> Tensor<2, Int> {
    let ([_, columns], [_, levels]) = (scores.dims(), thresholds.dims());
    let count = rows.len();
    let scores = scores.clone().slice([rows, 0..columns]).reshape([count * columns, 1]);
    let shape = [count * columns, levels];
    let reached = scores.clone().expand(shape).greater_equal(thresholds.clone().expand(shape));
    let reached = reached.int().sum_dim(1);
    reached.mask_fill(scores.is_nan(), levels as i64 + 1).reshape([count, columns])
}

/// Returns the targets of some rows of scores, one per score.
fn target_of_each_score(targets: Tensor<1, Int>, task: Task, rows: Range<usize>) -> Tensor<2, Int> {
    let (columns, count) = (task.columns(), rows.len());
    match task {
        Task::Multilabel(_) => {
            let targets = targets.narrow(0, rows.start * columns, count * columns);
            targets.reshape([count, columns])
        }
        _ => targets.slice([rows]).reshape([count, 1]).expand([count, columns]),
    }
}

/// Returns 1 where a target is the class of its column, or a true label, else 0.
fn positive(targets: &Tensor<2, Int>, task: Task) -> Tensor<2, Int> {
    let own = match task {
        Task::Multiclass(classes) => {
            let options = (&targets.device(), targets.dtype());
            let classes = Tensor::<1, Int>::arange(0..classes as i64, options);
            targets.clone().equal(classes.unsqueeze::<2>().expand(targets.dims()))
        }
        _ => targets.clone().equal_scalar(1),
    };
    own.int()
}
