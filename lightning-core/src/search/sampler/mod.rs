//! What chooses the parameters of a trial.

mod grid;
mod random;
mod sobol;
mod sobol_numbers;
mod tpe;

use std::fmt::Debug;

pub use self::{grid::Grid, random::Random, sobol::Sobol, tpe::Tpe};
use super::{distribution::Distribution, parameter::Parameter, record::TrialRecord};
use crate::{
    error::Result,
    metrics::Direction,
    random::{Rng, Stream},
};

/// Chooses the parameters of trials.
///
/// A sampler has no state of its own: what it chooses follows from the seed, the number of the
/// trial and the other trials of the study. One worker with one seed has the same trials in every
/// run, and several workers never choose by the same random numbers.
///
/// ```
/// use lightning_core::{
///     Result,
///     search::{Dimension, Past, Sampler},
/// };
///
/// /// The middle of every range.
/// #[derive(Debug)]
/// struct Middle;
///
/// impl Sampler for Middle {
///     fn sample(&self, group: &[Dimension<'_>], _: &Past<'_>) -> Result<Vec<f64>> {
///         Ok(group.iter().map(|one| one.distribution.from_unit(0.5)).collect())
///     }
/// }
/// ```
pub trait Sampler: Debug + Send {
    /// Chooses the stored number of each parameter of a group: of those that are always there, of
    /// those that have one condition, which holds, or of the one that `trial.suggest` asks for.
    ///
    /// # Errors
    /// If there is no choice.
    fn sample(&self, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>>;

    /// Checks its settings for a space.
    ///
    /// # Errors
    /// If it cannot search this space.
    fn check(&self, space: &[Parameter]) -> Result<()> {
        let _ = space;
        Ok(())
    }

    /// Returns the number of trials after which there is nothing new, if there is such a number.
    fn limit(&self, space: &[Parameter]) -> Option<usize> {
        let _ = space;
        None
    }

    /// Returns the seed, if it is set. Without one the study draws it from the global seed.
    fn seed(&self) -> Option<u64> {
        None
    }
}

/// A parameter to choose.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Dimension<'a> {
    /// The path of the hyperparameter.
    pub name: &'a str,
    /// Its values.
    pub distribution: &'a Distribution,
    /// Its place in the space; `None` for one that only `trial.suggest` names.
    pub index: Option<usize>,
}

/// What a sampler knows: the study so far.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Past<'a> {
    /// The other trials, finished or not, in the order of their numbers.
    pub trials: &'a [TrialRecord],
    /// The direction of each objective.
    pub directions: &'a [Direction],
    /// All parameters of the space.
    pub space: &'a [Parameter],
    /// The number of the trial.
    pub number: u64,
    /// The number of earlier trials whose values a sampler chose.
    pub sampled: u64,
    /// The seed of the study.
    pub seed: u64,
}

impl Past<'_> {
    /// Returns a generator for the trial and a group: the same in every run with one seed.
    pub fn rng(&self, group: &[Dimension<'_>]) -> Rng {
        // Groups are told apart by their names, so that one more group does not change the others.
        let name = group.first().map_or("", |one| one.name);
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Rng::derived(self.seed, Stream::Search, self.number, hash)
    }
}

impl Distribution {
    /// Returns the stored number at a place between 0 and 1, so that places that are spread evenly
    /// give values of the distribution.
    pub fn from_unit(&self, place: f64) -> f64 {
        let (low, high, log) = self.scale();
        let at = low + place.clamp(0.0, 1.0) * (high - low);
        self.nearest(if log { at.exp() } else { at })
    }

    /// Returns the place of a stored number between 0 and 1.
    pub fn to_unit(&self, stored: f64) -> f64 {
        let (low, high, log) = self.scale();
        let at = if log { stored.ln() } else { stored };
        if high > low { ((at - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Returns the ends of the scale on which the distribution is uniform, and whether it is
    /// logarithmic. Discrete values have half a step on both sides.
    fn scale(&self) -> (f64, f64, bool) {
        let (low, high, log) = match self {
            Self::Float { low, high, log, step: None } => (*low, *high, *log),
            Self::Float { low, step: Some(step), .. } => {
                (low - step / 2.0, low + (self.len().unwrap_or(1) as f64 - 0.5) * step, false)
            }
            Self::Int { low, high, log, step } => {
                let (first, last) = (*low as f64, (low + (high - low) / step * step) as f64);
                (first - *step as f64 / 2.0, last + *step as f64 / 2.0, *log)
            }
            Self::Categorical { choices } => (-0.5, choices.len() as f64 - 0.5, false),
        };
        if log { (low.ln(), high.ln(), true) } else { (low, high, false) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
