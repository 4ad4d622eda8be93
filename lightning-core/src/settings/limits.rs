//! How many batches of each loader are used.

use super::{SettingsRecord, builder::TrainerBuilder, optional, put};
use crate::{error::ConfigErrors, progress::Limit};

/// How many batches of each loader are used.
#[derive(Clone, Debug)]
pub(crate) struct LimitSettings {
    pub(crate) train: Limit,
    pub(crate) val: Limit,
    pub(crate) test: Limit,
    pub(crate) predict: Limit,
    /// The batches of `overfit_batches`, for training and validation.
    pub(crate) overfit: Option<Limit>,
    /// The number of epochs after which the loaders are created again.
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
        if let Some(overfit) = self.overfit.filter(|overfit| overfit.is_zero()) {
            errors.add(
                format!("`overfit_batches` must be greater than 0, found {overfit}"),
                "remove it to train on all batches",
            );
        }
        if self.reload_every_n_epochs == Some(0) {
            errors.add(
                "`reload_dataloaders_every_n_epochs` must be at least 1, found 0",
                "remove it to create the loaders once",
            );
        }
    }

    pub(super) fn record(&self, record: &mut SettingsRecord) {
        let Self { train, val, test: _, predict: _, overfit, reload_every_n_epochs: _ } = self;
        put(record, "limit_train_batches", train);
        put(record, "limit_val_batches", val);
        put(record, "overfit_batches", optional(*overfit));
    }

    /// Uses the batches of `overfit_batches` for training and validation. Validation that was
    /// turned off stays off.
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

impl<M, K> TrainerBuilder<M, K> {
    /// Limits the training batches of each epoch: a number of batches, or a fraction. Default: all.
    #[must_use]
    pub fn limit_train_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.train = limit.into();
        self
    }

    /// Limits the validation batches: a number of batches, or a fraction. `0` disables validation.
    /// Default: all.
    #[must_use]
    pub fn limit_val_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.val = limit.into();
        self
    }

    /// Limits the test batches: a number of batches, or a fraction. Default: all.
    #[must_use]
    pub fn limit_test_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.test = limit.into();
        self
    }

    /// Limits the prediction batches: a number of batches, or a fraction. Default: all.
    #[must_use]
    pub fn limit_predict_batches(mut self, limit: impl Into<Limit>) -> Self {
        self.settings.limits.predict = limit.into();
        self
    }

    /// Trains on the same few batches in every epoch, and validates on as many of the validation
    /// loader: a model that cannot overfit them contains an error. Shuffling is disabled.
    #[must_use]
    pub fn overfit_batches(mut self, share: impl Into<Limit>) -> Self {
        self.settings.limits.overfit = Some(share.into());
        self
    }

    /// Requests new loaders from the data module every `epochs` epochs. Default: never.
    #[must_use]
    pub fn reload_dataloaders_every_n_epochs(mut self, epochs: usize) -> Self {
        self.settings.limits.reload_every_n_epochs = Some(epochs);
        self
    }
}
