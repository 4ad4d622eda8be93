//! Curves of a classification over all thresholds: their points, and a table of some of them.

use super::MetricValue;
use crate::loggers::Table;

/// Which curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CurveKind {
    /// The true positive rate over the false positive rate: [`Roc`](super::Roc).
    Roc,
    /// The precision over the recall: [`PrecisionRecallCurve`](super::PrecisionRecallCurve).
    PrecisionRecall,
}

impl CurveKind {
    /// Returns what the horizontal and the vertical axis show.
    pub const fn axes(self) -> [&'static str; 2] {
        match self {
            Self::Roc => ["false positive rate", "true positive rate"],
            Self::PrecisionRecall => ["recall", "precision"],
        }
    }
}

/// The curves of a classification over all thresholds: one of the positive class, or one of each
/// class or label.
///
/// Loggers receive them as a picture and a table, and their areas as numbers. Reports return them
/// as [`Metrics::curves`](crate::Metrics::curves).
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Metric, Roc};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<1>::from_data([0.1, 0.4, 0.35, 0.8], &device);
/// let mut roc = Roc::new();
/// roc.update((scores, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// let value = roc.compute()?;
/// let curves = value.curves().expect("curves");
/// let png = curves.to_picture().borrow().to_png()?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdCurves {
    kind: CurveKind,
    curves: Vec<ThresholdCurve>,
    /// A number, or one for each class.
    areas: Box<MetricValue>,
}

/// The curve of one class or label.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ThresholdCurve {
    /// The name of the class; empty if there is one curve.
    pub name: String,
    /// The area under the curve; NaN if there is no curve.
    pub area: f64,
    /// The points, in the order of torchmetrics. None if the samples do not define a curve: if no
    /// target is of the class, for a ROC curve if all are, or if a score is NaN.
    pub points: Vec<CurvePoint>,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// The probability from which on a sample is predicted to be of the class. Infinite at the end
    /// of the curve where none is.
    pub threshold: f64,
    /// The false positive rate, or the recall.
    pub x: f64,
    /// The true positive rate, or the precision.
    pub y: f64,
}

/// The largest number of curves in a table.
const MOST_CURVES: usize = 20;
/// The rows of a table are at least so far apart on one of the axes.
const APART: f64 = 0.05;

impl ThresholdCurves {
    pub(super) fn new(kind: CurveKind, curves: Vec<ThresholdCurve>, areas: MetricValue) -> Self {
        Self { kind, curves, areas: Box::new(areas) }
    }

    /// Returns which curves they are.
    pub fn kind(&self) -> CurveKind {
        self.kind
    }

    /// Returns the curves, in the order of the classes.
    pub fn all(&self) -> &[ThresholdCurve] {
        &self.curves
    }

    /// Returns the area under the curve, or its average over the classes; `None` with
    /// [`Average::PerClass`](super::Average::PerClass), where each curve has its own.
    pub fn area(&self) -> Option<f64> {
        self.areas.scalar()
    }

    /// Returns what is logged as numbers: the area, or one for each class.
    pub(crate) fn areas(&self) -> &MetricValue {
        &self.areas
    }

    /// Returns a table with some points of the first 20 curves: those that are at least 0.05 apart
    /// on one of the axes, from the highest threshold to the lowest.
    pub fn to_table(&self) -> Table {
        let has_classes = self.curves.len() > 1;
        let class = has_classes.then(|| "class".to_owned());
        let mut table =
            Table::new(class.into_iter().chain(["threshold".to_owned()]).chain(self.kind.axes().map(str::to_owned)));
        let cell = |value: f64| format!("{value:.4}");
        for curve in self.curves.iter().take(MOST_CURVES) {
            let class = has_classes.then(|| curve.name.clone());
            let rows = curve.apart().into_iter().map(|CurvePoint { threshold, x, y }| {
                class.iter().cloned().chain([threshold, x, y].map(cell)).collect::<Vec<_>>()
            });
            table.rows.extend(rows);
        }
        table
    }
}

impl ThresholdCurve {
    /// Returns the points from the highest threshold to the lowest.
    pub(super) fn descending(&self) -> Box<dyn Iterator<Item = &CurvePoint> + '_> {
        let of = |point: Option<&CurvePoint>| point.map_or(f64::NAN, |point| point.threshold);
        match of(self.points.first()) < of(self.points.last()) {
            true => Box::new(self.points.iter().rev()),
            false => Box::new(self.points.iter()),
        }
    }

    /// Returns the first and the last point, and those between that are apart from each other.
    fn apart(&self) -> Vec<CurvePoint> {
        let mut chosen: Vec<CurvePoint> = Vec::new();
        for point in self.descending() {
            let is_apart = |last: &CurvePoint| (last.x - point.x).abs().max((last.y - point.y).abs()) >= APART;
            if chosen.last().is_none_or(is_apart) {
                chosen.push(*point);
            }
        }
        let end = self.descending().last().copied();
        if end.as_ref() != chosen.last() {
            chosen.extend(end);
        }
        chosen
    }
}
