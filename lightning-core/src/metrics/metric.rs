//! Stateful metrics: a state that grows with every batch, and a value when it is asked for.

use std::{any::Any, fmt};

use serde_json::Value;

use crate::{
    console::table,
    error::{Error, ErrorKind, Result},
};

/// A measure that cannot be computed batch by batch and then averaged: it keeps a state over the batches of an epoch.
///
/// `#[log(metric = Accuracy::new())]` on a `let` does the rest: the trainer updates the metric with the value, computes it at the end of
/// the epoch, and resets it. By hand it is used like this:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Accuracy, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<2>::from_data([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1, 1], &device);
/// let mut accuracy = Accuracy::new();
/// accuracy.update((&scores, &targets))?;
/// assert_eq!(accuracy.compute()?.scalar(), Some(2.0 / 3.0));
/// # Ok(())
/// # }
/// ```
///
/// A metric of your own implements the six methods without a body. Keep what grows with the data on the data's device, and read it in
/// [`compute`](Metric::compute) only: an update that reads a tensor makes every step wait for the device.
///
/// ```
/// use lightning_core::{Error, Result, metrics::{Metric, MetricValue}};
/// use serde_json::{Value, json};
///
/// /// The share of updates that were `true`.
/// #[derive(Clone, Debug, Default)]
/// struct Share {
///     yes: u64,
///     all: u64,
/// }
///
/// impl Metric for Share {
///     type Input = bool;
///
///     fn accumulate(&mut self, input: &bool) -> Result<()> {
///         self.yes += u64::from(*input);
///         self.all += 1;
///         Ok(())
///     }
///     fn compute(&mut self) -> Result<MetricValue> {
///         Ok(MetricValue::Scalar(self.yes as f64 / self.all as f64))
///     }
///     fn reset(&mut self) {
///         *self = Self::default();
///     }
///     fn merge(&mut self, other: &Self) -> Result<()> {
///         self.yes += other.yes;
///         self.all += other.all;
///         Ok(())
///     }
///     fn state(&mut self) -> Result<Value> {
///         Ok(json!([self.yes, self.all]))
///     }
///     fn load_state(&mut self, state: &Value) -> Result<()> {
///         (self.yes, self.all) = serde_json::from_value(state.clone()).map_err(|error| Error::msg(error.to_string()))?;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let mut share = Share::default();
/// share.update(true)?;
/// share.update(false)?;
/// assert_eq!(share.compute()?.scalar(), Some(0.5));
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stateful metric",
    label = "expected a metric such as `Accuracy::new()`",
    note = "the metrics are in `lightning_core::metrics`; one of your own implements `Metric`"
)]
pub trait Metric: Clone + Send + 'static {
    /// What one update takes, in the metric's own form; [`MetricInput`] says what is turned into it.
    type Input: Send + 'static;

    /// Adds one batch to the state.
    ///
    /// # Errors
    /// When the input does not fit the metric or the batches before, or the device fails.
    fn accumulate(&mut self, input: &Self::Input) -> Result<()>;

    /// The value over everything since the last reset. It may be asked for at any time, and changes nothing.
    ///
    /// # Errors
    /// When the state has no value, or the device fails.
    fn compute(&mut self) -> Result<MetricValue>;

    /// Forgets the state, and keeps the settings.
    fn reset(&mut self);

    /// Adds the state of another metric of the same settings: the value is then that of all batches of both.
    ///
    /// # Errors
    /// When the two cannot be one, or the device fails.
    fn merge(&mut self, other: &Self) -> Result<()>;

    /// The state as JSON, for a checkpoint in the middle of an epoch.
    ///
    /// # Errors
    /// When the device fails.
    fn state(&mut self) -> Result<Value>;

    /// Replaces the state by one that [`state`](Self::state) gave.
    ///
    /// # Errors
    /// When it is the state of something else.
    fn load_state(&mut self, state: &Value) -> Result<()>;

    /// Adds one batch, given in any form that the metric takes.
    ///
    /// # Errors
    /// As [`accumulate`](Self::accumulate).
    fn update<V: MetricInput<Self::Input>>(&mut self, value: V) -> Result<()> {
        self.accumulate(&value.to_input()?)
    }
}

/// A value that a metric with the input `I` takes.
///
/// Every value is its own input, so that a metric of your own has nothing more to say. The metrics of this crate take tuples of tensors,
/// owned or borrowed: see [`Classification`](super::Classification), [`Regression`](super::Regression),
/// [`TokenScores`](super::TokenScores) and [`Translations`](super::Translations).
#[diagnostic::on_unimplemented(
    message = "this metric does not take `{Self}`",
    label = "expected what makes a `{I}`",
    note = "`Classification` is made of `(scores or labels, targets)`, `Regression` of `(predictions, targets)`, both of one shape; \
            `TokenScores` of `(logits, tokens)`; `Translations` of `(candidates, references)`"
)]
pub trait MetricInput<I> {
    /// Turns it into what the metric takes; tensors are detached.
    ///
    /// # Errors
    /// When the shapes do not fit each other.
    fn to_input(&self) -> Result<I>;
}

impl<T: Clone> MetricInput<T> for T {
    fn to_input(&self) -> Result<T> {
        Ok(self.clone())
    }
}

impl<T: Clone> MetricInput<T> for &T {
    fn to_input(&self) -> Result<T> {
        Ok((*self).clone())
    }
}

