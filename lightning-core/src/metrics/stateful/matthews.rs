//! The Matthews correlation coefficient.

use super::{
    Average, ClassificationMetric, average::Stats, classification_metric::ClassScore, stat_scores::StatScores,
};
use crate::{
    error::{Error, ErrorKind, Result},
    metrics::MetricValue,
};

/// The Matthews correlation coefficient of predicted classes and targets, from −1 to 1: one number
/// for all classes.
///
/// For `s` samples, of which `c` are right, and `pₖ` predictions and `tₖ` targets of class `k` it is
/// `(c·s − Σ pₖ·tₖ) / √((s² − Σ pₖ²)·(s² − Σ tₖ²))` (J. Gorodkin, "Comparing two K-category
/// assignments by a K-category correlation coefficient", 2004). The labels of a multilabel task
/// count together, as one binary task. If all predictions, or all targets, are of one class it is 0;
/// with two classes it is then still 1 if every sample is right and −1 if none is (D. Chicco,
/// G. Jurman, BMC Genomics 21, 2020).
///
/// It takes a [`Classification`](super::Classification), with the options of
/// [`ClassificationMetric`] except `average`; labels need `num_classes`. The numbers are those of
/// torchmetrics' `MatthewsCorrCoef`, which returns other numbers if only one class of two is
/// predicted or the target.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{MatthewsCorrelation, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let mut matthews = MatthewsCorrelation::new().num_classes(2);
/// let labels = Tensor::<1, Int>::from_data([0, 1, 0, 0], &device);
/// matthews.update((labels, Tensor::<1, Int>::from_data([1, 1, 0, 0], &device)))?;
/// let value = matthews.compute()?.scalar().expect("one number");
/// assert!((value - 1.0 / 3.0_f64.sqrt()).abs() < 1e-12);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "MCC")]
#[doc(alias = "MatthewsCorrCoef")]
pub type MatthewsCorrelation = ClassificationMetric<MatthewsScore>;

/// The score of [`MatthewsCorrelation`].
#[derive(Clone, Copy, Debug, Default)]
pub struct MatthewsScore;

impl ClassScore for MatthewsScore {
    const AVERAGE: Average = Average::Macro;

    fn value(&self, counts: &mut StatScores) -> Result<MetricValue> {
        if counts.options.average != Self::AVERAGE {
            let text = "`average` must not be set for `MatthewsCorrelation`, which is one number for all classes";
            return Err(Error::new(ErrorKind::Metric, text).help("remove `.average(…)`"));
        }
        let classes = counts.stats()?;
        let classes = match counts.is_multilabel() {
            true => {
                let all = classes.into_iter().fold(Stats::default(), Stats::add);
                vec![all.swapped(), all]
            }
            false => classes,
        };
        Ok(MetricValue::Scalar(correlation(&classes)))
    }
}

fn correlation(classes: &[Stats]) -> f64 {
    let sum = |value: &dyn Fn(&Stats) -> f64| classes.iter().map(value).sum::<f64>();
    let (right, samples) = (sum(&|stats| stats.tp), sum(&|stats| stats.tp + stats.fn_));
    let predicted = |stats: &Stats| stats.tp + stats.fp;
    let targets = |stats: &Stats| stats.tp + stats.fn_;
    let covariance = right * samples - sum(&|stats| predicted(stats) * targets(stats));
    let of_predictions = samples * samples - sum(&|stats| predicted(stats).powi(2));
    let of_targets = samples * samples - sum(&|stats| targets(stats).powi(2));
    if of_predictions > 0.0 && of_targets > 0.0 {
        return covariance / (of_predictions.sqrt() * of_targets.sqrt());
    }
    match classes.len() {
        2 if samples > 0.0 && right == samples => 1.0,
        2 if samples > 0.0 && right == 0.0 => -1.0,
        _ => 0.0,
    }
}
