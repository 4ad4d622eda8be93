//! Scores of one class against the rest: what the areas under the ROC curve and the precision-recall curve are made of.
//!
//! Either every score is kept, and the curve has a point at each of them; or scores are counted between fixed thresholds, which takes the
//! same memory however many there are.

mod samples;

use std::{ops::Range, sync::Arc};

use burn::tensor::{
    Int, IntDType, Tensor, TensorData,
    activation::{sigmoid, softmax},
};
use serde_json::{Value, json};

use self::samples::{Samples, columns_of, no_such_class};
use super::{
    accumulate::Counts,
    average::ratio,
    exact,
    input::{Classification, Predictions},
    stat_scores::{ScoreKind, as_int, count_places, no_class},
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// How the values of single classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurveAverage {
    /// Of all labels together, where each is yes or no.
    Micro,
    Macro,
    Weighted,
    PerClass,
}

/// Elements that are compared with all thresholds in one operation.
const COMPARED: usize = 1 << 24;

/// Settings and state of a metric of scores.
#[derive(Clone, Debug)]
pub(crate) struct Curves {
    pub(crate) average: CurveAverage,
    pub(crate) ignore_index: Option<i64>,
    pub(crate) kind: ScoreKind,
    pub(crate) names: Vec<String>,
    /// Ascending; none keeps every score.
    thresholds: Option<Arc<[f32]>>,
    task: Option<Task>,
    samples: Samples,
    /// For each column, for other and for own targets: how many scores reach no threshold, just the first, …, all of them. Then one
    /// place for what is ignored and one for what is no class.
    bins: Counts,
}

