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
    /// Whether every target is class 0.
    pub(crate) only_first: bool,
}

impl Curve {
    /// Creates the curve of scores in descending order; equal scores make one point.
    pub(super) fn of_ranked(ranked: &[(f32, bool)], only_first: bool) -> Self {
        let mut curve = Self { only_first, ..Self::default() };
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
    /// [`count_bins`](super::count_bins).
    pub(super) fn of_bins(bins: &[u64], column: usize, levels: usize) -> Self {
        let at = |own: usize, level: usize| bins.get((2 * column + own) * levels + level).copied().unwrap_or(0);
        let mut curve = Self { binned: true, ..Self::default() };
        let (mut tp, mut fp) = (0, 0);
        for level in (1..levels).rev() {
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
        self
    }

    /// Returns the number of samples.
    pub(crate) fn samples(&self) -> u64 {
        self.positives + self.negatives
    }
}
