//! The confusion matrix.

use burn::tensor::Device;
use serde_json::{Value, json};

use super::{
    Average, Classification,
    accumulate::Counts,
    average::{Stats, ratio},
    exact,
    stat_scores::{Cells, Options, ScoreKind, count_places, places},
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Matrix, Metric, MetricValue},
    tensor::labels::no_class,
};

/// What the counts of a [`ConfusionMatrix`] are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// The number of targets of the class: each row sums to 1.
    Targets,
    /// The number of predictions of the class: each column sums to 1.
    Predictions,
    /// The number of all samples.
    All,
}

/// How often each class (row) was predicted as each class (column).
///
/// It takes a [`Classification`]. Loggers receive it as a text, and reports as
/// [`Metrics::matrix`](crate::Metrics::matrix). It is not a single number, so it cannot be
/// monitored. A multilabel task has one matrix per label,
/// [`Metrics::matrix_part`](crate::Metrics::matrix_part). The numbers are those of torchmetrics'
/// `ConfusionMatrix`.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{ConfusionMatrix, Metric, MetricValue};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut confusion = ConfusionMatrix::new().class_names(["cat", "dog"]).num_classes(2);
/// let labels = Tensor::<1, Int>::from_data([0, 1, 1, 1], &device);
/// confusion.update((labels, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// let value = confusion.compute()?;
/// let matrix = value.matrix().expect("a matrix");
/// // One of two cats was predicted as a dog.
/// assert_eq!(matrix.get(0, 1), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConfusionMatrix {
    options: Options,
    normalize: Option<Normalize>,
    task: Option<Task>,
    /// In binary and multilabel tasks [`Cells`]. In the others a place per pair of target and
    /// prediction, row by row; then one for ignored samples, and one for what is not a class.
    counts: Counts,
}

impl ConfusionMatrix {
    /// Creates a matrix of counts.
    pub fn new() -> Self {
        let options = Options::new(Average::Macro);
        Self { options, normalize: None, task: None, counts: Counts::default() }
    }

    /// Returns shares instead of counts. A row or column without samples has shares of 0.
    #[must_use]
    pub fn normalize(mut self, normalize: Normalize) -> Self {
        self.normalize = Some(normalize);
        self
    }

    /// Sets the number of classes. It is required for predicted labels; scores have one column per
    /// class.
    #[must_use]
    pub fn num_classes(mut self, classes: usize) -> Self {
        self.options.classes = Some(classes);
        self
    }

    /// Sets the names of the classes. Default: their numbers.
    #[must_use]
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.options.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves out samples with this target. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.options.ignore_index = Some(index);
        self
    }

    /// Takes labels 0 and 1 as negative and positive.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.options.binary = true;
        self
    }

    /// Sets the probability above which a binary or multilabel prediction is positive.
    /// Default: 0.5.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.options.threshold = threshold;
        self
    }

    /// Takes binary and multilabel scores as logits.
    ///
    /// Without this and [`probabilities`](Self::probabilities), all scores of an epoch are logits if
    /// one of them is below 0 or above 1.
    #[must_use]
    pub fn logits(mut self) -> Self {
        self.options.kind = ScoreKind::Logits;
        self
    }

    /// Takes binary and multilabel scores as probabilities.
    #[must_use]
    pub fn probabilities(mut self) -> Self {
        self.options.kind = ScoreKind::Probabilities;
        self
    }

    /// Returns the task of the batches so far and the counts of all matrices, one after the other.
    ///
    /// # Errors
    /// If the number of classes is unknown, the device fails, or a target was not a class.
    pub(super) fn counts(&mut self) -> Result<(Task, Vec<f64>)> {
        let Some(task) = self.task.or(self.options.classes.map(Task::Multiclass)) else {
            let text = "a confusion matrix needs the number of classes, found neither samples nor \
                        `num_classes`";
            return Err(
                Error::new(ErrorKind::Metric, text).help("write `.num_classes(…)` if an epoch may have no samples")
            );
        };
        Ok((task, self.values(task)?))
    }

    /// Returns the counts of all matrices.
    fn values(&mut self, task: Task) -> Result<Vec<f64>> {
        let counts = self.counts.values()?;
        let cells = Cells(counts);
        let foreign = match task.is_yes_or_no() {
            true => cells.foreign_targets() + cells.foreign_labels(),
            false => counts.last().copied().unwrap_or(0),
        };
        if foreign > 0 {
            return Err(task.no_such_class("targets and predicted labels", foreign));
        }
        let (matrices, size) = matrices_of(task);
        let mut values: Vec<f64> = match task.is_yes_or_no() {
            true => cells.columns(task).flat_map(|Stats { tp, fp, fn_, tn }| [tn, fp, fn_, tp]).collect(),
            false => counts.iter().take(size * size).map(|count| *count as f64).collect(),
        };
        values.resize(matrices * size * size, 0.0);
        Ok(values)
    }

    /// Divides the counts of one matrix, row by row.
    fn normalized(&self, values: &[f64], size: usize) -> Vec<f64> {
        let at = |row: usize, column: usize| values.get(row * size + column).copied().unwrap_or(0.0);
        let row_sum = |row| (0..size).map(|column| at(row, column)).sum();
        let column_sum = |column| (0..size).map(|row| at(row, column)).sum();
        let places = (0..size).flat_map(|row| (0..size).map(move |column| (row, column)));
        let shares = places.map(|(row, column)| match self.normalize {
            None => at(row, column),
            Some(Normalize::Targets) => ratio(at(row, column), row_sum(row), 0.0),
            Some(Normalize::Predictions) => ratio(at(row, column), column_sum(column), 0.0),
            Some(Normalize::All) => ratio(at(row, column), values.iter().sum(), 0.0),
        });
        shares.collect()
    }
}