/// One class against the rest: what lies at or above each threshold, from the highest threshold down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve {
    /// True and false positives.
    pub(crate) points: Vec<(u64, u64)>,
    /// All of the class.
    pub(crate) positives: u64,
    /// All others.
    pub(crate) negatives: u64,
    /// Whether the points lie at fixed thresholds.
    pub(crate) binned: bool,
    /// Whether every target is class 0.
    pub(crate) only_first: bool,
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

    /// Counts scores between these thresholds.
    pub(crate) fn bin(&mut self, thresholds: impl IntoIterator<Item = f32>) {
        let mut thresholds: Vec<f32> = thresholds.into_iter().collect();
        thresholds.sort_by(f32::total_cmp);
        self.thresholds = Some(thresholds.into());
    }

    pub(crate) fn reset(&mut self) {
        self.task = None;
        self.samples = Samples::default();
        self.bins = Counts::default();
    }

    /// Adds one batch.
    pub(crate) fn update(&mut self, input: &Classification) -> Result<()> {
        let (task, scores) = match &input.predictions {
            Predictions::Binary(scores) => {
                let [samples] = scores.dims();
                (Task::Binary, self.kind.probabilities(scores.clone(), sigmoid).reshape([samples, 1]))
            }
            Predictions::Scores(scores) => {
                let probabilities = self.kind.probabilities(scores.clone(), |logits| softmax(logits, 1));
                (Task::Multiclass(scores.dims()[1]), probabilities)
            }
            Predictions::Multilabel(scores) => {
                (Task::Multilabel(scores.dims()[1]), self.kind.probabilities(scores.clone(), sigmoid))
            }
            Predictions::Labels(_) => {
                return Err(Error::new(ErrorKind::Metric, "labels have no order, and this metric ranks scores")
                    .help("give scores: `Tensor<1>` of the positive class, or `Tensor<2>` of `[samples, classes]`"));
            }
        };
        let [samples, columns] = scores.dims();
        if let Some(known) = self.task.filter(|known| *known != task) {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("a batch of {} follows batches of {}", task.describe(), known.describe()),
            )
            .help("give every batch in the same form"));
        }
        if self.average == CurveAverage::Micro && matches!(task, Task::Multiclass(_)) {
            return Err(Error::new(ErrorKind::Metric, "classes of which only one is right have no micro average")
                .help("leave `micro_average` out, or give a target for each label"));
        }
        if columns > 1 && !self.names.is_empty() && self.names.len() != columns {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("there are {columns} classes and {} class names", self.names.len()),
            )
            .help("give one name a class"));
        }
        if samples == 0 {
            return Ok(());
        }
        let Some(thresholds) = self.thresholds.clone() else {
            self.samples.push(scores, input.targets.clone())?;
            self.task = Some(task);
            return if self.samples.is_known() { self.samples.check(task, self.ignore_index) } else { Ok(()) };
        };
        if thresholds.len() < 2 || thresholds.iter().any(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(Error::new(ErrorKind::Metric, "thresholds are at least two numbers from 0 to 1")
                .help("write `.thresholds(200)`, or give them with `.threshold_list([…])`"));
        }
        let bins = self.count_bins(&scores, input.targets.clone(), &thresholds, task);
        self.bins.add(bins, scores.shape().num_elements())?;
        self.task = Some(task);
        if self.bins.is_known() { self.check_bins() } else { Ok(()) }
    }

    fn count_bins(
        &self,
        scores: &Tensor<2>,
        targets: Tensor<1, Int>,
        thresholds: &[f32],
        task: Task,
    ) -> Tensor<1, Int> {
        let [samples, columns] = scores.dims();
        let device = scores.device();
        let levels = thresholds.len() + 1;
        let len = 2 * columns * levels + 2;
        let row =
            Tensor::<1>::from_data(TensorData::from(thresholds), (&device, scores.dtype())).reshape([1, levels - 1]);
        let mut total: Option<Tensor<1, Int>> = None;
        let chunk = (COMPARED / (columns * levels)).max(1);
        for start in (0..samples).step_by(chunk) {
            let end = samples.min(start + chunk);
            let rows = end - start;
            let scores = scores.clone().slice([start..end, 0..columns]).reshape([rows * columns, 1]);
            let shape = [rows * columns, levels - 1];
            let reached = scores.expand(shape).greater_equal(row.clone().expand(shape)).int().sum_dim(1);
            let reached = reached.reshape([rows, columns]);
            let targets = target_of_each_score(as_int(targets.clone(), reached.dtype()), task, start..end);
            let positive = positive(&targets, task);
            let column = Tensor::<1, Int>::arange(0..columns as i64, (&device, reached.dtype()));
            let group = (positive + column.reshape([1, columns]).expand([rows, columns]) * 2) * levels as i64;
            let targets = targets.reshape([rows * columns]);
            let foreign = no_class(&targets, task.targets());
            let mut places = (group + reached).reshape([rows * columns]).mask_fill(foreign, len as i64 - 1);
            if let Some(index) = self.ignore_index {
                places = places.mask_fill(targets.equal_scalar(index), len as i64 - 2);
            }
            let counts = count_places(places, len);
            total = Some(match total {
                Some(total) => total + counts,
                None => counts,
            });
        }
        total.unwrap_or_else(|| Tensor::zeros([len], &device))
    }

    /// # Errors
    /// When a target is no class.
    fn check_bins(&mut self) -> Result<()> {
        let Some(task) = self.task else { return Ok(()) };
        // A target is counted once for each score that it goes with.
        let scores = if matches!(task, Task::Multilabel(_)) { 1 } else { columns_of(task) };
        match self.bins.values()?.last().copied().unwrap_or(0) / scores as u64 {
            0 => Ok(()),
            foreign => Err(no_such_class(foreign, task)),
        }
    }

    /// The curve of each column.
    pub(crate) fn curves(&mut self) -> Result<Vec<Curve>> {
        let Some(task) = self.task else { return Ok(Vec::new()) };
        let micro = self.average == CurveAverage::Micro;
        match &self.thresholds {
            Some(thresholds) => {
                let levels = thresholds.len() + 1;
                self.check_bins()?;
                let bins = self.bins.values()?;
                let curves: Vec<Curve> =
                    (0..columns_of(task)).map(|column| Curve::of_bins(bins, column, levels)).collect();
                Ok(if micro { curves.into_iter().reduce(Curve::together).into_iter().collect() } else { curves })
            }
            None => {
                self.samples.flush()?;
                self.samples.check(task, self.ignore_index)?;
                // All scores as those of one label.
                Ok(self.samples.curves(if micro { Task::Binary } else { task }, self.ignore_index))
            }
        }
    }

    /// The score of the positive class, or the average of the classes; a class whose score is NaN is left out of an average.
    pub(crate) fn score(&mut self, score: impl Fn(&Curve) -> f64) -> Result<MetricValue> {
        let curves = self.curves()?;
        let scores: Vec<f64> = curves.iter().map(score).collect();
        if let [] | [_] = scores.as_slice() {
            return Ok(MetricValue::Scalar(scores.first().copied().unwrap_or(f64::NAN)));
        }
        if self.average == CurveAverage::PerClass {
            let names = if self.names.is_empty() {
                (0..scores.len()).map(|class| class.to_string()).collect()
            } else {
                self.names.clone()
            };
            return Ok(MetricValue::Named(names.into_iter().zip(scores).collect()));
        }
        let (sum, weights) = curves.iter().zip(scores).filter(|(_, score)| !score.is_nan()).fold(
            (0.0, 0.0),
            |(sum, weights), (curve, score)| {
                let weight = if self.average == CurveAverage::Weighted { curve.positives as f64 } else { 1.0 };
                (sum + weight * score, weights + weight)
            },
        );
        let otherwise = if self.average == CurveAverage::Weighted { 0.0 } else { f64::NAN };
        Ok(MetricValue::Scalar(ratio(sum, weights, otherwise)))
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        let Some(task) = other.task else { return Ok(()) };
        if self.thresholds != other.thresholds || self.task.is_some_and(|own| own != task) {
            return Err(Error::new(ErrorKind::Metric, "scores of other classes or thresholds cannot be added"));
        }
        self.task = Some(task);
        self.bins.merge(&other.bins)?;
        self.samples.merge(&other.samples)
    }

    pub(crate) fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        if self.thresholds.is_some() {
            return Ok(json!({ "task": task.name(), "classes": task.classes(), "bins": self.bins.state()? }));
        }
        self.samples.flush()?;
        let Samples { scores, targets, .. } = &self.samples;
        let scores = exact::numbers(scores.iter().copied().map(f64::from));
        Ok(json!({ "task": task.name(), "classes": task.classes(), "scores": scores, "targets": targets }))
    }

    pub(crate) fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let columns = columns_of(task);
        if let Some(thresholds) = &self.thresholds {
            let bins = exact::counts_of(state, "bins")?;
            if Some(bins.len()) != columns.checked_mul(2 * (thresholds.len() + 1)).and_then(|len| len.checked_add(2)) {
                return Err(exact::foreign("bins"));
            }
            self.bins = Counts::load(bins);
        } else {
            let scores: Vec<f32> = exact::numbers_of(state, "scores")?.into_iter().map(|score| score as f32).collect();
            let targets =
                exact::numbers_of(state, "targets")?.into_iter().map(|target| target as i64).collect::<Vec<_>>();
            let scores_of_target = if matches!(task, Task::Multilabel(_)) { 1 } else { columns };
            if Some(scores.len()) != targets.len().checked_mul(scores_of_target) {
                return Err(exact::foreign("scores"));
            }
            self.samples = Samples::new(scores, targets);
        }
        self.task = Some(task);
        Ok(())
    }
}

