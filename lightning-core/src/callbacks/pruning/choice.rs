//! Chooses the weights to prune.

use burn::tensor::kind::BridgeTensor;

use crate::{
    error::{Error, Result},
    random::Rng,
};

/// How many of the remaining weights are pruned each time.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an integer or a float")]
pub enum PruningAmount {
    /// A number of weights.
    Count(u64),
    /// A fraction of the remaining weights, from 0 to 1. The number of weights is rounded half to
    /// even.
    Fraction(f64),
}

impl From<f64> for PruningAmount {
    fn from(fraction: f64) -> Self {
        Self::Fraction(fraction)
    }
}

macro_rules! counts {
    ($($number:ty),*) => {
        $(impl From<$number> for PruningAmount {
            fn from(count: $number) -> Self {
                Self::Count(count as u64)
            }
        })*
    };
}

counts!(u32, u64, usize);

impl From<i32> for PruningAmount {
    /// A negative number becomes a negative fraction, which `build` rejects.
    fn from(count: i32) -> Self {
        u64::try_from(count).map_or(Self::Fraction(f64::from(count)), Self::Count)
    }
}

impl PruningAmount {
    /// Returns the number of weights to prune when `left` remain.
    ///
    /// # Errors
    /// If a fraction is not from 0 to 1, or a count exceeds `left`.
    pub(super) fn of(self, left: usize) -> Result<usize> {
        let count = match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Fraction(fraction) if (0.0..=1.0).contains(&fraction) => {
                (fraction * left as f64).round_ties_even() as usize
            }
            Self::Fraction(fraction) => {
                let what =
                    format!("`Pruning`: an `amount` given as a float must be from 0.0 to 1.0, found {fraction:?}");
                return Err(Error::config(what).help("write `.amount(0.5)`, or a number of weights as an integer"));
            }
        };
        if count > left {
            let what = format!("`Pruning`: `amount` must not exceed the {left} weights that remain, found {count}");
            return Err(Error::config(what).help("write a smaller number, or a fraction as a float"));
        }
        Ok(count)
    }

    pub(super) fn is_zero(self) -> bool {
        matches!(self, Self::Count(0)) || self == Self::Fraction(0.0)
    }
}

/// How weights are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Importance {
    /// The smallest absolute values are pruned first.
    Magnitude,
    Random,
}

/// A parameter while it is pruned.
pub(super) struct Layer {
    pub(super) index: usize,
    pub(super) path: String,
    pub(super) value: BridgeTensor,
    pub(super) importance: Vec<f32>,
    /// Which elements remain.
    pub(super) keep: Vec<bool>,
}

impl Layer {
    pub(super) fn left(&self) -> usize {
        self.keep.iter().filter(|keep| **keep).count()
    }
}

/// Prunes an amount of the elements that remain in all layers together.
///
/// # Errors
/// Those of [`PruningAmount::of`].
pub(super) fn choose(layers: &mut [Layer], amount: PruningAmount, by: Importance, rng: &mut Rng) -> Result<()> {
    let mut left: Vec<(f32, usize, usize)> = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let weights = layer.keep.iter().zip(&layer.importance).enumerate();
        left.extend(weights.filter(|(_, (keep, _))| **keep).map(|(at, (_, importance))| (*importance, number, at)));
    }
    let count = amount.of(left.len())?;
    match by {
        Importance::Random => rng.shuffle(&mut left),
        // A partial sort. Ties are broken by position, so that the choice is reproducible.
        Importance::Magnitude if count > 0 && count < left.len() => {
            left.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        }
        Importance::Magnitude => {}
    }
    for (_, number, at) in left.into_iter().take(count) {
        if let Some(keep) = layers.get_mut(number).and_then(|layer| layer.keep.get_mut(at)) {
            *keep = false;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;

    fn layer(importance: &[f32]) -> Layer {
        let value = Tensor::<1>::from_data(importance, &Device::default()).into_bridge();
        Layer {
            index: 0,
            path: String::new(),
            value,
            importance: importance.to_vec(),
            keep: vec![true; importance.len()],
        }
    }

    #[test]
    fn a_share_is_one_of_what_is_left_and_rounds_half_to_even() {
        let of = |amount: PruningAmount, left| amount.of(left).unwrap();
        assert_eq!((of(0.5.into(), 5), of(0.5.into(), 7), of(0.25.into(), 10)), (2, 4, 2));
        assert_eq!((of(3_usize.into(), 5), of(0.0.into(), 5), of(1.0.into(), 5)), (3, 0, 5));
        assert!(PruningAmount::from(6).of(5).is_err());
        assert!(PruningAmount::from(1.5).of(5).is_err());
        assert!(PruningAmount::from(-1).of(5).is_err());
    }

    #[test]
    fn the_smallest_go_first_and_of_equal_ones_the_first() {
        let mut layers = [layer(&[0.3, 0.1, 0.2]), layer(&[0.1, 0.1, f32::NAN])];
        choose(&mut layers, 2.into(), Importance::Magnitude, &mut Rng::new(1)).unwrap();
        assert_eq!(layers[0].keep, [true, false, true]);
        assert_eq!(layers[1].keep, [false, true, true]);
        // Of the four that are left.
        choose(&mut layers, 0.5.into(), Importance::Magnitude, &mut Rng::new(1)).unwrap();
        assert_eq!(layers[0].keep, [true, false, false]);
        assert_eq!(layers[1].keep, [false, false, true]);
    }

    #[test]
    fn a_draw_depends_on_the_seed() {
        let draw = |seed| {
            let mut layers = [layer(&[0.0; 40])];
            choose(&mut layers, 0.5.into(), Importance::Random, &mut Rng::new(seed)).unwrap();
            let [layer] = layers;
            assert_eq!(layer.left(), 20);
            layer.keep
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
