//! Stochastic weight averaging: a constant learning rate at the end of training, and the mean of
//! the weights it passes through.

mod settings;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

pub use self::settings::IntoSwaRates;
use self::settings::Settings;
use super::{
    AveragingCounts, Callback, CallbackContext, CallbackInfo, average::Average, weight_averaging::arithmetic_mean,
};
use crate::{
    error::{Error, Result},
    module::{LightningModule, TrainingMode},
    params::{StateReader, StateWriter, running_statistics, state::StoredTensors},
};

/// Averages the weights of the last epochs, which are trained at a learning rate of their own.
///
/// From the epoch `swa_epoch_start` on, the learning rate moves from its current value `lr` to
/// `swa_lr` within `annealing_epochs` epochs, as torch's `SWALR` does: after `k` of them it is
/// `α·swa_lr + (1 − α)·lr` with `t = min(1, k / annealing_epochs)` and `α = (1 − cos πt) / 2`, or
/// `α = t` for linear annealing. The optimizer's schedule is paused meanwhile. After each of these
/// epochs the weights are added to the mean: `a ← a + (θ − a) / (n + 1)`.
///
/// After the last epoch, before `on_train_end`, the module receives the average. The running
/// statistics of its BatchNorm layers belong to other weights, so they are recomputed in one
/// forward pass over the training data, as means over its batches. This pass runs no hooks, logs
/// nothing, and is not interrupted by a signal.
///
/// ```
/// # use burn::{nn::*, optim::SgdConfig, prelude::*};
/// use lightning_core::{callbacks::StochasticWeightAveraging, prelude::*};
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
/// # let mut net = Net::new(NetHparams::default());
/// # let data = DataLoader::from_batches(vec![Tensor::<2>::ones([2, 4], &Default::default()); 3])?;
///
/// // From epoch 6 of 8.
/// let swa = StochasticWeightAveraging::new(0.05).swa_epoch_start(0.75).annealing_epochs(2);
/// let mut trainer = Net::trainer().max_epochs(8).callback(swa.clone())
/// #   .no_logger().enable_checkpointing(false)
/// #   .enable_progress_bar(false).enable_model_summary(false)
///     .build()?;
/// trainer.fit(&mut net, data)?;
/// assert_eq!(swa.counts().n_averaged, 3); // after epochs 6, 7 and 8
/// # Ok::<(), lightning_core::Error>(())
/// ```
///
/// Validation and checkpoints use the training weights. A checkpoint stores the average beside
/// them, and a resumed run continues with the same numbers. For an average that is used in
/// validation and checkpoints see [`WeightAveraging`](super::WeightAveraging).
///
/// Differences from PyTorch Lightning: the weights are averaged after an epoch, as in the paper;
/// there they are averaged before it, which leaves out the last ones. The pass over the training
/// data is not an epoch with hooks and logs.
///
/// Source: P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
/// Generalization", UAI 2018.
#[derive(Debug)]
pub struct StochasticWeightAveraging {
    settings: Settings,
    average: Average,
    /// The average of a checkpoint and its number of models, between `load_state` and
    /// `on_load_checkpoint`.
    stored: Option<(u64, StoredTensors)>,
    /// The indices of running statistics, which are recomputed instead.
    excluded: BTreeSet<usize>,
    /// The learning rates of all groups when averaging started.
    first_rates: Option<Vec<f64>>,
    /// The epoch in which averaging started.
    began: u64,
    /// The epoch after which the average was last updated.
    last_epoch: Option<u64>,
    /// Whether the module has received the average.
    is_copied: bool,
    counts: Arc<Mutex<AveragingCounts>>,
}

impl Clone for StochasticWeightAveraging {
    /// Copies the settings, without the average, and shares the [`counts`](Self::counts).
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), counts: Arc::clone(&self.counts), ..Self::new(0.0) }
    }
}

impl StochasticWeightAveraging {
    /// Starts after 80 % of the epochs and anneals the learning rate to `swa_lrs` within ten
    /// epochs, along a cosine.
    ///
    /// `swa_lrs` is one learning rate for all parameters, or one for each parameter group of the
    /// optimizer, those in no group first.
    pub fn new(swa_lrs: impl IntoSwaRates) -> Self {
        Self {
            settings: Settings::new(swa_lrs.into_swa_rates()),
            average: Average::default(),
            stored: None,
            excluded: BTreeSet::new(),
            first_rates: None,
            began: 0,
            last_epoch: None,
            is_copied: false,
            counts: Arc::default(),
        }
    }

