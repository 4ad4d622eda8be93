//! Scores counted between fixed thresholds, on the device.

use std::ops::Range;

use burn::tensor::{Int, IntDType, Tensor, TensorData};

use super::super::{
    stat_scores::{as_int, count_places, no_class},
    task::Task,
};
use crate::error::{Error, ErrorKind, Result};

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

/// Counts the scores of one batch between thresholds.
///
/// The counts are, for each column, those of other and of own targets; of each, how many scores
/// reach no threshold, just the lowest, …, all of them. Two more count ignored samples and targets
/// that are not classes.
pub(super) fn count_bins(
    scores: &Tensor<2>,
    targets: &Tensor<1, Int>,
    thresholds: &[f32],
    task: Task,
    ignore_index: Option<i64>,
) -> Tensor<1, Int> {
    let [samples, columns] = scores.dims();
    let device = scores.device();
    let levels = thresholds.len() + 1;
    let len = 2 * columns * levels + 2;
    let thresholds = Tensor::<1>::from_data(TensorData::from(thresholds), (&device, scores.dtype()));
    let thresholds = thresholds.reshape([1, levels - 1]);
    let chunk = (COMPARED / (columns * levels)).max(1);
    let counts = (0..samples).step_by(chunk).map(|start| {
        let rows = start..samples.min(start + chunk);
        let reached = reached_levels(scores, &thresholds, rows.clone());
        let [count, _] = reached.dims();
        let targets = as_int(targets.clone(), reached.dtype());
        let targets = target_of_each_score(targets, task, rows);
        let positive = positive(&targets, task);
        let column = Tensor::<1, Int>::arange(0..columns as i64, (&device, reached.dtype()));
        let column = column.reshape([1, columns]).expand([count, columns]);
        let group = (positive + column * 2) * levels as i64;
        let targets = targets.reshape([count * columns]);
        let foreign = no_class(&targets, task.targets());
        let places = (group + reached).reshape([count * columns]);
        let mut places = places.mask_fill(foreign, len as i64 - 1);
        if let Some(index) = ignore_index {
            places = places.mask_fill(targets.equal_scalar(index), len as i64 - 2);
        }
        count_places(places, len)
    });
    counts.reduce(|total, counts| total + counts).unwrap_or_else(|| Tensor::zeros([len], &device))
}

/// Returns how many thresholds each score of some rows reaches: `[rows, columns]`.
fn reached_levels(scores: &Tensor<2>, thresholds: &Tensor<2>, rows: Range<usize>) -> Tensor<2, Int> {
    let ([_, columns], [_, levels]) = (scores.dims(), thresholds.dims());
    let count = rows.len();
    let scores = scores.clone().slice([rows, 0..columns]).reshape([count * columns, 1]);
    let shape = [count * columns, levels];
    let reached = scores.expand(shape).greater_equal(thresholds.clone().expand(shape));
    reached.int().sum_dim(1).reshape([count, columns])
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
    let own = own.int();
    if own.dtype() == targets.dtype() { own } else { own.cast(IntDType::from(targets.dtype())) }
}
