//! Interpolation between two rates.

use std::f64::consts::PI;

/// How a rate changes from one value to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Annealing {
    /// Along half a cosine.
    #[default]
    Cosine,
    /// In equal steps.
    Linear,
}

impl Annealing {
    /// Returns the rate after `share` of the way from `start` to `end`.
    pub(crate) fn between(self, start: f64, end: f64, share: f64) -> f64 {
        match self {
            Self::Cosine => half_cosine(start, end, share),
            Self::Linear => start + (end - start) * share,
        }
    }
}

/// Returns the point of half a cosine from `high`, at a share of 0, to `low`, at a share of 1.
pub(super) fn half_cosine(high: f64, low: f64, share: f64) -> f64 {
    low + (high - low) / 2.0 * (1.0 + (PI * share).cos())
}
