//! Metrics of ranked scores, curves and the areas under them: the options that they share.

use std::fmt;

use burn::tensor::Device;
use serde_json::Value;

use super::{
    Average, Classification,
    curves::{Curve, Curves, evenly},
    stat_scores::ScoreKind,
};
use crate::{
    error::Result,
    metrics::{CurveKind, Metric, MetricValue},
};

/// A curve over all thresholds, [`Roc`](super::Roc) or
/// [`PrecisionRecallCurve`](super::PrecisionRecallCurve), or only the area under it,
/// [`Auroc`](super::Auroc) or [`AveragePrecision`](super::AveragePrecision).
///
/// It takes a [`Classification`] with scores: of class 1, of all classes, each of which is compared
/// with the rest, or of all labels. `C` is what is computed from a curve; everything else is the
/// same for all of them.
///
/// Without [`thresholds`](Self::thresholds) every score is kept until the end of the epoch, four
/// bytes each (eight of float64), and logits are ranked as they are: however large, they do not
/// become equal by rounding. A score of NaN has no rank, so the area is NaN, too, and the run warns
/// of it.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use lightning_core::metrics::{Auroc, Metric};
///
/// # fn main() -> lightning_core::Result<()> {
/// let device = Device::default();
/// let scores = Tensor::<1>::from_data([0.1, 0.4, 0.35, 0.8], &device);
/// let mut auroc = Auroc::new().probabilities().thresholds(201);
/// auroc.update((scores, Tensor::<1, Int>::from_data([0, 0, 1, 1], &device)))?;
/// assert_eq!(auroc.compute()?.scalar(), Some(0.75));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CurveMetric<C> {
    area: C,
    curves: Curves,
}

/// An area of a [`CurveMetric`].
pub trait CurveArea: Clone + fmt::Debug + Default + Send + 'static {
    /// Computes the area of one class against the rest; `None` if the samples do not define it.
    #[doc(hidden)]
    fn area(&self, curve: &Curve) -> Option<f64>;

    /// Returns the curve that the value has beside the area, if any.
    #[doc(hidden)]
    fn drawn(&self) -> Option<CurveKind> {
        None
    }
}

impl<C: CurveArea> CurveMetric<C> {
    /// Creates the metric with its default options: the exact value, averaged over the classes.
    pub fn new() -> Self {
        Self { area: C::default(), curves: Curves::new() }
    }

    /// Sets how the areas of the classes, each compared with the rest, are combined. Default:
    /// [`Average::Macro`].
    ///
    /// [`Average::Micro`] ranks the scores of all labels together, and needs targets of
    /// `[samples, labels]`.
    #[must_use]
    pub fn average(mut self, average: Average) -> Self {
        self.curves.average = average;
        self
    }

    /// Sets the names of the classes, for [`Average::PerClass`]. Default: their numbers.
    #[must_use]
    pub fn class_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.curves.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Counts the scores between `count` evenly spaced thresholds from 0 to 1, instead of keeping
    /// each score.
    ///
    /// The memory does not grow with the data, and the value is an approximation. `count` is at
    /// least 2.
    #[must_use]
    pub fn thresholds(mut self, count: usize) -> Self {
        self.curves.bin(evenly(count));
        self
    }

    /// Counts the scores between the given thresholds, each from 0 to 1; see
    /// [`thresholds`](Self::thresholds).
    #[must_use]
    pub fn threshold_list(mut self, thresholds: impl IntoIterator<Item = f32>) -> Self {
        self.curves.bin(thresholds);
        self
    }

    /// Leaves out samples with this target. Default: none.
    #[must_use]
    pub fn ignore_index(mut self, index: i64) -> Self {
        self.curves.ignore_index = Some(index);
        self
    }

    /// Takes scores as logits.
    ///
    /// Without this and [`probabilities`](Self::probabilities), all scores of an epoch are logits
    /// if one of them is below 0 or above 1. torchmetrics decides for each batch alone.
    #[must_use]
    pub fn logits(mut self) -> Self {
        self.curves.kind = ScoreKind::Logits;
        self
    }

    /// Takes scores as probabilities.
    #[must_use]
    pub fn probabilities(mut self) -> Self {
        self.curves.kind = ScoreKind::Probabilities;
        self
    }
}

impl<C: CurveArea> Default for CurveMetric<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: CurveArea> Metric for CurveMetric<C> {
    type Input = Classification;

    fn accumulate(&mut self, input: &Classification) -> Result<()> {
        self.curves.update(input)
    }

    fn compute(&mut self) -> Result<MetricValue> {
        match self.area.drawn() {
            Some(kind) => self.curves.drawn(kind, |curve| self.area.area(curve)),
            None => self.curves.score(|curve| self.area.area(curve)),
        }
    }

    fn reset(&mut self) {
        self.curves.reset();
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.curves.merge(&other.curves)
    }

    fn state(&mut self) -> Result<Value> {
        self.curves.state()
    }

    fn load_state(&mut self, state: &Value, _device: &Device) -> Result<()> {
        self.curves.load_state(state)
    }
}
