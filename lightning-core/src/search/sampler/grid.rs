//! All combinations.

use super::{Dimension, Past, Sampler};
use crate::{
    error::{Error, Result},
    search::{
        distribution::{Distribution, same},
        parameter::Parameter,
    },
};

/// The largest number of combinations.
const MOST: usize = 1_000_000;

/// Tries every combination of values once, and then ends the search.
///
/// A range of real numbers without steps has [`points`](Self::points) values. The values of a
/// conditional parameter are only combined with the value of its condition. Values that the program
/// names by `trial.suggest` are not part of the grid: the first of them is taken.
#[derive(Clone, Debug)]
pub struct Grid {
    points: usize,
}

impl Default for Grid {
    fn default() -> Self {
        Self { points: 5 }
    }
}

impl Grid {
    /// Creates the sampler.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of values of a range of real numbers without steps, both ends included.
    /// Default 5.
    #[must_use]
    pub fn points(mut self, points: usize) -> Self {
        self.points = points;
        self
    }

    /// The stored numbers of a parameter.
    fn values(&self, distribution: &Distribution) -> Vec<f64> {
        match (distribution, distribution.len()) {
            (Distribution::Float { low, high, log, .. }, None) => {
                let last = self.points.max(2) - 1;
                let between = |at: usize| {
                    let part = at as f64 / last as f64;
                    if *log { (low.ln() + part * (high / low).ln()).exp() } else { low + part * (high - low) }
                };
                (0..=last).map(|at| distribution.nearest(between(at))).collect()
            }
            (Distribution::Float { low, step, .. }, Some(count)) => {
                (0..count).map(|at| low + at as f64 * step.unwrap_or_default()).collect()
            }
            (Distribution::Int { low, step, .. }, Some(count)) => {
                (0..count).map(|at| (low + at as i64 * step) as f64).collect()
            }
            (_, count) => (0..count.unwrap_or_default()).map(|at| at as f64).collect(),
        }
    }

    /// The number of combinations of the parameters from the `at`-th on, given those before.
    fn count(&self, space: &[Parameter], chosen: &mut Vec<Option<f64>>) -> usize {
        let Some(parameter) = space.get(chosen.len()) else { return 1 };
        if !holds(space, parameter, chosen) {
            chosen.push(None);
            let count = self.count(space, chosen);
            chosen.pop();
            return count;
        }
        let values = self.values(&parameter.distribution);
        let is_condition = |value: f64| {
            let value = parameter.distribution.value(value);
            space
                .iter()
                .filter_map(|other| other.condition.as_ref())
                .any(|condition| condition.path == parameter.path && same(&condition.value, &value))
        };
        // Values that no condition names have the same number of combinations.
        let (mut total, mut plain) = (0_usize, None);
        for value in values {
            let own = is_condition(value);
            let count = match plain.filter(|_| !own) {
                Some(count) => count,
                None => {
                    chosen.push(Some(value));
                    let count = self.count(space, chosen);
                    chosen.pop();
                    plain = plain.or((!own).then_some(count));
                    count
                }
            };
            total = total.saturating_add(count);
        }
        total
    }

    /// The `index`-th combination.
    fn combination(&self, space: &[Parameter], mut index: usize) -> Vec<Option<f64>> {
        let mut chosen = Vec::with_capacity(space.len());
        for parameter in space {
            if !holds(space, parameter, &chosen) {
                chosen.push(None);
                continue;
            }
            let values = self.values(&parameter.distribution);
            let mut taken = values.last().copied();
            for value in values {
                chosen.push(Some(value));
                let count = self.count(space, &mut chosen);
                chosen.pop();
                if index < count {
                    taken = Some(value);
                    break;
                }
                index -= count;
            }
            chosen.push(taken);
        }
        chosen
    }
}

/// Whether a parameter is there, given the values of those before it.
fn holds(space: &[Parameter], parameter: &Parameter, chosen: &[Option<f64>]) -> bool {
    parameter.condition.as_ref().is_none_or(|condition| {
        let parent = space.iter().zip(chosen).find(|(parent, _)| parent.path == condition.path);
        parent.is_some_and(|(parent, stored)| {
            stored.is_some_and(|stored| same(&parent.distribution.value(stored), &condition.value))
        })
    })
}

impl Sampler for Grid {
    fn sample(&self, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>> {
        let all = self.count(past.space, &mut Vec::new()).max(1);
        let chosen = self.combination(past.space, (past.sampled as usize) % all);
        let value = |one: &Dimension<'_>| {
            let stored = one.index.and_then(|index| chosen.get(index).copied().flatten());
            // A group whose condition holds by a value that was given.
            stored.or_else(|| self.values(one.distribution).first().copied()).unwrap_or_default()
        };
        Ok(group.iter().map(value).collect())
    }

    fn check(&self, space: &[Parameter]) -> Result<()> {
        if self.points < 2 {
            return Err(Error::config(format!("`Grid`: a range must have at least 2 points, found {}", self.points))
                .help("write `.points(5)`"));
        }
        let longest = space.iter().filter_map(|parameter| parameter.distribution.len()).max().unwrap_or(0);
        let all = if longest > MOST { longest } else { self.count(space, &mut Vec::new()) };
        if all > MOST {
            return Err(Error::config(format!("`Grid`: a space must have at most {MOST} combinations, found {all}"))
                .help("give the ranges steps or fewer `.points(…)`, or take `Tpe` or `Sobol`"));
        }
        Ok(())
    }

    fn limit(&self, space: &[Parameter]) -> Option<usize> {
        Some(self.count(space, &mut Vec::new()))
    }
}
