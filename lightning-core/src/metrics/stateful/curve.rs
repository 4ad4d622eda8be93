//! Scores of one class against the rest: what the areas under the ROC curve and the precision-recall curve are made of.
//!
//! Either every score is kept, and the curve has a point at each of them; or scores are counted between fixed thresholds, which takes the
//! same memory however many there are.

use std::sync::Arc;

use burn::tensor::{
    Bool, Int, Tensor, TensorData, Transaction,
    activation::{sigmoid, softmax},
};
use serde_json::{Value, json};

use super::{
    accumulate::Counts,
    average::ratio,
    exact,
    input::{Classification, Predictions},
    stat_scores::{ScoreKind, as_int, count_places, no_class},
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
    readback,
};

/// How the values of single classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurveAverage {
    Macro,
    Weighted,
    PerClass,
}

/// Elements that are compared with all thresholds in one operation.
const COMPARED: usize = 1 << 24;
/// Samples kept on a device before they move to the host, so that the device does not fill up.
const KEPT_ON_DEVICE: usize = 1 << 22;

/// Settings and state of a metric of scores.
#[derive(Clone, Debug)]
pub(crate) struct Curves {
    pub(crate) average: CurveAverage,
    pub(crate) ignore_index: Option<i64>,
    pub(crate) kind: ScoreKind,
    pub(crate) names: Vec<String>,
    /// Ascending; none keeps every score.
    thresholds: Option<Arc<[f32]>>,
    /// Columns of scores: 1 for yes or no.
    columns: Option<usize>,
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
            columns: None,
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
        self.columns = None;
        self.samples = Samples::default();
        self.bins = Counts::default();
    }

    /// Adds one batch.
    pub(crate) fn update(&mut self, input: &Classification) -> Result<()> {
        let scores = match &input.predictions {
            Predictions::Binary(scores) => {
                let [samples] = scores.dims();
                self.kind.probabilities(scores.clone(), sigmoid).reshape([samples, 1])
            }
            Predictions::Scores(scores) => self.kind.probabilities(scores.clone(), |logits| softmax(logits, 1)),
            Predictions::Labels(_) => {
                return Err(Error::new(ErrorKind::Metric, "labels have no order, and this metric ranks scores")
                    .help("give scores: `Tensor<1>` of the positive class, or `Tensor<2>` of `[samples, classes]`"));
            }
        };
        let [samples, columns] = scores.dims();
        if let Some(known) = self.columns.filter(|known| *known != columns) {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("a batch with {columns} columns of scores follows batches with {known}"),
            )
            .help("give every batch in the same form"));
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
            self.columns = Some(columns);
            return if self.samples.waiting.is_empty() {
                self.samples.check(columns, self.ignore_index)
            } else {
                Ok(())
            };
        };
        if thresholds.len() < 2 || thresholds.iter().any(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(Error::new(ErrorKind::Metric, "thresholds are at least two numbers from 0 to 1")
                .help("write `.thresholds(200)`, or give them with `.threshold_list([…])`"));
        }
        let bins = self.count_bins(&scores, input.targets.clone(), &thresholds);
        self.bins.add(bins, samples)?;
        self.columns = Some(columns);
        if self.bins.is_known() { self.check_bins() } else { Ok(()) }
    }

    fn count_bins(&self, scores: &Tensor<2>, targets: Tensor<1, Int>, thresholds: &[f32]) -> Tensor<1, Int> {
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
            let targets = as_int(targets.clone().slice([start..end]), reached.dtype());
            let positive = self.positive(&targets, columns);
            let column = Tensor::<1, Int>::arange(0..columns as i64, (&device, reached.dtype()));
            let group = (positive + column.reshape([1, columns]).expand([rows, columns]) * 2) * levels as i64;
            let places = (group + reached).reshape([rows * columns]);
            let spread =
                |mask: Tensor<1, Bool>| mask.reshape([rows, 1]).expand([rows, columns]).reshape([rows * columns]);
            let mut places = places.mask_fill(spread(no_class(&targets, columns.max(2))), len as i64 - 1);
            if let Some(index) = self.ignore_index {
                places = places.mask_fill(spread(targets.equal_scalar(index)), len as i64 - 2);
            }
            let counts = count_places(places, len);
            total = Some(match total {
                Some(total) => total + counts,
                None => counts,
            });
        }
        total.unwrap_or_else(|| Tensor::zeros([len], &device))
    }

    /// 1 where the target is the column's class: class 1 of a single column.
    fn positive(&self, targets: &Tensor<1, Int>, columns: usize) -> Tensor<2, Int> {
        let [rows] = targets.dims();
        let first = if columns == 1 { 1 } else { 0 };
        let classes = Tensor::<1, Int>::arange(first..first + columns as i64, (&targets.device(), targets.dtype()));
        let shape = [rows, columns];
        let own = targets.clone().reshape([rows, 1]).expand(shape).equal(classes.reshape([1, columns]).expand(shape));
        as_int(own.int().reshape([rows * columns]), targets.dtype()).reshape(shape)
    }

    /// # Errors
    /// When a target is no class.
    fn check_bins(&mut self) -> Result<()> {
        let columns = self.columns.unwrap_or(1);
        // A sample is counted once for each column.
        match self.bins.values()?.last().copied().unwrap_or(0) / columns as u64 {
            0 => Ok(()),
            foreign => Err(no_such_class(foreign, columns.max(2))),
        }
    }

    /// The curve of each column.
    pub(crate) fn curves(&mut self) -> Result<Vec<Curve>> {
        let Some(columns) = self.columns else { return Ok(Vec::new()) };
        match &self.thresholds {
            Some(thresholds) => {
                let levels = thresholds.len() + 1;
                self.check_bins()?;
                let bins = self.bins.values()?;
                Ok((0..columns).map(|column| Curve::of_bins(bins, column, levels)).collect())
            }
            None => {
                self.samples.flush()?;
                self.samples.check(columns, self.ignore_index)?;
                Ok(self.samples.curves(columns, self.ignore_index))
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
        let Some(columns) = other.columns else { return Ok(()) };
        if self.thresholds != other.thresholds || self.columns.is_some_and(|own| own != columns) {
            return Err(Error::new(ErrorKind::Metric, "scores of other classes or thresholds cannot be added"));
        }
        self.columns = Some(columns);
        self.bins.merge(&other.bins)?;
        self.samples.merge(&other.samples)
    }

    pub(crate) fn state(&mut self) -> Result<Value> {
        let Some(columns) = self.columns else { return Ok(Value::Null) };
        if self.thresholds.is_some() {
            return Ok(json!({ "columns": columns, "bins": self.bins.state()? }));
        }
        self.samples.flush()?;
        let Samples { scores, targets, .. } = &self.samples;
        let scores = exact::numbers(scores.iter().copied().map(f64::from));
        Ok(json!({ "columns": columns, "scores": scores, "targets": targets }))
    }

    pub(crate) fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let columns = exact::size_of(state, "columns")?.ok_or_else(|| exact::foreign("columns"))?;
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
            if Some(scores.len()) != targets.len().checked_mul(columns) {
                return Err(exact::foreign("scores"));
            }
            self.samples = Samples { scores, targets, waiting: Vec::new(), waiting_elements: 0 };
        }
        self.columns = Some(columns);
        Ok(())
    }
}

