//! How much of each loader is used.

use super::{SettingsRecord, builder::TrainerBuilder, optional, put};
use crate::{error::ConfigErrors, progress::Limit};

/// How much of each loader is used.
#[derive(Clone, Debug)]
pub(crate) struct LimitSettings {
    pub(crate) train: Limit,
    pub(crate) val: Limit,
    pub(crate) test: Limit,
    pub(crate) predict: Limit,
    /// The same few batches in every epoch, for training and for validation.
    pub(crate) overfit: Option<Limit>,
    /// After how many epochs the loaders are made anew.
    pub(crate) reload_every_n_epochs: Option<usize>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let all = Limit::ALL;
        Self { train: all, val: all, test: all, predict: all, overfit: None, reload_every_n_epochs: None }
    }
}

impl LimitSettings {
    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        for (limit, setting) in [
            (self.train, "limit_train_batches"),
            (self.val, "limit_val_batches"),
            (self.test, "limit_test_batches"),
            (self.predict, "limit_predict_batches"),
            (self.overfit.unwrap_or(Limit::ALL), "overfit_batches"),
        ] {
            limit.check(setting, errors);
        }
        if self.overfit.is_some_and(Limit::is_zero) {
            errors.add("`overfit_batches(0)` trains on nothing", "leave it out to train on all batches");
        }
        if self.reload_every_n_epochs == Some(0) {
            errors.add("`reload_dataloaders_every_n_epochs(0)` never comes", "leave it out to make the loaders once");
        }
    }

    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self { train, val, test: _, predict: _, overfit, reload_every_n_epochs: _ } = self;
        put(record, "limit_train_batches", train);
        put(record, "limit_val_batches", val);
        put(record, "overfit_batches", optional(*overfit));
    }

    /// Uses the batches of `overfit_batches` for training and validation. Validation that was turned
    /// off stays off.
    pub(super) fn apply_overfit(&mut self) {
        if let Some(share) = self.overfit {
            self.train = share;
            if !self.val.is_zero() {
                self.val = share;
            }
        }
    }

    /// Uses `batches` of each loader. Validation that was turned off stays off.
    pub(super) fn shorten(&mut self, batches: u64) {
        let limit = Limit::Batches(i128::from(batches));
        let val = if self.val.is_zero() { self.val } else { limit };
        *self = Self { train: limit, val, test: limit, predict: limit, ..Self::default() };
    }
}

impl<M> TrainerBuilder<M> {
    /// Uses this share of the training batches of each epoch.
    #[must_use]
    pub fn limit_train_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.train = limit.into();
        self
    }

    /// Uses this share of the validation batches; 0 turns validation off.
    #[must_use]
    pub fn limit_val_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.val = limit.into();
        self
    }

    /// Uses this share of the test batches.
    #[must_use]
    pub fn limit_test_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.test = limit.into();
        self
    }

    /// Uses this share of the prediction batches.
    #[must_use]
    pub fn limit_predict_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.predict = limit.into();
        self
    }

    /// Trains on the same few batches in every epoch, in the order of the dataset whatever the loader says, and validates on as many of
    /// the validation loader: a model that cannot learn them by heart has a mistake.
    #[must_use]
    pub fn overfit_batches(mut self, share: impl Into<Limit>) -> Self {
        self.settings.limits.overfit = Some(share.into());
        self
    }

    /// Asks the data module for its loaders anew after every so many epochs.
    #[must_use]
    pub fn reload_dataloaders_every_n_epochs(mut self, epochs: usize) -> Self {
        self.settings.limits.reload_every_n_epochs = Some(epochs);
        self
    }
}
