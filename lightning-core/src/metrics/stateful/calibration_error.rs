//! The calibration error.

use burn::tensor::{
    Device, FloatDType, IndexingUpdateOp, Int, Tensor, TensorData,
    activation::{sigmoid, softmax},
};
use serde_json::{Value, json};

use super::{
    Classification, accumulate::Sums, curves::evenly, exact, input::Predictions, stat_scores::ScoreKind, task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Metric, MetricValue},
    tensor::labels::{is_label, no_class, same_type},
};

/// How the distances of confidence and accuracy are combined in a [`CalibrationError`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CalibrationNorm {
    /// The mean distance, weighted by the samples of each bin: the expected calibration error.
    #[default]
    L1,
    /// The root of the mean squared distance.
    L2,
    /// The largest distance.
    Max,
}

/// The calibration error: how far the confidence of predictions is from the share of them that is
/// right, over bins of confidence (Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated
/// Probabilities Using Bayesian Binning", 2015).
///
/// It takes a [`Classification`] with scores. With several classes the confidence is the largest
/// probability of a sample; in a binary task it is the probability of class 1, and "right" is a
/// target of 1. A NaN score makes the value NaN, and so does an epoch without samples. The number is
/// that of torchmetrics' `CalibrationError`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{CalibrationError, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut error = CalibrationError::new().bins(2);
/// let scores = Tensor::<1>::from_data([0.25, 0.25, 0.55, 0.75, 0.75], &device);
/// error.update((scores, Tensor::<1, Int>::from_data([0, 0, 1, 1, 1], &device)))?;
/// let value = error.compute()?.scalar().expect("one number");
/// assert!((value - 0.29).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CalibrationError {
    bins: usize,
    norm: CalibrationNorm,
    ignore_index: Option<i64>,
    kind: ScoreKind,
    task: Option<Task>,
    /// For scores as probabilities and, if that is not known, as logits, three numbers for each bin:
    /// samples, confidences and right samples. Then the numbers of [`OTHERS`].
    sums: Sums,
}

/// Targets that are not classes, scores that are NaN, and scores outside of [0, 1].
const OTHERS: usize = 3;

impl CalibrationError {
    /// Creates the expected calibration error over 15 bins.
    pub fn new() -> Self {
        let sums = Sums::default();
        Self { bins: 15, norm: CalibrationNorm::L1, ignore_index: None, kind: ScoreKind::Guessed, task: None, sums }
    }

    /// Sets the number of bins, all of the same width. Default: 15.
    #[must_use]
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Sets how the distances of the bins are combined. Default: [`CalibrationNorm::L1`].
    #[must_use]
    pub fn norm(mut self, norm: CalibrationNorm) -> Self {
        self.norm = norm;
        self
    }

