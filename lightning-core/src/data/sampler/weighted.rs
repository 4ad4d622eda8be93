//! Items drawn by weight.

use std::fmt;

use super::{SampleContext, Sampler, check_samples};
use crate::{
    error::{Error, Result},
    random::Rng,
};

/// Items in random order, each drawn with a probability proportional to its weight: for classes of
/// unequal size.
///
/// ```
/// use lightning_core::data::{DataLoader, WeightedRandomSampler};
///
/// let labels = vec!["cat", "cat", "cat", "dog"];
/// let weights = labels.iter().map(|label| if *label == "dog" { 3.0 } else { 1.0 });
/// let sampler = WeightedRandomSampler::new(weights, 4)?;
/// let loader = DataLoader::builder(labels).sampler(sampler).batch_size(4).collate(Ok).build()?;
/// # let _: lightning_core::DataLoader<Vec<&str>> = loader;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Clone)]
pub struct WeightedRandomSampler {
    weights: Vec<f64>,
    /// Cumulative sums of the weights.
    sums: Vec<f64>,
    num_samples: usize,
    replacement: bool,
}

impl WeightedRandomSampler {
    /// Draws `num_samples` items in an epoch, with replacement. There is one weight for each item;
    /// they need not add up to 1.
    ///
    /// # Errors
    /// If a weight is negative or not finite, or if all are 0.
    pub fn new(weights: impl IntoIterator<Item = f64>, num_samples: usize) -> Result<Self> {
        let weights: Vec<f64> = weights.into_iter().collect();
        if let Some(index) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
            let weight = weights.get(index).copied().unwrap_or_default();
            let error = Error::data(format!("weights must be finite and at least 0, found {weight} for item {index}"));
            return Err(error.help("replace the weight"));
        }
        let sums: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        if sums.last().is_none_or(|sum| *sum <= 0.0) {
            return Err(Error::data("at least one weight must be positive, found none").help("pass a positive weight"));
        }
        Ok(Self { weights, sums, num_samples, replacement: true })
    }

    /// Sets whether an item may be drawn more than once. Default: `true`. Without replacement the
    /// items come in the order in which they are drawn, heavy ones mostly first.
    #[must_use]
    pub fn replacement(self, replacement: bool) -> Self {
        Self { replacement, ..self }
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let point = rng.uniform() * total;
        // The first sum above the point: an item without weight has the sum of its predecessor and
        // is never it.
        let index = self.sums.partition_point(|sum| *sum <= point);
        // Rounding may put the point at the total.
        if index < self.sums.len() { index } else { self.weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0) }
    }

    /// The items with the largest `u^(1/w)`, compared by their logarithms: Pavlos Efraimidis and
    /// Paul Spirakis, "Weighted random sampling with a reservoir", 2006.
    fn draw_all(&self, rng: &mut Rng) -> Vec<usize> {
        let mut keys: Vec<(f64, usize)> = self
            .weights
            .iter()
            .enumerate()
            // 1 - u lies in (0, 1], where the logarithm is finite.
            .map(|(index, weight)| ((1.0 - rng.uniform()).ln() / weight, index))
            .filter(|(_, index)| self.weights.get(*index).is_some_and(|weight| *weight > 0.0))
            .collect();
        keys.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        keys.into_iter().map(|(_, index)| index).take(self.num_samples).collect()
    }
}

impl Sampler for WeightedRandomSampler {
    fn len(&self, _items: usize) -> usize {
        self.num_samples
    }

    fn indices(&self, cx: &SampleContext) -> Result<Vec<usize>> {
        let mut rng = cx.rng();
        if self.replacement {
            return Ok((0..self.num_samples).map(|_| self.draw(&mut rng)).collect());
        }
        Ok(self.draw_all(&mut rng))
    }

    fn check(&self, items: usize) -> Result<()> {
        if self.weights.len() != items {
            let error = Error::data(format!(
                "the sampler must have {items} weights, one for each item, found {}",
                self.weights.len()
            ));
            return Err(error.help("pass one weight for each item"));
        }
        let drawable = self.weights.iter().filter(|weight| **weight > 0.0).count();
        check_samples(self.num_samples, drawable, self.replacement)
    }
}

impl fmt::Debug for WeightedRandomSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedRandomSampler")
            .field("weights", &self.weights.len())
            .field("num_samples", &self.num_samples)
            .field("replacement", &self.replacement)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn cx(items: usize, epoch: u64) -> SampleContext {
        SampleContext { items, seed: 42, epoch }
    }

    fn sorted(mut indices: Vec<usize>) -> Vec<usize> {
        indices.sort_unstable();
        indices
    }

    fn message(checked: Result<()>) -> String {
        checked.unwrap_err().message().to_owned()
    }

    #[test]
    fn weights_are_frequencies() {
        let sampler = WeightedRandomSampler::new([0.0, 1.0, 3.0, 0.0], 40_000).unwrap();
        let mut counts = [0_u32; 4];
        for index in sampler.indices(&cx(4, 0)).unwrap() {
            counts[index] += 1;
        }
        assert_eq!((counts[0], counts[3]), (0, 0));
        // Mean 10000, standard deviation 87.
        assert!((9_550..10_450).contains(&counts[1]), "{counts:?}");
    }

    #[test]
    fn weights_without_replacement() {
        let sampler = WeightedRandomSampler::new([5.0, 1.0, 0.0, 1.0], 3).unwrap().replacement(false);
        sampler.check(4).unwrap();
        let mut first = [0_u32; 4];
        for epoch in 0..7_000 {
            let indices = sampler.indices(&cx(4, epoch)).unwrap();
            assert_eq!(sorted(indices.clone()), [0, 1, 3]);
            first[indices[0]] += 1;
        }
        // The first is drawn by weight: mean 5000, standard deviation 38.
        assert!((4_800..5_200).contains(&first[0]), "{first:?}");
        let too_many = WeightedRandomSampler::new([5.0, 1.0, 0.0, 1.0], 4).unwrap().replacement(false);
        assert_eq!(message(too_many.check(4)), "`num_samples` must be at most 3 without replacement, found 4");
    }

    #[test]
    fn weights_that_cannot_be() {
        let message =
            |weights: &[f64]| WeightedRandomSampler::new(weights.iter().copied(), 1).unwrap_err().message().to_owned();
        assert_eq!(message(&[1.0, -1.0]), "weights must be finite and at least 0, found -1 for item 1");
        assert_eq!(message(&[f64::NAN]), "weights must be finite and at least 0, found NaN for item 0");
        assert_eq!(message(&[0.0, 0.0]), "at least one weight must be positive, found none");
        assert_eq!(message(&[]), "at least one weight must be positive, found none");
        let sampler = WeightedRandomSampler::new([1.0, 2.0], 1).unwrap();
        assert_eq!(
            sampler.check(3).unwrap_err().message(),
            "the sampler must have 3 weights, one for each item, found 2"
        );
    }
}
