//! The scores of an epoch as numbers that can be ranked.

use burn::tensor::{DType, TensorData};

/// Scores in the precision that they came in: four bytes each, or eight where a batch had float64.
#[derive(Clone, Debug)]
pub(super) enum Scores {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Default for Scores {
    fn default() -> Self {
        Self::F32(Vec::new())
    }
}

impl Scores {
    /// Creates scores from double precision, and keeps them in single precision if nothing is lost.
    pub(super) fn new(scores: Vec<f64>) -> Self {
        let fits = |score: &f64| score.is_nan() || f64::from(*score as f32) == *score;
        match scores.iter().all(fits) {
            true => Self::F32(scores.into_iter().map(|score| score as f32).collect()),
            false => Self::F64(scores),
        }
    }

    /// Adds the scores of one batch, which are in host memory.
    pub(super) fn extend(&mut self, data: &TensorData) {
        if data.dtype() == DType::F64 {
            self.widen();
        }
        match self {
            Self::F32(scores) => scores.extend(data.iter::<f32>()),
            Self::F64(scores) => scores.extend(data.iter::<f64>()),
        }
    }

    /// Adds other scores.
    pub(super) fn append(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::F32(own), Self::F32(theirs)) => own.extend(theirs),
            (_, Self::F64(_)) | (Self::F64(_), _) => {
                self.widen();
                if let Self::F64(own) = self {
                    own.extend(other.iter());
                }
            }
        }
    }

    fn widen(&mut self) {
        if let Self::F32(scores) = self {
            *self = Self::F64(scores.iter().copied().map(f64::from).collect());
        }
    }

    /// Returns all scores in double precision.
    pub(super) fn iter(&self) -> impl Iterator<Item = f64> + Clone {
        let (single, double): (&[f32], &[f64]) = match self {
            Self::F32(scores) => (scores, &[]),
            Self::F64(scores) => (&[], scores),
        };
        single.iter().copied().map(f64::from).chain(double.iter().copied())
    }
}

/// Replaces the logits of each row by those of each class against the rest:
/// `log(p / (1 − p)) = xᵢ − log Σⱼ exp(xⱼ)` over the other classes.
///
/// They rank as the probabilities of a softmax do, which would round to 1 for large logits.
pub(super) fn one_against_rest(logits: &mut [f64], columns: usize) {
    for row in logits.chunks_mut(columns.max(1)) {
        // NaN is never larger, so a row with one ends with NaN by the sums.
        let best = (0..row.len()).reduce(|a, b| if value(row, b) > value(row, a) { b } else { a }).unwrap_or(0);
        let (largest, rest) = (value(row, best), log_sum_of_others(row, best));
        // Of the others the largest is one, so nothing cancels in the difference of the sums.
        let sum: f64 = row.iter().map(|logit| (logit - largest).exp()).sum();
        for (class, logit) in row.iter_mut().enumerate() {
            let others = if class == best { rest } else { largest + (sum - (*logit - largest).exp()).ln() };
            *logit -= others;
        }
    }
}

fn value(row: &[f64], class: usize) -> f64 {
    row.get(class).copied().unwrap_or(f64::NAN)
}

fn log_sum_of_others(row: &[f64], best: usize) -> f64 {
    let others = || row.iter().enumerate().filter(|(class, _)| *class != best).map(|(_, logit)| *logit);
    let largest = others().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY && !others().any(f64::is_nan) {
        return largest;
    }
    largest + others().map(|logit| (logit - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logits_keep_their_order() {
        let mut logits = vec![0.0, 0.0, 200.0, 0.0, 300.0, 0.0, 1.0, f64::NAN, f64::NEG_INFINITY, 2.0];
        one_against_rest(&mut logits, 2);
        assert_eq!(logits[..6], [0.0, 0.0, 200.0, -200.0, 300.0, -300.0]);
        assert!(logits[6].is_nan() && logits[7].is_nan());
        assert_eq!(logits[8..], [f64::NEG_INFINITY, f64::INFINITY]);
        let mut three = vec![1.0, 2.0, 3.0];
        one_against_rest(&mut three, 3);
        let sum: f64 = [1.0_f64, 2.0, 3.0].iter().map(|logit| logit.exp()).sum();
        for (found, logit) in three.iter().zip([1.0_f64, 2.0, 3.0]) {
            let share = logit.exp() / sum;
            assert!((found - (share / (1.0 - share)).ln()).abs() < 1e-12, "{three:?}");
        }
    }

    #[test]
    fn double_precision_is_kept() {
        let mut scores = Scores::default();
        scores.extend(&TensorData::from([0.5_f32]));
        assert!(matches!(scores, Scores::F32(_)));
        scores.extend(&TensorData::from([1.0 - 1e-12_f64]));
        assert_eq!(scores.iter().collect::<Vec<_>>(), [0.5, 1.0 - 1e-12]);
        assert!(matches!(Scores::new(vec![0.5, f64::NAN, f64::INFINITY]), Scores::F32(_)));
        let mut other = Scores::new(vec![0.25]);
        other.append(&scores);
        assert_eq!(other.iter().collect::<Vec<_>>(), [0.25, 0.5, 1.0 - 1e-12]);
    }
}
