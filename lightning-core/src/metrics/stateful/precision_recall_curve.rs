//! The precision-recall curve.

use super::{CurveMetric, average_precision::PrecisionRecallArea, curve_metric::CurveArea, curves::Curve};
use crate::metrics::CurveKind;

/// The precision over the recall, for all thresholds. Its number is the area of
/// [`AveragePrecision`](super::AveragePrecision).
///
/// It takes a [`Classification`](super::Classification) with scores, and has the options of
/// [`CurveMetric`]. There is one curve in a binary task, and one of each class or label in the
/// others. The value is [`MetricValue::Curves`](crate::metrics::MetricValue::Curves), which loggers
/// receive as the number, a picture and a table. The points are those of torchmetrics'
/// `BinaryPrecisionRecallCurve`, `MulticlassPrecisionRecallCurve` and
/// `MultilabelPrecisionRecallCurve`: from the lowest threshold to the highest, then recall 0 and
/// precision 1. Without `thresholds` there is a point at each score: with much data,
/// `PrecisionRecallCurve::new().thresholds(201)` takes less memory.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Metric, PrecisionRecallCurve};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<1>::from_data([0.1, 0.4, 0.35, 0.8], &device);
/// let mut metric = PrecisionRecallCurve::new();
/// metric.update((scores, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// let value = metric.compute()?;
/// let curve = &value.curves().expect("curves").all()[0];
/// let points: Vec<_> = curve.points.iter().map(|point| [point.x, point.y]).collect();
/// assert_eq!(points, [[1.0, 0.5], [1.0, 2.0 / 3.0], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]);
/// # Ok(())
/// # }
/// ```
pub type PrecisionRecallCurve = CurveMetric<PrecisionRecallPoints>;

/// The curve of [`PrecisionRecallCurve`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PrecisionRecallPoints;

impl CurveArea for PrecisionRecallPoints {
    fn area(&self, curve: &Curve) -> Option<f64> {
        PrecisionRecallArea.area(curve)
    }

    fn drawn(&self) -> Option<CurveKind> {
        Some(CurveKind::PrecisionRecall)
    }
}
