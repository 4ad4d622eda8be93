//! The search for the largest batch size, without a trainer.

use std::fmt;

use crate::error::{Error, Result};

/// How batch sizes are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchSizeMode {
    /// Doubles the size until it does not fit, and takes the last that did.
    #[default]
    Power,
    /// Doubles it, and then halves the distance between the largest that fits and the smallest that does
    /// not. The result is 5 % below the largest that was found to fit.
    BinarySearch,
}

/// A batch size that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchSizeTrial {
    /// The number of samples of a batch.
    pub batch_size: usize,
    /// Whether it fits into memory.
    pub fits: bool,
    /// The largest memory of the process in bytes, where it was measured.
    pub peak_bytes: Option<u64>,
}

/// The result of [`Trainer::find_batch_size`](crate::Trainer::find_batch_size).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSizes {
    pub(super) suggestion: usize,
    pub(super) trials: Vec<BatchSizeTrial>,
}

impl BatchSizes {
    /// Returns the batch size to train with.
    pub fn suggestion(&self) -> usize {
        self.suggestion
    }

    /// Returns what was tried, in order.
    pub fn trials(&self) -> &[BatchSizeTrial] {
        &self.trials
    }
}

impl fmt::Display for BatchSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for BatchSizeTrial { batch_size, fits, peak_bytes } in &self.trials {
            let memory = peak_bytes.map(|bytes| format!(", {} MiB", bytes >> 20)).unwrap_or_default();
            writeln!(f, "batch size {batch_size}: {}{memory}", if *fits { "fits" } else { "does not fit" })?;
        }
        write!(f, "suggested batch size: {}", self.suggestion)
    }
}

/// What came of a trial.
pub(super) struct Tried {
    pub(super) fits: bool,
    /// Whether the data has no more samples than a batch.
    pub(super) is_all: bool,
    pub(super) peak_bytes: Option<u64>,
}

/// The share of the size that is left free after a binary search.
const MARGIN: f64 = 0.05;

/// Searches the largest size that fits, in at most `max_trials` trials.
///
/// # Errors
/// Those of `try_size`, or that not even one sample fits.
pub(super) fn search(
    mode: BatchSizeMode,
    first: usize,
    max_trials: usize,
    mut try_size: impl FnMut(usize) -> Result<Tried>,
) -> Result<BatchSizes> {
    let mut trials = Vec::new();
    let (mut size, mut low, mut high) = (first, None::<usize>, None::<usize>);
    for _ in 0..max_trials {
        let Tried { fits, is_all, peak_bytes } = try_size(size)?;
        trials.push(BatchSizeTrial { batch_size: size, fits, peak_bytes });
        if fits {
            low = Some(size);
        } else {
            high = Some(size);
        }
        size = match (low, high) {
            _ if fits && is_all => break,
            (Some(low), None) => match low.checked_mul(2) {
                Some(size) => size,
                None => break,
            },
            (Some(low), Some(high)) if mode == BatchSizeMode::BinarySearch && high - low > 1 => low + (high - low) / 2,
            (Some(_), Some(_)) => break,
            (None, _) if size == 1 => {
                return Err(Error::config("a batch of one sample does not fit into memory")
                    .help("use a smaller model, a narrower precision, or `gradient_checkpointing(true)`"));
            }
            (None, _) => size / 2,
        };
    }
    let suggestion = match (mode, low) {
        (BatchSizeMode::BinarySearch, Some(low)) if !trials.is_empty() => {
            ((low as f64 * (1.0 - MARGIN)) as usize).max(1)
        }
        (_, Some(low)) => low,
        (_, None) => size,
    };
    Ok(BatchSizes { suggestion, trials })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn found(mode: BatchSizeMode, first: usize, trials: usize, limit: usize) -> BatchSizes {
        search(mode, first, trials, |size| Ok(Tried { fits: size <= limit, is_all: false, peak_bytes: None })).unwrap()
    }

    fn sizes(finder: &BatchSizes) -> Vec<usize> {
        finder.trials().iter().map(|trial| trial.batch_size).collect()
    }

    #[test]
    fn powers_of_two() {
        let finder = found(BatchSizeMode::Power, 2, 25, 100);
        assert_eq!((finder.suggestion(), sizes(&finder)), (64, vec![2, 4, 8, 16, 32, 64, 128]));
        // Too large at first.
        let finder = found(BatchSizeMode::Power, 64, 25, 9);
        assert_eq!((finder.suggestion(), sizes(&finder)), (8, vec![64, 32, 16, 8]));
    }

    #[test]
    fn halving_the_distance() {
        let finder = found(BatchSizeMode::BinarySearch, 2, 25, 100);
        assert_eq!(sizes(&finder), [2, 4, 8, 16, 32, 64, 128, 96, 112, 104, 100, 102, 101]);
        assert_eq!(finder.suggestion(), 95);
    }

    #[test]
    fn all_samples_in_a_batch_are_enough() {
        let all = |size: usize| Ok(Tried { fits: true, is_all: size >= 10, peak_bytes: None });
        assert_eq!(search(BatchSizeMode::Power, 2, 25, all).unwrap().suggestion(), 16);
    }

    #[test]
    fn nothing_fits() {
        let none = |_| Ok(Tried { fits: false, is_all: false, peak_bytes: None });
        let error = search(BatchSizeMode::Power, 4, 25, none).unwrap_err();
        assert_eq!(error.message(), "a batch of one sample does not fit into memory");
    }
}
