//! The ROC curve.

use super::{CurveMetric, auroc::RocArea, curve_metric::CurveArea, curves::Curve};
use crate::metrics::CurveKind;

/// The receiver operating characteristic: the true positive rate over the false positive rate, for
/// all thresholds. Its number is the area of [`Auroc`](super::Auroc).
///
/// It takes a [`Classification`](super::Classification) with scores, and has the options of
/// [`CurveMetric`]. There is one curve in a binary task, and one of each class or label in the
/// others. The value is [`MetricValue::Curves`](crate::metrics::MetricValue::Curves), which loggers
/// receive as the number, a picture and a table. The points are those of torchmetrics' `BinaryROC`,
/// `MulticlassROC` and `MultilabelROC`. Without `thresholds` there is a point at each score: with
/// much data, `Roc::new().thresholds(201)` takes less memory.
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
/// assert_eq!(value.scalar(), Some(0.75));
/// let curve = &value.curves().expect("curves").all()[0];
/// let points: Vec<_> = curve.points.iter().map(|point| [point.x, point.y]).collect();
/// assert_eq!(points, [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [1.0, 1.0]]);
/// # Ok(())
/// # }
/// ```
pub type Roc = CurveMetric<RocPoints>;

/// The curve of [`Roc`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RocPoints;

impl CurveArea for RocPoints {
    fn area(&self, curve: &Curve) -> Option<f64> {
        RocArea.area(curve)
    }

    fn drawn(&self) -> Option<CurveKind> {
        Some(CurveKind::Roc)
    }
}
