//! The confusion matrix.

use serde_json::{Value, json};

use super::{
    Average, Classification,
    accumulate::Counts,
    average::ratio,
    exact,
    stat_scores::{StatScores, count_places, no_class},
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
/// single number, so nothing can monitor it. The numbers are those of torchmetrics' `ConfusionMatrix`.
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
    classes: Option<usize>,
    /// A place for each pair of target and prediction, row by row; then one for what is ignored, and one for what is no class.
    counts: Counts,
}

impl ConfusionMatrix {
    /// A matrix of counts.
    pub fn new() -> Self {
        Self { scores: StatScores::new(Average::Macro), normalize: None, classes: None, counts: Counts::default() }
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

    fn values(&mut self, classes: usize) -> Result<Vec<f64>> {
        let counts = self.counts.values()?;
        let foreign = counts.last().copied().unwrap_or(0);
        if foreign > 0 {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("{foreign} targets or predicted labels are none of the classes 0 to {}", classes - 1),
            )
            .help("write `.ignore_index(…)` where a target marks what does not count"));
        }
        Ok(counts.iter().take(classes * classes).map(|count| *count as f64).collect())
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
        let (predicted, targets, classes) = self.scores.classified(input)?;
        if let Some(known) = self.classes.filter(|known| *known != classes) {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("a batch of {classes} classes follows batches of {known} classes"),
            )
            .help("give every batch in the same form"));
        }
        let samples = input.samples();
        if samples == 0 {
            return Ok(());
        }
        let pairs = classes as i64 * classes as i64;
        let foreign = no_class(&predicted, classes).bool_or(no_class(&targets, classes));
        let places = (targets.clone() * classes as i64 + predicted).mask_fill(foreign, pairs + 1);
        let places = match self.scores.ignored(&targets) {
            Some(ignored) => places.mask_fill(ignored, pairs),
            None => places,
        };
        self.counts.add(count_places(places, pairs as usize + 2), samples)?;
        self.classes = Some(classes);
        if self.counts.is_known() { self.values(classes).map(drop) } else { Ok(()) }
    }

    fn compute(&mut self) -> Result<MetricValue> {
        let Some(classes) = self.classes.or(self.scores.classes) else {
            return Err(Error::new(ErrorKind::Metric, "a confusion matrix of no samples has no size")
                .help("write `.num_classes(…)` where there may be none"));
        };
        let mut values = self.values(classes)?;
        values.resize(classes * classes, 0.0);
        let at = |row: usize, column: usize| values.get(row * classes + column).copied().unwrap_or(0.0);
        let line = |sum: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..classes).map(|line| (0..classes).map(|along| sum(line, along)).sum()).collect()
        };
        let (rows, columns) = (line(&at), line(&|column, row| at(row, column)));
        let all: f64 = rows.iter().sum();
        let shares: Vec<f64> = (0..classes * classes)
            .map(|place| {
                let (row, column) = (place / classes, place % classes);
                let of = |totals: &[f64], index: usize| totals.get(index).copied().unwrap_or(0.0);
                match self.normalize {
                    None => at(row, column),
                    Some(Normalize::Targets) => ratio(at(row, column), of(&rows, row), 0.0),
                    Some(Normalize::Predictions) => ratio(at(row, column), of(&columns, column), 0.0),
                    Some(Normalize::All) => ratio(at(row, column), all, 0.0),
                }
            })
            .collect();
        Matrix::new(self.scores.class_names(classes), shares).map(MetricValue::Matrix)
    }

    fn reset(&mut self) {
        self.classes = None;
        self.counts = Counts::default();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        if let (Some(own), Some(theirs)) = (self.classes, other.classes)
            && own != theirs
        {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("counts of {theirs} classes cannot be added to those of {own} classes"),
            ));
        }
        self.classes = self.classes.or(other.classes);
        self.counts.merge(&other.counts)
    }

    fn state(&mut self) -> Result<Value> {
        match self.classes {
            None => Ok(Value::Null),
            Some(classes) => Ok(json!({ "classes": classes, "counts": self.counts.state()? })),
        }
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        self.reset();
        if state.is_null() {
            return Ok(());
        }
        let classes = exact::size_of(state, "classes")?.ok_or_else(|| exact::foreign("classes"))?;
        let counts = exact::counts_of(state, "counts")?;
        if Some(counts.len()) != classes.checked_mul(classes).and_then(|pairs| pairs.checked_add(2)) {
            return Err(exact::foreign("counts"));
        }
        (self.classes, self.counts) = (Some(classes), Counts::load(counts));
        Ok(())
    }
}
