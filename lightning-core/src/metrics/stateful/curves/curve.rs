//! One class against the rest, as a curve of thresholds.

/// The counts of one class against the rest at or above each threshold, from the highest threshold
/// down.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// True and false positives.
    pub(crate) points: Vec<(u64, u64)>,
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
            }
        }
        curve
    }

    /// Creates the curve of a column from counts between thresholds; see
    /// [`count_bins`](super::count_bins). The last of the levels is that of NaN.
    pub(super) fn of_bins(bins: &[u64], column: usize, levels: usize) -> Self {
        let at = |own: usize, level: usize| bins.get((2 * column + own) * levels + level).copied().unwrap_or(0);
        let last = levels.saturating_sub(1);
        let has_nan = at(0, last) + at(1, last) > 0;
        let mut curve = Self { binned: true, has_nan, ..Self::default() };
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