/// Returns the number of matrices, and the number of rows of each.
fn matrices_of(task: Task) -> (usize, usize) {
    match task {
        Task::Multilabel(labels) => (labels, 2),
        task => (1, task.classes()),
    }
}

impl Default for ConfusionMatrix {
    fn default() -> Self {
        Self::new()
    }
}

impl Metric for ConfusionMatrix {
    type Input = Classification;

    fn accumulate(&mut self, input: &Classification) -> Result<()> {
        let task = self.options.task_of(input, self.task)?;
        let len = input.len();
        if len == 0 {
            self.task = Some(task);
            return Ok(());
        }
        let counts = match self.options.labels(input, task) {
            None => self.options.count_cells(input, task),
            Some((predicted, targets)) => {
                let size = task.classes();
                let places = (size * size) as i64;
                let foreign = no_class(&predicted, size).bool_or(no_class(&targets, size));
                let place = targets.clone() * size as i64 + predicted;
                let place = place.mask_fill(foreign, places + 1);
                let place = match self.options.ignored(&targets) {
                    Some(ignored) => place.mask_fill(ignored, places),
                    None => place,
                };
                count_places(place, places as usize + 2)
            }
        };
        self.counts.add(counts, len)?;
        self.task = Some(task);
        if self.counts.is_known() { self.values(task).map(drop) } else { Ok(()) }
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let (task, values) = self.counts()?;
        let (_, size) = matrices_of(task);
        let names = self.options.class_names(task.classes());
        let Task::Multilabel(_) = task else {
            return Matrix::new(names, self.normalized(&values, size)).map(MetricValue::Matrix);
        };
        let matrices = names.into_iter().zip(values.chunks(size * size)).map(|(name, values)| {
            let labels = vec!["no".to_owned(), "yes".to_owned()];
            Ok((name, Matrix::new(labels, self.normalized(values, size))?))
        });
        matrices.collect::<Result<_>>().map(MetricValue::Matrices)
    }

    fn reset(&mut self) {
        self.task = None;
        self.counts = Counts::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        Task::check_mergeable(self.task, other.task)?;
        self.task = self.task.or(other.task);
        self.counts.merge(&other.counts)
    }

    fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        Ok(json!({ "task": task.name(), "classes": task.classes(), "counts": self.counts.state()? }))
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let counts = exact::counts_of(state, "counts")?;
        let expected = match task.is_yes_or_no() {
            true => Some(places(task)),
            false => task.classes().checked_pow(2).and_then(|square| square.checked_add(2)),
        };
        if !counts.is_empty() && Some(counts.len()) != expected {
            return Err(exact::foreign("counts"));
        }
        (self.task, self.counts) = (Some(task), Counts::load(counts));
        Ok(())
    }
}
