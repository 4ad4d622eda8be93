//! Average precision.

use super::{CurveMetric, average::ratio, curve_metric::CurveArea, curves::Curve};

/// The average precision, which is the area under the precision-recall curve in steps:
/// `Σ (Rₙ − Rₙ₋₁)·Pₙ` over the thresholds.
///
/// It takes a [`Classification`](super::Classification) with scores, and has the options of
/// [`CurveMetric`]. The numbers are those of torchmetrics' `BinaryAveragePrecision`,
/// `MulticlassAveragePrecision` and `MultilabelAveragePrecision`; in particular, a class without a
/// target is left out of the mean if every score is kept, and counts as 0 between thresholds.
/// Without any samples the value is NaN.
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
    fn area(&self, curve: &Curve) -> f64 {
        if curve.samples() == 0 {
            return f64::NAN;
        }
        if curve.positives == 0 {
            // Recall is undefined. torchmetrics sets it to 1, and the area to 0, for fixed
            // thresholds and if every target is class 0.
            return if curve.binned || curve.only_first { 0.0 } else { f64::NAN };
        }
        let mut recall = 0.0;
        let steps = curve.points.iter().map(|(tp, fp)| {
            let next = *tp as f64 / curve.positives as f64;
            let step = (next - recall) * ratio(*tp as f64, (tp + fp) as f64, 0.0);
            recall = next;
            step
        });
        steps.sum()
    }
}
