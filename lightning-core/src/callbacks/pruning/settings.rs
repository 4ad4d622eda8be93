//! The settings of [`Pruning`] and its builder methods.

use std::{fmt, sync::Arc};

use super::{
    Pruning,
    choice::{Importance, PruningAmount},
};
use crate::params::{IntoParamSelector, ParamSelector};

/// A setting for each epoch, counted from 0.
pub(super) type AtEpoch<T> = Arc<dyn Fn(u64) -> T + Send + Sync>;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) importance: Importance,
    pub(super) selectors: Vec<ParamSelector>,
    pub(super) is_global: bool,
    pub(super) amount: AtEpoch<PruningAmount>,
    pub(super) applies: AtEpoch<bool>,
    pub(super) lottery_ticket: AtEpoch<bool>,
    pub(super) wants_ticket: bool,
    pub(super) is_permanent: bool,
    pub(super) on_train_epoch_end: bool,
    pub(super) verbose: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("importance", &self.importance).finish_non_exhaustive()
    }
}

impl Settings {
    pub(super) fn new(importance: Importance) -> Self {
        Self {
            importance,
            selectors: Vec::new(),
            is_global: true,
            amount: Arc::new(|_| PruningAmount::Fraction(0.5)),
            applies: Arc::new(|_| true),
            lottery_ticket: Arc::new(|_| false),
            wants_ticket: false,
            is_permanent: true,
            on_train_epoch_end: true,
            verbose: false,
        }
    }
}

impl Pruning {
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Sets how much is pruned each time: a float is a fraction of the weights that remain, an
    /// integer a number of weights. Default 0.5.
    #[must_use]
    pub fn amount(self, amount: impl Into<PruningAmount>) -> Self {
        let amount = amount.into();
        self.amount_at(move |_| amount)
    }

    /// Sets how much is pruned after each epoch, counted from 0.
    #[must_use]
    pub fn amount_at<A: Into<PruningAmount>>(self, amount: impl Fn(u64) -> A + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.amount = Arc::new(move |epoch| amount(epoch).into()))
    }

    /// Sets after which epochs, counted from 0, weights are pruned. Default: after each.
    #[must_use]
    pub fn apply_at(self, applies: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.applies = Arc::new(applies))
    }

    /// Adds parameters to prune: a field (`Net::BODY`), `params::regex("weight$")` or
    /// `params::below("blocks.0")`.
    ///
    /// Default: all parameters that are trainable when `fit` starts.
    #[must_use]
    pub fn parameters(self, selector: impl IntoParamSelector) -> Self {
        self.set(|settings| settings.selectors.push(selector.into_selector()))
    }

    /// Sets whether weights are chosen among all parameters together (`true`) or within each
    /// (`false`). Default `true`.
    #[must_use]
    pub fn use_global_unstructured(self, global: bool) -> Self {
        self.set(|settings| settings.is_global = global)
    }

    /// Sets whether the remaining weights are rewound to their initial values each time weights are
    /// pruned. Default `false`.
    #[must_use]
    pub fn use_lottery_ticket_hypothesis(self, rewind: bool) -> Self {
        self.set(|settings| {
            settings.lottery_ticket = Arc::new(move |_| rewind);
            settings.wants_ticket = rewind;
        })
    }

    /// Sets after which epochs, counted from 0, the remaining weights are rewound.
    #[must_use]
    pub fn lottery_ticket_at(self, rewinds: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        self.set(|settings| {
            settings.lottery_ticket = Arc::new(rewinds);
            settings.wants_ticket = true;
        })
    }

    /// Sets whether the masks are dropped after training. Default `true`.
    #[must_use]
    pub fn make_pruning_permanent(self, permanent: bool) -> Self {
        self.set(|settings| settings.is_permanent = permanent)
    }

    /// Sets whether weights are pruned at the end of the training epoch (`true`) or of its
    /// validation (`false`). Default `true`.
    #[must_use]
    pub fn prune_on_train_epoch_end(self, at_epoch_end: bool) -> Self {
        self.set(|settings| settings.on_train_epoch_end = at_epoch_end)
    }

    /// Prints a line each time weights are pruned. Default `false`.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Self {
        self.set(|settings| settings.verbose = verbose)
    }
}