    /// Leaves out samples with this target. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.ignore_index = Some(index);
        self
    }

    /// Takes scores as logits.
    ///
    /// Without this and [`probabilities`](Self::probabilities), all scores of an epoch are logits if
    /// one of them is below 0 or above 1.
    #[must_use]
    pub fn logits(mut self) -> Self {
        self.kind = ScoreKind::Logits;
        self
    }

    /// Takes scores as probabilities.
    #[must_use]
    pub fn probabilities(mut self) -> Self {
        self.kind = ScoreKind::Probabilities;
        self
    }

    /// Returns the scores as `[samples, columns]`.
    fn scores(&self, input: &Classification) -> Result<(Task, Tensor<2>)> {
        if self.bins == 0 {
            return Err(Error::new(ErrorKind::Metric, "`bins` must be at least 1, found 0").help("write `.bins(15)`"));
        }
        match &input.predictions {
            Predictions::Binary(scores) => {
                let [samples] = scores.dims();
                Ok((Task::Binary, super::input::matrix(scores.clone(), [samples, 1])))
            }
            Predictions::Scores(scores) => Ok((Task::Multiclass(scores.dims()[1]), scores.clone())),
            Predictions::Labels(_) => {
                let text = "a calibration error needs scores, found predicted labels";
                Err(Error::new(ErrorKind::Metric, text).help("pass scores of shape [samples, classes]"))
            }
            Predictions::Multilabel(_) => {
                let text = "`CalibrationError` needs one class per sample, found a target per label";
                Err(Error::new(ErrorKind::Metric, text)
                    .help("pass targets of shape [samples], or log one metric per label"))
            }
        }
    }

    /// The length of the sums of one variant of the scores: 1.0 is a bin of its own.
    fn variant(&self) -> usize {
        3 * (self.bins + 1)
    }

    fn variants(&self) -> usize {
        if self.kind == ScoreKind::Guessed { 2 } else { 1 }
    }

    /// Returns the sums of each bin for scores that are probabilities; `left_out` are rows that do
    /// not count.
    fn bin(&self, probabilities: Tensor<2>, targets: &Tensor<1, Int>, left_out: &Tensor<1, Int>) -> Tensor<1> {
        let [samples, columns] = probabilities.dims();
        let (device, dtype) = (probabilities.device(), probabilities.dtype());
        let (confidence, right) = if columns == 1 {
            (probabilities.reshape([samples]), targets.clone().equal_scalar(1))
        } else {
            let (confidence, best) = probabilities.max_dim_with_indices(1);
            let (best, targets) = same_type(best.reshape([samples]), targets.clone());
            (confidence.reshape([samples]), best.equal(targets))
        };
        let edges = Tensor::<1>::from_data(TensorData::from(evenly(self.bins + 1).as_slice()), (&device, dtype));
        let shape = [samples, self.bins + 1];
        let reached = confidence
            .clone()
            .reshape([samples, 1])
            .expand(shape)
            .greater_equal(edges.reshape([1, self.bins + 1]).expand(shape));
        let (bin, left_out) = same_type(reached.int().sum_dim(1).reshape([samples]) - 1, left_out.clone());
        // What does not count is added to a place of its own, and so is what reaches no bin.
        let nowhere = left_out.equal_scalar(1).bool_or(bin.clone().lower_scalar(0));
        let bin = bin.mask_fill(nowhere, self.bins as i64 + 1);
        let sum = |values: Tensor<1>| {
            let none = Tensor::<1>::zeros([self.bins + 2], (&device, dtype));
            none.scatter(0, bin.clone(), values, IndexingUpdateOp::Add).narrow(0, 0, self.bins + 1)
        };
        let right = right.float().cast(FloatDType::from(dtype));
        Tensor::cat(vec![sum(confidence.ones_like()), sum(confidence), sum(right)], 0)
    }

    /// Combines the bins.
    fn value(&self, sums: &[f64]) -> f64 {
        let bins = self.bins + 1;
        let at = |part: usize, bin: usize| sums.get(part * bins + bin).copied().unwrap_or(0.0);
        let samples: f64 = (0..bins).map(|bin| at(0, bin)).sum();
        let distances = (0..bins).filter(|bin| at(0, *bin) > 0.0).map(|bin| {
            let count = at(0, bin);
            ((at(1, bin) - at(2, bin)).abs() / count, count / samples)
        });
        if samples == 0.0 {
            return f64::NAN;
        }
        match self.norm {
            CalibrationNorm::L1 => distances.map(|(distance, share)| distance * share).sum(),
            CalibrationNorm::L2 => distances.map(|(distance, share)| distance * distance * share).sum::<f64>().sqrt(),
            CalibrationNorm::Max => distances.map(|(distance, _)| distance).fold(0.0, f64::max),
        }
    }

    /// # Errors
    /// If a target is not a class, or the device fails.
    fn check(&mut self) -> Result<()> {
        let Some(task) = self.task else { return Ok(()) };
        let others = self.variant() * self.variants();
        match self.sums.values()?.get(others) {
            Some(foreign) if *foreign > 0.0 => Err(task.no_such_class("targets", *foreign as u64)),
            _ => Ok(()),
        }
    }
}