/// The targets that go with some rows of scores, one for each score.
fn target_of_each_score(targets: Tensor<1, Int>, task: Task, rows: Range<usize>) -> Tensor<2, Int> {
    let (columns, count) = (columns_of(task), rows.len());
    match task {
        Task::Multilabel(_) => targets.narrow(0, rows.start * columns, count * columns).reshape([count, columns]),
        _ => targets.slice([rows]).reshape([count, 1]).expand([count, columns]),
    }
}

/// 1 where the target is what the score is of: the column's class, or a yes.
fn positive(targets: &Tensor<2, Int>, task: Task) -> Tensor<2, Int> {
    let own = match task {
        Task::Multiclass(classes) => {
            let classes = Tensor::<1, Int>::arange(0..classes as i64, (&targets.device(), targets.dtype()));
            targets.clone().equal(classes.unsqueeze::<2>().expand(targets.dims()))
        }
        _ => targets.clone().equal_scalar(1),
    };
    let own = own.int();
    if own.dtype() == targets.dtype() { own } else { own.cast(IntDType::from(targets.dtype())) }
}

impl Curve {
    /// The curve of scores in descending order: equal ones make one point.
    pub(crate) fn of_ranked(ranked: &[(f32, bool)], only_first: bool) -> Self {
        let mut curve = Self { only_first, ..Self::default() };
        for (index, (score, positive)) in ranked.iter().enumerate() {
            if *positive {
                curve.positives += 1
            } else {
                curve.negatives += 1
            }
            if ranked.get(index + 1).is_none_or(|(next, _)| next != score) {
                curve.points.push((curve.positives, curve.negatives));
            }
        }
        curve
    }