    /// Returns what has been done so far. A clone of the callback reads it after the run.
    pub fn counts(&self) -> AveragingCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, copies: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.n_averaged = self.average.count();
        counts.copies += copies;
    }

    /// Returns the epoch, counted from 0, in which averaging starts.
    fn start_epoch(&self, cx: &CallbackContext<'_>) -> Result<u64> {
        self.settings.start_epoch(cx.settings.max_epochs)
    }

    /// Sets the learning rates for an epoch and pauses the optimizer's schedule, once averaging has
    /// started.
    fn set_rates(&self, cx: &mut CallbackContext<'_>, epoch: u64) {
        let Some(first) = &self.first_rates else { return };
        let rates = self.settings.rates(first, epoch.saturating_sub(self.began));
        if let Some(optimizer) = cx.view.train.optimizers.first_mut() {
            optimizer.pause_schedule();
            optimizer.set_rates(&rates);
        }
    }
}

impl<M: LightningModule> Callback<M> for StochasticWeightAveraging {
    fn info(&self) -> CallbackInfo {
        let info = CallbackInfo::new().averages_weights();
        match self.settings.fraction() {
            Some(setting) => info.needs_max_epochs(setting),
            None => info,
        }
    }

    fn check(&self) -> Result<()> {
        self.settings.check()
    }

    fn on_fit_start(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        self.start_epoch(cx)?;
        let found = cx.view.train.optimizers.len();
        if found != 1 {
            return Err(Error::config(format!(
                "`StochasticWeightAveraging` needs exactly one optimizer, found {found}"
            ))
            .help("use `WeightAveraging`, which supports any number of optimizers"));
        }
        let groups = cx.view.train.optimizers.first().map_or(0, |optimizer| optimizer.rates().count());
        self.settings.check_groups(groups)?;
        self.excluded = running_statistics(module)?;
        // A run resumed in the middle of an epoch gets no `on_train_epoch_start` for it.
        let epoch = cx.current_epoch();
        self.set_rates(cx, epoch);
        self.count(0);
        Ok(())
    }

    fn on_train_start(&mut self, _cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        self.is_copied = false;
        Ok(())
    }

    fn on_train_epoch_start(&mut self, cx: &mut CallbackContext<'_>, _module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        if self.first_rates.is_none() && epoch >= self.start_epoch(cx)? {
            self.first_rates = cx.view.train.optimizers.first().map(|optimizer| optimizer.rates().collect());
            self.began = epoch;
        }
        self.set_rates(cx, epoch);
        Ok(())
    }

    fn on_train_epoch_end(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let epoch = cx.current_epoch();
        if cx.is_failing() || self.first_rates.is_none() || self.last_epoch.is_some_and(|last| epoch <= last) {
            return Ok(());
        }
        self.average.update(module, &self.excluded, &arithmetic_mean)?;
        self.last_epoch = Some(epoch);
        self.set_rates(cx, epoch + 1);
        self.count(0);
        Ok(())
    }

    fn final_weights(&mut self, cx: &mut CallbackContext<'_>, module: &mut M) -> Result<bool> {
        // A run resumed after its last epoch comes here without another epoch.
        let epoch = cx.current_epoch();
        self.set_rates(cx, epoch);
        if self.average.count() == 0 || self.is_copied {
            return Ok(false);
        }
        self.average.put_into(module);
        self.is_copied = true;
        self.count(1);
        if running_statistics(module)?.is_empty() {
            return Ok(false);
        }
        if matches!(cx.info.training, TrainingMode::Manual) {
            cx.view.console.warn(
                "`StochasticWeightAveraging` does not recompute running statistics under manual optimization, whose \
                 steps cannot run without updating weights"
                    .to_owned(),
            );
            return Ok(false);
        }
        Ok(true)
    }

    fn save_state(&self, state: &mut StateWriter) -> Result<()> {
        state.put("n_averaged", &self.average.count())?;
        state.put("first_rates", &self.first_rates)?;
        state.put("began", &self.began)?;
        state.put("latest_update_epoch", &self.last_epoch)?;
        state.put("is_copied", &self.is_copied)?;
        self.average.save("average", state);
        Ok(())
    }

    fn load_state(&mut self, state: &StateReader<'_>) -> Result<()> {
        let mut count = 0;
        state.get("n_averaged", &mut count)?;
        state.get("first_rates", &mut self.first_rates)?;
        state.get("began", &mut self.began)?;
        state.get("latest_update_epoch", &mut self.last_epoch)?;
        state.get("is_copied", &mut self.is_copied)?;
        self.stored = (count > 0).then(|| (count, state.tensors_below("average.")));
        Ok(())
    }

    fn on_load_checkpoint(&mut self, _cx: &mut CallbackContext<'_>, module: &mut M) -> Result<()> {
        let Some((count, stored)) = self.stored.take() else { return Ok(()) };
        self.excluded = running_statistics(module)?;
        self.average.restore(count, module, &self.excluded, &|path| Ok(stored.get(path).cloned()))
    }
}
