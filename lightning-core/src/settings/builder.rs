//! The builder of a trainer.

use std::marker::PhantomData;

use super::Settings;
use crate::{
    callbacks::Callback, checkpoint::Resume, error::ConfigErrors, loggers::Logger, module::misplaced_hooks::Probed,
};

/// The settings of a [`Trainer`](crate::Trainer), with the names of PyTorch Lightning.
/// [`build`](Self::build) checks all of them together.
///
/// An integer is a number of batches, a float is a fraction of them. There are no special numbers
/// for "off" or "unlimited": a limit that is not set does not apply. A run without `max_epochs`,
/// `max_steps` and `max_time` ends after 1000 epochs.
///
/// `K` is [`Barebones`] for the builder of [`Trainer::barebones`](crate::Trainer::barebones).
pub struct TrainerBuilder<M, K = Standard> {
    pub(crate) settings: Settings,
    pub(crate) errors: ConfigErrors,
    pub(crate) callbacks: Vec<Box<dyn Callback<M>>>,
    pub(crate) loggers: Vec<Box<dyn Logger>>,
    pub(crate) resume: Resume,
    pub(crate) kind: PhantomData<K>,
}

/// A trainer with everything: the kind that `Net::trainer()` builds.
#[derive(Debug)]
pub enum Standard {}

/// A trainer that runs only the loop.
#[derive(Debug)]
pub enum Barebones {}

/// A kind of trainer that logs, saves, prints and checks.
#[diagnostic::on_unimplemented(
    message = "a barebones trainer does not have this setting",
    label = "`Trainer::barebones()` runs only the loop",
    note = "it has no logger, checkpoint, progress bar, summary, sanity check, profiler, anomaly detection or development run",
    note = "remove the setting, or use the trainer of `Net::trainer()`",
    note = "C20 in `lightning_core::mistakes`, opened by `cargo doc -p lightning-core --open`"
)]
pub trait NotBarebones {}

impl NotBarebones for Standard {}

impl<M, K> Probed for TrainerBuilder<M, K> {
    type Type = M;
}

impl<M, K> std::fmt::Debug for TrainerBuilder<M, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainerBuilder").field("settings", &self.settings).finish()
    }
}

impl<M, K> TrainerBuilder<M, K> {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            errors: ConfigErrors::default(),
            callbacks: Vec::new(),
            loggers: Vec::new(),
            resume: Resume::Never,
            kind: PhantomData,
        }
    }

    /// Sets where the first `fit` starts: at the beginning, or at a checkpoint. A path means
    /// [`Resume::Path`]. Default: [`Resume::Never`].
    ///
    /// ```no_run
    /// # use burn::{nn::*, optim::SgdConfig, prelude::*};
    /// # use lightning_core::prelude::*;
    /// # #[lightning_module]
    /// # #[optimizer(SgdConfig::new(), lr = 0.1)]
    /// # struct Net {
    /// #     #[init(LinearConfig::new(4, 1).init(device))]
    /// #     layer: Linear,
    /// # }
    /// # #[lightning_module]
    /// # impl Net {
    /// #     fn training_step(&self, batch: Tensor<2>) -> Tensor<1> {
    /// #         self.layer.forward(batch).mean()
    /// #     }
    /// # }
    /// // A job that a cluster restarts until it has finished.
    /// let trainer = Net::trainer().max_epochs(100).resume_from(Resume::LastOrStart).build()?;
    /// # Ok::<(), lightning_core::Error>(())
    /// ```
    #[must_use]
    pub fn resume_from(mut self, resume: impl Into<Resume>) -> Self {
        self.resume = resume.into();
        self
    }

    /// Adds a callback.
    #[must_use]
    pub fn callback<C: Callback<M> + 'static>(mut self, callback: C) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Adds a logger. Without loggers, metrics are written to
    /// `lightning_logs/version_N/metrics.csv` in the root folder.
    #[must_use]
    pub fn logger<L: Logger + 'static>(mut self, logger: L) -> Self
    where
        K: NotBarebones,
    {
        self.loggers.push(Box::new(logger));
        self
    }
}
