//! The confusion matrix.

use serde_json::{Value, json};

use super::{
    Average, Classification,
    accumulate::Counts,
    average::ratio,
    exact,
    stat_scores::{StatScores, column_of, count_places, no_class},
    task::Task,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{Matrix, Metric, MetricValue},
};

/// What the numbers of a [`ConfusionMatrix`] are shares of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// Of the targets of a class: each row adds up to 1.
    Targets,
    /// Of the predictions of a class: each column adds up to 1.
    Predictions,
    /// Of all samples.
    All,
}

/// How often each class (row) was predicted as each class (column).
///
/// It takes a [`Classification`]. Loggers get it as a text, and reports have it as [`Metrics::matrix`](crate::Metrics::matrix); it is no
/// single number, so nothing can monitor it. Where each label is yes or no there is a matrix for each, under
/// [`Metrics::matrix_part`](crate::Metrics::matrix_part). The numbers are those of torchmetrics' `ConfusionMatrix`.
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
/// // One of two cats was taken for a dog.
/// assert_eq!(matrix.get(0, 1), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConfusionMatrix {
    /// Settings, and what turns an input into labels. Its own counts stay empty.
    scores: StatScores,
    normalize: Option<Normalize>,
    task: Option<Task>,
    /// A place for each pair of target and prediction, row by row, matrix by matrix; then one for what is ignored, and one for what is no
    /// class.
    counts: Counts,
}

impl ConfusionMatrix {
    /// A matrix of counts.
    pub fn new() -> Self {
        Self { scores: StatScores::new(Average::Macro), normalize: None, task: None, counts: Counts::default() }
    }

    /// Gives shares in place of counts. A row or column without samples has shares of 0.
    #[must_use]
    pub fn normalize(mut self, normalize: Normalize) -> Self {
        self.normalize = Some(normalize);
        self
    }

    /// How many classes there are. Scores say so themselves; labels do not.
    #[must_use]
    pub fn num_classes(mut self, classes: usize) -> Self {
        self.scores.classes = Some(classes);
        self
    }

    /// The names of the classes; otherwise they are called by their numbers.
    #[must_use]
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.scores.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The target that marks samples that do not count.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.scores.ignore_index = Some(index);
        self
    }

    /// Takes labels 0 and 1 as no and yes.
    #[must_use]
    pub fn binary(mut self) -> Self {
        self.scores.binary = true;
        self
    }

    /// The probability above which a yes-or-no score is a yes. Default 0.5.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.scores.threshold = threshold;
        self
    }

    fn values(&mut self, task: Task) -> Result<Vec<f64>> {
        let counts = self.counts.values()?;
        let foreign = counts.last().copied().unwrap_or(0);
        if foreign > 0 {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("{foreign} targets or predicted labels are none of the classes 0 to {}", task.targets() - 1),
            )
            .help("write `.ignore_index(…)` where a target marks what does not count"));
        }
        let (matrices, size) = matrices_of(task);
        let mut values: Vec<f64> = counts.iter().take(matrices * size * size).map(|count| *count as f64).collect();
        values.resize(matrices * size * size, 0.0);
        Ok(values)
    }

    /// The shares of one matrix, row by row.
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

/// How many matrices there are, and how many rows and columns each has.
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
        let (predicted, targets, task) = self.scores.classified(input)?;
        if let Some(known) = self.task.filter(|known| *known != task) {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("a batch of {} follows batches of {}", task.describe(), known.describe()),
            )
            .help("give every batch in the same form"));
        }
        let len = input.len();
        if len == 0 {
            return Ok(());
        }
        let (matrices, size) = matrices_of(task);
        let places = matrices as i64 * (size * size) as i64;
        let foreign = no_class(&predicted, size).bool_or(no_class(&targets, size));
        let place = targets.clone() * size as i64 + predicted;
        let place = match task {
            Task::Multilabel(labels) => place + column_of(&targets, labels) * 4,
            _ => place,
        };
        let place = place.mask_fill(foreign, places + 1);
        let place = match self.scores.ignored(&targets) {
            Some(ignored) => place.mask_fill(ignored, places),
            None => place,
        };
        self.counts.add(count_places(place, places as usize + 2), len)?;
        self.task = Some(task);
        if self.counts.is_known() { self.values(task).map(drop) } else { Ok(()) }
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let Some(task) = self.task.or(self.scores.classes.map(Task::Multiclass)) else {
            return Err(Error::new(ErrorKind::Metric, "a confusion matrix of no samples has no size")
                .help("write `.num_classes(…)` where there may be none"));
        };
        let values = self.values(task)?;
        let (_, size) = matrices_of(task);
        let names = self.scores.class_names(task.classes());
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
        if let (Some(own), Some(theirs)) = (self.task, other.task)
            && own != theirs
        {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("counts of {} cannot be added to those of {}", theirs.describe(), own.describe()),
            ));
        }
        self.task = self.task.or(other.task);
        self.counts.merge(&other.counts)
    }

    fn state(&mut self) -> Result<Value> {
        let Some(task) = self.task else { return Ok(Value::Null) };
        Ok(json!({ "task": task.name(), "classes": task.classes(), "counts": self.counts.state()? }))
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let task = exact::task_of(state)?;
        let counts = exact::counts_of(state, "counts")?;
        let (matrices, size) = matrices_of(task);
        let places = size.checked_mul(size).and_then(|square| square.checked_mul(matrices));
        if Some(counts.len()) != places.and_then(|places| places.checked_add(2)) {
            return Err(exact::foreign("counts"));
        }
        (self.task, self.counts) = (Some(task), Counts::load(counts));
        Ok(())
    }
}
