//! Independent random values.

use super::{Dimension, Past, Sampler};
use crate::error::Result;

/// Chooses every parameter at random, by its distribution.
#[derive(Clone, Debug, Default)]
pub struct Random {
    seed: Option<u64>,
}

impl Random {
    /// Creates the sampler.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the seed. By default it is the global seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Sampler for Random {
    fn sample(&self, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>> {
        let mut rng = past.rng(group);
        Ok(group.iter().map(|one| one.distribution.from_unit(rng.uniform())).collect())
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}
