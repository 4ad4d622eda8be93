//! Values that fill the space evenly.

use super::{Dimension, Past, Sampler, sobol_numbers::NUMBERS};
use crate::{
    error::{Error, Result},
    random::{Rng, Stream},
    search::parameter::Parameter,
};

/// The number of bits of a coordinate.
const BITS: usize = 32;

/// Chooses the points of a Sobol sequence, which fill the space more evenly than random ones.
///
/// The sequence is shifted by the seed. Its first 2^k points are balanced in every dimension, so
/// numbers of trials such as 32 or 64 suit it. At most 64 parameters.
///
/// Source: P. Bratley, B. L. Fox, "Algorithm 659: Implementing Sobol's Quasirandom Sequence
/// Generator", ACM Trans. Math. Softw. 14, 1988.
#[derive(Clone, Debug, Default)]
pub struct Sobol {
    seed: Option<u64>,
}

impl Sobol {
    /// Creates the sampler.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the seed of the shift. By default it is the global seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// The direction numbers of a dimension.
fn directions(dimension: usize) -> Option<[u32; BITS]> {
    let mut numbers: [u32; BITS] = std::array::from_fn(|bit| 1 << (BITS - 1 - bit));
    let Some(before) = dimension.checked_sub(1) else { return Some(numbers) };
    let (polynomial, first) = NUMBERS.get(before)?;
    let degree = first.len();
    for (bit, number) in numbers.iter_mut().enumerate().take(degree) {
        *number = first[bit] << (BITS - 1 - bit);
    }
    for bit in degree..BITS {
        let mut number = numbers[bit - degree] ^ (numbers[bit - degree] >> degree);
        for term in 1..degree {
            if polynomial >> (degree - term) & 1 == 1 {
                number ^= numbers[bit - term];
            }
        }
        numbers[bit] = number;
    }
    Some(numbers)
}

/// The coordinate of the `index`-th point as bits, in the order of the Gray code.
fn coordinate(dimension: usize, index: u64) -> Option<u32> {
    let gray = index ^ (index >> 1);
    let numbers = directions(dimension)?;
    Some((0..BITS).filter(|bit| gray >> bit & 1 == 1).fold(0, |sum, bit| sum ^ numbers[bit]))
}

impl Sampler for Sobol {
    fn sample(&self, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>> {
        let mut rng = past.rng(group);
        let mut value = |one: &Dimension<'_>| {
            let point = one.index.and_then(|index| Some((index, coordinate(index, past.sampled)?)));
            let place = match point {
                Some((index, bits)) => {
                    // One shift for the whole sequence.
                    let shift = Rng::derived(past.seed, Stream::Search, u64::MAX, index as u64).next_u64();
                    (f64::from(bits ^ (shift >> 32) as u32) + 0.5) / (1_u64 << BITS) as f64
                }
                None => rng.uniform(),
            };
            one.distribution.from_unit(place)
        };
        Ok(group.iter().map(&mut value).collect())
    }

    fn check(&self, space: &[Parameter]) -> Result<()> {
        let most = NUMBERS.len() + 1;
        if space.len() > most {
            return Err(Error::config(format!(
                "`Sobol`: a space must have at most {most} parameters, found {}",
                space.len()
            ))
            .help("take `Random` or `Tpe`"));
        }
        Ok(())
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_of_scipy() {
        // point 1000 of `scipy.stats.qmc.Sobol(40, scramble=False)`, the first six and the last two.
        let point = |dimension| coordinate(dimension, 1000).map(|bits| f64::from(bits) / (1_u64 << BITS) as f64);
        let point: Vec<Option<f64>> = [0, 1, 2, 3, 4, 5, 38, 39].map(point).to_vec();
        assert_eq!(point, EXPECTED.map(Some));
        assert_eq!(coordinate(64, 1), None);
    }

    const EXPECTED: [f64; 8] = [
        0.2197265625,
        0.0966796875,
        0.5185546875,
        0.6767578125,
        0.2802734375,
        0.9072265625,
        0.3076171875,
        0.4794921875,
    ];
}