/// What a metric comes to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// One number.
    Scalar(f64),
    /// Several, each with the ending of its name: `val_f1_cat` for the part `cat` of `val_f1`.
    Named(Vec<(String, f64)>),
    /// A table, which loggers get as a text and reports as [`Metrics::matrix`](crate::Metrics::matrix).
    Matrix(Matrix),
    /// Several tables, each with the ending of its name.
    Matrices(Vec<(String, Matrix)>),
}

impl MetricValue {
    /// The number, where there is just one.
    pub fn scalar(&self) -> Option<f64> {
        match self {
            Self::Scalar(value) => Some(*value),
            _ => None,
        }
    }

    /// The tables, each with the ending of its name, underscore included.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (String, &Matrix)> {
        let several = match self {
            Self::Matrices(matrices) => matrices.as_slice(),
            _ => &[],
        };
        let several = several.iter().map(|(part, matrix)| (format!("_{part}"), matrix));
        self.matrix().map(|matrix| (String::new(), matrix)).into_iter().chain(several)
    }

    /// The number with the given ending.
    pub fn part(&self, name: &str) -> Option<f64> {
        match self {
            Self::Named(parts) => parts.iter().find(|(part, _)| part == name).map(|(_, value)| *value),
            _ => None,
        }
    }

    /// The table, where it is one.
    pub fn matrix(&self) -> Option<&Matrix> {
        match self {
            Self::Matrix(matrix) => Some(matrix),
            _ => None,
        }
    }
}

/// A square table of numbers with a label for each row and column: a confusion matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    labels: Vec<String>,
    values: Vec<f64>,
}

impl Matrix {
    /// A table of `labels.len()` rows, given row by row.
    ///
    /// # Errors
    /// When the number of values is not the square of the number of labels.
    pub fn new(labels: Vec<String>, values: Vec<f64>) -> Result<Self> {
        if values.len() != labels.len() * labels.len() {
            return Err(Error::new(
                ErrorKind::Metric,
                format!("a matrix of {} labels was given {} values", labels.len(), values.len()),
            )
            .help("give the values of one row after another"));
        }
        Ok(Self { labels, values })
    }

    /// The labels, in order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How many rows and columns there are.
    pub fn size(&self) -> usize {
        self.labels.len()
    }

    /// One number; `None` outside of the table.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        if column >= self.size() {
            return None;
        }
        self.values.get(row * self.size() + column).copied()
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        // `chunks` of 0 would panic; a matrix without labels has no rows to give.
        self.values.chunks(self.size().max(1))
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |value: &f64| match *value {
            // Counts have no decimals.
            value if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value}"),
            value => table::format_metric(value),
        };
        let cells: Vec<Vec<String>> = self.rows().map(|row| row.iter().map(cell).collect()).collect();
        let longest = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.chars().count()).max();
        let head = longest(&mut self.labels.iter()).unwrap_or(0);
        let width = longest(&mut self.labels.iter().chain(cells.iter().flatten())).unwrap_or(0);
        write!(f, "{:head$}", "")?;
        for label in &self.labels {
            write!(f, "  {label:>width$}")?;
        }
        for (label, row) in self.labels.iter().zip(&cells) {
            write!(f, "\n{label:head$}")?;
            for cell in row {
                write!(f, "  {cell:>width$}")?;
            }
        }
        Ok(())
    }
}

/// A metric whose type is forgotten: what the store keeps.
pub(crate) trait AnyMetric: Send {
    fn accumulate(&mut self, input: &(dyn Any + Send)) -> Result<()>;
    fn compute(&mut self) -> Result<MetricValue>;
    fn reset(&mut self);
    fn state(&mut self) -> Result<Value>;
    fn load_state(&mut self, state: &Value) -> Result<()>;
    /// Another one with the same settings and no state.
    fn fresh(&self) -> Box<dyn AnyMetric>;
    fn type_name(&self) -> &'static str;
}

impl<X: Metric> AnyMetric for X {
    fn accumulate(&mut self, input: &(dyn Any + Send)) -> Result<()> {
        match input.downcast_ref() {
            Some(input) => Metric::accumulate(self, input),
            None => {
                Err(Error::new(ErrorKind::Metric, format!("it takes another input than `{}` does", self.type_name())))
            }
        }
    }

    fn compute(&mut self) -> Result<MetricValue> {
        Metric::compute(self)
    }

    fn reset(&mut self) {
        Metric::reset(self);
    }

    fn state(&mut self) -> Result<Value> {
        Metric::state(self)
    }

    fn load_state(&mut self, state: &Value) -> Result<()> {
        Metric::load_state(self, state)
    }

    fn fresh(&self) -> Box<dyn AnyMetric> {
        let mut fresh = self.clone();
        Metric::reset(&mut fresh);
        Box::new(fresh)
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<X>()
    }
}

impl fmt::Debug for dyn AnyMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_square_and_prints_in_columns() -> Result<()> {
        let labels = || vec!["cat".to_owned(), "a dog".to_owned()];
        assert!(Matrix::new(labels(), vec![1.0; 3]).is_err_and(|error| error.to_string().contains("2 labels")));
        let matrix = Matrix::new(labels(), vec![1.0, 2.0, 3.0, 40.0])?;
        assert_eq!((matrix.get(1, 0), matrix.get(0, 2), matrix.get(2, 0)), (Some(3.0), None, None));
        assert_eq!(matrix.rows().map(<[f64]>::to_vec).collect::<Vec<_>>(), [[1.0, 2.0], [3.0, 40.0]]);
        let lines: Vec<String> = matrix.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{matrix}");
        assert_eq!(Matrix::new(Vec::new(), Vec::new())?.to_string(), "");
        Ok(())
    }
}
