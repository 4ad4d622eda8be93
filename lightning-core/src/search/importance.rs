//! Which parameters matter: a functional analysis of variance of a random forest.

use super::{
    distribution::Distribution,
    record::{TrialRecord, TrialState},
};
use crate::{
    error::{Error, ErrorKind, Result},
    random::Rng,
};

const TREES: u64 = 64;
/// A node with fewer trials is not divided.
const LEAST: usize = 2;

/// Returns the share of the variance that each parameter explains, the largest first.
pub(super) fn importances(trials: &[TrialRecord]) -> Result<Vec<(String, f64)>> {
    let usable =
        |trial: &&TrialRecord| trial.state == TrialState::Complete && trial.value().is_some_and(f64::is_finite);
    let trials: Vec<&TrialRecord> = trials.iter().filter(usable).collect();
    let few = || {
        Error::new(ErrorKind::Metric, format!("importances need at least 2 complete trials, found {}", trials.len()))
            .help("run more trials")
    };
    let first = trials.first().filter(|_| trials.len() > 1).ok_or_else(few)?;
    let shared = first.params.iter().filter(|param| trials.iter().all(|trial| trial.stored(&param.name).is_some()));
    let names: Vec<&str> = shared.map(|param| param.name.as_str()).collect();
    let place = |trial: &TrialRecord, name: &str| {
        trial.stored(name).map_or(0.5, |param| match &param.distribution {
            // Ranges may differ from trial to trial: those of the first one are the scale.
            Distribution::Categorical { .. } => param.distribution.to_unit(param.stored),
            _ => first.stored(name).map_or(0.5, |scale| scale.distribution.to_unit(param.stored)),
        })
    };
    let points: Vec<Vec<f64>> =
        trials.iter().map(|trial| names.iter().map(|name| place(trial, name)).collect()).collect();
    let values: Vec<f64> = trials.iter().filter_map(|trial| trial.value()).collect();
    let mut shares = vec![0.0; names.len()];
    for tree in 0..TREES {
        let leaves = grow(&points, &values, &mut Rng::new(tree));
        for (at, share) in shares.iter_mut().enumerate() {
            *share += explained(&leaves, at);
        }
    }
    let sum: f64 = shares.iter().sum();
    let even = 1.0 / names.len().max(1) as f64;
    let share = |share: f64| if sum > 0.0 { share / sum } else { even };
    let mut all: Vec<(String, f64)> =
        names.iter().zip(shares).map(|(name, part)| ((*name).to_owned(), share(part))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(all)
}

/// A box of the unit cube with the mean of its trials.
#[derive(Clone, Debug)]
struct Leaf {
    sides: Vec<(f64, f64)>,
    mean: f64,
}

impl Leaf {
    /// The volume without one side.
    fn rest(&self, without: usize) -> f64 {
        self.sides.iter().enumerate().filter(|(at, _)| *at != without).map(|(_, (low, high))| high - low).product()
    }
}

/// Grows a tree on a bootstrap sample, with the best division of each node.
fn grow(points: &[Vec<f64>], values: &[f64], rng: &mut Rng) -> Vec<Leaf> {
    let sample: Vec<usize> = (0..points.len()).map(|_| rng.random_range(0..points.len())).collect();
    let sides = vec![(0.0, 1.0); points.first().map_or(0, Vec::len)];
    let (mut open, mut leaves) = (vec![(sample, sides)], Vec::new());
    while let Some((mut rows, sides)) = open.pop() {
        let mean = rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len().max(1) as f64;
        match division(points, values, &mut rows, rng) {
            Some((at, cut)) => {
                let (below, above): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|row| points[*row][at] < cut);
                let (mut low, mut high) = (sides.clone(), sides);
                low[at].1 = cut;
                high[at].0 = cut;
                open.extend([(below, low), (above, high)]);
            }
            None => leaves.push(Leaf { sides, mean }),
        }
    }
    leaves
}

/// The parameter and the place that divide the rows with the least squared error. Of the parameters
/// a random half is looked at.
fn division(points: &[Vec<f64>], values: &[f64], rows: &mut [usize], rng: &mut Rng) -> Option<(usize, f64)> {
    if rows.len() < LEAST {
        return None;
    }
    let count = points.first().map_or(0, Vec::len);
    let total: f64 = rows.iter().map(|row| values[*row]).sum();
    let mut best: Option<(f64, usize, f64)> = None;
    for (tried, at) in rng.permutation(count).into_iter().enumerate() {
        if tried >= count.div_ceil(2) && best.is_some() {
            break;
        }
        rows.sort_by(|a, b| points[*a][at].total_cmp(&points[*b][at]));
        let mut left = 0.0;
        for index in 1..rows.len() {
            left += values[rows[index - 1]];
            let (before, after) = (points[rows[index - 1]][at], points[rows[index]][at]);
            if after <= before {
                continue;
            }
            let (n, m) = (index as f64, (rows.len() - index) as f64);
            // The part of the squares that the two means explain.
            let gain = left * left / n + (total - left) * (total - left) / m - total * total / (n + m);
            if gain > 1e-12 * (1.0 + total.abs()) && best.is_none_or(|(highest, ..)| gain > highest) {
                best = Some((gain, at, 0.5 * (before + after)));
            }
        }
    }
    best.map(|(_, at, cut)| (at, cut))
}

/// The variance of the mean over all other parameters.
fn explained(leaves: &[Leaf], at: usize) -> f64 {
    let mut cuts: Vec<f64> = leaves.iter().flat_map(|leaf| [leaf.sides[at].0, leaf.sides[at].1]).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let (mut mean, mut square) = (0.0, 0.0);
    for pair in cuts.windows(2) {
        let (width, middle) = (pair[1] - pair[0], 0.5 * (pair[0] + pair[1]));
        let inside = leaves.iter().filter(|leaf| (leaf.sides[at].0..leaf.sides[at].1).contains(&middle));
        let value: f64 = inside.map(|leaf| leaf.mean * leaf.rest(at)).sum();
        mean += width * value;
        square += width * value * value;
    }
    (square - mean * mean).max(0.0)
}
