//! The area under the ROC curve.

use super::{CurveMetric, curve_metric::CurveArea, curves::Curve};

/// The area under the receiver operating characteristic: the probability that a sample of the class
/// has a higher score than another sample.
///
/// It takes a [`Classification`](super::Classification) with scores, and has the options of
/// [`CurveMetric`]. A class without a target, or without any other target, has no area: it is NaN
/// on its own and left out of a mean, and a mean without any class is NaN. Otherwise the numbers are
/// those of torchmetrics' `BinaryAUROC`, `MulticlassAUROC` and `MultilabelAUROC`, which count such a
/// class as 0.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Auroc, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<1>::from_data([0.1, 0.4, 0.35, 0.8], &device);
/// let mut auroc = Auroc::new();
/// auroc.update((scores, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// assert_eq!(auroc.compute()?.scalar(), Some(0.75));
/// # Ok(())
/// # }
/// ```
pub type Auroc = CurveMetric<RocArea>;

/// The area of [`Auroc`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RocArea;

impl CurveArea for RocArea {
    /// Integrates over the false positive rate by the trapezoidal rule.
    fn area(&self, curve: &Curve) -> Option<f64> {
        if curve.positives == 0 || curve.negatives == 0 {
            return None;
        }
        let (positives, negatives) = (curve.positives as f64, curve.negatives as f64);
        let rates = curve.points.iter().map(|(tp, fp)| (*fp as f64 / negatives, *tp as f64 / positives));
        // A curve of all scores begins above the highest of them, and one of fixed thresholds at
        // the highest threshold.
        let mut last = if curve.binned { None } else { Some((0.0, 0.0)) };
        let mut area = 0.0;
        for (x, y) in rates {
            if let Some((before, height)) = last {
                area += (x - before) * (y + height) / 2.0;
            }
            last = Some((x, y));
        }
        Some(area)
    }
}