    /// The curve of the scores that were counted between thresholds.
    fn of_bins(bins: &[u64], column: usize, levels: usize) -> Self {
        let at = |own: usize, level: usize| bins.get((2 * column + own) * levels + level).copied().unwrap_or(0);
        let mut curve = Self { binned: true, ..Self::default() };
        let (mut tp, mut fp) = (0, 0);
        for level in (1..levels).rev() {
            tp += at(1, level);
            fp += at(0, level);
            curve.points.push((tp, fp));
        }
        curve.positives = tp + at(1, 0);
        curve.negatives = fp + at(0, 0);
        curve
    }

    /// The curve of the scores of both, which are counted between the same thresholds.
    fn together(mut self, other: Self) -> Self {
        for ((tp, fp), (more_tp, more_fp)) in self.points.iter_mut().zip(other.points) {
            *tp += more_tp;
            *fp += more_fp;
        }
        self.positives += other.positives;
        self.negatives += other.negatives;
        self
    }

    /// How many samples it has.
    pub(crate) fn samples(&self) -> u64 {
        self.positives + self.negatives
    }
}

/// So many thresholds from 0 to 1, at equal distances, as `torch.linspace` rounds them.
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

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::metrics::{Auroc, Metric, MetricInput};

    #[track_caller]
    fn fails(mut metric: Auroc, input: impl MetricInput<Classification>, expected: &str) {
        let error = metric.update(input).map_err(|error| error.to_string());
        assert!(error.as_ref().is_err_and(|text| text.contains(expected)), "{error:?}");
    }

    #[test]
    fn what_has_no_curve_is_an_error() -> Result<()> {
        let device = Device::default();
        let scores = || Tensor::<2>::from_data([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], &device);
        let labels = |labels: [i32; 2]| Tensor::<1, Int>::from_data(labels, &device);
        fails(Auroc::new(), (labels([0, 1]), labels([0, 1])), "labels have no order");
        fails(Auroc::new().micro_average(), (scores(), labels([0, 1])), "no micro average");
        fails(Auroc::new().thresholds(1), (scores(), labels([0, 1])), "at least two numbers");
        fails(Auroc::new().threshold_list([0.5, 1.5]), (scores(), labels([0, 1])), "from 0 to 1");
        fails(Auroc::new().class_names(["a"]), (scores(), labels([0, 1])), "3 classes and 1 class names");
        for metric in [Auroc::new(), Auroc::new().thresholds(5)] {
            fails(metric.clone(), (scores(), labels([0, 3])), "1 targets are none of the classes 0 to 2");
            let each = Tensor::<2, Int>::from_data([[0, 1, 2], [1, 0, 3]], &device);
            fails(metric, (scores(), each), "2 targets are none of the classes 0 to 1");
        }
        let mut several = Auroc::new();
        several.update((scores(), scores().greater_scalar(0.5)))?;
        fails(several, (scores(), labels([0, 1])), "a batch of 3 classes follows batches of 3 labels");
        Ok(())
    }
}
