//! One class against the rest, as a curve of thresholds.

use super::super::average::ratio;
use crate::metrics::{CurveKind, CurvePoint};

/// The counts of one class against the rest at or above each threshold, from the highest threshold
/// down.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// True and false positives.
    pub(crate) points: Vec<(u64, u64)>,
    /// The threshold of each point.
    pub(crate) thresholds: Vec<f64>,
    /// The number of samples of the class.
    pub(crate) positives: u64,
    /// The number of other samples.
    pub(crate) negatives: u64,
    /// Whether the points are at fixed thresholds.
    pub(crate) binned: bool,
    /// Whether a score is NaN, so that the samples have no order.
    pub(crate) has_nan: bool,
}

impl Curve {
    /// Creates the curve of scores in descending order; equal scores make one point.
    pub(super) fn of_ranked(ranked: &[(f64, bool)]) -> Self {
        let has_nan = ranked.iter().any(|(score, _)| score.is_nan());
        let mut curve = Self { has_nan, ..Self::default() };
        for (index, (score, positive)) in ranked.iter().enumerate() {
            if *positive {
                curve.positives += 1;
            } else {
                curve.negatives += 1;
            }
            if ranked.get(index + 1).is_none_or(|(next, _)| next != score) {
                curve.points.push((curve.positives, curve.negatives));
                curve.thresholds.push(*score);
            }
        }
        curve
    }

    /// Creates the curve of a column from counts between thresholds; see
    /// [`count_bins`](super::count_bins). The last of the levels is that of NaN.
    pub(super) fn of_bins(bins: &[u64], column: usize, thresholds: &[f32]) -> Self {
        let levels = thresholds.len() + 2;
        let at = |own: usize, level: usize| bins.get((2 * column + own) * levels + level).copied().unwrap_or(0);
        let last = levels.saturating_sub(1);
        let has_nan = at(0, last) + at(1, last) > 0;
        let mut curve = Self { binned: true, has_nan, ..Self::default() };
        curve.thresholds = thresholds.iter().rev().copied().map(f64::from).collect();
        let (mut tp, mut fp) = (0, 0);
        for level in (1..last).rev() {
            tp += at(1, level);
            fp += at(0, level);
            curve.points.push((tp, fp));
        }
        curve.positives = tp + at(1, 0);
        curve.negatives = fp + at(0, 0);
        curve
    }

    /// Returns the points of a kind of curve, in the order of torchmetrics; none if the samples do
    /// not define it.
    pub(super) fn drawn(&self, kind: CurveKind) -> Vec<CurvePoint> {
        let is_roc = kind == CurveKind::Roc;
        if self.positives == 0 || self.has_nan || (is_roc && self.negatives == 0) {
            return Vec::new();
        }
        let (positives, negatives) = (self.positives as f64, self.negatives as f64);
        let counts = self.thresholds.iter().zip(&self.points);
        let counts = counts.map(|(threshold, (tp, fp))| (*threshold, *tp as f64, *fp as f64));
        let end = |x, y| CurvePoint { threshold: f64::INFINITY, x, y };
        if is_roc {
            let points =
                counts.map(|(threshold, tp, fp)| CurvePoint { threshold, x: fp / negatives, y: tp / positives });
            // One of fixed thresholds begins at the highest of them.
            return (!self.binned).then(|| end(0.0, 0.0)).into_iter().chain(points).collect();
        }
        let point = |(threshold, tp, fp)| CurvePoint { threshold, x: tp / positives, y: ratio(tp, tp + fp, 0.0) };
        counts.map(point).rev().chain([end(0.0, 1.0)]).collect()
    }

    /// Adds the counts of another curve with the same thresholds.
    pub(super) fn together(mut self, other: Self) -> Self {
        for ((tp, fp), (more_tp, more_fp)) in self.points.iter_mut().zip(other.points) {
            *tp += more_tp;
            *fp += more_fp;
        }
        self.positives += other.positives;
        self.negatives += other.negatives;
        self.has_nan |= other.has_nan;
        self
    }
}
