//! The settings of [`StochasticWeightAveraging`] and its builder methods.

use super::StochasticWeightAveraging;
use crate::{
    error::{Error, Result},
    optim::schedulers::Annealing,
    progress::whole,
    settings::Limit,
};

#[derive(Clone, Debug)]
pub(super) struct Settings {
    rates: Vec<f64>,
    start: Limit,
    annealing_epochs: u64,
    annealing: Annealing,
}

impl Settings {
    pub(super) fn new(rates: Vec<f64>) -> Self {
        Self { rates, start: Limit::Fraction(0.8), annealing_epochs: 10, annealing: Annealing::Cosine }
    }

    /// Returns the setting of the start, if it is a fraction of `max_epochs`.
    pub(super) fn fraction(&self) -> Option<String> {
        match self.start {
            Limit::Batches(_) => None,
            Limit::Fraction(fraction) => Some(format!("`StochasticWeightAveraging`: `swa_epoch_start({fraction:?})`")),
        }
    }

    /// Returns the epoch, counted from 0, in which averaging starts.
    ///
    /// # Errors
    /// If it is a fraction of `max_epochs`, which is not set.
    pub(super) fn start_epoch(&self, max_epochs: Option<usize>) -> Result<u64> {
        let counted = match self.start {
            Limit::Batches(epoch) => whole(epoch),
            Limit::Fraction(fraction) => {
                let epochs = max_epochs.ok_or_else(|| {
                    Error::config(format!(
                        "`StochasticWeightAveraging`: `swa_epoch_start({fraction:?})` is a fraction of `max_epochs`, \
                         which is not set"
                    ))
                    .help("set `.max_epochs(…)`, or write the epoch as an integer")
                })?;
                (epochs as f64 * fraction) as u64
            }
        };
        Ok(counted.saturating_sub(1))
    }

    /// Returns the learning rates of all groups, `epochs` after averaging started at the rates
    /// `first`.
    pub(super) fn rates(&self, first: &[f64], epochs: u64) -> Vec<f64> {
        let done = match self.annealing_epochs {
            0 => 1.0,
            annealing => (epochs as f64 / annealing as f64).min(1.0),
        };
        let last = |group: usize| self.rates.get(group).or(self.rates.first()).copied().unwrap_or_default();
        first.iter().enumerate().map(|(group, lr)| self.annealing.between(*lr, last(group), done)).collect()
    }

    /// # Errors
    /// If a setting is out of range.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |what: String, help: &str| {
            Err(Error::config(format!("`StochasticWeightAveraging`: {what}")).help(help.to_owned()))
        };
        if self.rates.is_empty() || !self.rates.iter().all(|lr| lr.is_finite() && *lr > 0.0) {
            return wrong(
                format!("`swa_lrs` must be positive, found {:?}", self.rates),
                "write `StochasticWeightAveraging::new(0.05)`",
            );
        }
        match self.start {
            Limit::Batches(epoch) if epoch < 1 => wrong(
                format!("`swa_epoch_start` as an integer must be at least 1, found {epoch}"),
                "write 1 for the first epoch",
            ),
            Limit::Fraction(fraction) if !(0.0..=1.0).contains(&fraction) => wrong(
                format!("`swa_epoch_start` as a float must be from 0.0 to 1.0, found {fraction:?}"),
                "write a fraction of the epochs such as 0.8, or an integer from 1",
            ),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// If there is neither one learning rate nor one for each of the optimizer's groups.
    pub(super) fn check_groups(&self, groups: usize) -> Result<()> {
        let found = self.rates.len();
        if found <= 1 || found == groups {
            return Ok(());
        }
        Err(Error::config(format!(
            "`StochasticWeightAveraging` needs one learning rate, or one for each of the {groups} parameter groups, \
             found {found}"
        ))
        .help("write one rate for all groups, or one for each; the group of all other parameters is the first"))
    }
}

/// Converts to the learning rates of [`StochasticWeightAveraging`]: one, or one for each parameter
/// group.
pub trait IntoSwaRates {
    /// Returns the learning rates.
    fn into_swa_rates(self) -> Vec<f64>;
}

impl IntoSwaRates for f64 {
    fn into_swa_rates(self) -> Vec<f64> {
        vec![self]
    }
}

impl IntoSwaRates for Vec<f64> {
    fn into_swa_rates(self) -> Vec<f64> {
        self
    }
}

impl<const N: usize> IntoSwaRates for [f64; N] {
    fn into_swa_rates(self) -> Vec<f64> {
        self.into()
    }
}

impl StochasticWeightAveraging {
    /// Sets the first epoch whose weights are averaged: an integer counts epochs from 1, a float is
    /// a fraction of `max_epochs`, rounded down to such a number. Default 0.8.
    #[must_use]
    pub fn swa_epoch_start(mut self, start: impl Into<Limit>) -> Self {
        self.settings.start = start.into();
        self
    }

    /// Sets the number of epochs in which the learning rate reaches `swa_lrs`. With 0 it jumps.
    /// Default 10.
    #[must_use]
    pub fn annealing_epochs(mut self, epochs: u64) -> Self {
        self.settings.annealing_epochs = epochs;
        self
    }

    /// Sets the curve from one learning rate to the other. Default [`Annealing::Cosine`].
    #[must_use]
    pub fn annealing_strategy(mut self, strategy: Annealing) -> Self {
        self.settings.annealing = strategy;
        self
    }
}
