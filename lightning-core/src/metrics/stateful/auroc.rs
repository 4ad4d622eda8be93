//! The area under the ROC curve.

use super::{
    average::ratio,
    classification::curve_metric,
    curves::{Curve, Curves},
};

/// The area under the receiver operating characteristic: how likely a sample of the class has a higher score than another sample.
///
/// It takes a [`Classification`](super::Classification) with scores: of class 1, or of all classes, of which each is then compared with
/// the rest. Without [`thresholds`](Self::thresholds) every score is kept until the end of the epoch, four bytes each. The numbers are
/// those of torchmetrics' `BinaryAUROC` and `MulticlassAUROC`; in particular, a class without a target, or without any other target,
/// has the area 0 and counts in the mean. With no samples at all the area is NaN.
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
#[derive(Clone, Debug)]
pub struct Auroc {
    curves: Curves,
}

impl Auroc {
    /// The exact area.
    pub fn new() -> Self {
        Self { curves: Curves::new() }
    }
}

/// By the trapezoidal rule over the false positive rate.
fn area(curve: &Curve) -> f64 {
    if curve.samples() == 0 {
        return f64::NAN;
    }
    let rates = curve.points.iter().map(|(tp, fp)| {
        (ratio(*fp as f64, curve.negatives as f64, 0.0), ratio(*tp as f64, curve.positives as f64, 0.0))
    });
    // A curve of all scores begins above the highest of them; one of fixed thresholds at the highest threshold.
    let mut last = if curve.binned { None } else { Some((0.0, 0.0)) };
    let mut area = 0.0;
    for (x, y) in rates {
        if let Some((before, height)) = last {
            area += (x - before) * (y + height) / 2.0;
        }
        last = Some((x, y));
    }
    area
}

curve_metric!(Auroc);
