//! Saves checkpoints: the best by a metric, the latest, or all.

mod builder;
mod file_name;
mod paths;
mod record;
mod saver;
mod settings;
mod top_k;
mod trigger;

use std::marker::PhantomData;

pub(super) use self::file_name::check_file_name;
use self::{saver::Saver, settings::Settings};
pub use self::{
    top_k::TopK,
    trigger::{CheckpointInterval, IntoCheckpointInterval},
};
use super::{Callback, CallbackContext, CallbackInfo, CallbackOrder};
use crate::{
    error::Result,
    metrics::{Directed, Monitor},
    params::{StateReader, StateWriter},
};

/// Saves checkpoints during `fit` and keeps those with the best values of a metric.
///
/// A checkpoint is due after each validation, or at the end of the training epoch if validation
/// runs once an epoch. [`every`](Self::every) changes that.
///
/// A due checkpoint is saved while fewer than [`save_top_k`](Self::save_top_k) are kept. After
/// that it replaces the worst one kept, if its value is strictly better; among equal values the
/// older checkpoint stays. NaN ranks as the worst value.
///
/// Files are named `epoch=3-step=1200.ckpt`. If the name is taken, `-v1`, `-v2`, … is appended.
/// The new file is complete before an old one is removed, and files of other runs are never
/// touched. One file at a time is written while training continues. An error of writing ends the
/// run; it names the path and the step.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::Steps, prelude::*};
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
/// #     fn validation_step(&self, batch: Tensor<2>) {
/// #         #[log(minimize)]
/// #         let val_loss = self.layer.forward(batch).mean();
/// #     }
/// # }
/// let best = ModelCheckpoint::new(Net::VAL_LOSS)
///     .save_top_k(2)
///     .filename("{epoch:03d}-{val_loss:.4f}");
/// let often = ModelCheckpoint::latest().every(Steps(500));
/// let trainer = Net::trainer().callback(best).callback(often).build()?;
/// # Ok::<(), lightning_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ModelCheckpoint<M> {
    saver: Saver,
    module: PhantomData<fn() -> M>,
}

impl<M> ModelCheckpoint<M> {
    /// Keeps the checkpoint with the best value of `monitor`.
    ///
    /// `MetricKey::named("epoch")` and `MetricKey::named("step")` are always available.
    pub fn new<K: Monitor<M>>(monitor: K) -> Self {
        Self::with(Settings::new(Some((monitor.key().into(), <K::Direction as Directed>::DIRECTION))))
    }

    /// Keeps the latest checkpoint.
    pub fn latest() -> Self {
        Self::with(Settings::new(None))
    }

    fn with(settings: Settings) -> Self {
        Self { saver: Saver::new(settings), module: PhantomData }
    }
}

impl<M: 'static> Callback<M> for ModelCheckpoint<M> {
    fn info(&self) -> CallbackInfo {
        CallbackInfo::new()
            .order(CallbackOrder::Checkpoint)
            .writes_checkpoints(self.saver.settings.folder.clone())
            .monitors(self.saver.settings.monitor.iter().map(|(key, _)| key.metric().to_owned()))
    }

    fn check(&self) -> Result<()> {
        self.saver.settings.check()
    }

    fn state_key(&self) -> String {
        self.saver.settings.state_key()
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        self.saver.save_state(state)
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        self.saver.load_state(state)
    }

    fn on_load_checkpoint(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.restore(cx)
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.start();
        Ok(())
    }

    fn on_train_batch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.after_batch(cx)
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.after_epoch(cx)
    }

    fn on_validation_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.after_validation(cx)
    }

    fn on_train_end(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.end(cx)
    }

    fn on_exception(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.saver.save_failed(cx)
    }
}
