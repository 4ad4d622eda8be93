//! A mixture of products of truncated normal and categorical distributions: one product for each
//! observed trial, and one for what is known before.
//!
//! The bandwidths and weights are those of Optuna 5.0.0 (`parzen_estimator.py`): the bandwidth of a
//! kernel is the larger distance to its neighbours, at least 1/100 of the range and more with few
//! trials.

use super::normal;
use crate::{
    random::Rng,
    search::{distribution::Distribution, sampler::Dimension},
};

/// The number of last trials that count fully.
const RECENT: usize = 25;
/// The weight of what is known before.
const PRIOR: f64 = 1.0;

/// The mixture of one group of parameters.
#[derive(Debug)]
pub(super) struct Parzen<'a> {
    /// The weight of each product; their sum is 1.
    weights: Vec<f64>,
    dimensions: Vec<Kernels<'a>>,
}

/// The factors of all products for one parameter.
#[derive(Debug)]
enum Kernels<'a> {
    Numbers {
        distribution: &'a Distribution,
        scale: Scale,
        centers: Vec<f64>,
        widths: Vec<f64>,
        masses: Vec<f64>,
    },
    /// The probabilities of the choices, by kernel.
    Choices(Vec<Vec<f64>>),
}

/// The range in which kernels are truncated.
#[derive(Clone, Copy, Debug)]
struct Scale {
    low: f64,
    high: f64,
    log: bool,
    /// The distance of neighbours, before the logarithm.
    step: Option<f64>,
}

impl Scale {
    fn of(distribution: &Distribution) -> Option<Self> {
        let (low, high, log, step) = match distribution {
            Distribution::Float { low, high, log, step } => (*low, *high, *log, *step),
            Distribution::Int { low, high, log, step } => (*low as f64, *high as f64, *log, Some(*step as f64)),
            Distribution::Categorical { .. } => return None,
        };
        let half = step.unwrap_or_default() / 2.0;
        let (low, high) = (low - half, high + half);
        Some(if log { Self { low: low.ln(), high: high.ln(), log, step } } else { Self { low, high, log, step } })
    }

    fn place(self, stored: f64) -> f64 {
        if self.log { stored.ln() } else { stored }
    }
}

impl<'a> Parzen<'a> {
    /// Describes observed values, in the order of the trials. With `are_equal` old trials count as
    /// much as new ones.
    pub(super) fn new(group: &[Dimension<'a>], observed: &[Vec<f64>], are_equal: bool) -> Self {
        let count = observed.len();
        let mut weights = if are_equal { vec![1.0; count] } else { ramp(count) };
        weights.push(PRIOR);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let kernels = |(at, one): (usize, &Dimension<'a>)| {
            let values: Vec<f64> = observed.iter().map(|trial| trial[at]).collect();
            match (one.distribution, Scale::of(one.distribution)) {
                (distribution, Some(scale)) => numbers(distribution, scale, &values),
                (distribution, None) => choices(distribution.len().unwrap_or(1), &values),
            }
        };
        Self { weights, dimensions: group.iter().enumerate().map(kernels).collect() }
    }

    /// Draws stored numbers.
    pub(super) fn sample(&self, rng: &mut Rng) -> Vec<f64> {
        let kernel = pick(&self.weights, rng);
        let value = |dimension: &Kernels<'_>| match dimension {
            Kernels::Numbers { distribution, scale, centers, widths, .. } => {
                // A center lies in the range, which is at most 100 widths long and at least one: at
                // least every third draw is in it.
                let place = loop {
                    let place = centers[kernel] + widths[kernel] * rng.normal();
                    if (scale.low..=scale.high).contains(&place) {
                        break place;
                    }
                };
                distribution.nearest(if scale.log { place.exp() } else { place })
            }
            Kernels::Choices(weights) => pick(&weights[kernel], rng) as f64,
        };
        self.dimensions.iter().map(value).collect()
    }

