//! What metrics compute: numbers, tables and curves.

use std::fmt;

use super::ThresholdCurves;
use crate::{
    error::{Error, ErrorKind, Result},
    text,
};

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// One number.
    Scalar(f64),
    /// Several numbers, each with a suffix: the part `cat` of `val_f1` is `val_f1_cat`.
    Named(Vec<(String, f64)>),
    /// A table. Loggers receive it as a text and as a picture, and reports as
    /// [`Metrics::matrix`](crate::Metrics::matrix).
    Matrix(Matrix),
    /// Several tables, each with a suffix.
    Matrices(Vec<(String, Matrix)>),
    /// Curves and their areas. Loggers receive the areas as numbers, and the curves as a picture
    /// and a table.
    Curves(ThresholdCurves),
}

impl MetricValue {
    /// Returns the number, if it is a single one. That of curves is their area.
    ///
    /// ```
    /// use lightning_core::metrics::MetricValue;
    ///
    /// assert_eq!(MetricValue::Scalar(0.5).scalar(), Some(0.5));
    /// ```
    pub fn scalar(&self) -> Option<f64> {
        match self {
            Self::Scalar(value) => Some(*value),
            Self::Curves(curves) => curves.area(),
            _ => None,
        }
    }

    /// Returns the tables, each with its suffix, underscore included.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (String, &Matrix)> {
        let several = match self {
            Self::Matrices(matrices) => matrices.as_slice(),
            _ => &[],
        };
        let several = several.iter().map(|(part, matrix)| (format!("_{part}"), matrix));
        self.matrix().map(|matrix| (String::new(), matrix)).into_iter().chain(several)
    }

    /// Returns what loggers receive besides numbers, each with its suffix, underscore included.
    pub(crate) fn shown(&self) -> Vec<(String, Shown)> {
        match self {
            Self::Curves(curves) => vec![(String::new(), Shown::Curves(curves.clone()))],
            _ => self.tables().map(|(part, matrix)| (part, Shown::Matrix(matrix.clone()))).collect(),
        }
    }

    /// Returns the number with the given suffix.
    pub fn part(&self, name: &str) -> Option<f64> {
        match self {
            Self::Named(parts) => parts.iter().find(|(part, _)| part == name).map(|(_, value)| *value),
            Self::Curves(curves) => curves.areas().part(name),
            _ => None,
        }
    }

    /// Returns the curves, if it has them.
    pub fn curves(&self) -> Option<&ThresholdCurves> {
        match self {
            Self::Curves(curves) => Some(curves),
            _ => None,
        }
    }

    /// Returns the table, if it is a single one.
    pub fn matrix(&self) -> Option<&Matrix> {
        match self {
            Self::Matrix(matrix) => Some(matrix),
            _ => None,
        }
    }
}

/// What loggers receive of a value besides numbers.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Matrix(Matrix),
    Curves(ThresholdCurves),
}

/// A square table of numbers with a label for each row and column, such as a confusion matrix.
///
/// ```
/// use lightning_core::metrics::Matrix;
///
/// let labels = vec!["cat".to_owned(), "dog".to_owned()];
/// let matrix = Matrix::new(labels, vec![3.0, 1.0, 0.0, 4.0])?;
/// assert_eq!(matrix.get(0, 1), Some(1.0));
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    labels: Vec<String>,
    values: Vec<f64>,
}

impl Matrix {
    /// Creates a table of `labels.len()` rows and columns from values row by row.
    ///
    /// # Errors
    /// If the number of values is not the square of the number of labels.
    pub fn new(labels: Vec<String>, values: Vec<f64>) -> Result<Self> {
        if values.len() != labels.len() * labels.len() {
            let (labels, values) = (labels.len(), values.len());
            let text = format!("a matrix of {labels} labels must have {labels} x {labels} values, found {values}");
            return Err(Error::new(ErrorKind::Metric, text).help("pass the values row by row"));
        }
        Ok(Self { labels, values })
    }

    /// Returns the labels of the rows and columns.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Returns the number of rows, which is that of the columns.
    pub fn size(&self) -> usize {
        self.labels.len()
    }

    /// Returns one number; `None` outside of the table.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        if column >= self.size() {
            return None;
        }
        self.values.get(row * self.size() + column).copied()
    }

    /// Returns the rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        // `chunks(0)` would panic; a matrix without labels has no rows.
        self.values.chunks(self.size().max(1))
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |value: &f64| match *value {
            // Counts have no decimals.
            value if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value}"),
            value => text::format_metric(value),
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
