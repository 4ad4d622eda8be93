//! Average precision.

use super::{CurveMetric, average::ratio, curve_metric::CurveArea, curves::Curve};

/// The average precision, which is the area under the precision-recall curve in steps:
/// `Σ (Rₙ − Rₙ₋₁)·Pₙ` over the thresholds.
///
/// It takes a [`Classification`](super::Classification) with scores, and has the options of
/// [`CurveMetric`]. A class without a target has no recall: its value is NaN on its own and left
/// out of a mean, and a mean without any class is NaN. Otherwise the numbers are those of
/// torchmetrics' `BinaryAveragePrecision`, `MulticlassAveragePrecision` and
/// `MultilabelAveragePrecision`, which count such a class as 0 between thresholds.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{AveragePrecision, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<1>::from_data([0.1, 0.4, 0.35, 0.8], &device);
/// let mut precision = AveragePrecision::new();
/// precision.update((scores, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// let value = precision.compute()?.scalar().expect("one number");
/// assert!((value - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
pub type AveragePrecision = CurveMetric<PrecisionRecallArea>;

/// The area of [`AveragePrecision`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PrecisionRecallArea;

impl CurveArea for PrecisionRecallArea {
    fn area(&self, curve: &Curve) -> Option<f64> {
        if curve.positives == 0 {
            return None;
        }
        let mut recall = 0.0;
        let steps = curve.points.iter().map(|(tp, fp)| {
            let next = *tp as f64 / curve.positives as f64;
            let step = (next - recall) * ratio(*tp as f64, (tp + fp) as f64, 0.0);
            recall = next;
            step
        });
        Some(steps.sum())
    }
}