fn no_such_class(count: u64, classes: usize) -> Error {
    Error::new(ErrorKind::Metric, format!("{count} targets are none of the classes 0 to {}", classes - 1))
        .help("write `.ignore_index(…)` where a target marks what does not count")
}

/// Every score and target, row by row.
#[derive(Clone, Debug, Default)]
struct Samples {
    scores: Vec<f32>,
    targets: Vec<i64>,
    /// What has not been read from the device.
    waiting: Vec<(Tensor<2>, Tensor<1, Int>)>,
    waiting_elements: usize,
}

impl Samples {
    fn push(&mut self, scores: Tensor<2>, targets: Tensor<1, Int>) -> Result<()> {
        if readback::at_once(&scores.device()) {
            self.scores.extend(scores.into_data().iter::<f32>());
            self.targets.extend(targets.into_data().iter::<i64>());
            return Ok(());
        }
        self.waiting_elements += scores.shape().num_elements();
        self.waiting.push((scores, targets));
        if self.waiting_elements >= KEPT_ON_DEVICE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
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

    fn merge(&mut self, other: &Self) -> Result<()> {
        let mut other = other.clone();
        self.flush()?;
        other.flush()?;
        self.scores.extend(other.scores);
        self.targets.extend(other.targets);
        Ok(())
    }

    /// # Errors
    /// When a target is no class.
    fn check(&self, columns: usize, ignore_index: Option<i64>) -> Result<()> {
        let classes = columns.max(2);
        let foreign = self
            .targets
            .iter()
            .filter(|target| Some(**target) != ignore_index)
            .filter(|target| usize::try_from(**target).map_or(true, |target| target >= classes));
        match foreign.count() {
            0 => Ok(()),
            count => Err(no_such_class(count as u64, classes)),
        }
    }

    fn curves(&self, columns: usize, ignore_index: Option<i64>) -> Vec<Curve> {
        let counted = |target: &i64| Some(*target) != ignore_index;
        let only_first = self.targets.iter().filter(|target| counted(target)).all(|target| *target == 0);
        (0..columns)
            .map(|column| {
                let class = if columns == 1 { 1 } else { column as i64 };
                let mut ranked: Vec<(f32, bool)> = self
                    .scores
                    .iter()
                    .skip(column)
                    .step_by(columns.max(1))
                    .zip(&self.targets)
                    .filter(|(_, target)| counted(target))
                    .map(|(score, target)| (*score, *target == class))
                    .collect();
                ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
                Curve::of_ranked(&ranked, only_first)
            })
            .collect()
    }
}

impl Curve {
    /// The curve of scores in descending order: equal ones make one point.
    fn of_ranked(ranked: &[(f32, bool)], only_first: bool) -> Self {
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
