//! The tree-structured Parzen estimator.

mod normal;
mod parzen;
mod split;

use self::{parzen::Parzen, split::split};
use super::{Dimension, Past, Sampler, Sobol};
use crate::{
    error::{Error, Result},
    search::{parameter::Parameter, record::TrialState},
};

/// Chooses parameters that resemble those of good trials and not those of the others: the
/// multivariate tree-structured Parzen estimator.
///
/// The first 10 trials are points of a [`Sobol`] sequence. From then on the trials are divided into
/// the best tenth, at most 25, and the rest; the parameters of both are described by mixtures of
/// normal distributions; and of 64 candidates drawn from the first mixture, the one is tried that is
/// most likely there and least likely in the second, and was not tried before if possible.
/// Parameters with the same condition are chosen together. Trials that still run count among the
/// rest, so that workers do not try the same values. Trials that violate a constraint
/// (`trial.set_constraint`) count as worse than all that do not. With several objectives, the best
/// are those on the first Pareto fronts, and of the last one those that together dominate the
/// largest volume.
///
/// Weights and bandwidths are those of Optuna's `TPESampler(multivariate=True)`, whose first trials
/// are random and whose candidates are 24.
///
/// Sources: J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for Hyper-Parameter
/// Optimization", NIPS 2011; S. Watanabe, "Tree-Structured Parzen Estimator: Understanding Its
/// Algorithm Components and Their Roles for Better Empirical Performance", 2023, arXiv:2304.11127.
#[derive(Clone, Debug)]
pub struct Tpe {
    seed: Option<u64>,
    startup_trials: usize,
    candidates: usize,
}

impl Default for Tpe {
    fn default() -> Self {
        Self { seed: None, startup_trials: 10, candidates: 64 }
    }
}

impl Tpe {
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

    /// Sets the number of finished trials before which parameters are spread evenly. Default 10.
    #[must_use]
    pub fn startup_trials(mut self, trials: usize) -> Self {
        self.startup_trials = trials;
        self
    }

    /// Sets the number of candidates of which one is tried. Default 64: with many
    /// parameters more are better than Optuna's 24.
    #[must_use]
    pub fn candidates(mut self, candidates: usize) -> Self {
        self.candidates = candidates;
        self
    }
}

impl Sampler for Tpe {
    fn sample(&self, group: &[Dimension<'_>], past: &Past<'_>) -> Result<Vec<f64>> {
        let is_known = |state| matches!(state, TrialState::Complete | TrialState::Pruned);
        if past.trials.iter().filter(|trial| is_known(trial.state)).count() < self.startup_trials.max(1) {
            return Sobol::new().sample(group, past);
        }
        let (good, rest) = split(past);
        let observed = |trials: &[usize]| -> Vec<Vec<f64>> {
            let of = |trial: &usize| -> Option<Vec<f64>> {
                let stored = |one: &Dimension<'_>| {
                    let param = past.trials[*trial].stored(one.name)?;
                    // A choice has the same index in all trials; a range may have been another one.
                    param.distribution.is_compatible(one.distribution).then(|| one.distribution.nearest(param.stored))
                };
                group.iter().map(stored).collect()
            };
            trials.iter().filter_map(of).collect()
        };
        let (good, rest) = (observed(&good), observed(&rest));
        // With conditional parameters a combination is only a part of a trial.
        let is_whole = group.len() == past.space.len();
        let is_new = |candidate: &Vec<f64>| !is_whole || !good.contains(candidate) && !rest.contains(candidate);
        let are_equal = past.directions.len() > 1;
        let (near, far) = (Parzen::new(group, &good, are_equal), Parzen::new(group, &rest, false));
        let mut rng = past.rng(group);
        // A combination that was tried is only tried again if there is no other candidate.
        let mut best: Option<((bool, f64), Vec<f64>)> = None;
        for _ in 0..self.candidates.max(1) {
            let candidate = near.sample(&mut rng);
            let score = (is_new(&candidate), near.log_density(&candidate) - far.log_density(&candidate));
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, candidate));
            }
        }
        Ok(best.map(|(_, candidate)| candidate).unwrap_or_default())
    }

    fn check(&self, _space: &[Parameter]) -> Result<()> {
        if self.candidates == 0 {
            return Err(
                Error::config("`Tpe`: `candidates` must be at least 1, found 0").help("write `.candidates(64)`")
            );
        }
        Ok(())
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }
}