impl Default for CalibrationError {
    fn default() -> Self {
        Self::new()
    }
}

impl Metric for CalibrationError {
    type Input = Classification;

    fn accumulate(&mut self, input: &Classification) -> Result<()> {
        let (task, scores) = self.scores(input)?;
        task.check_same(self.task)?;
        if input.len() == 0 {
            return Ok(());
        }
        let targets = &input.targets;
        let foreign = no_class(targets, task.classes());
        let ignored = self.ignore_index.map(|index| is_label(targets, index));
        let (foreign, left_out) = match &ignored {
            None => (foreign.clone(), foreign),
            Some(ignored) => (foreign.clone().bool_and(ignored.clone().bool_not()), foreign.bool_or(ignored.clone())),
        };
        let left_out = left_out.int();
        let activate = |logits: Tensor<2>| match task {
            Task::Multiclass(_) => softmax(logits, 1),
            _ => sigmoid(logits),
        };
        let dtype = FloatDType::from(scores.dtype());
        // Of the rows that count.
        let count = |mask: Tensor<2, burn::tensor::Bool>| {
            let [rows, _] = mask.dims();
            let rows = mask.int().sum_dim(1).reshape([rows]);
            let (rows, left_out) = same_type(rows, left_out.clone());
            rows.mask_fill(left_out.equal_scalar(1), 0).sum().float().cast(dtype)
        };
        let mut sums = match self.kind {
            ScoreKind::Probabilities => vec![self.bin(scores.clone(), targets, &left_out)],
            ScoreKind::Logits => vec![self.bin(activate(scores.clone()), targets, &left_out)],
            ScoreKind::Guessed => vec![
                self.bin(scores.clone(), targets, &left_out),
                self.bin(activate(scores.clone()), targets, &left_out),
            ],
        };
        sums.push(foreign.int().sum().float().cast(dtype));
        sums.push(count(scores.clone().is_nan()));
        sums.push(count(scores.clone().lower_scalar(0.0).bool_or(scores.greater_scalar(1.0))));
        self.sums.add(Tensor::cat(sums, 0))?;
        self.task = Some(task);
        if self.sums.is_known() { self.check() } else { Ok(()) }
    }

    fn compute(&mut self) -> Result<MetricValue> {
        self.sums.values()?;
        self.check()?;
        let (variant, variants) = (self.variant(), self.variants());
        let sums = self.sums.values()?.to_vec();
        let other = |index: usize| sums.get(variant * variants + index).copied().unwrap_or(0.0);
        if other(1) > 0.0 {
            return Ok(MetricValue::Scalar(f64::NAN));
        }
        let first = if variants > 1 && other(2) > 0.0 { variant } else { 0 };
        Ok(MetricValue::Scalar(self.value(sums.get(first..first + variant).unwrap_or_default())))
    }

    fn reset(&mut self) {
        (self.task, self.sums) = (None, Sums::default());
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        Task::check_mergeable(self.task, other.task)?;
        if (self.bins, self.kind) != (other.bins, other.kind) {
            let (own, theirs) = (self.bins, other.bins);
            let text = format!("metrics that are merged must have the same bins, found {theirs} and {own}");
            return Err(
                Error::new(ErrorKind::Metric, text).help("merge metrics that were created with the same options")
            );
        }
        self.task = self.task.or(other.task);
        self.sums.merge(&other.sums)
    }

    fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        Ok(json!({ "task": task.name(), "classes": task.classes(), "sums": self.sums.state()? }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let sums = exact::numbers_of(state, "sums")?;
        if sums.len() != self.variant() * self.variants() + OTHERS {
            return Err(exact::foreign("sums"));
        }
        (self.task, self.sums) = (Some(task), Sums::load(sums));
        Ok(())
    }
}