    /// Returns the logarithm of the density of stored numbers.
    pub(super) fn log_density(&self, values: &[f64]) -> f64 {
        let mut logs: Vec<f64> = self.weights.iter().map(|weight| weight.ln()).collect();
        for (dimension, value) in self.dimensions.iter().zip(values) {
            match dimension {
                Kernels::Numbers { scale, centers, widths, masses, .. } => {
                    let place = scale.place(*value);
                    let ends =
                        scale.step.map(|step| (scale.place(value - step / 2.0), scale.place(value + step / 2.0)));
                    for (kernel, log) in logs.iter_mut().enumerate() {
                        let (center, width) = (centers[kernel], widths[kernel]);
                        *log += match ends {
                            Some((low, high)) => normal::log_mass((low - center) / width, (high - center) / width),
                            None => normal::log_density((place - center) / width) - width.ln(),
                        } - masses[kernel];
                    }
                }
                Kernels::Choices(weights) => {
                    for (log, weights) in logs.iter_mut().zip(weights) {
                        *log += weights.get(*value as usize).copied().unwrap_or_default().ln();
                    }
                }
            }
        }
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if highest == f64::NEG_INFINITY {
            return highest;
        }
        logs.iter().map(|log| (log - highest).exp()).sum::<f64>().ln() + highest
    }
}

/// The last trials count 1, those before them less the older they are.
fn ramp(count: usize) -> Vec<f64> {
    let Some(old) = count.checked_sub(RECENT) else { return vec![1.0; count] };
    let first = 1.0 / count as f64;
    let weight = |at: usize| if old == 1 { first } else { first + (1.0 - first) * at as f64 / (old - 1) as f64 };
    (0..old).map(weight).chain(std::iter::repeat_n(1.0, RECENT)).collect()
}

fn numbers<'a>(distribution: &'a Distribution, scale: Scale, values: &[f64]) -> Kernels<'a> {
    let Scale { low, high, .. } = scale;
    let mut centers: Vec<f64> = values.iter().map(|value| scale.place(*value)).collect();
    let mut order: Vec<usize> = (0..centers.len()).collect();
    order.sort_by(|a, b| centers[*a].total_cmp(&centers[*b]));
    let mut widths = vec![0.0; centers.len()];
    let at = |rank: usize| centers[order[rank]];
    let last = order.len().saturating_sub(1);
    for (rank, kernel) in order.iter().enumerate() {
        let before = if rank == 0 { None } else { Some(at(rank) - at(rank - 1)) };
        let after = if rank == last { None } else { Some(at(rank + 1) - at(rank)) };
        // The ends of the range are neighbours of a lone kernel only.
        widths[*kernel] = match (before, after) {
            (Some(before), Some(after)) => before.max(after),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => (at(rank) - low).max(high - at(rank)),
        };
    }
    let least = (high - low) / (centers.len() as f64 + 2.0).min(100.0);
    widths.iter_mut().for_each(|width| *width = width.clamp(least, high - low));
    centers.push(0.5 * (low + high));
    widths.push(high - low);
    let mass = |(center, width): (&f64, &f64)| normal::log_mass((low - center) / width, (high - center) / width);
    let masses = centers.iter().zip(&widths).map(mass).collect();
    Kernels::Numbers { distribution, scale, centers, widths, masses }
}

fn choices(count: usize, values: &[f64]) -> Kernels<'static> {
    let kernels = values.len() as f64 + 1.0;
    let kernel = |value: Option<&f64>| {
        let mut weights = vec![PRIOR / kernels; count];
        if let Some(weight) = value.and_then(|value| weights.get_mut(*value as usize)) {
            *weight += 1.0;
        }
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    };
    Kernels::Choices(values.iter().map(Some).chain([None]).map(kernel).collect())
}

/// Draws an index by weights whose sum is 1.
fn pick(weights: &[f64], rng: &mut Rng) -> usize {
    let mut rest = rng.uniform();
    for (index, weight) in weights.iter().enumerate() {
        rest -= weight;
        if rest < 0.0 {
            return index;
        }
    }
    weights.len().saturating_sub(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
